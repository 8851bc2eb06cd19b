//! Moves what a spool holds to Kafka, on a thread of its own, for as long as the process lives.
//!
//! In: a spool's root and a rule that names each record's topic and key. Out: every record at least once, in the order of
//! its stream. Whatever goes wrong ends a session; the next one starts behind the last record acknowledged. The redirect
//! never waits for any of this. Not here: deletion of what is shipped (`spool::delete_below`). Start at
//! [`Shipper::start`].

mod counters;
mod cursor;
mod deliveries;
mod rate;
mod session;
mod silence;
mod window;

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use counters::{Counters, Snapshot};
pub use cursor::Cursor;
pub use window::Window;

use crate::{Position, StreamId, kafka::KafkaSettings, spool::Reader};
use session::{Ending, Session};

/// Pauses between sessions: short at first, since most trouble passes, then long enough not to burden the brokers.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A session that lasted this long was well: the next pause is short again.
const SESSION_WELL: Duration = Duration::from_mins(1);

/// Names where records go. The journal knows nothing about their bytes.
pub trait Route: Send + 'static {
    /// The topic of a record; its key is pushed to `key`. An error says why it has none: it goes to quarantine.
    fn route(&self, bytes: &[u8], key: &mut Vec<u8>) -> Result<&str, &'static str>;

    /// Wraps a record that cannot be shipped as it is; key and value are pushed to `key` and `value`.
    fn quarantine(
        &self,
        stream: &StreamId,
        position: u64,
        bytes: &[u8],
        reason: &str,
        key: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) -> &str;
}

/// What to ship and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The spool's root.
    pub root: PathBuf,
    /// The file that remembers what is acknowledged. Only a hint: without it everything is sent again.
    pub cursor: PathBuf,
    /// The brokers.
    pub kafka: KafkaSettings,
    /// Most records a second, so that draining a backlog leaves the machine to the live path; `None` is no limit.
    pub records_per_second_max: Option<u32>,
}

/// A running shipper. Dropping it stops it without waiting for acknowledgements: what is missing is sent again by the next.
#[derive(Debug)]
pub struct Shipper {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Control {
    stop: AtomicBool,
    /// How long to wait for acknowledgements after `stop`.
    flush_ms: AtomicU64,
    counters: Counters,
    acknowledged: Mutex<BTreeMap<StreamId, u64>>,
}

impl Control {
    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn flush_wait(&self) -> Duration {
        Duration::from_millis(self.flush_ms.load(Ordering::Acquire))
    }
}

impl Shipper {
    /// Starts the thread. Brokers need not be there.
    pub fn start(settings: Settings, route: impl Route) -> io::Result<Self> {
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&control);
        let thread = thread::Builder::new()
            .name("shipper".to_owned())
            .spawn(move || ship(&settings, &route, &shared))?;
        Ok(Self { control, thread: Some(thread) })
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        self.control.counters.snapshot()
    }

    /// The position up to which each stream is acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<Position> {
        let acknowledged = self.control.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        acknowledged.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next }).collect()
    }

    /// Ships what is in flight for at most `max_wait`, then ends. Returns what it has done.
    #[must_use = "records may be left in the spool"]
    pub fn stop(mut self, max_wait: Duration) -> Snapshot {
        self.end(max_wait);
        self.control.counters.snapshot()
    }

    fn end(&mut self, max_wait: Duration) {
        let flush_ms = u64::try_from(max_wait.as_millis()).unwrap_or(u64::MAX);
        self.control.flush_ms.store(flush_ms, Ordering::Release);
        self.control.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there was reported by the thread itself.
            drop(thread.join());
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// One session after the other, until asked to stop.
fn ship(settings: &Settings, route: &impl Route, control: &Control) {
    let mut cursor = Cursor::load(&settings.cursor);
    let mut backoff = BACKOFF_MIN;
    let mut alone = None;
    while !control.is_stopping() {
        publish(&cursor, control);
        let begun = Instant::now();
        let mut reader = Reader::open(&settings.root);
        reader.seek(&cursor.positions());
        let trouble = match Session::open(settings, route, control, reader, &mut cursor, alone) {
            Ok(mut session) => match session.run() {
                Ending::Stopped => return,
                Ending::SentAlone => {
                    alone = None;
                    continue;
                }
                Ending::Refused(records, reason) => {
                    alone = Some(records);
                    reason
                }
                Ending::Trouble(trouble) => trouble,
            },
            Err(error) => error.to_string(),
        };
        control.counters.note_trouble(&trouble);
        if SESSION_WELL <= begun.elapsed() {
            backoff = BACKOFF_MIN;
        }
        // `stop` unparks.
        thread::park_timeout(backoff);
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

fn publish(cursor: &Cursor, control: &Control) {
    let mut acknowledged = control.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    acknowledged.clone_from(cursor.next());
}
