//! The load: a fixed number of kept connections, each sending its next request when the last one is answered.

use std::{cell::Cell, net::SocketAddr, rc::Rc};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::requests::request;

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Load {
    connections: u16,
    cookies: Rc<[String]>,
    /// Requests made so far, over all servers: none is made twice.
    made: Rc<Cell<u64>>,
}

impl Load {
    pub(super) fn new(connections: u16, cookies: Vec<String>) -> Self {
        Self { connections, cookies: cookies.into(), made: Rc::default() }
    }

    /// Sends `count` requests and waits for all answers.
    pub(super) fn send(&mut self, to: SocketAddr, count: u64) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let end = self.made.get() + count;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let tasks: Vec<_> = (0..self.connections)
                .map(|_| {
                    let (made, cookies) = (Rc::clone(&self.made), Rc::clone(&self.cookies));
                    tokio::task::spawn_local(connection(to, made, end, cookies))
                })
                .collect();
            for task in tasks {
                task.await.context("a connection's task")??;
            }
            Ok(())
        })
    }
}

async fn connection(to: SocketAddr, made: Rc<Cell<u64>>, end: u64, cookies: Rc<[String]>) -> Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    while made.get() < end {
        let n = made.replace(made.get() + 1);
        stream.write_all(&request(n, &cookies)).await?;
        let mut filled = 0;
        loop {
            let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            if is_whole(buffer.get(..filled).unwrap_or_default())? {
                break;
            }
        }
    }
    Ok(())
}

/// Whether `answer` is a redirect with all its bytes.
pub(crate) fn is_whole(answer: &[u8]) -> Result<bool> {
    ensure!(answer.len() < 12 || answer.starts_with(b"HTTP/1.1 302"), "not a redirect");
    let Some(head_bytes) = find(answer, b"\r\n\r\n").map(|at| at + 4) else { return Ok(false) };
    let head = answer.get(..head_bytes).unwrap_or_default();
    let length = find(head, b"ontent-").and_then(|_| {
        let line = head.split(|byte| *byte == b'\n').find(|line| is_length(line))?;
        std::str::from_utf8(line.get(15..)?).ok()?.trim().parse::<usize>().ok()
    });
    Ok(answer.len() >= head_bytes + length.unwrap_or(0))
}

fn is_length(line: &[u8]) -> bool {
    line.get(..15).is_some_and(|it| it.eq_ignore_ascii_case(b"content-length:"))
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}
