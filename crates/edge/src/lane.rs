//! The fast lane: plain clicks are read, answered and written without a general server, one system call each way.
//!
//! In: a connection. Out: answers, and, as soon as something else stands on it, the connection with what was read and not answered, for hyper, which
//! keeps it. So a slow head, a refusal and a body are hyper's, with its limits; here is only what it costs too much for: by instructions a click through
//! hyper takes twice this way's. Not here: what a plain click is (`plain`). Start at [`clicks`].

use std::{
    io,
    net::IpAddr,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::Instant,
};

use crate::{
    http::{Answer, is_ours, plain_click},
    isolated::isolated,
    plain::Plain,
    reply,
    server::{Phase, draining},
    settings::DRAIN_IDLE,
    worker::{Room, Worker},
};

/// Answers are written out when they have come to so many bytes, although more requests were read already.
const SAID_BYTES_MAX: usize = 16 * 1024;

/// Answers plain clicks. `None`: the connection has ended, or has said nothing for one to two of the settings' `header_timeout`.
pub(crate) async fn clicks(
    worker: &Worker,
    peer: IpAddr,
    mut stream: TcpStream,
    phase: &mut watch::Receiver<Phase>,
) -> io::Result<Option<Rest>> {
    let idle_max = worker.shared.options.header_timeout;
    // Looked at when it has run out and not set again at each request: that alone would cost a tenth of one.
    let mut idle = pin!(tokio::time::sleep(idle_max));
    let mut draining = pin!(draining(phase));
    let (mut was_used, mut is_ending) = (false, false);
    loop {
        let (mut room, heard_bytes) = tokio::select! {
            biased;
            heard = hear(worker, &mut stream) => heard?,
            () = idle.as_mut() => {
                if !was_used || is_ending {
                    return Ok(None);
                }
                was_used = false;
                idle.as_mut().reset(Instant::now() + idle_max);
                continue;
            }
            // A request may be on its way: it is answered, and told that it was the last.
            () = draining.as_mut(), if !is_ending => {
                is_ending = true;
                idle.as_mut().reset(Instant::now() + DRAIN_IDLE);
                continue;
            }
        };
        was_used = true;
        let next = answer(worker, peer, &mut stream, &mut room, heard_bytes, is_ending).await;
        worker.give_back(room);
        match next? {
            Next::Listen => {}
            Next::End => return Ok(None),
            Next::Other(unread) => return Ok(Some(Rest { unread, stream })),
        }
    }
}

/// Waits for bytes; room for them is taken when there are some.
async fn hear(worker: &Worker, stream: &mut TcpStream) -> io::Result<(Box<Room>, usize)> {
    std::future::poll_fn(|context| {
        ready!(stream.poll_read_ready(context))?;
        let mut room = worker.room();
        let mut heard = ReadBuf::new(&mut room.heard);
        let polled = Pin::new(&mut *stream).poll_read(context, &mut heard);
        let heard_bytes = heard.filled().len();
        match polled {
            Poll::Ready(Ok(())) => Poll::Ready(Ok((room, heard_bytes))),
            other => {
                worker.give_back(room);
                other.map_ok(|()| unreachable!("matched above"))
            }
        }
    })
    .await
}

/// How a connection goes on.
#[derive(Debug)]
pub(crate) enum Next {
    Listen,
    End,
    /// What was read and is not a plain click.
    Other(Bytes),
}

/// Answers what was heard, in its order.
pub(crate) async fn answer(
    worker: &Worker,
    peer: IpAddr,
    stream: &mut (impl AsyncWrite + Unpin),
    room: &mut Room,
    heard_bytes: usize,
    is_ending: bool,
) -> io::Result<Next> {
    if heard_bytes == 0 {
        return Ok(Next::End);
    }
    let mut unread = room.heard.get(..heard_bytes).unwrap_or_default();
    let mut next = Next::Listen;
    while !unread.is_empty() && matches!(next, Next::Listen) {
        let Some(plain) = plain(worker, unread) else {
            next = Next::Other(Bytes::copy_from_slice(unread));
            break;
        };
        // What was sent behind it, without waiting, is answered too.
        let is_last = plain.is_last || (is_ending && plain.head_bytes == unread.len());
        if answer_one(worker, peer, &plain, is_last, &mut room.said).await {
            next = Next::End;
        }
        unread = unread.get(plain.head_bytes..).unwrap_or_default();
        if room.said.len() > SAID_BYTES_MAX {
            stream.write_all(&room.said).await?;
            room.said.clear();
        }
    }
    stream.write_all(&room.said).await?;
    if matches!(next, Next::End) {
        stream.shutdown().await?;
    }
    Ok(next)
}

/// To refuse a host that is not ours is hyper's part too.
pub(crate) fn plain<'a>(worker: &Worker, bytes: &'a [u8]) -> Option<Plain<'a>> {
    let is_ours = |it: &Plain<'_>| {
        it.fields.hosts.iter().all(|host| is_ours(host, &worker.shared.options.hosts) == Some(true))
    };
    Plain::read(bytes, worker.country_name()).filter(is_ours)
}

/// Whether it was the connection's last.
pub(crate) async fn answer_one(
    worker: &Worker,
    peer: IpAddr,
    plain: &Plain<'_>,
    mut is_last: bool,
    out: &mut Vec<u8>,
) -> bool {
    let work = async { Some(plain_click(worker, peer, plain).await) };
    let mut failure = None;
    let clicked = isolated(worker, work, |failed| {
        failure = Some(failed);
        None
    });
    let answer = clicked.await;
    // Of this moment, not the click's: that may be another one, where the time header is trusted.
    let date = worker.date(worker.clock());
    let other = match answer {
        Some(Answer::Redirect { location, cookie }) => {
            if reply::write_redirect(&location, cookie.as_deref(), &date, is_last, out) {
                return is_last;
            }
            reply::bad_destination()
        }
        Some(Answer::Other(other)) => other,
        None => {
            is_last = true;
            failure.unwrap_or_else(reply::failed)
        }
    };
    reply::write(other, &date, is_last, out).await;
    is_last
}

/// A connection from which something was read that is still to be understood.
#[derive(Debug)]
pub(crate) struct Rest {
    unread: Bytes,
    stream: TcpStream,
}

impl AsyncRead for Rest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, out);
        }
        let bytes = self.unread.len().min(out.remaining());
        out.put_slice(self.unread.get(..bytes).unwrap_or_default());
        self.unread.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
