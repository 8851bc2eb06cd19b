//! What keeps the keys in this process's memory, and what requests say, from reaching a disk or a log by accident (fault 125).
//!
//! In: nothing. Out: no core dump of this process or its children, no look into its memory for other processes of the same user, and panics that say where
//! and not about what. Not here: what is logged on purpose (`logs`), secrets in settings, which are redacted by their types. Start at [`guard`].

use std::{any::Any, io::Write as _, panic::PanicHookInfo};

use anyhow::Context as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Said instead of a message that was put together while it ran.
const WITHHELD: &str = "message withheld, it may hold what a request said";

/// Before the first key is read. Every role and every command is guarded: most of them read a key or a token.
pub(crate) fn guard() -> anyhow::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot switch core dumps off")?;
    // A pattern that pipes dumps into a program takes no notice of the limit.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot switch core dumps off")?;
    std::panic::set_hook(Box::new(report));
    Ok(())
}

/// Says a panic in one line. Where nobody reads standard error, nobody is told.
fn report(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let (thread, message) = (thread.name().unwrap_or("unnamed"), message(info.payload()));
    if tracing::dispatcher::has_been_set() {
        tracing::error!(thread, place, message, "panic");
    } else {
        drop(writeln!(std::io::stderr(), "panic in {thread} at {place}: {message}"));
    }
}

/// What stands in the source is said; what was formatted may quote a query, a header or a key.
fn message(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    fn said(work: impl FnOnce()) -> &'static str {
        message(&*catch_unwind(AssertUnwindSafe(work)).unwrap_err())
    }

    // fault 125
    #[test]
    fn a_panic_says_what_stands_in_the_source_and_nothing_of_a_request() {
        let query = "é?token=secret";
        assert_eq!(said(|| panic!("written here")), "written here");
        assert_eq!(
            said(|| assert!(query.split_at(1).0.is_empty())),
            WITHHELD,
            "the standard library quotes the text"
        );
        assert_eq!(said(|| assert!(query.parse::<u8>().expect("a number") > 0)), WITHHELD);
        assert_eq!(said(|| assert_eq!(query, "")), WITHHELD);
    }

    // fault 125
    #[test]
    fn guarding_switches_core_dumps_off() {
        guard().unwrap();
        // The other tests of this process tell of panics as ever.
        drop(std::panic::take_hook());
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
