//! The labels of our metrics and every value they may have.
//!
//! A label has few values, known when the code is written: partners, links and visitors never become labels, that is what ClickHouse is for.
//! [`Partition`] is the one number. Start at [`Label`].

use std::borrow::Cow;

/// A label's value.
pub trait Label: Copy + Sized + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Every value, so that each series exists from the start with 0; empty where they are not known beforehand.
    const ALL: &'static [Self];
    /// The value as text.
    fn value(self) -> Cow<'static, str>;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident $label:literal { $($(#[$value_doc:meta])* $value:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$value_doc])* $value,)* }

        impl $name {
            /// The word on the page.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }

        impl $crate::labels::Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$value,)*];

            fn value(self) -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(self.as_str())
            }
        }
    )*};
}
pub(crate) use labels;

labels! {
    /// How a request at the edge was answered.
    EdgeOutcome "outcome" {
        /// 302 to a landing page.
        Redirect "redirect",
        /// 302 to the fallback: the link is unknown or not active.
        Fallback "fallback",
        /// 404.
        NotFound "not_found",
        /// 503 to a speculative load.
        Prefetch "prefetch",
        /// The pixel.
        Pixel "pixel",
        /// A report was taken.
        Report "report",
        /// A report was refused for what it says.
        ReportRefused "report_refused",
        /// 401: a token or signature does not fit.
        Unauthorised "unauthorised",
        /// 400 to 431: not HTTP as we take it.
        BadRequest "bad_request",
        /// 500: answering it panicked.
        Failed "failed",
        /// 503: no catalog yet, or a report could not be kept.
        Unavailable "unavailable",
        /// `/.well-known` and the like.
        Other "other",
    }

    /// What was thought of a touch.
    VerdictLabel "verdict" {
        /// A person, the first time.
        Valid "valid",
        /// A person again.
        Duplicate "duplicate",
        /// A declared robot.
        Bot "bot",
        /// A preview.
        Preview "preview",
        /// A speculative load.
        Prefetch "prefetch",
        /// A HEAD request.
        Head "head",
        /// A creative was seen.
        View "view",
    }

    /// Why a click was answered but not recorded.
    UnrecordedReason "reason" {
        /// No space left.
        DiskFull "disk_full",
        /// Another error of the file.
        SpoolError "spool_error",
        /// The record does not fit a frame.
        TooLarge "too_large",
    }

    /// Why a connection was closed as soon as it came.
    ConnectionRefusal "reason" {
        /// Its thread has its full number.
        ThreadFull "thread_full",
        /// Its peer has its full number.
        PeerFull "peer_full",
    }

    /// What became of a report.
    ReportResult "result" {
        /// Taken.
        Accepted "accepted",
        /// Not understood.
        Malformed "malformed",
        /// Not from whom it says.
        Unauthorised "unauthorised",
        /// It could not be kept; the shop tries again.
        NotKept "not_kept",
    }

    /// What became of a request in a dialect of another system.
    DialectResult "result" {
        /// A click whose link was found.
        Click "click",
        /// A report, taken or refused.
        Report "report",
        /// A click of a partner that nobody knows.
        UnknownPartner "unknown_partner",
        /// A click to an offer that nobody knows.
        UnknownOffer "unknown_offer",
        /// A click whose partner has no active link to its offer, or by a link that nobody knows.
        NoLink "no_link",
    }

    /// What became of a version of the catalog.
    VersionResult "result" {
        /// In force.
        Applied "applied",
        /// Not readable; the one before stays.
        Broken "broken",
    }

    /// Why a record left the spool.
    SpoolDeletion "reason" {
        /// ClickHouse has it.
        Confirmed "confirmed",
        /// The budget forced it out, whoever may still have needed it.
        Budget "budget",
    }

    /// What became of a record on its way to Kafka.
    ShipResult "result" {
        /// Acknowledged.
        Delivered "delivered",
        /// Refused for good, by quarantine too: it is in the spool only.
        Refused "refused",
    }

    /// A topic of the log.
    Topic "topic" {
        /// Clicks and views.
        Clicks "clicks",
        /// Reports of orders.
        Reports "reports",
        /// Questions to timelines.
        Lookups "lookups",
        /// Their answers.
        Evidence "evidence",
        /// Decided orders.
        Decisions "decisions",
        /// Shares of them.
        Credits "credits",
        /// Versions of the catalog.
        Catalog "catalog",
        /// What could not be read.
        Quarantine "quarantine",
    }

    /// How an order was decided.
    MatchResult "result" {
        /// By a signed click id.
        ClickId "click_id",
        /// By the visitor's timeline.
        Visitor "visitor",
        /// There are touches, none may be credited.
        NoneEligible "none_eligible",
        /// There is no touch.
        NoTouch "no_touch",
        /// The report names nobody.
        NoKey "no_key",
        /// No catalog was in force.
        NoCatalog "no_catalog",
    }

    /// A part of the pipeline's state.
    Bucket "bucket" {
        /// Orders in memory.
        Orders "orders",
        /// Visitors with touches.
        Visitors "visitors",
        /// Touches in the store.
        Touches "touches",
        /// Questions that are remembered.
        Lookups "lookups",
    }

    /// A table of ClickHouse.
    Table "table" {
        /// `clicks_log`
        Clicks "clicks_log",
        /// `reports_log`
        Reports "reports_log",
        /// `scores_log`
        Scores "scores_log",
        /// `orders_log`
        Orders "orders_log",
        /// `credits_log`
        Credits "credits_log",
        /// `quarantine_log`
        Quarantine "quarantine_log",
        /// `marks`
        Marks "marks",
        /// `cells`
        Cells "cells",
    }

    /// What the scorer finds suspicious.
    SignalLabel "signal" {
        /// Too many clicks in an hour.
        ClickFlood "click_flood",
        /// Ages of clicks unlike those of others.
        OddDelay "odd_delay",
        /// A data centre's address.
        DataCentre "data_centre",
        /// Too many orders of one address.
        ManyOrders "many_orders",
    }

    /// What a score does to its order.
    ScoreResult "result" {
        /// It had no signals and has some.
        Held "held",
        /// It had some and has none.
        Cleared "cleared",
        /// It has others.
        Changed "changed",
    }

    /// Why an INSERT failed.
    InsertFailure "reason" {
        /// It is tried again.
        Transient "transient",
        /// Its rows go to quarantine.
        Permanent "permanent",
    }

    /// From an event's own time to where.
    Stage "stage" {
        /// The machines have read it.
        Read "read",
        /// It is queryable as a fact.
        Facts "facts",
        /// It is in the rollups.
        Rollups "rollups",
    }

    /// A process of ours.
    Role "role" {
        /// `tributary edge`
        Edge "edge",
        /// `tributary pipeline`
        Pipeline "pipeline",
        /// `tributary warehouse`
        Warehouse "warehouse",
        /// `tributary engine`
        Engine "engine",
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

impl Label for Partition {
    const NAME: &'static str = "partition";
    const ALL: &'static [Self] = &[];

    fn value(self) -> Cow<'static, str> {
        Cow::Owned(self.0.to_string())
    }
}
