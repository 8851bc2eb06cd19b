//! Which tests should notice which bug.
//!
//! In: nothing. Out: a table; a row is a bug of `units::planted`. Start at [`PLANTS`].

/// A test to run: cargo's target, and the name of the test or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Catcher {
    /// `package` for its unit tests, `package::test` for a test of its own.
    pub target: &'static str,
    /// As libtest takes it.
    pub filter: &'static str,
}

/// A bug, and who should see it.
#[derive(Debug, Clone, Copy)]
pub struct Plant {
    /// Its name.
    pub bug: &'static str,
    /// Each is run; one that notices is enough.
    pub catchers: &'static [Catcher],
}

const WORLDS: Catcher = Catcher { target: "sim::worlds", filter: "every_world_ends_in_the_plain_answer" };
const FRAMES: Catcher = Catcher { target: "journal", filter: "spool::frame" };
const WRITER: Catcher = Catcher { target: "journal", filter: "spool::writer" };
const READER: Catcher = Catcher { target: "journal", filter: "spool::reader" };
const WINDOW: Catcher = Catcher { target: "journal", filter: "shipper::window" };
const REACH: Catcher = Catcher { target: "pipeline", filter: "reach" };
const PLACES: Catcher = Catcher { target: "pipeline", filter: "partition" };
const RECALLED: Catcher = Catcher { target: "pipeline::recalled", filter: "" };
const FETCHED: Catcher = Catcher { target: "pipeline::customers", filter: "" };
const ROLLER: Catcher = Catcher { target: "warehouse", filter: "roller" };
const WRITES: Catcher = Catcher { target: "warehouse", filter: "tests::faults" };
const MACHINES: Catcher = Catcher { target: "attribution::machines", filter: "every_history" };
const STATES: Catcher = Catcher { target: "attribution::states", filter: "" };
const STATE: Catcher = Catcher { target: "attribution", filter: "orders::state" };
const CUSTOMERS: Catcher = Catcher { target: "attribution::customers", filter: "" };
const CUSTOMERS_ON_DISK: Catcher = Catcher { target: "attribution::customers_on_disk", filter: "" };
const DECIDE: Catcher = Catcher { target: "attribution::decide", filter: "" };
const KEYS: Catcher = Catcher { target: "attribution::decide_keys", filter: "" };
const SCORES: Catcher = Catcher { target: "attribution::scores", filter: "" };
const ROLES: Catcher = Catcher { target: "attribution::decide_roles", filter: "" };
const WORTH: Catcher = Catcher { target: "attribution::decide_money", filter: "an_approval_stays" };
const MODELS: Catcher = Catcher { target: "attribution::decide_models", filter: "a_refund_is_shared" };
const CLICK_IDS: Catcher = Catcher { target: "events", filter: "click_id" };
const DEEP_LINKS: Catcher = Catcher { target: "edge", filter: "deep_link" };
const MONEY: Catcher = Catcher { target: "units", filter: "money" };

/// Every bug there is.
pub const PLANTS: &[Plant] = &[
    Plant { bug: "skip-crc", catchers: &[FRAMES, WORLDS] },
    Plant { bug: "trust-zeros", catchers: &[READER, WORLDS] },
    Plant { bug: "skip-sync", catchers: &[WRITER, WORLDS] },
    Plant { bug: "skip-dir-sync", catchers: &[WRITER, WORLDS] },
    Plant { bug: "reuse-incarnation", catchers: &[WRITER, WORLDS] },
    Plant { bug: "reuse-sequence", catchers: &[WRITER, WORLDS] },
    Plant { bug: "cursor-first", catchers: &[WINDOW, WORLDS] },
    Plant { bug: "forget-mark", catchers: &[WORLDS] },
    Plant { bug: "marks-before-facts", catchers: &[WRITES] },
    Plant { bug: "marks-read-after-facts", catchers: &[ROLLER] },
    Plant { bug: "no-zero-cells", catchers: &[ROLLER] },
    Plant { bug: "no-sweep", catchers: &[ROLLER] },
    Plant { bug: "commit-before-marks", catchers: &[WORLDS] },
    Plant { bug: "commit-silent", catchers: &[REACH, WORLDS] },
    Plant { bug: "no-claim", catchers: &[MACHINES, WORLDS] },
    Plant { bug: "early-speech", catchers: &[REACH, WORLDS] },
    Plant { bug: "catalog-lag", catchers: &[REACH, WORLDS] },
    Plant { bug: "remember-sent", catchers: &[WORLDS] },
    Plant { bug: "count-repeats", catchers: &[STATE, MACHINES, WORLDS] },
    Plant { bug: "no-version", catchers: &[WRITES, WORLDS] },
    Plant { bug: "stale-bindings", catchers: &[STATE] },
    Plant { bug: "replace-evidence", catchers: &[STATE, MACHINES] },
    Plant { bug: "cap-before-union", catchers: &[STATE] },
    Plant { bug: "ghost-touch", catchers: &[MACHINES] },
    Plant { bug: "ghost-quarter", catchers: &[MACHINES, WORLDS] },
    Plant { bug: "window-end-inside", catchers: &[DECIDE, WORLDS] },
    Plant { bug: "lost-unit", catchers: &[MONEY] },
    Plant { bug: "unsigned-id", catchers: &[CLICK_IDS] },
    Plant { bug: "unsigned-link", catchers: &[DEEP_LINKS] },
    Plant { bug: "forget-disk", catchers: &[WORLDS] },
    Plant { bug: "catalog-memory-only", catchers: &[WORLDS] },
    Plant { bug: "place-by-time", catchers: &[PLACES, WORLDS] },
    Plant { bug: "evict-unplaced", catchers: &[STATES, WORLDS] },
    Plant { bug: "evict-dirty-customer", catchers: &[CUSTOMERS_ON_DISK] },
    Plant { bug: "evict-forgets-said", catchers: &[CUSTOMERS_ON_DISK] },
    Plant { bug: "forget-customer", catchers: &[FETCHED] },
    Plant { bug: "forget-uncommitted", catchers: &[REACH] },
    Plant { bug: "no-version-guard", catchers: &[ROLLER] },
    Plant { bug: "forget-left-quarters", catchers: &[STATES, WORLDS] },
    Plant { bug: "follow-tills", catchers: &[CUSTOMERS] },
    Plant { bug: "answer-asker-alone", catchers: &[CUSTOMERS] },
    Plant { bug: "newest-holder", catchers: &[KEYS, WORLDS] },
    Plant { bug: "guard-end-inside", catchers: &[KEYS, WORLDS] },
    Plant { bug: "assist-each", catchers: &[ROLES, WORLDS] },
    Plant { bug: "path-each", catchers: &[ROLES, WORLDS] },
    Plant { bug: "refund-unapproves", catchers: &[WORTH, WORLDS] },
    Plant { bug: "refund-each", catchers: &[MODELS, WORLDS] },
    Plant { bug: "rebuild-forgets-touches", catchers: &[WORLDS] },
    Plant { bug: "rebuild-commits-half", catchers: &[WORLDS] },
    Plant { bug: "rebuild-forgets-followed", catchers: &[RECALLED] },
    Plant { bug: "rebuild-forgets-scores", catchers: &[WORLDS] },
    Plant { bug: "older-score-wins", catchers: &[SCORES, MACHINES, WORLDS] },
    Plant { bug: "score-zeroes-credit", catchers: &[SCORES, MACHINES, WORLDS] },
];
