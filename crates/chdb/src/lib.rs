//! ClickHouse inside this process, behind ClickHouse's own HTTP protocol.
//!
//! In: libchdb (ClickHouse 26.7), a data directory, two users. Out: a local port that unmodified ClickHouse clients use.
//! Not here: schema and statements of ours (`warehouse`), supervision of the process this runs in (`cli`). Run it in a process
//! of its own: a crash of the engine is a crash of its process.
//! Start at [`fetch::library`], then [`Engine::open`], then [`bind`] and [`Server::run`].

mod access;
mod blocks;
mod call;
mod chunks;
mod codec;
mod default_database;
mod engine;
mod error;
pub mod fetch;
mod ffi;
mod http;
mod multipart;
#[cfg(feature = "test-util")]
pub mod parsers;
mod sql;
#[cfg(feature = "test-util")]
pub mod testing;

pub use access::{User, Users};
pub use engine::{
    Engine, EngineOptions, INSERT_THREADS, OpenError, QUERY_THREADS, QUEUE_CALLS_MAX, READER_SECONDS_MAX,
    READER_THREADS,
};
pub use error::EngineError;
pub use ffi::LoadError;
pub use http::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_WAIT, SHUTDOWN_GRACE, STALL_WAIT, Server, bind};

/// The version of ClickHouse inside the pinned library.
pub const ENGINE_VERSION: &str = "26.7.2.1";
