//! Errors in ClickHouse's own terms: a code, a text with that code in it, and the HTTP status that belongs to it.
//!
//! In: messages of the engine, or a refusal of ours. Out: [`EngineError`], [`status`]. Not here: response bodies (`http`).

use crate::ENGINE_VERSION;

/// ClickHouse's codes for what this crate refuses itself.
pub(crate) mod code {
    pub(crate) const BAD_ARGUMENTS: u32 = 36;
    pub(crate) const LOGICAL_ERROR: u32 = 49;
    pub(crate) const SYNTAX_ERROR: u32 = 62;
    pub(crate) const READONLY: u32 = 164;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub(crate) const NETWORK_ERROR: u32 = 210;
    pub(crate) const UNKNOWN_ROLE: u32 = 511;
    pub(crate) const INTO_OUTFILE_NOT_ALLOWED: u32 = 358;
    pub(crate) const QUERY_WAS_CANCELLED: u32 = 394;
    pub(crate) const CANNOT_DECOMPRESS: u32 = 271;
    pub(crate) const ACCESS_DENIED: u32 = 497;
    pub(crate) const AUTHENTICATION_FAILED: u32 = 516;
    pub(crate) const QUERY_IS_TOO_LARGE: u32 = 229;
}

/// An exception as ClickHouse's clients know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// ClickHouse's number for it, 49 where the engine gave none.
    pub code: u32,
    /// The whole text, `Code: N. DB::Exception: ... (NAME) (version V)`.
    pub message: String,
}

impl EngineError {
    /// An error of our own making. `text` names the exception at its end, as in `Too long. (SYNTAX_ERROR)`.
    pub(crate) fn new(code: u32, text: &str) -> Self {
        Self { code, message: format!("Code: {code}. DB::Exception: {text} (version {ENGINE_VERSION})") }
    }

    /// An error of the engine, which begins with `Code: N.`.
    pub(crate) fn parse(message: String) -> Self {
        let digits = message.strip_prefix("Code: ").and_then(|rest| rest.split_once('.'));
        let code = digits.and_then(|(digits, _)| digits.parse().ok()).unwrap_or(code::LOGICAL_ERROR);
        let versioned = message.contains("(version ");
        let message = if versioned { message } else { format!("{message} (version {ENGINE_VERSION})") };
        Self { code, message }
    }
}

/// The status ClickHouse answers with, after its `exceptionCodeToHTTPStatus`; with two differences: a wrong password
/// is 401, so that browsers and Grafana ask again, and a full queue is 503, so that proxies try again.
pub(crate) fn status(code: u32) -> u16 {
    match code {
        194 | code::AUTHENTICATION_FAILED => 401,
        192 | 193 | code::ACCESS_DENIED | 512 => 403,
        6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167 | 168 | 223
        | 321 | 376 | 427 | 441 | 675 | 676 => 400,
        46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => 404,
        code::QUERY_IS_TOO_LARGE => 413,
        48 => 501,
        159 => 408,
        code::TOO_MANY_SIMULTANEOUS_QUERIES | 209 | 76 | 439 => 503,
        779 => 415,
        _ => 500,
    }
}
