//! The boundary to libchdb: with its submodules the only place of the whole tree with `unsafe` code.
//!
//! In: statements as bytes. Out: owned answers and [`EngineError`]s. A [`Connection`] runs one statement at a time,
//! which the types keep: everything that occupies a connection borrows it mutably.
//! Not here: what a statement may do, threads, limits (`engine`, `call`). Start at [`Library::load`].
#![allow(unsafe_code, reason = "the foreign function boundary; denied in every other module of the crate")]

mod exit;
mod symbols;

use std::{
    ffi::{CStr, CString, c_char, c_int},
    marker::PhantomData,
    path::Path,
    ptr::{self, NonNull},
    sync::OnceLock,
    time::Duration,
};

pub(crate) use exit::leave_without_destructors;
pub use symbols::LoadError;
use symbols::{Handle, QueryFn, RawAnalysis, Symbols};

use crate::error::EngineError;

/// The loaded engine. Lives until the process ends: `dlclose` under the engine's own threads crashes.
#[derive(Clone, Copy)]
pub(crate) struct Library(&'static Symbols);

static LOADED: OnceLock<(std::path::PathBuf, Library)> = OnceLock::new();

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Library").field(&self.version()).finish()
    }
}

impl Library {
    /// Loads libchdb, once per process, and switches its signal handlers off: ours and Rust's must survive.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        if let Some((loaded, library)) = LOADED.get() {
            return if loaded == path { Ok(*library) } else { Err(LoadError::Twice) };
        }
        let symbols = symbols::resolve(path)?;
        let library = Self(Box::leak(Box::new(symbols)));
        // SAFETY: takes an int by value, and is called before the first connect as its contract asks.
        unsafe { (library.0.set_signal_handlers_enabled)(0) };
        Ok(LOADED.get_or_init(|| (path.to_path_buf(), library)).1)
    }

    /// The version libchdb reports, such as `26.7.3`.
    pub(crate) fn version(self) -> String {
        // SAFETY: no arguments; returns a static string.
        let text = unsafe { (self.0.version)() };
        text_at(text).unwrap_or_default()
    }

    /// Opens a connection. The engine tells the reason for a refusal on standard error only, hence the `Option`.
    pub(crate) fn connect(self, arguments: &[String]) -> Option<Connection> {
        let program = std::iter::once("chdb").chain(arguments.iter().map(String::as_str));
        let owned: Vec<CString> = program.map(CString::new).collect::<Result<_, _>>().ok()?;
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|text| text.as_ptr().cast_mut()).collect();
        let argc = c_int::try_from(pointers.len()).ok()?;
        // SAFETY: `pointers` holds `argc` of them, to NUL-terminated strings that outlive the call.
        let raw = unsafe { (self.0.connect)(argc, pointers.as_mut_ptr()) };
        let slot = NonNull::new(raw)?;
        // SAFETY: a non-null answer points to the connection's handle, readable until it is closed.
        let handle = unsafe { slot.read() };
        if handle.is_null() {
            return None;
        }
        Some(Connection { symbols: self.0, slot, handle })
    }
}

/// Copies a C string, or nothing for null.
fn text_at(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: libchdb's strings are NUL-terminated and outlive this copy.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

/// What the engine's own parser says a text would do (`chdb_classify_query_n`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Leaves no trace: SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK.
    ReadOnly,
    /// Changes data or schema.
    Mutating,
    /// SET, USE, SYSTEM, KILL, INTO OUTFILE and others that act outside the tables.
    Control,
    /// Does not parse.
    Unknown,
}

/// A parameter `{name:Type}` of a statement, as text.
pub(crate) type Param = (String, String);

/// One session of the engine. Cheap to open (0.1 ms), so one serves one request and nothing can leak to the next.
pub(crate) struct Connection {
    symbols: &'static Symbols,
    slot: NonNull<Handle>,
    handle: Handle,
}

// SAFETY: libchdb documents connections as usable from any thread, one statement at a time; `&mut self` keeps the second part.
unsafe impl Send for Connection {}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `slot` came from `chdb_connect` and is closed once; streams borrow the connection, so none is open.
        unsafe { (self.symbols.close_conn)(self.slot.as_ptr()) };
    }
}

impl Connection {
    /// Runs one statement and returns its whole answer.
    pub(crate) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[Param],
    ) -> Result<Answer<'_>, EngineError> {
        let raw = self.call(self.symbols.query, sql, format, params);
        Answer::new(self.symbols, raw)
    }

    /// Starts a SELECT whose answer is fetched block by block. Each block is a document of its own in `format`.
    pub(crate) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[Param],
    ) -> Result<SelectStream<'_>, EngineError> {
        let raw = self.call(self.symbols.stream_query, sql, format, params);
        let head = Answer::new(self.symbols, raw)?;
        Ok(SelectStream { handle: self.handle, head })
    }

    /// Starts an INSERT whose rows follow as bytes in `format`; `sql` holds neither FORMAT nor rows.
    pub(crate) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[Param],
    ) -> Result<InsertStream<'_>, EngineError> {
        let raw = self.call(self.symbols.insert, sql, format, params);
        let stream = InsertStream { symbols: self.symbols, raw, finished: false, connection: PhantomData };
        match stream.error() {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// How many statements `sql` holds and what the most far-reaching of them does. Nothing runs.
    pub(crate) fn classify(&mut self, sql: &[u8]) -> (u32, Class) {
        let struct_bytes = u32::try_from(size_of::<RawAnalysis>()).unwrap_or(0);
        let mut analysis = RawAnalysis { struct_bytes, statement_count: 0, flags: 0, class: 4 };
        let (text, bytes) = (sql.as_ptr().cast(), sql.len());
        // SAFETY: the text is `bytes` long, no target database is named, and the struct says its own size.
        let state =
            unsafe { (self.symbols.classify)(self.handle, text, bytes, ptr::null(), 0, &raw mut analysis) };
        let class = match (state, analysis.class) {
            (0, 0) => Class::ReadOnly,
            (0, 1 | 2) => Class::Mutating,
            (0, 3) => Class::Control,
            _ => Class::Unknown,
        };
        (analysis.statement_count, class)
    }

    fn call(&self, function: QueryFn, sql: &[u8], format: &str, params: &[Param]) -> Handle {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_bytes: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_bytes: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer comes with its length, the four arrays have `params.len()` entries, and all of it
        // outlives the call, which copies what it keeps.
        unsafe {
            function(
                self.handle,
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_bytes.as_ptr(),
                values.as_ptr(),
                value_bytes.as_ptr(),
                params.len(),
            )
        }
    }
}

/// Counters of one statement, in rows and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) elapsed_ns: u64,
}

impl std::ops::AddAssign for Progress {
    fn add_assign(&mut self, other: Self) {
        self.read_rows += other.read_rows;
        self.read_bytes += other.read_bytes;
        self.written_rows += other.written_rows;
        self.written_bytes += other.written_bytes;
        self.result_rows += other.result_rows;
        self.result_bytes += other.result_bytes;
        self.elapsed_ns += other.elapsed_ns;
    }
}

/// One result of the engine, freed on drop.
pub(crate) struct Answer<'c> {
    symbols: &'static Symbols,
    raw: Handle,
    connection: PhantomData<&'c mut Connection>,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: `raw` came from libchdb and is destroyed once.
        unsafe { (self.symbols.result_destroy)(self.raw) };
    }
}

impl Answer<'_> {
    fn new(symbols: &'static Symbols, raw: Handle) -> Result<Self, EngineError> {
        if raw.is_null() {
            return Err(EngineError::new(49, "the engine returned no result"));
        }
        let answer = Self { symbols, raw, connection: PhantomData };
        // SAFETY: `raw` is a live result.
        let error = unsafe { (symbols.result_error)(raw) };
        match text_at(error) {
            Some(message) => Err(EngineError::parse(message)),
            None => Ok(answer),
        }
    }

    /// The bytes of the answer, empty for statements without one.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `raw` is a live result.
        let bytes = unsafe { (self.symbols.result_length)(self.raw) };
        // SAFETY: as above.
        let start = unsafe { (self.symbols.result_buffer)(self.raw) };
        if bytes == 0 || start.is_null() {
            return &[];
        }
        // SAFETY: the result owns `bytes` initialised bytes at `start` until it is destroyed, which `self` outlives.
        unsafe { std::slice::from_raw_parts(start, bytes) }
    }

    /// What the statement read and wrote.
    pub(crate) fn progress(&self) -> Progress {
        let get = |counter: unsafe extern "C" fn(Handle) -> u64| {
            // SAFETY: `raw` is a live result; the counters only read it.
            unsafe { counter(self.raw) }
        };
        // SAFETY: `raw` is a live result.
        let seconds = unsafe { (self.symbols.elapsed)(self.raw) };
        Progress {
            elapsed_ns: Duration::try_from_secs_f64(seconds)
                .map_or(0, |took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            read_rows: get(self.symbols.storage_rows_read),
            read_bytes: get(self.symbols.storage_bytes_read),
            written_rows: get(self.symbols.rows_written),
            written_bytes: get(self.symbols.bytes_written),
            result_rows: get(self.symbols.rows_read),
            result_bytes: self.bytes().len() as u64,
        }
    }
}

/// A running SELECT. Dropping it before its end cancels it.
pub(crate) struct SelectStream<'c> {
    handle: Handle,
    head: Answer<'c>,
}

impl SelectStream<'_> {
    /// The next block; an empty one is the end.
    pub(crate) fn next(&mut self) -> Result<Answer<'_>, EngineError> {
        // SAFETY: both handles are live, and `&mut self` keeps a second fetch away.
        let raw = unsafe { (self.head.symbols.stream_fetch)(self.handle, self.head.raw) };
        Answer::new(self.head.symbols, raw)
    }
}

impl Drop for SelectStream<'_> {
    fn drop(&mut self) {
        // SAFETY: both handles are live; cancelling an ended stream is allowed.
        unsafe { (self.head.symbols.stream_cancel)(self.handle, self.head.raw) };
    }
}

/// A running INSERT. Dropping it before [`InsertStream::done`] cancels it.
pub(crate) struct InsertStream<'c> {
    symbols: &'static Symbols,
    raw: Handle,
    finished: bool,
    connection: PhantomData<&'c mut Connection>,
}

impl<'c> InsertStream<'c> {
    /// Hands over more rows. Blocks while the engine is behind. `false`: it has failed, and `done` says why.
    pub(crate) fn append(&mut self, rows: &[u8]) -> bool {
        // SAFETY: the stream is live and the bytes are copied before the call returns.
        let state = unsafe { (self.symbols.insert_append)(self.raw, rows.as_ptr().cast(), rows.len()) };
        state == 0
    }

    /// Ends the rows and waits for the commit.
    pub(crate) fn done(mut self) -> Result<Progress, EngineError> {
        self.finished = true;
        // SAFETY: the stream is live and ended once.
        let raw = unsafe { (self.symbols.insert_done)(self.raw) };
        let answer: Answer<'c> = Answer::new(self.symbols, raw)?;
        Ok(answer.progress())
    }

    fn error(&self) -> Option<EngineError> {
        if self.raw.is_null() {
            return Some(EngineError::new(49, "the engine returned no insert stream"));
        }
        // SAFETY: the stream is live.
        let error = unsafe { (self.symbols.insert_error)(self.raw) };
        text_at(error).map(EngineError::parse)
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        if self.raw.is_null() {
            return;
        }
        if !self.finished {
            // SAFETY: the stream is live and neither ended nor cancelled yet.
            unsafe { (self.symbols.insert_cancel)(self.raw) };
        }
        // SAFETY: destroyed once; every stream needs it, failed ones too.
        unsafe { (self.symbols.insert_destroy)(self.raw) };
    }
}
