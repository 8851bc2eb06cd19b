//! Freshness: how long after its answer a click is in `clicks` and in the rollups, while a thousand come in every second.
//!
//! The product runs as its users start it, `tributary demo` with all its processes, on loopback and an empty folder; the load is open-loop, so that a
//! slow answer delays nobody else's request; two readers ask the views over and over. A click's time runs from its own answer to the
//! first reading that has it, so the reader's interval and the query are in it. The peers are the limits. Start at [`run`].

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    engine::{self, Login},
    process,
    redirect::client::is_whole,
    row::{Bound, Row},
};

/// Clicks a second.
const RATE: u32 = 1_000;
/// Seconds of load, at full scale.
const SECONDS: f64 = 30.0;
/// Kept connections that take turns.
const CONNECTIONS: u32 = 16;
/// What design.md 10 promises, in milliseconds.
const CLICKS_LIMIT_MS: f64 = 2_000.0;
const ROLLUPS_LIMIT_MS: f64 = 4_000.0;
/// Between two readings.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// For the product to start, and for the last click to show.
const PATIENCE: Duration = Duration::from_mins(2);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The reader looks this much further back than it must.
const SLACK_MS: u64 = 100;

/// When each click was answered.
type Answered = Arc<Mutex<Vec<Option<Instant>>>>;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
pub(crate) fn run(scale: f64) -> Result<Vec<Row>> {
    let count = ((SECONDS * scale) as usize).max(5) * RATE as usize;
    let folder = tempfile::tempdir()?;
    let product = Product::start(&folder.path().join("data"))?;
    let answered: Answered = Arc::new(Mutex::new(vec![None; count]));
    let since = process::clock().0;
    let (in_clicks, in_rollups) = std::thread::scope(|scope| {
        let clicks = scope.spawn(|| read_clicks(&product.login, &answered, since));
        let rollups = scope.spawn(|| read_rollups(&product.login, &answered));
        send(&product.link, &answered)?;
        let clicks = clicks.join().expect("the reader of clicks does not panic");
        let rollups = rollups.join().expect("the reader of rollups does not panic");
        Ok::<_, anyhow::Error>((clicks?, rollups?))
    })?;
    let row = |name, limit_ms, waits: Vec<f64>| {
        let at = |share: f64| percentile(&waits, share);
        eprintln!(
            "{name}: {} clicks at {RATE}/s: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
            waits.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        Row { name, ours: at(0.99), peer: limit_ms, unit: "ms (peer: the limit)", bound: Bound::AtMost(1.0) }
    };
    Ok(vec![
        row("freshness_clicks_p99", CLICKS_LIMIT_MS, in_clicks),
        row("freshness_rollups_p99", ROLLUPS_LIMIT_MS, in_rollups),
    ])
}

/// The running product. Ended when dropped; its processes end with it.
struct Product {
    child: Child,
    login: Login,
    /// `http://HOST:PORT/c/CODE`.
    link: String,
}

impl Product {
    fn start(data: &Path) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("tributary");
        ensure!(program.is_file(), "{} is missing: run `cargo build --release`", program.display());
        let mut child = Command::new(&program)
            .args(["demo", "--traffic", "off", "--json", "--data"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut line = String::new();
        let ready = loop {
            line.clear();
            ensure!(lines.read_line(&mut line)? > 0, "the product ended before it was ready");
            let said: Value = serde_json::from_str(&line)?;
            if said.get("event").is_some_and(|it| it == "ready") {
                break said;
            }
        };
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let text = |pointer: &str| {
            let found = ready.pointer(pointer).and_then(Value::as_str);
            found.map(str::to_owned).with_context(|| format!("no {pointer} in {ready}"))
        };
        let login = Login {
            url: text("/clickhouse/url")?.trim_end_matches('/').to_owned(),
            user: text("/reader/user")?,
            password: text("/reader/password")?,
        };
        Ok(Self { child, login, link: text("/links/0/url")? })
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // Its processes end when their input closes, which its own end does.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends click `n` when its time has come, and notes when it was answered.
fn send(link: &str, answered: &Answered) -> Result<()> {
    let rest = link.strip_prefix("http://").context("a link over HTTP")?;
    let (host, path) = rest.split_once('/').context("a link with a path")?;
    let count = lock(answered).len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let begun = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..CONNECTIONS as usize)
            .map(|first| {
                let (host, path, answered) = (host.to_owned(), path.to_owned(), Arc::clone(answered));
                tokio::task::spawn_local(async move {
                    let mut stream = TcpStream::connect(&host).await?;
                    stream.set_nodelay(true)?;
                    for n in (first..count).step_by(CONNECTIONS as usize) {
                        let due = Duration::from_secs(1) * u32::try_from(n)? / RATE;
                        tokio::time::sleep_until(begun + due).await;
                        click(&mut stream, &host, &path, n).await?;
                        if let Some(place) = lock(&answered).get_mut(n) {
                            *place = Some(Instant::now());
                        }
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.context("a connection's task")??;
        }
        Ok(())
    })
}

async fn click(stream: &mut TcpStream, host: &str, path: &str, n: usize) -> Result<()> {
    let request = format!(
        "GET /{path}?sub1={n} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nAccept-Language: en\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        ensure!(read > 0, "the edge closed the connection");
        filled += read;
        if is_whole(buffer.get(..filled).unwrap_or_default())? {
            return Ok(());
        }
    }
}

/// Reads `clicks` until every click was seen. How long each took, in milliseconds. `since`: no click is older, in epoch ms.
fn read_clicks(login: &Login, answered: &Answered, since: u64) -> Result<Vec<f64>> {
    let count = lock(answered).len();
    let mut seen: BTreeMap<usize, Instant> = BTreeMap::new();
    let (mut unseen, mut last_growth) = (0_usize, Instant::now());
    while seen.len() < count {
        // No click is sent before its turn, and all before this one were seen.
        let from = since + unseen as u64 * 1_000 / u64::from(RATE) - SLACK_MS;
        let statement = format!(
            "SELECT sub1 FROM tributary.clicks WHERE at >= fromUnixTimestamp64Milli({from}) FORMAT TabSeparated"
        );
        let answer = engine::post_to(login, &statement, &[])?;
        let (now, before) = (Instant::now(), seen.len());
        for n in answer.lines().filter_map(|it| it.parse().ok()) {
            seen.entry(n).or_insert(now);
        }
        if seen.len() > before {
            last_growth = now;
        }
        while seen.contains_key(&unseen) {
            unseen += 1;
        }
        ensure!(last_growth.elapsed() < PATIENCE, "only {} of {count} clicks show", seen.len());
        std::thread::sleep(READ_PAUSE);
    }
    let answered = lock(answered);
    let waits = seen.iter().filter_map(|(n, at)| Some(ms(at.duration_since((*answered.get(*n)?)?))));
    Ok(waits.collect())
}

/// Reads the rollups until they hold every click. Rollups have no names of clicks: the click that was answered as the nth is there when they
/// count n.
fn read_rollups(login: &Login, answered: &Answered) -> Result<Vec<f64>> {
    let count = lock(answered).len();
    let mut shown_at = Vec::with_capacity(count);
    let mut last_growth = Instant::now();
    while shown_at.len() < count {
        let statement = "SELECT sum(clicks) FROM tributary.rollup_quarter FORMAT TabSeparated";
        let total: usize = engine::post_to(login, statement, &[])?.trim().parse()?;
        let now = Instant::now();
        if total > shown_at.len() {
            last_growth = now;
        }
        shown_at.resize(total.max(shown_at.len()).min(count), now);
        ensure!(last_growth.elapsed() < PATIENCE, "only {total} of {count} clicks are rolled up");
        std::thread::sleep(READ_PAUSE);
    }
    let mut answered: Vec<Instant> = lock(answered).iter().copied().flatten().collect();
    answered.sort();
    Ok(answered.iter().zip(shown_at).map(|(answered, shown)| ms(shown.duration_since(*answered))).collect())
}

fn lock(answered: &Answered) -> std::sync::MutexGuard<'_, Vec<Option<Instant>>> {
    answered.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a small count"
)]
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}
