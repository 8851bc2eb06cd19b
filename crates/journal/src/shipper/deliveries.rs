//! What librdkafka says of records and of itself, kept until the session looks.
//!
//! In: callbacks, which run inside the session's own calls of `poll`. Out: [`Delivery`] by ticket, and errors that may pass. Not here: what follows
//! from them (`session`).

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use rdkafka::{
    ClientContext, Message,
    error::{KafkaError as ClientError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};

/// Filled by callbacks, which run inside the session's own calls of `poll`.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) reports: Mutex<Vec<Delivery>>,
    pub(super) passing: Mutex<Option<String>>,
    /// By topic.
    pub(super) delivered: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug)]
pub(super) enum Delivery {
    Done(usize),
    /// The record itself is at fault: no retry will help (fault 59).
    Poison(usize, Bytes, String),
    Failed(String),
}

impl ClientContext for Deliveries {
    fn error(&self, error: ClientError, reason: &str) {
        *self.passing.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error}: {reason}"));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let report = match result {
            Ok(message) => {
                self.note_delivered(message.topic());
                Delivery::Done(ticket)
            }
            Err((error, message)) if is_poison(error) || is_beside_poison(error) => {
                let bytes = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                Delivery::Poison(ticket, bytes, error.to_string())
            }
            Err((error, message)) => Delivery::Failed(format!("topic {}: {error}", message.topic())),
        };
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    }
}

impl Deliveries {
    /// Whether something was heard since the last look.
    pub(super) fn has_reports(&self) -> bool {
        !self.reports.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn note_delivered(&self, topic: &str) {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        match delivered.get_mut(topic) {
            Some(count) => *count += 1,
            None => drop(delivered.insert(topic.to_owned(), 1)),
        }
    }
}

pub(super) fn is_poison(error: &ClientError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord))
}

/// Nothing is wrong with the record but the batch it was in.
fn is_beside_poison(error: &ClientError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::InvalidDifferentRecord)
}
