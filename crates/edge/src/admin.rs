//! The admin port: is the process alive, may it get visitors, what has it counted.
//!
//! In: the workers' counters and the state of catalog and spool. Out: `/livez`, `/readyz` (`?verbose` lists the checks), `/metrics`, `/version`.
//! Unauthenticated, so by default on loopback, and read-only but for `/scores` (`scores`), which asks who is there. Kafka's state is no check: while
//! the spool has room, visitors are served.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use hyper::{Method, Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use journal::spool::Durability;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    counters::Outcome,
    edge::State,
    reply::{self, Reply},
    scores,
    server::{self, Phase},
};

/// Requests of monitors are short and rare.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until the process drains.
pub(crate) async fn run(
    state: Arc<State>,
    listener: std::net::TcpListener,
    mut phase: watch::Receiver<Phase>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "admin listener not usable");
            return;
        }
    };
    let accept = async {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let state = Arc::clone(&state);
            let service = service_fn(move |request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(&state, peer.ip(), request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            // A monitor that hangs up is its own affair.
            tokio::spawn(async move { drop(connection.await) });
        }
    };
    tokio::select! {
        () = accept => {}
        () = server::draining(&mut phase) => {}
    }
    state.scores.close();
}

async fn answer(state: &State, peer: IpAddr, request: Request<Incoming>) -> Reply {
    if *request.method() == Method::POST && request.uri().path() == "/scores" {
        return scores::handle(&state.shared, &state.scores, peer, request).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return reply::text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
    }
    match request.uri().path() {
        // People type the old name.
        "/livez" | "/healthz" => reply::text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => {
            let is_verbose =
                request.uri().query().is_some_and(|it| it.split('&').any(|it| it.starts_with("verbose")));
            ready(state, is_verbose)
        }
        "/metrics" => reply::metrics(crate::metrics::page(state)),
        "/version" => reply::text(StatusCode::OK, format!("tributary {}\n", env!("CARGO_PKG_VERSION"))),
        _ => reply::text(StatusCode::NOT_FOUND, "no such page\n".to_owned()),
    }
}

/// One check of `/readyz`.
struct Check {
    name: &'static str,
    is_well: bool,
    /// A check that is not well but does not keep visitors away.
    is_warning: bool,
    said: String,
}

fn ready(state: &State, is_verbose: bool) -> Reply {
    let checks = checks(state);
    let is_ready = checks.iter().all(|it| it.is_well || it.is_warning);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut text = String::new();
    if is_verbose || !is_ready {
        for check in &checks {
            let mark = match (check.is_well, check.is_warning) {
                (true, _) => "+",
                (false, true) => "!",
                (false, false) => "-",
            };
            text.extend(["[", mark, "] ", check.name, ": ", &check.said, "\n"]);
        }
    }
    text.push_str(if is_ready { "ready\n" } else { "not ready\n" });
    reply::text(status, text)
}

/// Kafka's trouble is ours to tell and no reason to send visitors away: the spool holds what it does not take.
fn shipper(state: &State) -> Check {
    let (is_well, said) = match state.shipped() {
        None => (true, "none: the log is embedded".to_owned()),
        Some(shipped) => {
            let trouble = shipped.trouble.as_deref().unwrap_or("none");
            let (acknowledged, lag) = (shipped.acknowledged, shipped.lag_records);
            (
                shipped.trouble.is_none(),
                format!("{acknowledged} acknowledged, {lag} behind, trouble: {trouble}"),
            )
        }
    };
    Check { name: "shipper", is_well, is_warning: true, said }
}

fn checks(state: &State) -> Vec<Check> {
    let version = state.shared.routes.load().as_ref().map(|it| it.version());
    let phase = *state.phase.borrow();
    let unrecorded = state.unrecorded();
    let durability = match state.shared.options.durability {
        Durability::Process => "process: what is answered survives the death of every process",
        Durability::Power => "power: what is answered survives the loss of power",
    };
    vec![
        Check {
            name: "serving",
            is_well: phase == Phase::Running,
            is_warning: false,
            said: if phase == Phase::Running { "yes".to_owned() } else { "shutting down".to_owned() },
        },
        Check {
            name: "catalog",
            is_well: version.is_some(),
            is_warning: false,
            said: version.map_or_else(|| "none yet".to_owned(), |it| format!("version {it}")),
        },
        Check {
            name: "catalog_versions_broken",
            is_well: state.broken_versions() == 0,
            is_warning: true,
            said: state.broken_versions().to_string(),
        },
        Check {
            name: "spool",
            is_well: state.is_writable(),
            // Redirects go on without it (reliability.md P11).
            is_warning: true,
            said: if state.is_writable() { "writable".to_owned() } else { "the disk refuses".to_owned() },
        },
        shipper(state),
        Check { name: "durability", is_well: true, is_warning: false, said: durability.to_owned() },
        Check {
            name: "unrecorded",
            is_well: unrecorded == 0,
            is_warning: true,
            said: format!(
                "{unrecorded} clicks so far, {} reports since the start",
                state.outcome(Outcome::ReportUnrecorded)
            ),
        },
    ]
}
