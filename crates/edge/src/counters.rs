//! What became of every request: one outcome each, counted per thread, added up when somebody asks.
//!
//! In: an [`Outcome`]. Out: sums, as metrics and for `/readyz?verbose`. The sum of all outcomes is the number of requests answered, by
//! construction: [`Counters::count`] is the only way a request ends. Not here: what ClickHouse says happened.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use events::Verdict;
use telemetry::{EdgeFate, FateCounts};

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

counted! {
    /// The one fate of a request.
    Outcome {
        /// Recorded as a valid click or view.
        Valid,
        /// Recorded as a repeat.
        Duplicate,
        /// Recorded as a robot's.
        Bot,
        /// Recorded as a preview's.
        Preview,
        /// Recorded as speculative, answered 503.
        Prefetch,
        /// Recorded as a HEAD.
        Head,
        /// Redirected, not recorded: the disk refused.
        Unrecorded,
        /// No such link.
        UnknownLink,
        /// The link, its partner, offer or advertiser does not take part now.
        Inactive,
        /// Asked not to count.
        NoTrack,
        /// No catalog yet.
        NoCatalog,
        /// A request, or a batch, of reports was taken.
        Reported,
        /// A report was refused for what it says.
        Refused,
        /// A report is not from whom it says.
        Unauthorised,
        /// A report could not be recorded, and was answered 503.
        ReportUnrecorded,
        /// A webhook that says nothing of an order: a ping, a test, another topic.
        Ignored,
        /// Not HTTP as we take it.
        BadRequest,
        /// No such page.
        NotFound,
        /// Another page of ours: traffic advice, health.
        Served,
        /// Answering it panicked; answered 500.
        Panicked,
    }
}

impl Outcome {
    /// The fate by which the page's sums are checked.
    const fn fate(self) -> EdgeFate {
        match self {
            Self::Valid => EdgeFate::Recorded,
            Self::Duplicate => EdgeFate::Duplicate,
            Self::Bot => EdgeFate::Bot,
            Self::Preview => EdgeFate::Preview,
            Self::Prefetch => EdgeFate::Prefetch,
            Self::Head => EdgeFate::Head,
            Self::Unrecorded => EdgeFate::Unrecorded,
            Self::UnknownLink => EdgeFate::UnknownLink,
            Self::Inactive => EdgeFate::Inactive,
            Self::NoCatalog => EdgeFate::Unavailable,
            Self::Reported => EdgeFate::Report,
            Self::Refused => EdgeFate::ReportRefused,
            Self::Unauthorised => EdgeFate::Unauthorised,
            Self::ReportUnrecorded => EdgeFate::ReportNotKept,
            Self::BadRequest => EdgeFate::BadRequest,
            Self::Panicked => EdgeFate::Panicked,
            Self::NoTrack | Self::Ignored | Self::NotFound | Self::Served => EdgeFate::Other,
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Valid,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Bot => Self::Bot,
            Verdict::Preview => Self::Preview,
            Verdict::Prefetch => Self::Prefetch,
            Verdict::Head => Self::Head,
        }
    }
}

counted! {
    /// What else is counted; several may befall one request.
    Count {
        /// Reports recorded, batches counted line by line.
        Reports,
        /// Reports not understood, batches counted line by line.
        ReportsMalformed,
        /// Reports not from whom they say.
        ReportsUnauthorised,
        /// Reports recorded whose order id still held a percent-encoding.
        OrderIdsEncoded,
        /// Reports recorded that name a partner whom the catalog does not know.
        PartnersUnknown,
        /// Reports the spool did not take.
        ReportsNotKept,
        /// Clicks not recorded: no space left.
        DiskFull,
        /// Clicks not recorded: another error of the file.
        SpoolError,
        /// Clicks not recorded: longer than a frame.
        TooLarge,
        /// Texts of clicks that were cut to their limits.
        Truncated,
        /// Deep links that were not followed.
        DeepLinkRefused,
        /// Clicks in a dialect whose link was found.
        DialectClicks,
        /// Reports in a dialect.
        DialectReports,
        /// Clicks in a dialect of a partner that nobody knows.
        DialectUnknownPartner,
        /// Clicks in a dialect to an offer that nobody knows.
        DialectUnknownOffer,
        /// Clicks in a dialect without a link to follow.
        DialectNoLink,
        /// Ids and codes that were found only without their tail or in another case.
        NearMisses,
        /// The clock stood before an instant it had shown.
        ClockBackwards,
        /// Connections taken.
        Accepted,
        /// Connections refused: this thread has its full number.
        AcceptRefused,
        /// Connections refused: this peer has its full number.
        PeerRefused,
        /// The kernel would not give a connection.
        AcceptFailed,
        /// Connections that ended in an error of HTTP or of the network.
        ConnectionErrors,
        /// Requests that panicked.
        Panics,
    }
}

/// Of one thread. Only that thread writes, so its additions never wait for another core.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Counters {
    /// Received and met, for the balance on the metrics' page.
    fates: Arc<FateCounts<EdgeFate>>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    counts: [AtomicU64; Count::ALL.len()],
}

impl Counters {
    pub(crate) fn new(fates: Arc<FateCounts<EdgeFate>>) -> Arc<Self> {
        Arc::new(Self {
            fates,
            outcomes: [const { AtomicU64::new(0) }; _],
            counts: [const { AtomicU64::new(0) }; _],
        })
    }

    /// Begins a request and returns its number on this thread.
    pub(crate) fn received(&self) -> u64 {
        self.fates.received(1)
    }

    /// Ends a request.
    pub(crate) fn count(&self, outcome: Outcome) {
        self.fates.met(outcome.fate(), 1);
        add(self.outcomes.get(outcome as usize), 1);
    }

    pub(crate) fn add(&self, count: Count, number: u64) {
        add(self.counts.get(count as usize), number);
    }

    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).map_or(0, |it| it.load(Ordering::Relaxed))
    }

    pub(crate) fn of(&self, count: Count) -> u64 {
        self.counts.get(count as usize).map_or(0, |it| it.load(Ordering::Relaxed))
    }
}

fn add(counter: Option<&AtomicU64>, number: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}
