//! One connection: takes the next request that is due, sends it, notes what came of it.
//!
//! In: due requests. Out: a status or an error each, with two latencies. A connection that fails is made anew for the next request.
//! Redirects are not followed: the answer to a click is one. Start at [`work`].

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use pace::{Due, Schedule};
use tokio::{net::TcpStream, time::timeout};

use super::{
    tally::{ErrorKind, Tally},
    target::Target,
};

/// Nothing is sent along.
pub(super) type NoBody = Empty<Bytes>;

/// How long an answer may take, to its last byte.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// An open connection, and to which of the targets.
type Connection = (usize, SendRequest<NoBody>);

/// Sends until the schedule is over.
pub(super) async fn work(schedule: &Schedule, targets: &[Target], tally: &Mutex<Tally>) {
    let mut connection = None;
    while let Some(due) = schedule.next().await {
        if due.is_given_up {
            lock(tally).failed_with(ErrorKind::Unsent);
            continue;
        }
        let sent_at = Instant::now();
        let answer = timeout(ANSWER_MAX, exchange(&mut connection, targets, due)).await;
        let mut tally = lock(tally);
        match answer {
            Ok(Ok(status)) => tally.answered_with(status, due.at, sent_at),
            Ok(Err(kind)) => tally.failed_with(kind),
            Err(_) => tally.failed_with(ErrorKind::Timeout),
        }
        if !matches!(answer, Ok(Ok(_))) {
            connection = None;
        }
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn exchange(
    connection: &mut Option<Connection>,
    targets: &[Target],
    due: Due,
) -> Result<u16, ErrorKind> {
    let turn = usize::try_from(due.number % targets.len() as u64).unwrap_or_default();
    let target = targets.get(turn).ok_or(ErrorKind::Unsent)?;
    // Targets of one address share a connection.
    let is_fit = |open: &Connection| {
        !open.1.is_closed() && targets.get(open.0).is_some_and(|it| it.address == target.address)
    };
    if !connection.as_ref().is_some_and(is_fit) {
        *connection = Some((turn, connect(target).await?));
    }
    let Some((_, sender)) = connection else { return Err(ErrorKind::Connect) };
    sender.ready().await.map_err(|_| ErrorKind::Closed)?;
    let request = target.request(due.number).map_err(|_| ErrorKind::Unsent)?;
    let response = sender.send_request(request).await.map_err(|error| kind_of(&error))?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| kind_of(&error))?;
    }
    Ok(status)
}

async fn connect(target: &Target) -> Result<SendRequest<NoBody>, ErrorKind> {
    let stream = TcpStream::connect(target.address).await.map_err(|_| ErrorKind::Connect)?;
    stream.set_nodelay(true).map_err(|_| ErrorKind::Connect)?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|_| ErrorKind::Connect)?;
    // Its end, good or bad, is seen by the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn kind_of(error: &hyper::Error) -> ErrorKind {
    if error.is_parse() { ErrorKind::Protocol } else { ErrorKind::Closed }
}
