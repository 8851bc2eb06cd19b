//! What a request says: credentials, statement, settings, parameters, formats, compression.
//!
//! In: a request's line and headers. Out: a [`Head`]. Not here: the body, which the engine's thread reads. Start at [`read`].

use base64::Engine as _;
use hyper::{Method, header, http::request::Parts};

use crate::{
    codec::Encoding,
    error::{EngineError, code},
    ffi::Param,
    multipart,
};

/// Settings and parameters one request may bring; one more is refused.
const PAIRS_MAX: usize = 1_000;

/// Everything a request says before its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) get: bool,
    pub(crate) statement: String,
    pub(crate) boundary: Option<String>,
    pub(crate) body_encodings: Vec<Encoding>,
    pub(crate) answer_encodings: Vec<Encoding>,
    pub(crate) format: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) query_id: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) params: Vec<Param>,
}

/// URL keys of ClickHouse's that are no settings and change nothing here: sessions are per request, roles of one engine
/// without users do not exist, answers are buffered as far as is good for them.
const TOLERATED: [&str; 13] = [
    "session_id",
    "session_timeout",
    "session_check",
    "close_session",
    "quota_key",
    "stacktrace",
    "buffer_size",
    "wait_end_of_query",
    "client_protocol_version",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "http_zlib_compression_level",
    "cancel_http_readonly_queries_on_client_close",
];

/// Reads a request's line and headers.
pub(crate) fn read(parts: &Parts) -> Result<Head, EngineError> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut head = Head {
        user: "default".to_owned(),
        password: String::new(),
        get: parts.method == Method::GET || parts.method == Method::HEAD,
        statement: String::new(),
        boundary: text("content-type").and_then(|kind| multipart::boundary(&kind)),
        body_encodings: Vec::new(),
        answer_encodings: Vec::new(),
        format: text("x-clickhouse-format"),
        database: text("x-clickhouse-database"),
        query_id: None,
        settings: Vec::new(),
        params: Vec::new(),
    };
    let named = text("content-encoding").unwrap_or_default();
    let unknown = || {
        let reason = format!("Unknown compression method: {named}. (NOT_IMPLEMENTED)");
        EngineError::new(48, &reason)
    };
    let outer = Encoding::named(&named).ok_or_else(unknown)?;
    let mut flags = Flags { http_compression: true, ..Flags::default() };
    for (index, (key, value)) in
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).enumerate()
    {
        if index == PAIRS_MAX {
            return Err(EngineError::new(code::BAD_ARGUMENTS, "too many URL parameters. (BAD_ARGUMENTS)"));
        }
        take(&mut head, &mut flags, &key, value.into_owned())?;
    }
    head.body_encodings.push(outer);
    if flags.decompress {
        head.body_encodings.push(Encoding::Blocks);
    }
    if flags.compress {
        head.answer_encodings.push(Encoding::Blocks);
    }
    let accepted = text(header::ACCEPT_ENCODING.as_str()).unwrap_or_default();
    let accepted = if flags.http_compression { Encoding::accepted(&accepted) } else { Encoding::Identity };
    if accepted != Encoding::Identity {
        head.answer_encodings.push(accepted);
    }
    credentials(
        &mut head,
        flags,
        text("x-clickhouse-user"),
        text("x-clickhouse-key"),
        text("authorization"),
    )?;
    Ok(head)
}

#[derive(Default)]
struct Flags {
    compress: bool,
    decompress: bool,
    http_compression: bool,
    user: Option<String>,
    password: Option<String>,
}

fn take(head: &mut Head, flags: &mut Flags, key: &str, value: String) -> Result<(), EngineError> {
    let on = !matches!(value.as_str(), "" | "0" | "false");
    match key {
        "query" => head.statement.push_str(&value),
        "user" => flags.user = Some(value),
        "password" => flags.password = Some(value),
        "database" => head.database = Some(value).filter(|name| !name.is_empty()),
        "default_format" => head.format = Some(value).filter(|name| !name.is_empty()),
        "query_id" => head.query_id = Some(value).filter(|id| !id.is_empty()),
        "compress" => flags.compress = on,
        "decompress" => flags.decompress = on,
        "enable_http_compression" => flags.http_compression = on,
        "role" => {
            let text = format!("There is no role `{value}` in user directories. (UNKNOWN_ROLE)");
            return Err(EngineError::new(code::UNKNOWN_ROLE, &text));
        }
        _ if TOLERATED.contains(&key) => {}
        // Requests that only read have `readonly=2` already, and cannot change it.
        "readonly" if head.get && matches!(value.as_str(), "1" | "2") => {}
        _ => match key.strip_prefix("param_") {
            Some(name) => head.params.push((name.to_owned(), value)),
            None => head.settings.push((setting_name(key)?.to_owned(), value)),
        },
    }
    Ok(())
}

/// A name that can stand in `SET` without being taken for anything else.
fn setting_name(key: &str) -> Result<&str, EngineError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if !key.is_empty() && key.bytes().all(plain) {
        return Ok(key);
    }
    Err(EngineError::new(115, &format!("Unknown setting '{key}'. (UNKNOWN_SETTING)")))
}

/// Headers first, then basic authorisation, then the URL; two at once are refused, as ClickHouse does.
fn credentials(
    head: &mut Head,
    flags: Flags,
    user: Option<String>,
    key: Option<String>,
    authorization: Option<String>,
) -> Result<(), EngineError> {
    let by_header = user.is_some() || key.is_some();
    let by_basic = authorization.is_some();
    let by_url = flags.user.is_some() || flags.password.is_some();
    if u8::from(by_header) + u8::from(by_basic) + u8::from(by_url) > 1 {
        let text = "Invalid authentication: it is not allowed to use more than one of X-ClickHouse HTTP headers, \
                    Authorization HTTP header, and URL parameters simultaneously. (AUTHENTICATION_FAILED)";
        return Err(EngineError::new(code::AUTHENTICATION_FAILED, text));
    }
    let (user, password) = match authorization {
        Some(value) => basic(&value)?,
        None if by_header => (user, key),
        None => (flags.user, flags.password),
    };
    head.user = user.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    head.password = password.unwrap_or_default();
    Ok(())
}

fn basic(value: &str) -> Result<(Option<String>, Option<String>), EngineError> {
    let refused = || {
        let text =
            "Invalid authentication: only 'Basic' HTTP authorisation is supported. (AUTHENTICATION_FAILED)";
        EngineError::new(code::AUTHENTICATION_FAILED, text)
    };
    let (scheme, packed) = value.trim().split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refused());
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed.trim()).map_err(|_| refused())?;
    let text = String::from_utf8(bytes).map_err(|_| refused())?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    Ok((Some(user.to_owned()), Some(password.to_owned())))
}
