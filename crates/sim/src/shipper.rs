//! The shipper: the journal's own reader, window and cursor, around a producer that delays, reorders, repeats and loses its answers.
//!
//! In: the spool's files. Out: records in the log, at least once. Not here: librdkafka, with which `journal` is tested for real. Start at
//! [`Shipper::step`].

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use bytes::Bytes;
use events::Event;
use journal::{
    PollError, StreamId,
    shipper::{Cursor, Window},
    spool::{self, Reader},
};
use units::Origin;

use crate::{
    faults::{Coverage, Hit, Swarm},
    log::{Log, Topic},
    machine::origin_of,
    rng::Rng,
};

/// Records in flight.
const IN_FLIGHT_MAX: usize = 8;

/// All edges' shippers in one, since one reader reads all writers.
#[derive(Debug)]
pub(crate) struct Shipper {
    root: PathBuf,
    path: PathBuf,
    cursor: Cursor,
    reader: Reader,
    window: Window,
    /// In the order of the spool.
    in_flight: Vec<Sent>,
    /// What the log has.
    pub(crate) shipped: BTreeSet<Origin>,
    /// Records passed over since the retention took them.
    pub(crate) gone: u64,
}

#[derive(Debug)]
struct Sent {
    ticket: u64,
    topic: Topic,
    partition: u32,
    bytes: Bytes,
    /// The log has it; the answer is on its way.
    is_stored: bool,
}

impl Shipper {
    pub(crate) fn new(root: PathBuf, path: PathBuf) -> Self {
        let cursor = Cursor::load(&path);
        let mut reader = Reader::open(&root);
        reader.seek(&cursor.positions());
        Self {
            root,
            path,
            cursor,
            reader,
            window: Window::default(),
            in_flight: Vec::new(),
            shipped: BTreeSet::new(),
            gone: 0,
        }
    }

    /// The process ends and begins again with the cursor that is on disk, or with none.
    pub(crate) fn restart(&mut self, is_cursor_lost: bool) {
        if is_cursor_lost {
            drop(std::fs::remove_file(&self.path));
        }
        let (shipped, gone) = (std::mem::take(&mut self.shipped), self.gone);
        *self = Self { shipped, gone, ..Self::new(self.root.clone(), self.path.clone()) };
    }

    /// The session ends: what was not acknowledged is read and sent again.
    fn start_over(&mut self) {
        self.window = Window::default();
        self.in_flight.clear();
        self.reader.seek(&self.cursor.positions());
    }

    /// One step, whichever; false when nothing is left to do.
    pub(crate) fn step(
        &mut self,
        log: &mut Log,
        swarm: &Swarm,
        coverage: &mut Coverage,
        rng: &mut Rng,
    ) -> Result<bool, String> {
        match rng.below(8) {
            0..=2 if self.in_flight.len() < IN_FLIGHT_MAX => return self.read(log, rng),
            0..=4 => self.send(log, swarm, coverage, rng),
            5 | 6 => self.acknowledge(swarm, coverage, rng),
            _ => self.cursor.save().map_err(|error| error.to_string())?,
        }
        Ok(true)
    }

    /// Everything there is, at once; false when there was nothing.
    pub(crate) fn drain(
        &mut self,
        log: &mut Log,
        coverage: &mut Coverage,
        rng: &mut Rng,
    ) -> Result<bool, String> {
        let found = self.read(log, rng)? || !self.in_flight.is_empty();
        let calm = Swarm::calm();
        while !self.in_flight.is_empty() {
            self.send(log, &calm, coverage, rng);
            self.acknowledge(&calm, coverage, rng);
        }
        self.cursor.save().map_err(|error| error.to_string())?;
        Ok(found)
    }

    fn read(&mut self, log: &Log, rng: &mut Rng) -> Result<bool, String> {
        let room = 1 + rng.index(4);
        // By itself the reader looks for new files by the clock; a world has none.
        let polled = self.reader.ends().and_then(|_| self.reader.poll(room, Duration::ZERO));
        let records = match polled {
            Ok(records) => records,
            Err(PollError::OutOfRange { stream, wanted, oldest }) => {
                self.gone += oldest - wanted;
                self.cursor.advance(&stream, oldest);
                self.start_over();
                return Ok(true);
            }
            Err(error) => return Err(format!("the shipper cannot read on: {error}")),
        };
        for record in &records {
            let ticket = self.window.push(record.stream.clone(), record.position);
            let (topic, key) = match Event::decode(&record.bytes) {
                Ok(Event::Click(it)) => (Topic::Clicks, it.head.visitor().0.to_be_bytes().to_vec()),
                Ok(Event::Report(it)) => (Topic::Reports, it.key.log_key()),
                Ok(Event::Score(it)) => (Topic::Reports, it.order.log_key()),
                _ => return Err(format!("{}@{} is not what an edge wrote", record.stream, record.position)),
            };
            let (partition, bytes) = (log.partition_of(&key), record.bytes.clone());
            self.in_flight.push(Sent { ticket, topic, partition, bytes, is_stored: false });
        }
        Ok(!records.is_empty())
    }

    /// One record reaches the log. Of one partition in order: that much the producer promises.
    fn send(&mut self, log: &mut Log, swarm: &Swarm, coverage: &mut Coverage, rng: &mut Rng) {
        if log.is_away {
            if rng.chance(5) {
                self.start_over();
            }
            return;
        }
        let mut seen = BTreeSet::new();
        let waiting = self.in_flight.iter().enumerate().filter(|(_, it)| !it.is_stored);
        let heads = waiting.filter(|(_, it)| seen.insert((it.topic, it.partition)));
        let heads: Vec<usize> = heads.map(|(index, _)| index).collect();
        let Some(first) = heads.first().copied() else { return };
        let is_spoilt = swarm.spoils(Hit::RecordsReordered, rng);
        let index = if is_spoilt { rng.pick(&heads).copied().unwrap_or(first) } else { first };
        if index != first {
            coverage.note(Hit::RecordsReordered);
        }
        let Some(sent) = self.in_flight.get_mut(index) else { return };
        sent.is_stored = true;
        let times = if swarm.spoils(Hit::RecordRepeated, rng) { 2 } else { 1 };
        for time in 0..times {
            log.append_to(sent.topic, sent.partition, sent.bytes.clone());
            coverage.note_many(Hit::RecordRepeated, time);
        }
        self.shipped.extend(origin_of(&sent.bytes).map(|(origin, _)| origin));
    }

    fn acknowledge(&mut self, swarm: &Swarm, coverage: &mut Coverage, rng: &mut Rng) {
        let stored: Vec<usize> = self
            .in_flight
            .iter()
            .enumerate()
            .filter(|(_, it)| it.is_stored)
            .map(|(index, _)| index)
            .collect();
        let Some(first) = stored.first().copied() else { return };
        let is_spoilt = swarm.spoils(Hit::AcknowledgedOutOfOrder, rng);
        let index = if is_spoilt { rng.pick(&stored).copied().unwrap_or(first) } else { first };
        if index != 0 {
            coverage.note(Hit::AcknowledgedOutOfOrder);
        }
        self.window.done(self.in_flight.remove(index).ticket);
        let Self { window, cursor, .. } = self;
        window.advance(|stream, next| cursor.advance(stream, next));
    }

    /// The audit has confirmed what is acknowledged; how many records were deleted.
    pub(crate) fn delete_shipped(&mut self) -> Result<u64, String> {
        let mut records = 0;
        for (stream, next) in self.cursor.next() {
            let StreamId::Spool { writer, incarnation } = stream else { continue };
            let deleted = spool::delete_below(&self.root, *writer, *incarnation, *next);
            records += deleted.map_err(|error| error.to_string())?.records;
        }
        Ok(records)
    }

    /// What the reader had to pass over.
    pub(crate) fn damages(&mut self) -> u64 {
        self.reader.take_damage().len() as u64
    }
}
