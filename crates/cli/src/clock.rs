//! The one place that looks at the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use units::EpochMs;

/// The present instant, UTC. A clock before 1970 reads as the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
pub(crate) fn now() -> EpochMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
