//! One-seed worlds: the real machines, spool and codecs in one thread under virtual time, with everything going wrong around them.
//!
//! In: a seed. Out: nothing, or the first difference from the plain answer. Edges crash in the middle of frames, shippers repeat and reorder, owners of
//! partitions die, lose their state or go on as zombies, sinks stop between facts and marks, rollers sleep, versions of the catalog change the past.
//! Not here: sockets, files, Kafka, SQL; those are tested for real where they are used. Start at [`run`].

mod bugs;
mod clickhouse;
mod compare;
mod edge;
mod log;
mod naive;
mod owner;
mod rng;
mod rolls;
mod run;
mod world;

pub use bugs::Bug;
pub use run::{Failure, Summary, run};
