//! The peer: the same rows in ClickHouse's tables in memory, joined by its own hash ASOF JOIN on one thread.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, ensure};
use chdb::testing::Shared;

use super::world::{WINDOW_MS, World};

/// Bytes of one INSERT.
const PART_BYTES: usize = 21 * 1_000_000;

/// Orders by credited partner, and the processor's seconds of the join alone.
pub(super) fn attribute(world: &World) -> Result<(BTreeMap<u32, u64>, f64)> {
    let engine = chdb::testing::shared();
    let database = engine.fresh_database();
    let tables = [
        ("clicks", "visitor UInt64, at UInt64, partner UInt32, valid UInt8", &world.clicks, 21),
        ("orders", "visitor UInt64, at UInt64", &world.orders, 16),
    ];
    for (table, columns, rows, row_bytes) in tables {
        post(engine, &format!("CREATE TABLE {database}.{table} ({columns}) ENGINE = Memory"), &[])?;
        for part in rows.chunks(PART_BYTES / row_bytes * row_bytes) {
            post(engine, &format!("INSERT INTO {database}.{table} FORMAT RowBinary"), part)?;
        }
    }
    let join = format!(
        "SELECT c.partner, count() FROM {database}.orders AS o \
         ASOF JOIN (SELECT visitor, at, partner FROM {database}.clicks WHERE valid) AS c \
         ON o.visitor = c.visitor AND o.at >= c.at \
         WHERE o.at - c.at < {WINDOW_MS} GROUP BY c.partner ORDER BY c.partner \
         SETTINGS max_threads = 1, join_algorithm = 'hash' FORMAT TabSeparated"
    );
    let (answer, seconds) = crate::process::cpu_seconds(|| post(engine, &join, &[]));
    let number = |line: &str| {
        let (partner, count) = line.split_once('\t').context("two columns")?;
        Ok((partner.parse::<u32>()?, count.parse::<u64>()?))
    };
    let credited = answer?.lines().map(number).collect::<Result<_>>()?;
    Ok((credited, seconds))
}

/// One statement over HTTP; the body of the answer. Of what a URL must not hold, statements here have these four.
fn post(engine: &Shared, statement: &str, body: &[u8]) -> Result<String> {
    let address = engine.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    let query = statement.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E").replace('=', "%3D");
    write!(
        stream,
        "POST /?query={query} HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        engine.user,
        engine.password,
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, text) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "ClickHouse refused: {answer}");
    Ok(if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunked(text)
    } else {
        text.to_owned()
    })
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(part) = rest.get(..size).filter(|it| !it.is_empty()) else { break };
        whole.push_str(part);
        text = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
