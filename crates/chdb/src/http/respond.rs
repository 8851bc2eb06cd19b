//! Answers as a ClickHouse server gives them: status, headers, and bodies that stream.
//!
//! In: what a call ended in. Out: responses. Not here: errors' codes (`error`). Start at [`whole`].

use std::{
    hash::{BuildHasher, RandomState},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    Method, Response, StatusCode,
    body::{Body, Frame, SizeHint},
    http::{request::Parts, response::Builder},
};
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep, timeout},
};

use super::{STALL_WAIT, flush::Flushes, request::Head};
use crate::{
    call::Piece,
    codec::Encoding,
    error::{EngineError, status},
    ffi::Progress,
};

/// The name in `X-ClickHouse-Server-Display-Name`.
const DISPLAY_NAME: &str = "tributary";

/// What all headers of one answer need.
#[derive(Debug)]
pub(super) struct Context {
    time_zone: String,
    query_id: String,
    encodings: Vec<Encoding>,
    pub(super) exception_tag: String,
}

impl Context {
    pub(super) fn new(time_zone: &str) -> Self {
        Self {
            time_zone: time_zone.to_owned(),
            query_id: random_id(),
            encodings: Vec::new(),
            exception_tag: random_tag(),
        }
    }

    pub(super) fn take(&mut self, head: &Head) {
        let plain = |id: &String| id.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        if let Some(id) = head.query_id.clone().filter(plain) {
            self.query_id = id;
        }
        self.encodings.clone_from(&head.answer_encodings);
    }

    fn builder(&self, status: StatusCode) -> Builder {
        Response::builder()
            .status(status)
            .header("X-ClickHouse-Query-Id", &self.query_id)
            .header("X-ClickHouse-Server-Display-Name", DISPLAY_NAME)
            .header("X-ClickHouse-Timezone", &self.time_zone)
    }
}

/// 64 random bits; the standard library seeds its hash maps from the system's source.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

fn random_id() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}

/// Sixteen letters that the rows of an answer will not hold by chance.
fn random_tag() -> String {
    let bits = (u128::from(random()) << 64) | u128::from(random());
    (0..16).map(|place| char::from(b'a' + u8::try_from((bits >> (place * 8)) % 26).unwrap_or(0))).collect()
}

/// Answers that need neither user nor engine.
pub(super) fn fixed(parts: &Parts) -> Option<Response<AnswerBody>> {
    let readable = parts.method == Method::GET || parts.method == Method::HEAD;
    let known = ["/ping", "/replicas_status"].contains(&parts.uri.path());
    let bare = parts.uri.path() == "/" && parts.uri.query().is_none() && readable;
    if known || bare {
        let response = Response::builder().header("Content-Type", "text/html; charset=UTF-8");
        return Some(finish(response, AnswerBody::whole(Bytes::from_static(b"Ok.\n"))));
    }
    let (status, text) = if parts.uri.path() != "/" {
        (StatusCode::NOT_FOUND, "There is no handle for this path. Use / or /ping for health checks.\n")
    } else if !readable && parts.method != Method::POST && parts.method != Method::PUT {
        (StatusCode::NOT_IMPLEMENTED, "Use GET or POST.\n")
    } else {
        return None;
    };
    Some(finish(Response::builder().status(status), AnswerBody::whole(Bytes::from_static(text.as_bytes()))))
}

/// An exception. Its text is never packed: clients read it whatever they asked for.
pub(super) fn failed(context: &Context, error: &EngineError) -> Response<AnswerBody> {
    let status = StatusCode::from_u16(status(error.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = context
        .builder(status)
        .header("X-ClickHouse-Exception-Code", error.code.to_string())
        .header("Content-Type", "text/plain; charset=UTF-8");
    if status == StatusCode::UNAUTHORIZED {
        builder = builder.header("WWW-Authenticate", "Basic realm=\"ClickHouse\"");
    }
    finish(builder, AnswerBody::whole(Bytes::from(format!("{}\n", error.message))))
}

/// A whole answer.
pub(super) fn whole(
    context: &Context,
    format: &str,
    bytes: Bytes,
    progress: Progress,
) -> Response<AnswerBody> {
    finish(describe(context, format, progress), AnswerBody::whole(bytes))
}

/// An answer whose end is still being computed.
pub(super) fn streaming(
    context: &Context,
    format: &str,
    first: Bytes,
    rest: mpsc::Receiver<Piece>,
    progress: Progress,
    flushes: Arc<Flushes>,
) -> Response<AnswerBody> {
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(forward(first, rest, sender));
    let streaming = Streaming { pieces, flushed: flushes.count(), flushes, failing: None };
    finish(describe(context, format, progress), AnswerBody::Streaming(streaming))
}

fn describe(context: &Context, format: &str, progress: Progress) -> Builder {
    let summary = serde_json::json!({
        "read_rows": progress.read_rows.to_string(),
        "read_bytes": progress.read_bytes.to_string(),
        "written_rows": progress.written_rows.to_string(),
        "written_bytes": progress.written_bytes.to_string(),
        "total_rows_to_read": "0",
        "result_rows": progress.result_rows.to_string(),
        "result_bytes": progress.result_bytes.to_string(),
        "elapsed_ns": progress.elapsed_ns.to_string(),
    });
    let mut builder = context
        .builder(StatusCode::OK)
        .header("Content-Type", content_type(format))
        .header("X-ClickHouse-Format", format)
        .header("X-ClickHouse-Exception-Tag", &context.exception_tag)
        .header("X-ClickHouse-Summary", summary.to_string());
    for encoding in context.encodings.iter().filter_map(|encoding| encoding.header()) {
        builder = builder.header("Content-Encoding", encoding);
    }
    builder
}

/// The media type ClickHouse gives a format.
fn content_type(format: &str) -> &'static str {
    let name = format.to_ascii_lowercase();
    if name.starts_with("json") && !name.contains("eachrow") {
        "application/json; charset=UTF-8"
    } else if name.contains("eachrow") || name == "jsonlines" || name == "ndjson" {
        "application/x-ndjson; charset=UTF-8"
    } else if name.starts_with("csv") {
        let names = name.contains("names");
        if names {
            "text/csv; charset=UTF-8; header=present"
        } else {
            "text/csv; charset=UTF-8; header=absent"
        }
    } else if name.starts_with("tabseparated") || name.starts_with("tsv") {
        "text/tab-separated-values; charset=UTF-8"
    } else if name.starts_with("rowbinary") || ["native", "parquet", "arrow", "orc"].contains(&name.as_str())
    {
        "application/octet-stream"
    } else {
        "text/plain; charset=UTF-8"
    }
}

fn finish(builder: Builder, body: AnswerBody) -> Response<AnswerBody> {
    builder.body(body).unwrap_or_else(|error| {
        // A format or time zone with a byte that no header may carry.
        tracing::warn!(%error, "cannot write the answer's headers");
        let mut plain = Response::new(AnswerBody::whole(Bytes::from_static(b"unprintable header\n")));
        *plain.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        plain
    })
}

/// Passes pieces to the connection. A client that takes none for [`STALL_WAIT`] loses its answer, not the engine a thread.
async fn forward(first: Bytes, mut rest: mpsc::Receiver<Piece>, sender: mpsc::Sender<Piece>) {
    let mut next = Piece::Bytes(first);
    loop {
        let last = !matches!(next, Piece::Bytes(_));
        if !matches!(timeout(STALL_WAIT, sender.send(next)).await, Ok(Ok(()))) || last {
            return;
        }
        // A channel that closes without an end is a failure too.
        next = rest.recv().await.unwrap_or(Piece::Failed);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Streaming(Streaming),
}

/// A body whose pieces are still being computed.
#[derive(Debug)]
pub(super) struct Streaming {
    pieces: mpsc::Receiver<Piece>,
    flushes: Arc<Flushes>,
    /// Flushes before the last piece was handed over.
    flushed: u64,
    /// Set once the statement has failed: the longest wait for the reason to leave.
    failing: Option<Pin<Box<Sleep>>>,
}

impl Streaming {
    fn poll_piece(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.failing.is_none() {
            match ready!(self.pieces.poll_recv(task)) {
                Some(Piece::Bytes(bytes)) => {
                    self.flushed = self.flushes.count();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::End) => return Poll::Ready(None),
                Some(Piece::Failed) | None => self.failing = Some(Box::pin(sleep(STALL_WAIT))),
            }
        }
        let late = self.failing.as_mut().is_some_and(|failing| failing.as_mut().poll(task).is_ready());
        if self.flushes.poll_after(self.flushed, task).is_pending() && !late {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the statement failed in the middle of its answer"))))
    }
}

impl AnswerBody {
    fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streaming(streaming) => streaming.poll_piece(task),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streaming(_) => SizeHint::default(),
        }
    }
}
