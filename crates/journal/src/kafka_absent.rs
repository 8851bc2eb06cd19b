//! Stands in for Kafka in builds without the feature `kafka`: the types exist, values of them do not.
//!
//! In: nothing. Out: nothing. It keeps `Source` and `Sink` closed enums without conditions inside functions.

use std::{convert::Infallible, time::Duration};

use crate::{Blocked, PollError, Position, Record, SinkError};

/// Kafka is not in this build.
#[derive(Debug, thiserror::Error)]
#[error("kafka is not in this build")]
pub struct KafkaError(Infallible);

/// Kafka is not in this build.
#[derive(Debug)]
pub struct KafkaSource(Infallible);

/// Kafka is not in this build.
#[derive(Debug)]
pub struct KafkaSink(Infallible);

impl KafkaSource {
    pub(crate) fn poll(&mut self, _: usize, _: Duration) -> Result<Vec<Record>, PollError> {
        match self.0 {}
    }

    pub(crate) fn seek(&mut self, _: &[Position]) -> Result<(), PollError> {
        match self.0 {}
    }

    pub(crate) fn ends(&mut self) -> Result<Vec<Position>, PollError> {
        match self.0 {}
    }

    pub(crate) fn ends_within(&mut self, _: Duration) -> Result<Vec<Position>, PollError> {
        match self.0 {}
    }

    pub(crate) fn take_passed(&mut self) -> Vec<Position> {
        match self.0 {}
    }

    pub(crate) fn blocked(&self) -> Vec<Blocked> {
        match self.0 {}
    }
}

impl KafkaSink {
    pub(crate) fn append(&mut self, _: &str, _: &[u8], _: &[u8]) -> Result<(), SinkError> {
        match self.0 {}
    }

    pub(crate) fn append_to(
        &mut self,
        _: &str,
        _: u32,
        _: &[u8],
        _: &[u8],
        _: Duration,
    ) -> Result<u64, SinkError> {
        match self.0 {}
    }

    pub(crate) fn flush(&mut self, _: Duration) -> Result<(), SinkError> {
        match self.0 {}
    }
}
