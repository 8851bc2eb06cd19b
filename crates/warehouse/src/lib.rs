//! The warehouse: facts, marks and cells in `ClickHouse`, and the proof that they agree.
//!
//! In: events, by the batch. Out: tables and views that analysts read. Facts may be written any number of times and count once; a quarter
//! of an hour whose marks grew is rolled again; whatever a stale writer or roller leaves behind loses to a greater version. So the sink is
//! stateless and every error is answered by doing the same thing again. Not here: the engine (`chdb`), positions and retries (`pipeline`).
//! Start at [`Warehouse::write`]; the tables are in `schema`, the cells in [`Roller`].

mod audit;
mod batch;
mod client;
mod error;
mod explain;
mod metrics;
mod migrate;
mod names;
mod native;
mod notes;
mod quarantine;
pub mod recall;
mod retention;
mod roller;
mod rows;
mod sabotage;
mod schema;
mod scorer;
mod tables;
mod trace;
mod write;

pub use audit::{
    AuditReport, CellMismatch, Complete, Expected, GAPS_MAX, Gap, LifeSeen, MISMATCHES_MAX, ORDERS_MAX,
    OrderFault, OrdersAudit, REPORTS_COUNTED_MAX, WriterAudit, audit, complete_up_to, stored_before,
};
pub use batch::{BYTES_PER_INSERT_MAX, Batch, Fate, PARTITIONS_PER_INSERT_MAX, ROWS_PER_INSERT_MAX};
pub use client::{Options, Warehouse};
pub use error::{EngineError, MESSAGE_BYTES_MAX, MigrateError, SelfTestError, WriteError};
pub use explain::{
    ExplainedClick, ExplainedCredit, ExplainedOrder, ExplainedReport, ExplainedScore, ExplainedTouch,
    Explanation, explain,
};
pub use notes::{Again, Note};
pub use quarantine::{PAGE_ROWS_MAX, QuarantineKey, QuarantineSum, QuarantinedRow, RefusedTable};
pub use recall::{
    CustomerBlock, Lead, REPORTS_PER_BLOCK, Recall, RecallError, TOUCHES_PER_BLOCK, TouchBlock,
};
pub use roller::{
    DIRTY_PER_PASS_MAX, QUARTERS_PER_STATEMENT, RollReport, Roller, RollerOptions, RollerStatus,
};
pub use sabotage::Sabotage;
pub use schema::cell_measures;
pub use scorer::{BlockScored, ORDERS_PER_BLOCK, SCORE_SPAN_MS, ScoreChange, Scorer};
pub use tables::Table;
pub use write::REFUSED_ROWS_MAX;

#[cfg(test)]
mod tests;
