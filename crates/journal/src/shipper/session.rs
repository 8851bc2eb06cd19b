//! One producer's life: from the cursor on, until it is stopped or something goes wrong.
//!
//! In: records of the spool. Out: acknowledged prefixes in the cursor. Nothing is repaired here: after any failure that
//! librdkafka does not repair itself the session ends, and the next one sends again what was not acknowledged (faults
//! 60 to 62, 65, 66). A broker refuses whole batches, so what was in one that it found too large is sent again one by one,
//! and only what is refused alone goes to quarantine (fault 59). Start at [`Session::run`].

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    error::{KafkaError as ClientError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::{
    Control, Route, Settings,
    cursor::Cursor,
    deliveries::{Deliveries, Delivery, is_poison},
    publish,
    rate::Rate,
    silence::{self, Silence, Verdict},
    window::Window,
};
use crate::{PollError, Record, StreamId, kafka::KafkaError, spool::Reader};

/// Records read at once.
const RECORDS_MAX: usize = 2_000;
/// Records sent and not acknowledged. Reading stops there (fault 57).
const IN_FLIGHT_MAX: usize = 50_000;
/// How long one look at the spool or at the producer may take.
const STEP: Duration = Duration::from_millis(5);
/// How often the cursor is saved and the lag is measured.
const EVERY: Duration = Duration::from_secs(1);

/// How a session ended.
pub(super) enum Ending {
    /// As it was asked to.
    Stopped,
    /// It cannot go on.
    Trouble(String),
    /// A broker refused a batch for what is in it: so many records are to be sent one by one.
    Refused(usize, String),
    /// What was to be sent one by one is acknowledged.
    SentAlone,
}

/// Why a step ended the session.
enum Halt {
    Trouble(String),
    Refused(String),
}

impl From<String> for Halt {
    fn from(trouble: String) -> Self {
        Self::Trouble(trouble)
    }
}

pub(super) struct Session<'a, R> {
    settings: &'a Settings,
    route: &'a R,
    control: &'a Control,
    reader: Reader,
    cursor: &'a mut Cursor,
    producer: BaseProducer<Deliveries>,
    window: Window,
    /// Records still to be sent in batches of one; `None` in a session of whole batches.
    alone: Option<u64>,
    /// Tickets whose records went to quarantine because a broker refused them: at most as many as there are in flight in such a session.
    quarantining: BTreeSet<u64>,
    key: Vec<u8>,
    value: Vec<u8>,
    looked_at: Instant,
    silence: Silence,
    rate: Option<Rate>,
    rated_at: Instant,
}

impl<'a, R: Route> Session<'a, R> {
    /// `alone`: so many records go in batches of one.
    pub(super) fn open(
        settings: &'a Settings,
        route: &'a R,
        control: &'a Control,
        reader: Reader,
        cursor: &'a mut Cursor,
        alone: Option<usize>,
    ) -> Result<Self, KafkaError> {
        let mut config = settings.kafka.producer();
        if alone.is_some() {
            config.set("batch.num.messages", "1").set("linger.ms", "0");
        }
        let producer = config
            .create_with_context(Deliveries::default())
            .map_err(|error| KafkaError::Settings { reason: error.to_string() })?;
        let now = Instant::now();
        Ok(Self {
            settings,
            route,
            control,
            reader,
            cursor,
            producer,
            window: Window::default(),
            alone: alone.map(|it| it as u64),
            quarantining: BTreeSet::new(),
            key: Vec::new(),
            value: Vec::new(),
            looked_at: now,
            silence: Silence::new(),
            rate: settings.records_per_second_max.map(Rate::new),
            rated_at: now,
        })
    }

    pub(super) fn run(&mut self) -> Ending {
        while !self.control.is_stopping() {
            let ending = match self.step() {
                Ok(()) if self.alone == Some(0) => Ending::SentAlone,
                Ok(()) => continue,
                Err(Halt::Trouble(trouble)) => Ending::Trouble(trouble),
                Err(Halt::Refused(reason)) => Ending::Refused(self.window.len(), reason),
            };
            self.save();
            return ending;
        }
        let deadline = Instant::now() + self.control.flush_wait();
        while !self.window.is_empty() && Instant::now() < deadline {
            self.producer.poll(STEP);
            if self.collect().is_err() {
                break;
            }
        }
        self.measure();
        self.save();
        Ending::Stopped
    }

    fn step(&mut self) -> Result<(), Halt> {
        self.producer.poll(Duration::ZERO);
        self.collect()?;
        if EVERY <= self.looked_at.elapsed() {
            self.looked_at = Instant::now();
            self.measure();
            self.save();
            judge_silence(&self.silence, self.control)?;
        }
        let room = IN_FLIGHT_MAX.saturating_sub(self.window.len()).min(RECORDS_MAX);
        let now = Instant::now();
        let elapsed = now.duration_since(std::mem::replace(&mut self.rated_at, now));
        let room = self.rate.as_mut().map_or(room, |rate| room.min(rate.earn(elapsed)));
        if room == 0 {
            self.producer.poll(STEP);
            return Ok(());
        }
        let records = self.reader.poll(room, STEP).map_err(|error| self.judge(&error))?;
        if let Some(rate) = &mut self.rate {
            rate.spend(records.len());
        }
        for record in &records {
            self.ship(record)?;
        }
        Ok(())
    }

    fn ship(&mut self, record: &Record) -> Result<(), String> {
        let ticket = self.window.push(record.stream.clone(), record.position);
        self.silence.awaits(self.looked_at);
        self.key.clear();
        match self.route.route(&record.bytes, &mut self.key) {
            Ok(topic) => match self.send(topic, &record.bytes, ticket) {
                Err(error) if is_poison(&error) => self.quarantine(
                    &record.stream,
                    record.position,
                    &record.bytes,
                    &error.to_string(),
                    ticket,
                ),
                result => result.map_err(|error| format!("topic {topic}: {error}")),
            },
            Err(reason) => self.quarantine(&record.stream, record.position, &record.bytes, reason, ticket),
        }
    }

    fn quarantine(
        &mut self,
        stream: &StreamId,
        position: u64,
        bytes: &[u8],
        reason: &str,
        ticket: u64,
    ) -> Result<(), String> {
        self.key.clear();
        self.value.clear();
        let (key, value) = (&mut self.key, &mut self.value);
        let topic = self.route.quarantine(stream, position, bytes, reason, key, value);
        let value = std::mem::take(&mut self.value);
        let sent = self.send(topic, &value, ticket);
        self.value = value;
        match sent {
            Ok(()) => self.control.counters.quarantined.fetch_add(1, Ordering::Relaxed),
            // It stays in the spool, and must not keep what follows from going on.
            Err(error) if is_poison(&error) => {
                self.window.done(ticket);
                self.control.counters.refused.fetch_add(1, Ordering::Relaxed)
            }
            Err(error) => return Err(format!("topic {topic}: {error}")),
        };
        Ok(())
    }

    /// Hands a record with the key in `self.key` to the producer, pausing while its queue is full.
    fn send(&mut self, topic: &str, value: &[u8], ticket: u64) -> Result<(), ClientError> {
        let Self { producer, control, key, reader, cursor, looked_at, silence, .. } = self;
        let opaque = usize::try_from(ticket).unwrap_or(usize::MAX);
        let mut record = BaseRecord::with_opaque_to(topic, opaque).key(key.as_slice()).payload(value);
        loop {
            match producer.send(record) {
                Ok(()) => {
                    control.counters.sent.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err((ClientError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    control.counters.pauses.fetch_add(1, Ordering::Relaxed);
                    producer.poll(STEP);
                    // Not sent, so not acknowledged: the next shipper sends it.
                    if control.is_stopping() {
                        return Ok(());
                    }
                    // A pause may last as long as the brokers are away, and what waits is told all the same.
                    if EVERY <= looked_at.elapsed() {
                        *looked_at = Instant::now();
                        measure(reader, cursor, control);
                        if producer.context().has_reports() {
                            silence.heard(*looked_at, true);
                        }
                        if judge_silence(silence, control).is_err() {
                            return Err(ClientError::MessageProduction(RDKafkaErrorCode::QueueFull));
                        }
                    }
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Takes in what the brokers have said.
    fn collect(&mut self) -> Result<(), Halt> {
        let context = self.producer.context();
        let reports = std::mem::take(&mut *context.reports.lock().unwrap_or_else(PoisonError::into_inner));
        let passing = context.passing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(passing) = passing {
            self.control.counters.note_passing(passing);
        }
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            return Err(format!("{code}: {reason}").into());
        }
        if reports.is_empty() {
            return Ok(());
        }
        let delivered =
            std::mem::take(&mut *context.delivered.lock().unwrap_or_else(PoisonError::into_inner));
        self.control.counters.note_delivered(delivered);
        for report in reports {
            match report {
                Delivery::Done(ticket) => self.window.done(ticket as u64),
                Delivery::Poison(_, _, reason) if self.alone.is_none() => return Err(Halt::Refused(reason)),
                Delivery::Poison(ticket, bytes, reason) => {
                    let ticket = ticket as u64;
                    let Some((stream, position)) = self.window.place(ticket) else { continue };
                    if !self.quarantining.insert(ticket) {
                        // Quarantine refuses it too: it stays in the spool.
                        self.window.done(ticket);
                        self.control.counters.refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    self.quarantine(&stream, position, &bytes, &reason, ticket)?;
                }
                Delivery::Failed(reason) => return Err(reason.into()),
            }
        }
        let Self { window, cursor, .. } = self;
        let passed = window.advance(|stream, next| cursor.advance(stream, next));
        self.silence.heard(Instant::now(), !window.is_empty());
        self.alone = self.alone.map(|it| it.saturating_sub(passed));
        if 0 < passed {
            self.control.counters.note_acknowledged(passed);
            publish(self.cursor, self.control);
        }
        Ok(())
    }

    /// Notes what the retention took from under us, so that the next session goes on behind it.
    fn judge(&mut self, error: &PollError) -> String {
        if let PollError::OutOfRange { stream, wanted, oldest } = error {
            self.control.counters.gone.fetch_add(oldest - wanted, Ordering::Relaxed);
            self.cursor.advance(stream, *oldest);
        }
        error.to_string()
    }

    fn measure(&mut self) {
        measure(&mut self.reader, self.cursor, self.control);
    }

    fn save(&mut self) {
        let root: &Path = &self.settings.root;
        self.cursor.retain(|stream| match stream {
            StreamId::Spool { writer, incarnation } => {
                root.join(writer.0.to_string()).join(incarnation.to_string()).exists()
            }
            _ => false,
        });
        if let Err(error) = self.cursor.save() {
            // Only a hint: without it the next start repeats more.
            self.control.counters.note_passing(format!("cursor cannot be saved: {error}"));
        }
    }
}

/// Tells of a silence of the brokers; an error when it has become too long.
fn judge_silence(silence: &Silence, control: &Control) -> Result<(), String> {
    match silence.verdict(Instant::now()) {
        Verdict::Well => Ok(()),
        Verdict::Told => {
            control.counters.note_silence();
            Ok(())
        }
        Verdict::Over => Err(silence::STORY.to_owned()),
    }
}

/// Counts what is damaged and what waits.
fn measure(reader: &mut Reader, cursor: &Cursor, control: &Control) {
    reader.take_damage();
    let counters = &control.counters;
    counters.damaged.store(reader.damages().records(), Ordering::Relaxed);
    let Ok(ends) = reader.ends() else { return };
    let acknowledged = |stream| cursor.next().get(stream).copied().unwrap_or(1);
    let lag = ends.iter().map(|end| end.next.saturating_sub(acknowledged(&end.stream))).sum();
    counters.lag_records.store(lag, Ordering::Relaxed);
    counters.lag_bytes.store(reader.unread_bytes(), Ordering::Relaxed);
}
