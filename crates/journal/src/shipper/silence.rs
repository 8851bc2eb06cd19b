//! How long the brokers have said nothing of what was sent, and what follows from it.
//!
//! In: the moments at which something was sent and something was heard. Out: a [`Verdict`]. librdkafka tries again by itself, without a word to
//! us, when too few replicas are in sync or a leader does not answer (faults 56 and 58): without this, nobody would be told. Not here: the clock.

use std::time::{Duration, Instant};

/// Answers take milliseconds, an election some seconds: who waits longer should be told.
const TOLD_AFTER: Duration = Duration::from_secs(10);
/// Two of librdkafka's own requests have come to their end by now (`request.timeout.ms`, 30 s each). A new client asks the bootstrap servers anew,
/// whatever the old one was held up by; what it sends again counts once.
const ENDS_AFTER: Duration = Duration::from_mins(1);

/// For whoever watches.
pub(super) const STORY: &str = "no broker has acknowledged anything for 10 s or longer: the leader does not answer, or has fewer replicas in sync \
                                than min.insync.replicas";

/// What the silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it is short, or nobody was asked.
    Well,
    /// Whoever watches should know.
    Told,
    /// This client is of no use any more.
    Over,
}

/// The silence since something was last heard, or first awaited.
#[derive(Debug)]
pub(super) struct Silence {
    since: Option<Instant>,
}

impl Silence {
    /// Nothing is awaited yet.
    pub(super) const fn new() -> Self {
        Self { since: None }
    }

    /// An answer is awaited from now on, if none was.
    pub(super) fn awaits(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Something was heard. `waits` tells whether more is to come.
    pub(super) fn heard(&mut self, now: Instant, waits: bool) {
        self.since = waits.then_some(now);
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        match self.since.map(|since| now.saturating_duration_since(since)) {
            Some(silent) if ENDS_AFTER <= silent => Verdict::Over,
            Some(silent) if TOLD_AFTER <= silent => Verdict::Told,
            _ => Verdict::Well,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // faults 56 and 58
    #[test]
    fn silence_counts_only_while_an_answer_is_awaited() {
        let (begin, mut silence) = (Instant::now(), Silence::new());
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(silence.verdict(after(1_000)), Verdict::Well, "nobody was asked");
        silence.awaits(begin);
        silence.awaits(after(9));
        assert_eq!(silence.verdict(after(9)), Verdict::Well);
        assert_eq!(silence.verdict(after(10)), Verdict::Told, "what came later does not count anew");
        assert_eq!(silence.verdict(after(59)), Verdict::Told);
        assert_eq!(silence.verdict(after(60)), Verdict::Over);
        silence.heard(after(60), true);
        assert_eq!(silence.verdict(after(69)), Verdict::Well);
        assert_eq!(silence.verdict(after(70)), Verdict::Told);
        silence.heard(after(70), false);
        assert_eq!(silence.verdict(after(700)), Verdict::Well, "all is acknowledged");
    }
}
