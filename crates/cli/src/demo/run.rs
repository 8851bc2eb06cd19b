//! A demo from its first line to its verdict.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    Options,
    browser::Browser,
    chance::Chance,
    compare::{Difference, Found, compare, expected},
    judge::{Book, Expected},
    product::{Product, free_ports},
    program::{DAY_MS, Program},
    reader::Reader,
    show,
    traffic::{Counts, Stage, play},
    world::{Stretch, World},
};
use crate::{clock, output::Output, settings::variable_of_key, shutdown};

/// Event time that the first stretch plays.
const PAST_MS: u64 = 7 * DAY_MS;
/// The first stretch on the wall, where no end was asked for; later ones run in real time.
const STRETCH_MS: u64 = 60_000;
/// How long the product may take to answer at first: the engine may have to be fetched.
const READY_MAX: Duration = Duration::from_mins(15);
/// How long reports under way may take after the last click.
const FINISH_MAX: Duration = Duration::from_secs(90);
/// How long ClickHouse may take to show everything after that.
const SETTLE_MAX: Duration = Duration::from_secs(90);
/// Differences that have not moved for this long will not go away.
const STUCK_AFTER: Duration = Duration::from_secs(15);

/// Where the product is.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) edge: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) reader: Reader,
    pub(crate) writer: (String, String),
}

/// Everything one demo holds.
pub(crate) struct Demo {
    options: Options,
    output: Output,
    data: PathBuf,
    addresses: Addresses,
    program: Arc<Program>,
    product: Product,
    stage: Arc<Stage>,
    chance: Chance,
    kills: u64,
}

/// Runs a demo; `true` where nothing differed.
pub(crate) async fn run(options: Options, output: Output) -> anyhow::Result<bool> {
    let temporary = if options.data.is_some() {
        None
    } else {
        Some(tempfile::tempdir().context("cannot make a temporary folder")?)
    };
    let data = match (&options.data, &temporary) {
        (Some(data), _) => data.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => bail!("no folder for the data"),
    };
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let mut demo = Demo::start(options, output, data)?;
    demo.wait_until_ready().await?;
    show::ready(output, &demo.addresses, &demo.program);
    let is_right = demo.play().await?;
    let Demo { product, .. } = demo;
    product.stop()?;
    Ok(is_right)
}

impl Demo {
    fn start(options: Options, output: Output, data: PathBuf) -> anyhow::Result<Self> {
        let program = Arc::new(Program::new(options.seed));
        let catalog = data.join("demo-catalog.toml");
        std::fs::write(&catalog, &program.text)
            .with_context(|| format!("cannot write {}", catalog.display()))?;
        let [edge, admin, engine, pipeline, warehouse] = free_ports::<5>()?;
        let mut chance = Chance::new(options.seed ^ clock::now().0).fork(9);
        let password = |name: &str| crate::roles::password(&data, name);
        let (writer, reader) = (password("clickhouse")?, password("reader")?);
        let settings = [
            ("data", data.display().to_string()),
            ("catalog", catalog.display().to_string()),
            ("edge.listen", edge.to_string()),
            ("edge.admin", admin.to_string()),
            ("edge.trust_time_header", "true".to_owned()),
            ("edge.trusted_proxies", "127.0.0.0/8".to_owned()),
            ("engine.listen", engine.to_string()),
            ("pipeline.admin", pipeline.to_string()),
            ("warehouse.admin", warehouse.to_string()),
            ("clickhouse.password", writer.clone()),
            ("engine.reader_password", reader.clone()),
            ("log.level", options.log_level.clone()),
            ("demo.sabotage", options.sabotage.clone().unwrap_or_default()),
            ("kafka.brokers", options.kafka.clone().unwrap_or_default()),
            ("kafka.prefix", topic_prefix(&data, &mut chance)?),
        ];
        let environment = settings.into_iter().map(|(key, value)| (variable_of_key(key), value)).collect();
        let product = Product::start(environment)?;
        let reader = Reader {
            address: engine,
            user: "reader".to_owned(),
            password: reader,
            database: "tributary".to_owned(),
        };
        let addresses = Addresses { edge, admin, reader, writer: ("tributary".to_owned(), writer) };
        let book = Book::load(&data)?;
        let stage = Arc::new(Stage {
            edge,
            program: Arc::clone(&program),
            book: Mutex::new(book),
            counts: Counts::default(),
            is_over: watch::Sender::new(false),
            oddities: Mutex::default(),
        });
        Ok(Self { options, output, data, addresses, program, product, stage, chance, kills: 0 })
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_MAX;
        let mut admin = Browser::new(self.addresses.admin);
        loop {
            let edge = admin.send("GET", "/readyz", &[], "").await.is_some_and(|it| it.status == 200);
            if edge && self.addresses.reader.rows("SELECT count() FROM rollup_daily").await.is_ok() {
                return Ok(());
            }
            if self.product.has_ended()? {
                bail!("the product ended before it was ready; what it said stands above");
            }
            if deadline <= Instant::now() {
                bail!(
                    "the product was not ready within {} s; `tributary doctor` may say why",
                    READY_MAX.as_secs()
                );
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Plays the visitors, kills as asked, and judges; without `--seconds` until interrupted.
    async fn play(&mut self) -> anyhow::Result<bool> {
        let interrupted = tokio::spawn(shutdown::requested());
        let start = Instant::now();
        let mut live = show::Live::new(self.output);
        let mut next_kill = self.options.kill_every.map(|every| start + every);
        let mut plan = Plan::new(&self.options, clock::now().0);
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            if self.options.traffic && plan.wants_more(start) {
                let (world_seed, label, stretch, from) = plan.next(start, &mut self.chance);
                for visitor in World::new(&self.program, world_seed, &label).play(stretch) {
                    tasks.spawn(play(Arc::clone(&self.stage), visitor, from));
                }
            }
            while tasks.try_join_next().is_some() {}
            if next_kill.is_some_and(|at| at <= Instant::now()) {
                self.kill()?;
                next_kill = self.options.kill_every.map(|every| Instant::now() + every);
            }
            if self.product.has_ended()? {
                bail!("the supervisor ended by itself; what it said stands above");
            }
            live.tick(&self.stage.counts, self.kills);
            let is_done = self.options.seconds.is_some_and(|seconds| start + seconds <= Instant::now());
            if is_done || interrupted.is_finished() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        live.end();
        if !self.options.traffic {
            show::nothing_to_judge(self.output);
            return Ok(true);
        }
        self.finish(tasks).await
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        if self.options.kill_all && self.chance.happens(250) {
            self.product.kill_all()?;
            self.kills += 1;
            self.output.say("killed everything");
        } else if let Some(role) = self.product.kill_one(self.chance.next()) {
            self.kills += 1;
            self.output.say(&format!("killed {role}"));
        }
        Ok(())
    }

    /// Lets reports under way arrive, waits until ClickHouse shows everything, and says what differs.
    async fn finish(&mut self, mut tasks: tokio::task::JoinSet<()>) -> anyhow::Result<bool> {
        self.stage.is_over.send_replace(true);
        self.output.say("traffic has ended; waiting for reports under way");
        let all = async { while tasks.join_next().await.is_some() {} };
        let finished = tokio::time::timeout(FINISH_MAX, all).await.is_ok();
        tasks.abort_all();
        let mut book = std::mem::take(&mut *self.stage.book.lock().expect("no holder panics"));
        book.was_killed |= self.kills > 0;
        book.keep(&self.data)?;
        let (difference, found) = self.settle(&book).await?;
        let gaps = self.gaps().await?;
        let verdict = self.verdict(&book, &difference, gaps).await?;
        let lost = self.stage.counts.reports_lost.load(Ordering::Relaxed);
        let odd = self.stage.counts.odd_answers.load(Ordering::Relaxed);
        let is_right = finished && difference.is_none() && gaps == 0 && lost == 0 && odd == 0;
        show::verdict(self.output, &verdict, &difference, is_right);
        for oddity in self.stage.oddities.lock().expect("no holder panics").iter() {
            self.output.say(&format!("an odd answer: {oddity}"));
        }
        let expected = expected(&book, &found, &self.program.catalog);
        show::partners(self.output, &self.addresses.reader, &expected).await?;
        show::keys(self.output, &self.addresses.reader).await?;
        self.explain(&expected).await?;
        Ok(is_right)
    }

    async fn settle(&mut self, book: &Book) -> anyhow::Result<(Difference, Found)> {
        let deadline = Instant::now() + SETTLE_MAX;
        let mut last = (Difference::default(), Found::default());
        let mut moved = Instant::now();
        loop {
            match Found::read(&self.addresses.reader).await {
                Ok(found) => {
                    let difference = compare(book, &found, &self.program.catalog);
                    if difference.is_none() {
                        return Ok((difference, found));
                    }
                    if difference != last.0 {
                        moved = Instant::now();
                    }
                    last = (difference, found);
                }
                // A killed engine is on its way back.
                Err(error) if deadline <= Instant::now() => return Err(error),
                Err(_) => moved = Instant::now(),
            }
            if deadline <= Instant::now() || moved + STUCK_AFTER <= Instant::now() {
                return Ok(last);
            }
            sleep(Duration::from_millis(400)).await;
        }
    }

    /// What the product's own audit finds missing between spool, log and facts.
    async fn gaps(&self) -> anyhow::Result<u64> {
        let output = self.tool(&["audit", "--json"], true).await?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let summary = lines
            .lines()
            .filter_map(|it| serde_json::from_str::<Value>(it).ok())
            .find(|it| it.get("event").and_then(Value::as_str) == Some("audit"));
        summary.and_then(|it| it.get("gaps")?.as_u64()).context("`tributary audit` gave no result")
    }

    /// Why the most interesting order went where it went, as an operator asks for it.
    async fn explain(&self, expected: &Expected) -> anyhow::Result<()> {
        let Some((advertiser, order)) = expected.most_interesting().filter(|_| self.output == Output::People)
        else {
            return Ok(());
        };
        let advertiser = advertiser.to_string();
        self.output.text(&format!("\ntributary explain {order} --advertiser {advertiser}"));
        self.tool(&["explain", &order, "--advertiser", &advertiser], false).await.map(drop)
    }

    /// Runs a command of this program against the product; what it says is shown, or its answer kept.
    async fn tool(&self, arguments: &[&str], is_kept: bool) -> anyhow::Result<std::process::Output> {
        let binary = std::env::current_exe().context("cannot find this program's own file")?;
        let (user, password) = &self.addresses.writer;
        let mut command = std::process::Command::new(binary);
        command
            .args(arguments)
            .env("TRIBUTARY_DATA", &self.data)
            .env("TRIBUTARY_CLICKHOUSE__URL", format!("http://{}", self.addresses.reader.address))
            .env("TRIBUTARY_CLICKHOUSE__USER", user)
            .env("TRIBUTARY_CLICKHOUSE__PASSWORD", password)
            .stderr(std::process::Stdio::inherit())
            .stdout(if is_kept { std::process::Stdio::piped() } else { std::process::Stdio::inherit() });
        let run = tokio::task::spawn_blocking(move || command.output()).await?;
        run.with_context(|| format!("cannot run `tributary {}`", arguments.join(" ")))
    }

    async fn verdict(&self, book: &Book, difference: &Difference, gaps: u64) -> anyhow::Result<Value> {
        let sql = "SELECT currency, toString(sum(revenue)) FROM credits GROUP BY currency ORDER BY currency";
        let rows = self.addresses.reader.rows(sql).await?;
        let revenue: serde_json::Map<_, _> =
            rows.into_iter().filter_map(|it| Some((it.first()?.clone(), json!(it.get(1)?)))).collect();
        let orders: std::collections::BTreeSet<_> =
            book.reports.iter().map(|it| (it.shop, &it.order)).collect();
        Ok(json!({
            "event": "verdict",
            "clicks_sent": book.clicks.len(),
            "clicks_recorded": difference.clicks_recorded,
            "clicks_in_clickhouse": difference.clicks_in_clickhouse,
            "orders_sent": orders.len(),
            "orders_decided": difference.orders_decided,
            "orders_credited": difference.orders_credited,
            "revenue": revenue,
            "cells": difference.cells,
            "cell_mismatches": difference.cell_mismatches + difference.click_mismatches,
            "credit_mismatches": difference.credit_mismatches,
            "gaps": gaps,
            "kills": self.kills,
        }))
    }
}

/// Which stretch of event time is played when.
struct Plan {
    seed: u64,
    run: u64,
    rate: u64,
    seconds: Option<Duration>,
    now_ms: u64,
    played: u64,
    until: Duration,
}

impl Plan {
    fn new(options: &Options, now_ms: u64) -> Self {
        // Tags hold the run's own second, so that runs on kept data never share one.
        Self {
            seed: options.seed,
            run: now_ms / 1_000,
            rate: options.rate,
            seconds: options.seconds,
            now_ms,
            played: 0,
            until: Duration::ZERO,
        }
    }

    fn wants_more(&self, start: Instant) -> bool {
        start + self.until <= Instant::now() && (self.played == 0 || self.seconds.is_none())
    }

    /// The past week first, at a run; after that, where no end was asked for, the present, minute by minute.
    fn next(&mut self, start: Instant, chance: &mut Chance) -> (u64, String, Stretch, Instant) {
        let wall_ms =
            self.seconds.map_or(STRETCH_MS, |it| u64::try_from(it.as_millis()).unwrap_or(STRETCH_MS));
        let clicks = self.rate * wall_ms / 1_000;
        let stretch = if self.played == 0 {
            Stretch { from_ms: self.now_ms - PAST_MS, to_ms: self.now_ms, wall_ms, clicks }
        } else {
            let from_ms = clock::now().0;
            Stretch { from_ms, to_ms: from_ms + wall_ms, wall_ms, clicks }
        };
        let from = start + self.until;
        let label = format!("{}.{}", self.run, self.played);
        let seed = if self.played == 0 { self.seed } else { self.seed ^ chance.next() };
        self.played += 1;
        self.until += Duration::from_millis(wall_ms);
        (seed, label, stretch, from)
    }
}

/// Topics of this data folder alone, so that a broker can serve many demos; the same again where the data is kept.
fn topic_prefix(data: &Path, chance: &mut Chance) -> anyhow::Result<String> {
    let path = data.join("demo-topics");
    if let Ok(kept) = std::fs::read_to_string(&path) {
        return Ok(kept);
    }
    let prefix = format!("demo-{:08x}", chance.next() >> 32);
    std::fs::write(&path, &prefix).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(prefix)
}
