//! What the log's topics hold of each writer's sequences.
//!
//! In: the topics of clicks, reports and quarantine, from their oldest record on. Out: sequences by writer and life, and whether retention has
//! removed something, so that a gap there is no fault. Reading again goes on where the last time ended. Start at [`Topics::open`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use events::{ClickHead, Event, Kind, kind_of};
use journal::{Position, StreamId, kafka::KafkaSource};
use units::Origin;

use super::{Life, sequence_of, sequences::Sequences};
use crate::{commands::place::Place, settings::Settings};

/// Topics that hold what edges spooled.
const TOPICS: [&str; 3] = ["clicks.v1", "reports.v1", "quarantine.v1"];
/// Records read at once.
const RECORDS_MAX: usize = 10_000;
const POLL_WAIT: Duration = Duration::from_millis(200);
/// How long the brokers may show nothing although there is more.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The topics, as far as they were read.
#[derive(Debug)]
pub(super) struct Topics {
    source: KafkaSource,
    /// The oldest record of each partition when they were opened.
    begun: Vec<Position>,
    next: BTreeMap<StreamId, u64>,
    /// By writer and incarnation.
    pub(super) seen: BTreeMap<Life, Sequences>,
    /// Those in quarantine instead of where they belong.
    pub(super) quarantined: BTreeSet<(u32, u32, u64)>,
    /// Records that retention has removed: then only what is there says something.
    pub(super) expired: u64,
    /// Records read.
    pub(super) records: u64,
}

impl Topics {
    /// `None` where the log is the spool itself.
    pub(super) fn open(settings: &Settings, place: Place<'_>) -> anyhow::Result<Option<Self>> {
        let Some(kafka) = place.kafka("tributary-audit") else { return Ok(None) };
        let mut source = KafkaSource::open(&kafka)?;
        let partitions = i32::try_from(settings.number("kafka.partitions")).context("kafka.partitions")?;
        let mut next = BTreeMap::new();
        let mut expired = 0;
        for name in TOPICS {
            let topic: std::sync::Arc<str> = place.topic(name).into();
            for partition in 0..partitions {
                let (oldest, _) = source
                    .range(&topic, partition)
                    .with_context(|| format!("topic {topic} cannot be read; is the broker there?"))?;
                expired += oldest;
                next.insert(StreamId::Topic { topic: topic.clone(), partition }, oldest);
            }
        }
        let positions: Vec<Position> =
            next.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next }).collect();
        source.seek(&positions)?;
        let (seen, quarantined) = (BTreeMap::new(), BTreeSet::new());
        let begun = positions;
        Ok(Some(Self { source, begun, next, seen, quarantined, expired, records: 0 }))
    }

    /// Reads all there is by now.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        let Self { source, next, seen, quarantined, records, .. } = self;
        read_to_end(source, next, |bytes| {
            *records += 1;
            // What is no event of ours has no origin; the pipeline puts it into quarantine.
            let Some(Found { life, sequence, is_quarantined }) = found(bytes) else { return Ok(()) };
            seen.entry(life).or_default().insert(sequence);
            if is_quarantined {
                quarantined.insert((life.0, life.1, sequence));
            }
            Ok(())
        })
    }

    /// Reads everything once more, for its bytes.
    pub(super) fn read_again(
        &mut self,
        mut on: impl FnMut(Life, u64, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.source.seek(&self.begun)?;
        let mut next = self.begun.iter().map(|it| (it.stream.clone(), it.next)).collect();
        read_to_end(&mut self.source, &mut next, |bytes| match found(bytes) {
            Some(Found { life, sequence, is_quarantined: false }) => on(life, sequence, bytes),
            _ => Ok(()),
        })
    }

    /// Sequences of one life.
    pub(super) fn of(&self, life: Life) -> Sequences {
        self.seen.get(&life).cloned().unwrap_or_default()
    }
}

/// Whose record something is.
struct Found {
    life: Life,
    sequence: u64,
    is_quarantined: bool,
}

fn found(bytes: &[u8]) -> Option<Found> {
    let of = |it: Origin| Found {
        life: (it.writer.0, it.incarnation),
        sequence: it.sequence,
        is_quarantined: false,
    };
    match kind_of(bytes).ok()? {
        Kind::Click => ClickHead::peek(bytes).ok().map(|it| of(it.origin)),
        _ => match Event::decode(bytes).ok()? {
            Event::Report(report) => Some(of(report.origin)),
            Event::Quarantined(it) => {
                let (writer, incarnation, sequence) = sequence_of(&it.place)?;
                Some(Found { life: (writer, incarnation), sequence, is_quarantined: true })
            }
            _ => None,
        },
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
