//! What this crate reads of strangers' bytes, without an engine behind it: for fuzzing and tests.
//!
//! In: bytes. Out: what was understood, in plain types. Not here: any rule of its own; each function is a door to the parser of its name.
//! Start at [`insert`].

use std::io::{self, Read};

use hyper::http::request::Parts;

pub use crate::error::EngineError;
use crate::{
    chunks,
    codec::{Encoder, Encoding},
    http::request,
    multipart, sql,
};

/// An INSERT with rows, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    /// Without FORMAT and rows.
    pub statement: Vec<u8>,
    /// As named in the text.
    pub format: Option<String>,
    /// Where the rows begin in the text, in bytes.
    pub rows_at: usize,
    /// With more text this answer may change.
    pub is_open: bool,
}

/// The INSERT with rows that `sql` is, if it is one.
#[must_use]
pub fn insert(sql: &[u8]) -> Option<Insert> {
    sql::insert(sql).map(|it| Insert {
        statement: it.statement,
        format: it.format,
        rows_at: it.rows_at,
        is_open: it.open,
    })
}

/// Where the tokens of `sql` begin and end.
#[must_use]
pub fn tokens(sql: &[u8]) -> Vec<(usize, usize)> {
    sql::tokens(sql).map(|it| (it.start, it.end)).collect()
}

/// Whether `sql` is one statement at most.
#[must_use]
pub fn is_single(sql: &[u8]) -> bool {
    sql::is_single(sql)
}

/// What a reader's statement calls; `None` for a name that only the engine can read.
#[must_use]
pub fn called_names(sql: &[u8]) -> Vec<Option<String>> {
    sql::called_names(sql).collect()
}

/// The FORMAT at the end of a statement without rows, and its first word.
#[must_use]
pub fn format_and_first_word(sql: &[u8]) -> (Option<String>, String) {
    (sql::format_of(sql), sql::first_word(sql))
}

/// A request's line and headers: user, password, statement, settings and parameters.
///
/// # Errors
///
/// What a client is told.
pub fn head(parts: &Parts) -> Result<Head, EngineError> {
    request::read(parts).map(|it| Head {
        user: it.user,
        password: it.password,
        statement: it.statement,
        settings: it.settings,
        parameters: it.params,
    })
}

/// What a request's line and headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `default` where none is named.
    pub user: String,
    /// Empty where none is named.
    pub password: String,
    /// Of the URL.
    pub statement: String,
    /// Names and values.
    pub settings: Vec<(String, String)>,
    /// Names without `param_`, and values.
    pub parameters: Vec<(String, String)>,
}

/// Names and values of a form.
///
/// # Errors
///
/// What a client is told.
pub fn form(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, EngineError> {
    multipart::fields(body, boundary).map(|fields| fields.into_iter().map(|it| (it.name, it.value)).collect())
}

/// The boundary that a `Content-Type` names.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    multipart::boundary(content_type)
}

/// Bytes that every answer of `format` begins with, where its blocks can be joined.
#[must_use]
pub fn answer_head_bytes(format: &str, document: &[u8]) -> Option<usize> {
    chunks::head_of(format).map(|it| it.bytes(document))
}

/// Packings by number: gzip, deflate, lz4, zstd, ClickHouse's blocks, and none.
const ENCODINGS: [Encoding; 6] =
    [Encoding::Gzip, Encoding::Deflate, Encoding::Lz4, Encoding::Zstd, Encoding::Blocks, Encoding::Identity];

fn encoding(number: u8) -> Encoding {
    let index = usize::from(number) % ENCODINGS.len();
    ENCODINGS.get(index).copied().unwrap_or(Encoding::Identity)
}

/// The first `bytes_max` bytes of what `packed` holds.
///
/// # Errors
///
/// Where it is not packed as `number` says.
pub fn unpack(number: u8, packed: Vec<u8>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    let reader = crate::codec::decoder(encoding(number), io::Cursor::new(packed))?;
    reader.take(bytes_max).read_to_end(&mut raw)?;
    Ok(raw)
}

/// `raw`, packed in two pieces.
///
/// # Errors
///
/// Of the packing library.
pub fn pack(number: u8, raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(encoding(number))?;
    let (front, back) = raw.split_at(raw.len() / 2);
    let mut packed = encoder.write(front)?;
    packed.extend(encoder.write(back)?);
    packed.extend(encoder.finish()?);
    Ok(packed)
}
