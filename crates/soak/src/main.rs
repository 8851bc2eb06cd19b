//! `cargo xtask soak`: the whole product under open-loop load while one thing after the other breaks, and a judge at the end.
//!
//! In: a rate and a length. Out: latencies by phase, what was lost (nothing) and what was counted, exit status 1 when a promise did not hold.
//! Not here: what happens when (`script`), what is compared (`judge`). Start at [`run`].

mod client;
mod disk;
mod judge;
mod load;
mod notes;
mod report;
mod role;
mod script;
mod stage;
mod svg;
mod world;

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use self::{
    judge::Verdict,
    load::Load,
    report::Report,
    script::Plan,
    stage::{RECORD_BYTES, Sizes, Stage},
    world::World,
};

/// Shortest run: two seconds' stall and the edges' restarts take their time in any.
const SECONDS_MIN: i64 = 20;
/// Longest: a day.
const SECONDS_MAX: i64 = 86_400;
/// Fastest: beyond it the generator is the bottleneck.
const RATE_MAX: i64 = 50_000;
/// The engine's disk beyond its share of the clicks, in MiB.
const ENGINE_MIB_MIN: u64 = 1_024;
/// Of a click in the engine's folder, merges included.
const STORED_BYTES: u64 = 400;

/// The product under load while one thing after the other breaks.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask soak",
    bin_name = "cargo xtask soak",
    max_term_width = 110,
    after_help = "Examples:
  cargo xtask soak                                                       a minute, as `cargo xtask test` runs it
  cargo xtask soak --seconds 1800 --rate 20000 --kafka-seconds 900       P1 in full
  cargo xtask soak --seconds 3600 --rate 1000 --kafka-seconds 7200       P10 in full: two hours without Kafka

Clicks come at a fixed rate, each counted from the instant it was due, some with an order, while Kafka hangs, ClickHouse hangs and is
killed, the disks of spools and ClickHouse are full, edges are restarted by SIGTERM and, last, stand still for 2 s, which our own
latencies must show. Then every click and order is compared with ClickHouse. Spools and ClickHouse lie on small disks in memory, about
1 kB of it for a click. Needs root (mounts), Linux' unshare, a JVM for Kafka, and the engine."
)]
struct Flags {
    /// Length of the load, without start, extra time of the broker's outage, and judgement
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(SECONDS_MIN..=SECONDS_MAX))]
    seconds: u32,
    /// Clicks a second
    #[arg(long, value_name = "R", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=RATE_MAX))]
    rate: u32,
    /// How long Kafka hangs, instead of a fifth of the run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    kafka_seconds: Option<u32>,
    /// Chooses the links that are followed and the clicks that end in an order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON line instead of the table
    #[arg(long)]
    json: bool,
    /// Draws latency over time here, with the faults marked
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Set by ourselves: we are the first process of our own namespaces
    #[arg(long, hide = true)]
    alone: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let outcome = if flags.alone { run(&flags) } else { Err(start_alone()) };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes the first process of namespaces of its own: mounts and every process, stopped ones too, then end with it. Returns only where that fails.
fn start_alone() -> anyhow::Error {
    if !rustix::process::geteuid().is_root() {
        return anyhow::anyhow!("a disk can only be filled by root: run this as root");
    }
    let program = match std::env::current_exe().context("cannot find this program's own file") {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let failed = command.arg(program).arg("--alone").args(std::env::args_os().skip(1)).exec();
    anyhow::Error::from(failed).context("cannot run `unshare` of util-linux")
}

/// The first process of a namespace hears no signal that it does not listen for.
fn end_by_signal() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                heard = tokio::signal::ctrl_c() => heard,
            }
        })?;
        std::process::exit(130);
        #[expect(unreachable_code, reason = "it names the error that the runtime's signals may be")]
        Ok::<(), std::io::Error>(())
    })?;
    Ok(())
}

fn run(flags: &Flags) -> Result<bool> {
    end_by_signal().context("cannot listen for signals")?;
    let world = World { seed: flags.seed };
    let seconds = u64::from(flags.seconds) + u64::from(flags.kafka_seconds.unwrap_or(0));
    let clicks = seconds * u64::from(flags.rate);
    let sizes = Sizes {
        rate: flags.rate,
        // One edge may take all while the other is away; twice as much is never met.
        spool_mib: 64 + ((clicks * RECORD_BYTES * 2) >> 20),
        engine_mib: ENGINE_MIB_MIN + ((clicks * STORED_BYTES) >> 20),
    };
    say(flags, "starts a broker, the engine, and every role");
    let mut stage = Stage::set_up(sizes)?;
    say(flags, &format!("{} clicks a second for {seconds} s", flags.rate));
    let planned = u32::try_from(seconds).unwrap_or(u32::MAX);
    let load = Load::start(world, stage.listen, flags.rate, planned)?;
    let plan = Plan { seconds: flags.seconds.into(), kafka_seconds: flags.kafka_seconds.map(u64::from) };
    let measured = match script::play(&mut stage, &load, plan) {
        Ok(measured) => measured,
        Err(error) => return Err(error.context(stage.logs())),
    };
    let (notes, sent, late_us) = load.finish()?;
    say(flags, "the load has ended; everything is compared");
    let mut verdict = Verdict { sent, ..Verdict::default() };
    let judged = judge::settle(&mut stage, &notes, &mut verdict)
        .and_then(|ends| judge::judge(&stage, world, &notes, &mut verdict).map(|()| ends));
    let last_ends = match judged {
        Ok(ends) => ends,
        Err(error) => return Err(error.context(stage.logs())),
    };
    let report = Report {
        notes: &notes,
        measured: &measured,
        verdict: &verdict,
        last_ends: &last_ends,
        restarts: &stage.restarts,
        rate: flags.rate,
        seed: flags.seed,
        late_us,
    };
    tell(flags, &report)?;
    let failures = report.failures();
    if !failures.is_empty() {
        eprintln!("{}\nfailed:\n  {}", stage.logs(), failures.join("\n  "));
    }
    Ok(failures.is_empty())
}

fn tell(flags: &Flags, report: &Report<'_>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    if flags.json {
        writeln!(stdout, "{}", report.json())?;
    } else {
        writeln!(stdout, "{}", report.table())?;
    }
    if let Some(path) = &flags.svg {
        let title = format!("{} clicks a second, latency since a click was due", flags.rate);
        fs::write(path, svg::picture(report.notes, &title))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(stdout.flush().is_ok(), "cannot write the report");
    Ok(())
}

/// How far it is, for people.
fn say(flags: &Flags, text: &str) {
    if !flags.json || std::io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}
