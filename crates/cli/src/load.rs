//! `tributary load`: requests at a fixed rate, and how long each took from the instant it was due.
//!
//! In: URLs, a rate, a time. Out: percentiles, statuses and errors. The schedule is an open loop: it does not wait for answers, so a server that
//! stalls meets the same requests and every one of them counts its wait. Not here: sending (`client`), the schedule (crate `pace`), the sums (`tally`).
//! Start at [`run`].

mod client;
mod tally;
mod target;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use pace::Schedule;
use serde_json::json;

pub(crate) use self::target::Apart;
use self::{tally::Tally, target::Target};
use crate::output::Output;

/// Most requests a second: beyond it one generator is the bottleneck.
const RATE_MAX: i64 = 1_000_000;
/// Most connections: a process may open about this many files.
const CONNECTIONS_MAX: i64 = 10_000;
/// Longest run.
const SECONDS_MAX: i64 = 86_400;
/// Lateness of the generator itself from which on it says so: below it, timers and a busy machine are the usual.
const OWN_LATENESS_US_TOLD: u64 = 5_000;
/// Part of the intended rate below which the answer says so, in percent.
const RATE_PERCENT_MIN: f64 = 98.0;

/// What to send.
#[derive(Debug, Args)]
pub(crate) struct LoadFlags {
    /// Where to, by http; several take turns, and `{number}` becomes the request's number
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// Requests a second, over all URLs
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    rate: u32,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    seconds: u32,
    /// Kept open and used again; a request that finds all of them busy waits, and its wait counts
    #[arg(long, value_name = "C", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    connections: u32,
    /// Sent with every request, such as `User-Agent: Mozilla/5.0`; may be given again
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Send to another machine than this one; ask its owner first
    #[arg(long)]
    allow_remote: bool,
    /// One JSON line instead of tables
    #[arg(long)]
    json: bool,
}

/// `false`: requests were not answered.
pub(crate) fn run(flags: &LoadFlags) -> anyhow::Result<bool> {
    let output = Output::new(flags.json);
    let targets = target::all(&flags.urls, &flags.headers, flags.allow_remote)?;
    let schedule = Schedule::new(flags.rate, flags.seconds);
    output.say(&format!(
        "{} requests to {}, {} a second over {} connections",
        schedule.total(),
        flags.urls.join(" "),
        flags.rate,
        flags.connections
    ));
    let tally = measure(&Arc::new(schedule), targets, flags.connections)?;
    show(flags, &tally, output);
    Ok(tally.failed() == 0)
}

fn measure(schedule: &Arc<Schedule>, targets: Vec<Target>, connections: u32) -> anyhow::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let (targets, tally) = (Arc::new(targets), Arc::new(Mutex::new(Tally::default())));
    let pacer = pace::start(Arc::clone(schedule), connections).context("cannot start a thread")?;
    runtime.block_on(async {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let (schedule, targets, tally) =
                    (Arc::clone(schedule), Arc::clone(&targets), Arc::clone(&tally));
                tokio::spawn(async move { client::work(&schedule, &targets, &tally).await })
            })
            .collect();
        for worker in workers {
            worker.await.context("a connection's task failed")?;
        }
        anyhow::Ok(())
    })?;
    let late_us_max = pacer.join().map_err(|_| anyhow::anyhow!("the schedule's thread failed"))?;
    let mut tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    tally.late_us_max = late_us_max;
    Ok(tally)
}

fn show(flags: &LoadFlags, tally: &Tally, output: Output) {
    let achieved = tally.rate_achieved();
    let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];
    if output == Output::People {
        let row = |(name, at): (&str, f64)| {
            let ms = |us: u64| format!("{:.3}", tally::ms(us));
            vec![name.to_owned(), ms(tally.due_us(at)), ms(tally.sent_us(at))]
        };
        output.table(&["latency, ms", "since due", "since sent"], &percentiles.map(row));
        let statuses = tally.statuses.iter().map(|(code, count)| (format!("status {code}"), *count));
        let errors = tally.errors.iter().map(|(kind, count)| (kind.words().to_owned(), *count));
        let rows: Vec<_> =
            statuses.chain(errors).map(|(name, count)| vec![name, count.to_string()]).collect();
        output.table(&["answer", "requests"], &rows);
        output.text(&format!("{achieved:.1} answers a second, {} were due", flags.rate));
    }
    let of = |value: fn(&Tally, f64) -> u64| -> serde_json::Value {
        let pairs =
            percentiles.map(|(name, at)| (name.replace('.', "_"), json!(tally::ms(value(tally, at)))));
        serde_json::Value::Object(pairs.into_iter().collect())
    };
    let errors: serde_json::Map<_, _> =
        tally.errors.iter().map(|(kind, count)| (kind.code().to_owned(), json!(count))).collect();
    let statuses: serde_json::Map<_, _> =
        tally.statuses.iter().map(|(code, count)| (code.to_string(), json!(count))).collect();
    let notes = notes(flags, tally);
    for note in &notes {
        output.say(note);
    }
    output.event(&json!({
        "event": "load", "requests": tally.answered() + tally.failed(), "answered": tally.answered(), "failed": tally.failed(),
        "rate_intended": flags.rate, "rate_achieved": achieved, "connections": flags.connections, "seconds": tally.seconds(),
        "latency_ms": of(Tally::due_us), "service_ms": of(Tally::sent_us), "statuses": statuses, "errors": errors,
        "own_lateness_ms_max": tally::ms(tally.late_us_max), "notes": notes,
    }));
}

/// What a reader must know before believing the numbers.
fn notes(flags: &LoadFlags, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if tally.late_us_max >= OWN_LATENESS_US_TOLD {
        notes.push(format!(
            "note: the generator itself was up to {:.1} ms late, which is in the latencies above: give it more of the machine",
            tally::ms(tally.late_us_max)
        ));
    }
    if tally.rate_achieved() < f64::from(flags.rate) * RATE_PERCENT_MIN / 100.0 {
        notes.push(
            "note: fewer answers a second than were due: the server, the connections or this generator are at their limit"
                .to_owned(),
        );
    }
    if tally.failed() > 0 {
        notes.push("note: requests without an answer are in no percentile".to_owned());
    }
    notes
}
