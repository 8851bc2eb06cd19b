//! The shipper's thread, where the log is Kafka's: which record goes to which topic under which key.
//!
//! In: the spool this edge writes, the brokers. Out: its records in their topics. What cannot be read goes to quarantine with its reason, so that
//! one bad record never stops a stream. Not here: how records are shipped (`journal`). Start at [`start`].

use std::{io, time::Duration};

use events::{ClickHead, Event, Kind, Quarantined, kind_of};
use journal::{
    StreamId,
    kafka::KafkaSettings,
    shipper::{Route, Settings, Shipper},
};

pub(crate) use journal::shipper::Snapshot;

use crate::{edge::spool_root, settings::Options};

/// For records in flight to be acknowledged at the end; what is not is sent again by the next start.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// A running shipper.
#[derive(Debug)]
pub(crate) struct Shipping {
    shipper: Shipper,
}

/// Starts it, or nothing where the log is embedded.
pub(crate) fn start(options: &Options) -> io::Result<Option<Shipping>> {
    let Some(kafka) = &options.kafka else { return Ok(None) };
    let client_id = format!("tributary-edge-{}", options.edge);
    let settings = Settings {
        root: spool_root(&options.data),
        cursor: options.data.join("edge").join(format!("shipped.{}", options.edge)),
        kafka: KafkaSettings {
            extra: kafka.properties.clone(),
            ..KafkaSettings::new(&kafka.brokers, &client_id)
        },
        records_per_second_max: kafka.records_per_second_max,
    };
    std::fs::create_dir_all(options.data.join("edge"))?;
    Ok(Some(Shipping { shipper: Shipper::start(settings, ByKind::new(&kafka.prefix))? }))
}

impl Shipping {
    pub(crate) fn counters(&self) -> Snapshot {
        self.shipper.counters()
    }

    /// Flushes and ends.
    pub(crate) fn stop(self) {
        let left = self.shipper.stop(FLUSH_MAX);
        tracing::info!(
            sent = left.sent,
            acknowledged = left.acknowledged,
            lag = left.lag_records,
            "shipper ended"
        );
    }
}

/// Where the shipper puts each record: also for who puts one there again (`tributary audit --repair`).
#[must_use]
pub fn route(prefix: &str) -> impl Route {
    ByKind::new(prefix)
}

/// By the second byte of a value.
struct ByKind {
    /// Clicks and views, by visitor.
    clicks: String,
    /// Reports and scores, by (advertiser, order).
    reports: String,
    /// What cannot be read, by its place.
    quarantine: String,
}

impl ByKind {
    fn new(prefix: &str) -> Self {
        let topic = |name| format!("{prefix}.{name}.v1");
        Self { clicks: topic("clicks"), reports: topic("reports"), quarantine: topic("quarantine") }
    }
}

impl Route for ByKind {
    fn route(&self, bytes: &[u8], key: &mut Vec<u8>) -> Result<&str, &'static str> {
        match kind_of(bytes).map_err(|error| error.code())? {
            Kind::Click => {
                let head = ClickHead::peek(bytes).map_err(|error| error.code())?;
                key.extend_from_slice(&head.visitor().0.to_be_bytes());
                Ok(&self.clicks)
            }
            Kind::Report | Kind::Score => {
                let order = match Event::decode(bytes).map_err(|error| error.code())? {
                    Event::Report(report) => report.key,
                    Event::Score(score) => score.order,
                    _ => return Err("kind_not_spooled"),
                };
                key.extend_from_slice(&order.log_key());
                Ok(&self.reports)
            }
            _ => Err("kind_not_spooled"),
        }
    }

    fn quarantine(
        &self,
        stream: &StreamId,
        position: u64,
        bytes: &[u8],
        reason: &str,
        key: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) -> &str {
        let place = format!("{stream}:{position}");
        key.extend_from_slice(place.as_bytes());
        let kept = bytes.get(..events::INPUT_BYTES_MAX).unwrap_or(bytes);
        let quarantined = Quarantined { reason: reason.into(), place: place.into(), bytes: kept.to_vec() };
        quarantined.encode(value).expect("a frame's bytes fit the larger limit of quarantine");
        &self.quarantine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_and_goes_to_quarantine() {
        let mut key = Vec::new();
        let by_kind = ByKind::new("tributary");
        assert_eq!(by_kind.route(b"garbage", &mut key), Err("no_envelope"));
        assert_eq!(
            by_kind.route(&[events::MAGIC, Kind::Claim.code(), 1, 0], &mut key),
            Err("kind_not_spooled")
        );
        assert_eq!(by_kind.route(&[events::MAGIC, Kind::Click.code(), 1, 0, 9], &mut key), Err("malformed"));
        let mut value = Vec::new();
        let topic =
            by_kind.quarantine(&StreamId::Memory(3), 7, b"garbage", "no_envelope", &mut key, &mut value);
        let Ok(Event::Quarantined(found)) = Event::decode(&value) else { panic!("{value:?}") };
        assert_eq!(
            (topic, &*found.reason, found.bytes.as_slice()),
            ("tributary.quarantine.v1", "no_envelope", &b"garbage"[..])
        );
    }

    #[test]
    fn a_score_goes_where_its_orders_reports_go() {
        let by_kind = ByKind::new("tributary");
        let order = events::OrderKey::by_id(units::AdvertiserId(1), "A-1");
        let (mut reported, mut scored) = (Vec::new(), Vec::new());
        let report = events::Report::bare(order.clone(), units::EpochMs(1), units::Origin::default());
        report.encode(&mut reported).unwrap();
        let score = events::Score {
            origin: units::Origin::default(),
            received_at: units::EpochMs(1),
            order,
            rules: units::CatalogVersion(1),
            scored_at: units::EpochMs(1),
            signals: Vec::new(),
        };
        score.encode(&mut scored).unwrap();
        let [of_report, of_score] = [reported, scored].map(|bytes| {
            let mut key = Vec::new();
            let topic = by_kind.route(&bytes, &mut key).unwrap().to_owned();
            (topic, key)
        });
        assert_eq!(of_report, of_score);
        assert_eq!(of_score.0, "tributary.reports.v1");
    }
}
