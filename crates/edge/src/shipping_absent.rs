//! Stands in for the shipper in builds without the feature `kafka`: its types exist, values of them do not.
//!
//! In: settings that ask for no log but the spool. Out: nothing; an error where they ask for one. It keeps conditions out of functions.

use std::{collections::BTreeMap, convert::Infallible, io};

use crate::settings::Options;

/// Kafka is not in this build.
#[derive(Debug)]
pub(crate) struct Shipping(Infallible);

/// What a shipper would have done.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) acknowledged: u64,
    pub(crate) delivered: BTreeMap<String, u64>,
    pub(crate) refused: u64,
    pub(crate) pauses: u64,
    pub(crate) troubles: u64,
    pub(crate) trouble: Option<String>,
    pub(crate) lag_records: u64,
}

/// Nothing where the log is embedded.
pub(crate) fn start(options: &Options) -> io::Result<Option<Shipping>> {
    match &options.kafka {
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "kafka is not in this build")),
        None => Ok(None),
    }
}

impl Shipping {
    pub(crate) fn counters(&self) -> Snapshot {
        match self.0 {}
    }

    pub(crate) fn stop(self) {
        match self.0 {}
    }
}
