//! One-seed worlds: the real machines, spool, shipper and sink's bytes in one thread under virtual time, with everything going wrong around them.
//!
//! In: a seed. Out: nothing, or the first difference from the plain answer. Edges are killed in the middle of writes, disks refuse, tear and lose
//! their power, shippers repeat and reorder, owners of partitions die, lose their state or go on as zombies, sinks stop between facts and marks,
//! rollers sleep, versions of the catalog change the past, retention passes. Not here: sockets, threads, Kafka, SQL; those are tested for real where
//! they are used. Start at [`run`]; what goes wrong is in `faults`.

mod bugs;
mod cases;
mod clickhouse;
mod clocks;
mod compare;
mod converge;
mod faults;
mod ledger;
mod log;
mod machine;
mod mishaps;
mod naive;
mod native;
mod owner;
mod rebuilds;
mod rng;
mod roller;
mod rolls;
mod run;
mod running;
mod settling;
mod shipper;
mod store;
mod tally;
mod turns;
mod windows;
mod world;

pub use bugs::Bug;
pub use clocks::{Skewed, clocks};
pub use converge::{Converged, REPLAYS, converge};
pub use faults::{Coverage, Hit};
pub use run::{Failure, Summary, Told, run, tell};
pub use tally::Tally;
pub use windows::windows;
