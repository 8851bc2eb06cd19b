//! The functions of `chdb.h` (26.7) that are used, found by name in the library.
//!
//! In: the library's path. Out: [`Symbols`], or why not. Not here: calling them (`ffi`). Start at [`resolve`].

use std::{
    ffi::{c_char, c_int, c_void},
    path::Path,
};

pub(super) type Handle = *mut c_void;
pub(super) type Pairs = *const *const c_char;
pub(super) type QueryFn = unsafe extern "C" fn(
    Handle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    Pairs,
    *const usize,
    Pairs,
    *const usize,
    usize,
) -> Handle;

/// Symbols of `chdb.h` (26.7), resolved once. Checked against the header and by the tests of this crate.
pub(super) struct Symbols {
    pub(super) version: unsafe extern "C" fn() -> *const c_char,
    pub(super) set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    pub(super) connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    pub(super) close_conn: unsafe extern "C" fn(*mut Handle),
    pub(super) query: QueryFn,
    pub(super) stream_query: QueryFn,
    pub(super) stream_fetch: unsafe extern "C" fn(Handle, Handle) -> Handle,
    pub(super) stream_cancel: unsafe extern "C" fn(Handle, Handle),
    pub(super) insert: QueryFn,
    pub(super) insert_append: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    pub(super) insert_done: unsafe extern "C" fn(Handle) -> Handle,
    pub(super) insert_cancel: unsafe extern "C" fn(Handle),
    pub(super) insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    pub(super) insert_destroy: unsafe extern "C" fn(Handle),
    pub(super) classify:
        unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize, *mut RawAnalysis) -> c_int,
    pub(super) result_destroy: unsafe extern "C" fn(Handle),
    pub(super) result_buffer: unsafe extern "C" fn(Handle) -> *const u8,
    pub(super) result_length: unsafe extern "C" fn(Handle) -> usize,
    pub(super) result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    pub(super) elapsed: unsafe extern "C" fn(Handle) -> f64,
    pub(super) rows_read: unsafe extern "C" fn(Handle) -> u64,
    pub(super) storage_rows_read: unsafe extern "C" fn(Handle) -> u64,
    pub(super) storage_bytes_read: unsafe extern "C" fn(Handle) -> u64,
    pub(super) rows_written: unsafe extern "C" fn(Handle) -> u64,
    pub(super) bytes_written: unsafe extern "C" fn(Handle) -> u64,
}

#[repr(C)]
pub(super) struct RawAnalysis {
    pub(super) struct_bytes: u32,
    pub(super) statement_count: u32,
    pub(super) flags: u32,
    pub(super) class: u32,
}

/// Why libchdb could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not a shared library this machine can load.
    #[error("cannot load the engine from {path}: {message}")]
    Open {
        /// The file that was tried.
        path: String,
        /// The loader's own words.
        message: String,
    },
    /// The file loads, but it is another version of libchdb.
    #[error("{path} is not libchdb 26.7: it lacks the symbol {symbol}")]
    Symbol {
        /// The file that was tried.
        path: String,
        /// The first missing symbol.
        symbol: &'static str,
    },
    /// A second library in one process would fight over the engine's globals.
    #[error("this process has already loaded another engine library")]
    Twice,
}

pub(super) fn resolve(path: &Path) -> Result<Symbols, LoadError> {
    // SAFETY: libchdb's initialisers are those of a C++ library without requirements on the caller; a file that is not
    // libchdb is the operator's choice, as with any plug-in.
    let opened = unsafe { libloading::Library::new(path) };
    let library = opened
        .map_err(|error| LoadError::Open { path: path.display().to_string(), message: error.to_string() })?;
    // Leaked on purpose, see `Library`.
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    macro_rules! symbol {
        ($name:literal) => {{
            // SAFETY: the type of the field it lands in repeats the declaration in `chdb.h`.
            let found = unsafe { library.get($name.as_bytes()) };
            *found.map_err(|_| LoadError::Symbol { path: path.display().to_string(), symbol: $name })?
        }};
    }
    Ok(Symbols {
        version: symbol!("chdb_version"),
        set_signal_handlers_enabled: symbol!("chdb_set_signal_handlers_enabled"),
        connect: symbol!("chdb_connect"),
        close_conn: symbol!("chdb_close_conn"),
        query: symbol!("chdb_query_with_params_n"),
        stream_query: symbol!("chdb_stream_query_with_params_n"),
        stream_fetch: symbol!("chdb_stream_fetch_result"),
        stream_cancel: symbol!("chdb_stream_cancel_query"),
        insert: symbol!("chdb_stream_insert_with_params_n"),
        insert_append: symbol!("chdb_stream_append"),
        insert_done: symbol!("chdb_stream_done"),
        insert_cancel: symbol!("chdb_stream_cancel_insert"),
        insert_error: symbol!("chdb_stream_insert_error"),
        insert_destroy: symbol!("chdb_destroy_insert_stream"),
        classify: symbol!("chdb_classify_query_n"),
        result_destroy: symbol!("chdb_destroy_query_result"),
        result_buffer: symbol!("chdb_result_buffer"),
        result_length: symbol!("chdb_result_length"),
        result_error: symbol!("chdb_result_error"),
        elapsed: symbol!("chdb_result_elapsed"),
        rows_read: symbol!("chdb_result_rows_read"),
        storage_rows_read: symbol!("chdb_result_storage_rows_read"),
        storage_bytes_read: symbol!("chdb_result_storage_bytes_read"),
        rows_written: symbol!("chdb_result_rows_written"),
        bytes_written: symbol!("chdb_result_bytes_written"),
    })
}
