//! The engine of this process: one data directory, opened once, worked by named threads.
//!
//! In: calls (`call`), sorted into lanes. Out: their answers, sent by the threads. Every call gets a fresh connection,
//! so no setting, database or temporary table leaks from one request into the next (opening one takes 0.1 ms).
//! Not here: HTTP (`http`), what a call does on its thread (`call`). Start at [`Engine::open`].

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::{
    access,
    call::{self, Call},
    default_database,
    error::EngineError,
    ffi::{self, Connection, Library, LoadError},
};

/// Threads for statements of the administrator: the roller, schema, look-ups.
pub const QUERY_THREADS: usize = 6;
/// Threads for inserts, so that a slow sender never keeps a query waiting.
pub const INSERT_THREADS: usize = 4;
/// Threads for the read-only user, so that analysts never keep the pipeline waiting.
pub const READER_THREADS: usize = 3;
/// Calls that may wait per lane. One more is refused with `TOO_MANY_SIMULTANEOUS_QUERIES` (202).
pub const QUEUE_CALLS_MAX: usize = 64;
/// Seconds a statement of the read-only user may run unless it says otherwise.
pub const READER_SECONDS_MAX: u32 = 60;

/// The name of our lock file in the data directory.
const LOCK_FILE: &str = "engine.lock";

/// Where the engine is and what it may take.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `libchdb.so`, see [`crate::fetch`].
    pub library: PathBuf,
    /// The data directory; made if missing.
    pub data: PathBuf,
    /// Bytes of memory the engine may use. Its own default is nine tenths of the machine.
    pub memory_bytes_max: u64,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The library is missing or of another version.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Another process works on the directory.
    #[error(
        "the data directory {data} is in use by process {holder}; stop that process, or choose another directory"
    )]
    InUse {
        /// The directory.
        data: String,
        /// The process that holds it, as it wrote itself down.
        holder: String,
    },
    /// This process has an engine already; libchdb allows one directory per process.
    #[error("this process already runs an engine; one process works on one data directory")]
    Twice,
    /// The directory cannot be made or locked.
    #[error("cannot prepare the data directory {data}")]
    Directory {
        /// The directory.
        data: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The engine refused the directory. It tells why on standard error only.
    #[error("the engine does not open {data}; its reason is on standard error, a line above")]
    Refused {
        /// The directory.
        data: String,
    },
    /// A statement of the start failed.
    #[error("the engine fails at its start")]
    Boot(#[source] EngineError),
}

/// Which threads take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Query,
    Insert,
    Reader,
}

/// What every call needs to know about the engine.
#[derive(Debug)]
pub(crate) struct Core {
    library: Library,
    path_argument: String,
    memory_bytes_max: u64,
    /// Names the reader must not call.
    pub(crate) denied: HashSet<String>,
    /// The engine's time zone, for `X-ClickHouse-Timezone`.
    pub(crate) time_zone: String,
    closing: AtomicBool,
}

impl Core {
    /// A session of its own for one call.
    pub(crate) fn connect(&self, read_only: bool, reader: bool) -> Result<Connection, EngineError> {
        let mut arguments = vec![self.path_argument.clone()];
        if read_only {
            arguments.push("--readonly=2".to_owned());
        }
        if reader {
            arguments.push(format!("--max_execution_time={READER_SECONDS_MAX}"));
            // Half, so that analysts cannot push the pipeline's statements over the engine's limit.
            arguments.push(format!("--max_memory_usage={}", self.memory_bytes_max / 2));
        }
        let refused =
            || EngineError::new(crate::error::code::LOGICAL_ERROR, "no connection. (LOGICAL_ERROR)");
        self.library.connect(&arguments).ok_or_else(refused)
    }

    /// Is the engine being shut down? Long streams ask between blocks.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

struct Lanes {
    query: mpsc::SyncSender<Call>,
    insert: mpsc::SyncSender<Call>,
    reader: mpsc::SyncSender<Call>,
}

struct Running {
    core: Arc<Core>,
    lanes: Option<Lanes>,
    /// Disconnected once every thread has ended.
    ended: mpsc::Receiver<()>,
    /// Keeps the engine up between calls.
    anchor: Connection,
    /// Held until the process ends.
    _lock: File,
}

/// The one engine of this process, for [`close_at_exit`].
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// A handle to the engine. Clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<Core>,
}

impl Engine {
    /// Locks and opens the data directory and starts the threads.
    pub fn open(options: &EngineOptions) -> Result<Self, OpenError> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err(OpenError::Twice);
        }
        let lock = lock_directory(&options.data)?;
        let library = Library::load(&options.library)?;
        let data = options.data.display().to_string();
        let path_argument = format!("--path={data}");
        let server = format!("--max_server_memory_usage={}", options.memory_bytes_max);
        default_database::prepare(&options.data)
            .map_err(|source| OpenError::Directory { data: data.clone(), source })?;
        let anchor = library.connect(&[path_argument.clone(), server]);
        let mut anchor = anchor.ok_or(OpenError::Refused { data })?;
        default_database::replace(&mut anchor, &options.data).map_err(OpenError::Boot)?;
        let table_functions = text(&mut anchor, "SELECT name FROM system.table_functions")?;
        let core = Arc::new(Core {
            library,
            path_argument,
            memory_bytes_max: options.memory_bytes_max,
            denied: access::denied_names(&table_functions),
            time_zone: text(&mut anchor, "SELECT timezone()")?.trim().to_owned(),
            closing: AtomicBool::new(false),
        });
        let (lanes, ended) = start_threads(&core);
        *running = Some(Running { core: Arc::clone(&core), lanes: Some(lanes), ended, anchor, _lock: lock });
        Self::prepare_exit();
        tracing::info!(version = library.version(), data = %options.data.display(), "engine open");
        Ok(Self { core })
    }

    /// Hands a call to its lane of this process's engine. The call comes back if the lane is full or the engine is closing.
    pub(crate) fn submit(lane: Lane, call: Call) -> Result<(), Box<Call>> {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lanes) = running.as_ref().and_then(|running| running.lanes.as_ref()) else {
            return Err(Box::new(call));
        };
        let sender = match lane {
            Lane::Query => &lanes.query,
            Lane::Insert => &lanes.insert,
            Lane::Reader => &lanes.reader,
        };
        sender.try_send(call).map_err(|error| match error {
            mpsc::TrySendError::Full(call) | mpsc::TrySendError::Disconnected(call) => Box::new(call),
        })
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Ends the engine: lets running statements finish for `grace`, then kills them. `false` if a statement did not stop
    /// even then. The process must exit afterwards, by `std::process::exit` or the end of `main`.
    #[must_use]
    pub fn close(grace: Duration) -> bool {
        let in_time = close(grace);
        Self::prepare_exit();
        in_time
    }

    /// Makes the process survive its own exit, see [`ffi::leave_without_destructors`].
    pub(crate) fn prepare_exit() {
        ffi::leave_without_destructors(close_at_exit);
    }
}

/// Given to statements when the process exits without [`Engine::close`].
const EXIT_GRACE: Duration = Duration::from_secs(5);

fn close_at_exit() {
    if !close(EXIT_GRACE) {
        tracing::warn!("a statement still runs while the process exits");
    }
}

fn close(grace: Duration) -> bool {
    let taken = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut running) = taken else { return true };
    running.core.closing.store(true, Ordering::Relaxed);
    running.lanes = None;
    let all_ended =
        |running: &Running| running.ended.recv_timeout(grace) == Err(mpsc::RecvTimeoutError::Disconnected);
    let mut in_time = all_ended(&running);
    if !in_time {
        tracing::warn!("killing statements that still run");
        let killed = running.anchor.query(b"KILL QUERY WHERE 1 ASYNC", "Null", &[]).map(|_| ());
        if let Err(error) = killed {
            tracing::warn!(%error, "cannot kill the statements");
        }
        in_time = all_ended(&running);
    }
    // The anchor stays open, and with it the engine and the lock: closing the last connection takes tables apart under
    // their background tasks and crashes about once in ten times (26.7.3). The engine keeps its tables whole through
    // SIGKILL, so the end of the process is clean enough.
    std::mem::forget(running);
    in_time
}

fn lock_directory(data: &Path) -> Result<File, OpenError> {
    let directory = |source| OpenError::Directory { data: data.display().to_string(), source };
    fs::create_dir_all(data).map_err(directory)?;
    let path = data.join(LOCK_FILE);
    let open = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = open.map_err(directory)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(directory)?;
            return Err(OpenError::InUse {
                data: data.display().to_string(),
                holder: holder.trim().to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(directory(source)),
    }
    let written =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(directory)?;
    Ok(file)
}

fn text(connection: &mut Connection, statement: &str) -> Result<String, OpenError> {
    let answer = connection.query(statement.as_bytes(), "TabSeparated", &[]).map_err(OpenError::Boot)?;
    Ok(String::from_utf8_lossy(answer.bytes()).into_owned())
}

fn start_threads(core: &Arc<Core>) -> (Lanes, mpsc::Receiver<()>) {
    let (ending, ended) = mpsc::channel();
    let lane = |name: &str, threads: usize| {
        let (sender, receiver) = mpsc::sync_channel(QUEUE_CALLS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads {
            let (core, receiver, ending) = (Arc::clone(core), Arc::clone(&receiver), ending.clone());
            let work = move || {
                work(&core, &receiver);
                drop(ending);
            };
            let started = thread::Builder::new().name(format!("chdb-{name}-{number}")).spawn(work);
            if let Err(error) = started {
                tracing::error!(%error, "cannot start an engine thread");
            }
        }
        sender
    };
    let lanes = Lanes {
        query: lane("query", QUERY_THREADS),
        insert: lane("insert", INSERT_THREADS),
        reader: lane("reader", READER_THREADS),
    };
    (lanes, ended)
}

fn work(core: &Core, calls: &Mutex<mpsc::Receiver<Call>>) {
    loop {
        let call = calls.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(call) = call else { return };
        // Whoever has gone away, or comes while the engine closes, is not worth a statement.
        if !call.is_abandoned() && !core.is_closing() {
            call::run(core, call);
            stay_last_at_exit();
        }
    }
}

/// Statements after each of which the exit is prepared anew. The engine's lazy statics register their destructors when they are first used, and
/// one that ran before ours left a background thread with a null table: SIGSEGV at the exit of every tenth test. 32 bytes each.
const EAGER_STATEMENTS: u64 = 4_096;

/// Keeps our handler ahead of destructors registered meanwhile; later, when few statics are left to be made, ever more rarely.
fn stay_last_at_exit() {
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    let count = STATEMENTS.fetch_add(1, Ordering::Relaxed);
    if count < EAGER_STATEMENTS || count.is_power_of_two() {
        Engine::prepare_exit();
    }
}
