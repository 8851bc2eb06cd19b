//! The endpoints that take reports: `/postback`, the conversion pixel, `/v1/reports`, `/v1/reports/check`, `/hooks/...`.
//!
//! In: requests. Out: 200 with the report's id after the append, or a refusal with its stable code; 503 where the append failed, never 200. What a
//! report says is `report`'s business. Bodies are read whole first, to a limit and a deadline, since signatures are over raw bytes. Start at
//! [`handle`].

use std::net::IpAddr;

use bytes::Bytes;
use events::Channel;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::{Body as _, Incoming},
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING},
};
use serde_json::Value;
use units::{EpochMs, Origin};

use crate::{
    counters::{Count, Outcome},
    http,
    reply::{self, Reply},
    report::{
        self, BATCH_LINES_MAX, BODY_BYTES_MAX, Context, Credentials, Field, Fields, Json, Line, Note,
        Refusal, Understood, advertiser_of, understand,
    },
    routes::Routes,
    settings::BODY_TIMEOUT,
    worker::Worker,
};

mod dialect;
mod hooks;
mod told;

use self::told::{Taken, pixel_reply, told};
pub(crate) use dialect::in_dialect;

/// Answers a request to one of the endpoints, or 404.
pub(crate) async fn handle(worker: &Worker, _peer: IpAddr, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().trim_end_matches('/');
    let is_post = *request.method() == Method::POST;
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let reply = match path {
        "/postback" => match not_by_head(worker, &request) {
            Some(refusal) => return refusal,
            None => postback(worker, request).await,
        },
        "/v1/reports" if is_post => batch(worker, request, Purpose::Record).await,
        "/v1/reports/check" if is_post => batch(worker, request, Purpose::Check).await,
        _ => match path.strip_prefix("/hooks/").and_then(|it| it.split_once('/')) {
            Some((system, advertiser)) if is_post => {
                let (system, advertiser) = (system.to_owned(), advertiser.to_owned());
                hooks::handle(worker, &system, &advertiser, request).await
            }
            hook => {
                let (status, outcome) = if hook.is_some() || path.starts_with("/v1/reports") {
                    (StatusCode::METHOD_NOT_ALLOWED, Outcome::BadRequest)
                } else {
                    (StatusCode::NOT_FOUND, Outcome::NotFound)
                };
                worker.counters.count(outcome);
                return reply::closing(reply::text(status, "no such page\n".to_owned()));
            }
        },
    };
    // A chunked body beside a length is read by its chunks; whoever reads it otherwise must not share the connection (RFC 9112, 6.3).
    if is_chunked { reply::closing(reply) } else { reply }
}

/// Who asks for the head alone looks whether something is there, as monitors and link checkers do: that reports nothing.
pub(crate) fn not_by_head(worker: &Worker, request: &Request<Incoming>) -> Option<Reply> {
    if *request.method() != Method::HEAD {
        return None;
    }
    worker.counters.count(Outcome::BadRequest);
    Some(reply::closing(reply::text(
        StatusCode::METHOD_NOT_ALLOWED,
        "a report is sent by GET or POST\n".to_owned(),
    )))
}

/// What reports are read with, for one request.
struct Reading<'a> {
    worker: &'a Worker,
    routes: std::sync::Arc<Routes>,
    now: EpochMs,
}

impl<'a> Reading<'a> {
    fn new(worker: &'a Worker, headers: &HeaderMap) -> Result<Self, Refusal> {
        let routes = worker.routes().ok_or(Refusal::NoCatalog)?;
        let at = http::instant_in(worker, headers);
        let now = worker.with_recorder(|recorder| worker.now(recorder, at));
        Ok(Self { worker, routes, now })
    }

    fn context(&self) -> Context<'_> {
        let shared = &self.worker.shared;
        Context {
            catalog: &self.routes.catalog,
            keyring: &shared.keyring,
            customers: &shared.customers,
            now: self.now,
        }
    }

    fn record(&self, Understood { report, notes }: &Understood) -> Result<Origin, Refusal> {
        let recorded = self.worker.with_recorder(|recorder| recorder.report(report.clone()));
        let origin = recorded.map_err(|error| {
            tracing::debug!(%error, "report not recorded");
            Refusal::NotRecorded
        })?;
        for (note, count) in
            [(Note::OrderIdEncoded, Count::OrderIdsEncoded), (Note::PartnerUnknown, Count::PartnersUnknown)]
        {
            self.worker.counters.add(count, u64::from(notes.has(note)));
        }
        Ok(origin)
    }

    /// Waits for the sync in mode `power`.
    async fn settled(&self, last: Option<Origin>) -> Result<(), Refusal> {
        match (&self.worker.gate, last) {
            (Some(gate), Some(origin)) if !gate.passed(origin.sequence).await => Err(Refusal::NotRecorded),
            _ => Ok(()),
        }
    }
}

/// One report by query, form or JSON.
async fn postback(worker: &Worker, request: Request<Incoming>) -> Reply {
    let mut fields = Fields::default();
    let result = postback_fields(&mut fields, request, worker).await;
    let is_text = fields.get(Field::Format).is_some_and(|it| it.eq_ignore_ascii_case("text"));
    answer(worker, result, is_text)
}

async fn postback_fields(
    fields: &mut Fields,
    request: Request<Incoming>,
    worker: &Worker,
) -> Result<Value, Refusal> {
    let token = token_of(request.headers());
    let reading = Reading::new(worker, request.headers())?;
    let query = request.uri().query().unwrap_or("").to_owned();
    let body_fields = body_fields(request).await;
    // The format of a refusal is asked for in the query too.
    let query_fields = fields_of(|it| it.add_form(&query));
    match (body_fields, query_fields) {
        (Ok(body), Ok(query)) => *fields = body.over(query),
        (Err(refusal), query) => {
            *fields = query.unwrap_or_default();
            return Err(refusal);
        }
        (Ok(_), Err(refusal)) => return Err(refusal),
    }
    let result = one(&reading, fields, Credentials::Token(token.as_deref()), Channel::Postback, None).await;
    told(fields, result)
}

fn fields_of(add: impl FnOnce(&mut Fields) -> Result<(), Refusal>) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    add(&mut fields)?;
    Ok(fields)
}

/// Authorises, understands, records and waits.
async fn one(
    reading: &Reading<'_>,
    fields: &Fields,
    credentials: Credentials<'_>,
    channel: Channel,
    visitor: Option<units::VisitorId>,
) -> Result<Taken, Refusal> {
    let context = reading.context();
    let advertiser = advertiser_of(fields, credentials, &context)?;
    let understood = understand(fields, advertiser, channel, visitor, &context)?;
    let origin = reading.record(&understood)?;
    reading.settled(Some(origin)).await?;
    reading.worker.counters.add(Count::Reports, 1);
    Ok((origin, understood))
}

/// A conversion by the customer's browser.
pub(crate) async fn pixel(worker: &Worker, request: &Request<Incoming>) -> Reply {
    let result = async {
        let reading = Reading::new(worker, request.headers())?;
        let fields = fields_of(|it| it.add_form(request.uri().query().unwrap_or("")))?;
        let visitor = http::cookie_visitor(worker, request.headers());
        one(&reading, &fields, Credentials::None, Channel::Pixel, visitor).await
    };
    let taken = result.await;
    pixel_reply(worker, taken)
}

/// What a batch is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Record,
    /// To be told what would be refused, and how the rest would be read. Nothing is recorded and no report counted.
    Check,
}

/// JSON lines, each a report, each with its own answer.
async fn batch(worker: &Worker, request: Request<Incoming>, purpose: Purpose) -> Reply {
    let lines = batch_lines(worker, request, purpose).await;
    let lines = match lines {
        Ok(lines) => lines,
        Err(refusal) => return answer(worker, Err(refusal), false),
    };
    let first_refusal = lines.iter().find_map(|(_, result)| result.as_ref().err().copied());
    let has_recorded = lines.iter().any(|(_, result)| result.is_ok());
    let is_unrecorded = lines.iter().any(|(_, result)| *result == Err(Refusal::NotRecorded));
    for refusal in lines.iter().filter_map(|(_, result)| result.as_ref().err()) {
        worker.counters.add(refusal_count(*refusal), u64::from(purpose == Purpose::Record));
    }
    // One line that could not be recorded makes the whole batch worth sending again: a repeat is the same report.
    let status = match first_refusal {
        _ if is_unrecorded => StatusCode::SERVICE_UNAVAILABLE,
        Some(refusal) if !has_recorded => refusal.status(),
        _ => StatusCode::OK,
    };
    worker.counters.count(match status {
        StatusCode::OK if purpose == Purpose::Check => Outcome::Served,
        StatusCode::OK => Outcome::Reported,
        StatusCode::SERVICE_UNAVAILABLE => Outcome::ReportUnrecorded,
        StatusCode::UNAUTHORIZED => Outcome::Unauthorised,
        _ => Outcome::Refused,
    });
    reply::json(status, &report::batch_answer(&lines))
}

type Lines = Vec<(usize, Result<Line, Refusal>)>;

async fn batch_lines(
    worker: &Worker,
    request: Request<Incoming>,
    purpose: Purpose,
) -> Result<Lines, Refusal> {
    let token = token_of(request.headers());
    let reading = Reading::new(worker, request.headers())?;
    let query = request.uri().query().unwrap_or("").to_owned();
    let body = body(request).await?;
    let numbered =
        body.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| (index + 1, line.trim_ascii()));
    let lines: Vec<(usize, &[u8])> = numbered.filter(|(_, line)| !line.is_empty()).collect();
    match lines.len() {
        0 => return Err(Refusal::EmptyBatch),
        count if count > BATCH_LINES_MAX => return Err(Refusal::TooManyLines),
        _ => {}
    }
    let line_report = |line: &[u8]| {
        let body = fields_of(|it| it.add_json(&Json::parse(line)?))?;
        let fields = body.over(fields_of(|it| it.add_form(&query))?);
        let context = reading.context();
        let advertiser = advertiser_of(&fields, Credentials::Token(token.as_deref()), &context)?;
        let understood = understand(&fields, advertiser, Channel::Batch, None, &context)?;
        match purpose {
            Purpose::Record => {
                reading.record(&understood).map(|at| Line::Recorded(at, understood.notes, fields.ignored))
            }
            Purpose::Check => Ok(Line::Understood(report::would_be(&understood), fields.ignored)),
        }
    };
    let mut results: Lines = lines.iter().map(|(number, line)| (*number, line_report(line))).collect();
    let last = results.iter().rev().find_map(|(_, result)| recorded(result));
    if let Err(refusal) = reading.settled(last).await {
        for (_, result) in results.iter_mut().filter(|(_, result)| result.is_ok()) {
            *result = Err(refusal);
        }
    }
    let count = results.iter().filter(|(_, result)| recorded(result).is_some()).count();
    worker.counters.add(Count::Reports, count as u64);
    Ok(results)
}

fn recorded(result: &Result<Line, Refusal>) -> Option<Origin> {
    match result {
        Ok(Line::Recorded(origin, ..)) => Some(*origin),
        Ok(Line::Understood(..)) | Err(_) => None,
    }
}

/// `X-Api-Key`, or `Authorization: Bearer`.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).and_then(|it| {
        let (scheme, token) = it.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    let key = headers.get("x-api-key").and_then(|it| it.to_str().ok());
    key.or(bearer).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}

/// What a body of one report says.
enum Said {
    Nothing,
    Json(Json),
    Form(Bytes),
}

/// A form's or JSON object's values; none for an empty body, whatever type it claims.
async fn body_fields(request: Request<Incoming>) -> Result<Fields, Refusal> {
    match said(request).await? {
        Said::Nothing => Ok(Fields::default()),
        Said::Json(json) => fields_of(|it| it.add_json(&json)),
        Said::Form(text) => fields_of(|it| it.add_form(form(&text)?)),
    }
}

fn form(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|_| Refusal::NotUtf8)
}

async fn said(request: Request<Incoming>) -> Result<Said, Refusal> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("")
        .to_ascii_lowercase();
    let body = body(request).await?;
    if body.trim_ascii().is_empty() {
        return Ok(Said::Nothing);
    }
    let kind = kind.split(';').next().unwrap_or("").trim();
    if kind == "application/json" || kind.ends_with("+json") || kind == "text/json" {
        return Json::parse(&body).map(Said::Json);
    }
    if kind.is_empty() || kind == "application/x-www-form-urlencoded" {
        return Ok(Said::Form(body));
    }
    Err(Refusal::ContentType)
}

/// The whole body, to its limit and deadline. A compressed one is refused: its size is not what it says (fault 113).
pub(crate) async fn body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    let encoding = request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentType);
    }
    if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let whole = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Ok(Err(_)) | Err(_) => Err(Refusal::BodyIncomplete),
    }
}

/// Counts and writes the answer to one report.
fn answer(worker: &Worker, result: Result<Value, Refusal>, is_text: bool) -> Reply {
    count(worker, result.as_ref().err().copied());
    match result {
        Ok(_) if is_text => reply::text(StatusCode::OK, "OK".to_owned()),
        Ok(said) => reply::json(StatusCode::OK, &said),
        Err(refusal) if is_text => reply::text(refusal.status(), format!("ERROR {}", refusal.code())),
        Err(refusal) => {
            let reply = reply::json(refusal.status(), &report::refused(refusal));
            // Its bytes may still be on the way.
            if matches!(refusal, Refusal::BodyTooLarge | Refusal::BodyIncomplete) {
                reply::closing(reply)
            } else {
                reply
            }
        }
    }
}

fn count(worker: &Worker, refusal: Option<Refusal>) {
    worker.counters.count(match refusal {
        None => Outcome::Reported,
        Some(Refusal::NotRecorded) => Outcome::ReportUnrecorded,
        Some(Refusal::NoCatalog) => Outcome::NoCatalog,
        Some(refusal) if refusal.status() == StatusCode::UNAUTHORIZED => Outcome::Unauthorised,
        Some(_) => Outcome::Refused,
    });
    if let Some(refusal) = refusal {
        worker.counters.add(refusal_count(refusal), 1);
    }
}

fn refusal_count(refusal: Refusal) -> Count {
    match refusal {
        Refusal::NotRecorded | Refusal::NoCatalog => Count::ReportsNotKept,
        refusal if refusal.status() == StatusCode::UNAUTHORIZED => Count::ReportsUnauthorised,
        _ => Count::ReportsMalformed,
    }
}
