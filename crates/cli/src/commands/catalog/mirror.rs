//! With Kafka, the catalog's topic is the truth: this copies it into the folder that every role of the machine reads.
//!
//! In: the topic. Out: numbered files, each with the first record of its number; a later record of the same number is somebody who came second.
//! Every record has a key of its own, so that compaction never removes one. Not here: what a version says. Start at [`Mirror::catch_up`].

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use events::Event;
use journal::{
    Position, StreamId,
    kafka::{KafkaSettings, KafkaSink, KafkaSource, topics},
    versions::{self, VersionsError},
};

use pipeline::{CATALOG_MESSAGE_BYTES_MAX, catalog_topic};

use crate::commands::place::Place;

/// Longest wait for records that are known to be there, and for an acknowledgement.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Versions read at once: each may have 16 MiB.
const RECORDS_MAX: usize = 8;

/// The topic and its copy.
#[derive(Debug)]
pub(crate) struct Mirror {
    folder: PathBuf,
    kafka: KafkaSettings,
    topic: String,
    source: KafkaSource,
    /// Offset of the first record not copied yet.
    next: u64,
}

impl Mirror {
    /// Makes the topic if need be; `None` where Kafka is not the log.
    pub(crate) fn open(place: Place<'_>) -> anyhow::Result<Option<Self>> {
        let Some(mut kafka) = place.kafka("tributary-catalog") else { return Ok(None) };
        let bytes_max = CATALOG_MESSAGE_BYTES_MAX.to_string();
        for name in
            ["message.max.bytes", "fetch.message.max.bytes", "fetch.max.bytes", "receive.message.max.bytes"]
        {
            // librdkafka wants the answer's limit above that of one message.
            let value = if name.starts_with("receive") {
                (2 * CATALOG_MESSAGE_BYTES_MAX).to_string()
            } else {
                bytes_max.clone()
            };
            kafka.extra.entry(name.to_owned()).or_insert(value);
        }
        let topic = place.topic("catalog.v1");
        let wanted = catalog_topic(&topic, place.replicas());
        topics::ensure(&kafka, &[wanted])
            .with_context(|| format!("kafka at {} cannot be used", kafka.brokers))?;
        let mut source = KafkaSource::open(&kafka)?;
        let stream = StreamId::Topic { topic: topic.as_str().into(), partition: 0 };
        source.seek(&[Position { stream, next: 0 }])?;
        Ok(Some(Self { folder: place.catalog(), kafka, topic, source, next: 0 }))
    }

    /// Copies what the topic holds at this moment and the folder does not.
    pub(crate) fn catch_up(&mut self) -> anyhow::Result<()> {
        let end = self.source.ends()?.first().map_or(0, |it| it.next);
        let mut next = self.next;
        while next < end {
            let records = self.source.poll(RECORDS_MAX, ANSWER_MAX)?;
            if records.is_empty() {
                bail!("topic {} ends at {end}, but nothing came behind {next} for 30 s", self.topic);
            }
            for record in records {
                self.keep(&record.bytes)?;
                next = record.position + 1;
            }
            self.next = next;
        }
        Ok(())
    }

    /// Appends a version to the topic and waits until all replicas in sync have it.
    pub(crate) fn publish(&self, number: u32, bytes: &[u8]) -> anyhow::Result<()> {
        let mut key = number.to_be_bytes().to_vec();
        let mut nonce = [0_u8; 8];
        getrandom::fill(&mut nonce).context("the system gives no random bytes")?;
        key.extend_from_slice(&nonce);
        let mut sink = KafkaSink::open(&self.kafka)?;
        sink.append_to(&self.topic, 0, &key, bytes, ANSWER_MAX)
            .with_context(|| format!("topic {} did not take version {number}", self.topic))?;
        Ok(())
    }

    fn keep(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok(Event::Catalog(record)) = Event::decode(bytes) else {
            // A later build's record: this build cannot take it up, and must not take a later number for it.
            bail!("topic {} holds a record that this build cannot read; update this machine", self.topic);
        };
        match versions::append(&self.folder, record.version.0, bytes) {
            Ok(()) | Err(VersionsError::Exists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
