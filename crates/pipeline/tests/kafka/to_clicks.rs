//! Where a shipper of the tests puts its records.

use journal::{
    StreamId,
    shipper::{self, Route, Shipper},
};

use super::settings;

/// Clicks, by visitor.
struct ToClicks(String);

impl Route for ToClicks {
    fn route(&self, bytes: &[u8], key: &mut Vec<u8>) -> Result<&str, &'static str> {
        let head = events::ClickHead::peek(bytes).map_err(|error| error.code())?;
        key.extend_from_slice(&head.visitor().0.to_be_bytes());
        Ok(&self.0)
    }

    fn quarantine(&self, _: &StreamId, _: u64, _: &[u8], _: &str, _: &mut Vec<u8>, _: &mut Vec<u8>) -> &str {
        &self.0
    }
}

pub(crate) fn shipper(data: &std::path::Path, brokers: &str, topic: &str) -> Shipper {
    let settings = shipper::Settings {
        root: data.join("spool"),
        cursor: data.join("cursor"),
        kafka: settings(brokers),
        records_per_second_max: None,
    };
    Shipper::start(settings, ToClicks(topic.to_owned())).expect("a thread")
}
