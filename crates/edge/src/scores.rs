//! `POST /scores` on the admin port: what the scorer found suspicious about orders, one JSON object a line.
//!
//! In: `{"advertiser":1,"order":"A-1","rules":3,"scored_at_ms":1763812800000,"signals":[{"code":"click_flood","partner":7,"value":1201,"threshold":1000}]}`.
//! Out: an answer for each line, once it is in the spool. The spool is of this port's own, made at the first score, so that the threads that
//! redirect share no lock with it. A repeat is one more record that says the same. Not here: what a score does (`attribution`). Start at [`handle`].

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use events::{OrderKey, Score, Signal, SignalCode};
use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HOST, HeaderMap},
};
use journal::spool::{self, Durability, Writer};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use units::{AdvertiserId, CatalogVersion, EpochMs, Origin, PartnerId, WriterId};

use crate::{
    edge::spool_root,
    reply::{self, Reply},
    report::{BATCH_LINES_MAX, Json, Refusal},
    reports::{body, token_of},
    settings::THREADS_MAX,
    worker::Shared,
};

/// The writer's number among the threads of its edge: behind all of them.
const WRITER: u16 = THREADS_MAX;

/// The pen, and how many lines met which end.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// `None` before the first score. The admin port's thread alone takes the lock.
    writer: Mutex<Option<Writer>>,
    pub(crate) recorded: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) unauthorised: AtomicU64,
    pub(crate) not_kept: AtomicU64,
}

type Lines = Vec<(usize, Result<Origin, Refusal>)>;

/// Answers a request from `peer`.
pub(crate) async fn handle(
    shared: &Shared,
    scores: &Scores,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Reply {
    let lines = match lines(shared, scores, peer, request).await {
        Ok(lines) => lines,
        Err(refusal) => {
            scores.count(refusal);
            let said = json!({ "error": refusal.code(), "message": refusal.message() });
            return reply::closing(reply::json(refusal.status(), &said));
        }
    };
    let refusals = || lines.iter().filter_map(|(_, result)| result.as_ref().err().copied());
    refusals().for_each(|it| scores.count(it));
    let refused = refusals().count();
    let recorded = lines.len() - refused;
    scores.recorded.fetch_add(recorded as u64, Ordering::Relaxed);
    // One line that could not be recorded makes the whole batch worth sending again.
    let status = match refusals().next() {
        _ if refusals().any(|it| it == Refusal::NotRecorded) => StatusCode::SERVICE_UNAVAILABLE,
        Some(refusal) if recorded == 0 => refusal.status(),
        _ => StatusCode::OK,
    };
    let entries: Vec<Value> = lines
        .iter()
        .map(|(line, result)| match result {
            Ok(origin) => json!({ "line": line, "score": origin.to_string() }),
            Err(refusal) => json!({ "line": line, "error": refusal.code(), "message": refusal.message() }),
        })
        .collect();
    reply::json(status, &json!({ "recorded": recorded, "refused": refused, "lines": entries }))
}

async fn lines(
    shared: &Shared,
    scores: &Scores,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Lines, Refusal> {
    authorise(&shared.options.scores_token.0, peer, request.headers())?;
    let body = body(request).await?;
    let numbered =
        body.split(|byte| *byte == b'\n').zip(1..).map(|(line, number)| (number, line.trim_ascii()));
    let lines: Vec<(usize, &[u8])> = numbered.filter(|(_, line)| !line.is_empty()).collect();
    match lines.len() {
        0 => return Err(Refusal::EmptyBatch),
        count if count > BATCH_LINES_MAX => return Err(Refusal::TooManyLines),
        _ => {}
    }
    let now = (shared.clock)();
    let understood = lines.into_iter().map(|(number, line)| (number, understand(line, now))).collect();
    Ok(scores.record(shared, now, understood))
}

/// Whoever knows the token, where there is one. Else this machine alone, and nobody whose browser was made to speak for him: a page cannot send
/// this type of body to another site, and not name us by an address unless it is ours.
fn authorise(token: &[u8], peer: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get(CONTENT_TYPE).is_none_or(|it| it != "application/x-ndjson") {
        return Err(Refusal::LinesWanted);
    }
    if token.is_empty() {
        let is_here = peer.to_canonical().is_loopback() && names_an_address(headers);
        return if is_here { Ok(()) } else { Err(Refusal::NotFromHere) };
    }
    let given = token_of(headers).ok_or(Refusal::TokenMissing)?;
    if bool::from(given.as_bytes().ct_eq(token)) { Ok(()) } else { Err(Refusal::TokenWrong) }
}

fn names_an_address(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|it| it.to_str().ok()).unwrap_or("");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.parse::<SocketAddr>().is_ok()
        || host.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
}

fn understand(line: &[u8], now: EpochMs) -> Result<Score, Refusal> {
    let line = Json::parse(line)?;
    let Some(Json::Text(order)) = line.get("order").filter(|it| it.scalar().is_some()) else {
        return Err(Refusal::OrderIdMissing);
    };
    if order.len() > OrderKey::ORDER_BYTES_MAX {
        return Err(Refusal::OrderIdTooLong);
    }
    let advertiser = line.text("advertiser").ok_or(Refusal::AdvertiserMissing)?;
    let scored_at_ms: u64 = number(&line, "scored_at_ms").ok_or(Refusal::TimeInvalid)?;
    let Some(Json::List(signals)) = line.get("signals") else { return Err(Refusal::Signals) };
    let signals: Option<Vec<Signal>> = signals.iter().map(signal).collect();
    let signals = signals.filter(|it| Score::is_arranged(it)).ok_or(Refusal::Signals)?;
    Ok(Score {
        origin: Origin::default(),
        received_at: now,
        order: OrderKey {
            advertiser: AdvertiserId(advertiser.parse().map_err(|_| Refusal::AdvertiserUnknown)?),
            order: order.as_str().into(),
        },
        rules: CatalogVersion(number(&line, "rules").ok_or(Refusal::JsonShape)?),
        // The newest score counts: one of a clock that runs ahead must not outlast those that follow it.
        scored_at: EpochMs(scored_at_ms).min(now),
        signals,
    })
}

fn signal(signal: &Json) -> Option<Signal> {
    Some(Signal {
        code: SignalCode::from_text(signal.text("code")?)?,
        partner: PartnerId(number(signal, "partner")?),
        value: number(signal, "value")?,
        threshold: number(signal, "threshold")?,
    })
}

fn number<T: std::str::FromStr>(of: &Json, name: &str) -> Option<T> {
    of.text(name)?.parse().ok()
}

impl Scores {
    /// Appends what was understood. In mode `power` all of it is synced before anybody is told.
    fn record(
        &self,
        shared: &Shared,
        now: EpochMs,
        understood: Vec<(usize, Result<Score, Refusal>)>,
    ) -> Lines {
        let mut kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Lines = understood
            .into_iter()
            .map(|(number, score)| (number, score.and_then(|it| append(&mut kept, shared, now, it))))
            .collect();
        let is_synced = match (&mut *kept, shared.options.durability) {
            (Some(writer), Durability::Power) => writer.sync().is_ok(),
            _ => true,
        };
        if !is_synced {
            lines.iter_mut().filter(|(_, it)| it.is_ok()).for_each(|(_, it)| *it = Err(Refusal::NotRecorded));
        }
        lines
    }

    fn count(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::NotRecorded => &self.not_kept,
            Refusal::NotFromHere | Refusal::TokenMissing | Refusal::TokenWrong => &self.unauthorised,
            _ => &self.malformed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the spool in order.
    pub(crate) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = writer.map(Writer::close) {
            tracing::warn!(%error, "spool of scores not closed in order");
        }
    }
}

fn append(
    kept: &mut Option<Writer>,
    shared: &Shared,
    now: EpochMs,
    mut score: Score,
) -> Result<Origin, Refusal> {
    let refused = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "score not recorded");
        Refusal::NotRecorded
    };
    if kept.is_none() {
        *kept = Some(open(shared, now).map_err(|error| refused(&error))?);
    }
    let writer = kept.as_mut().expect("it was opened above");
    let mut origin = Origin { writer: writer.id(), incarnation: writer.incarnation(), sequence: 0 };
    let appended = writer.append_with(|sequence, out| {
        origin.sequence = sequence;
        score.origin = origin;
        score.encode(out).expect("an order's id and 16 signals fit");
    });
    appended.map(|_| origin).map_err(|error| refused(&error))
}

fn open(shared: &Shared, now: EpochMs) -> Result<Writer, spool::OpenError> {
    let options = &shared.options;
    let spool_options = spool::Options {
        durability: options.durability,
        segment_bytes: options.segment_bytes,
        disk: options.disk.clone(),
        ..spool::Options::default()
    };
    Writer::open(&spool_root(&options.data), WriterId::new(options.edge, WRITER), now, spool_options)
}
