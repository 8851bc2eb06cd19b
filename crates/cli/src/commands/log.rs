//! The log as commands use it, where it is Kafka's: topics read to their end, and records put into them again.
//!
//! In: settings, records with the origin they were born with. Out: values with their streams; records where the edges' shippers put them, so that
//! a repeat counts once. Not here: which records (`audit`, `quarantine`), which topic (`edge::route`). Start at [`Reading`] and [`Shipping`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use journal::{
    Position, Sink, SinkError, StreamId,
    kafka::{KafkaError, KafkaSink, KafkaSource},
    shipper::Route,
};

use super::place::Place;
use crate::settings::Settings;

/// Records read at once.
const RECORDS_MAX: usize = 10_000;
const POLL_WAIT: Duration = Duration::from_millis(200);
/// How long the brokers may show nothing although there is more.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long brokers may take for what was shipped.
const FLUSH_MAX: Duration = Duration::from_mins(1);
/// One wait for a full queue to drain.
const DRAIN: Duration = Duration::from_millis(200);

/// Some topics, as far as they were read.
#[derive(Debug)]
pub(super) struct Reading {
    source: KafkaSource,
    /// The oldest record of each partition when they were opened.
    begun: Vec<Position>,
    next: BTreeMap<StreamId, u64>,
}

impl Reading {
    /// From their oldest records on. `None` where the log is the spool itself.
    pub(super) fn open(
        settings: &Settings,
        topics: &[&str],
        client_id: &str,
    ) -> anyhow::Result<Option<Self>> {
        let place = Place::new(settings);
        let Some(kafka) = place.kafka(client_id) else { return Ok(None) };
        let mut source = KafkaSource::open(&kafka)?;
        let partitions = i32::try_from(settings.number("kafka.partitions")).context("kafka.partitions")?;
        let mut begun = Vec::new();
        for name in topics {
            let topic: std::sync::Arc<str> = place.topic(name).into();
            for partition in 0..partitions {
                let (next, _) = source
                    .range(&topic, partition)
                    .with_context(|| format!("topic {topic} cannot be read; is the broker there?"))?;
                begun.push(Position { stream: StreamId::Topic { topic: topic.clone(), partition }, next });
            }
        }
        source.seek(&begun)?;
        let next = begun.iter().map(|it| (it.stream.clone(), it.next)).collect();
        Ok(Some(Self { source, begun, next }))
    }

    /// Records that retention has removed.
    pub(super) fn expired(&self) -> u64 {
        self.begun.iter().map(|it| it.next).sum()
    }

    /// From where the last call ended to where the partitions end by now.
    pub(super) fn read(&mut self, on: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        read_to_end(&mut self.source, &mut self.next, on)
    }

    /// Everything once more.
    pub(super) fn read_again(&mut self, on: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.source.seek(&self.begun)?;
        let mut next = self.begun.iter().map(|it| (it.stream.clone(), it.next)).collect();
        read_to_end(&mut self.source, &mut next, on)
    }
}

/// From `next` on, which moves along, to where the partitions end by now.
fn read_to_end(
    source: &mut KafkaSource,
    next: &mut BTreeMap<StreamId, u64>,
    mut on: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let ends = source.ends()?;
    let mut heard_at = Instant::now();
    while ends.iter().any(|end| next.get(&end.stream).is_some_and(|next| *next < end.next)) {
        let records = source.poll(RECORDS_MAX, POLL_WAIT)?;
        if !records.is_empty() {
            heard_at = Instant::now();
        }
        ensure!(heard_at.elapsed() < SILENCE_MAX, "the brokers do not show the topics' last records");
        for record in records {
            on(&record.bytes)?;
            next.insert(record.stream, record.position + 1);
        }
    }
    Ok(())
}

/// The way into the topics.
pub(super) struct Shipping {
    sink: Sink,
    route: Box<dyn Route>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Shipping {
    /// `None` where the log is the spool itself.
    pub(super) fn open(settings: &Settings, client_id: &str) -> anyhow::Result<Option<Self>> {
        let Some(kafka) = Place::new(settings).kafka(client_id) else { return Ok(None) };
        Ok(Some(Self {
            sink: Sink::Kafka(KafkaSink::open(&kafka)?),
            route: Box::new(edge::route(settings.text("kafka.prefix"))),
            key: Vec::new(),
            value: Vec::new(),
        }))
    }

    /// As the shipper of its edge would: what no topic is for goes to quarantine, under the place where it stood in the spool.
    pub(super) fn ship(&mut self, stream: &StreamId, position: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let Self { sink, route, key, value } = self;
        key.clear();
        value.clear();
        let (topic, bytes) = match route.route(bytes, key) {
            Ok(topic) => (topic, bytes),
            Err(reason) => {
                key.clear();
                (route.quarantine(stream, position, bytes, reason, key, value), value.as_slice())
            }
        };
        append(sink, topic, key, bytes)
    }

    /// Only to the topic it is for; `false` where there is none.
    pub(super) fn ship_understood(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        let Self { sink, route, key, .. } = self;
        key.clear();
        let Ok(topic) = route.route(bytes, key) else { return Ok(false) };
        append(sink, topic, key, bytes).map(|()| true)
    }

    /// Waits until the brokers have everything.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.sink.flush(FLUSH_MAX).context("the brokers do not take the records")
    }
}

fn append(sink: &mut Sink, topic: &str, key: &[u8], bytes: &[u8]) -> anyhow::Result<()> {
    let deadline = Instant::now() + FLUSH_MAX;
    loop {
        match sink.append(topic, key, bytes) {
            Err(SinkError::Full) if Instant::now() < deadline => drain(sink)?,
            sent => return Ok(sent?),
        }
    }
}

/// Unconfirmed is what a broker that is slow looks like.
fn drain(sink: &mut Sink) -> anyhow::Result<()> {
    match sink.flush(DRAIN) {
        Ok(()) | Err(SinkError::Kafka(KafkaError::Unconfirmed { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
