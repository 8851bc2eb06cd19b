//! What the log's topics hold of each writer's sequences.
//!
//! In: the topics of clicks, reports and quarantine, from their oldest record on. Out: sequences by writer and life, and whether retention has
//! removed something, so that a gap there is no fault. Reading again goes on where the last time ended. Start at [`Topics::open`].

use std::collections::{BTreeMap, BTreeSet};

use events::{ClickHead, Event, Kind, kind_of};
use units::Origin;

use super::{Life, sequence_of, sequences::Sequences};
use crate::{commands::log::Reading, settings::Settings};

/// Topics that hold what edges spooled.
const TOPICS: [&str; 3] = ["clicks.v1", "reports.v1", "quarantine.v1"];
/// The topics, as far as they were read.
#[derive(Debug)]
pub(super) struct Topics {
    reading: Reading,
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
    pub(super) fn open(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(reading) = Reading::open(settings, &TOPICS, "tributary-audit")? else { return Ok(None) };
        let (seen, quarantined, expired) = (BTreeMap::new(), BTreeSet::new(), reading.expired());
        Ok(Some(Self { reading, seen, quarantined, expired, records: 0 }))
    }

    /// Reads all there is by now.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        let Self { reading, seen, quarantined, records, .. } = self;
        reading.read(|bytes| {
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
        self.reading.read_again(|bytes| match found(bytes) {
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
            Event::Score(score) => Some(of(score.origin)),
            Event::Quarantined(it) => {
                let (writer, incarnation, sequence) = sequence_of(&it.place)?;
                Some(Found { life: (writer, incarnation), sequence, is_quarantined: true })
            }
            _ => None,
        },
    }
}
