//! `cargo xtask`: the chores of this workspace.
//!
//! In: a subcommand. Out: what it says in `--help`, exit status 1 when it fails.
//! Not here: how each chore works (the library beside it). Start at [`Chore`].

use std::{
    io::{Read, Write},
    os::unix::{fs::FileTypeExt, process::parent_id},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use anyhow::Result;
use clap::{Parser, Subcommand, builder::PossibleValuesParser};
use xtask::{
    fuzz, instructions,
    kafka::{Cluster, Options},
    kill, mutants, suite,
};

/// How often `kafka` looks whether its parent and its brokers still live.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The chores of this workspace.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    max_term_width = 110,
    after_help = "Examples:
  cargo xtask test                           everything that must hold before a change lands
  cargo xtask test --only tidy tests         these steps alone
  cargo xtask sim --seeds 1000               a thousand simulated worlds
  cargo xtask kafka                          a real broker on this machine

Every chore has examples of its own: cargo xtask CHORE --help"
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Runs real Apache Kafka on this machine's JVM until its parent ends
    #[command(after_help = "Examples:
  cargo xtask kafka                          one broker, free port, temporary data
  cargo xtask kafka --brokers 3              three brokers, topics replicated three times
  cargo xtask kafka --port 9092 --data k     always the same address and data

The first line on standard output is `bootstrap HOST:PORT`. It ends, brokers included, with Ctrl-C, when its
standard input (a pipe) closes, or when its parent ends. Needs Java 17 or newer, and Maven at the first start.")]
    Kafka {
        /// How many brokers: 1 or 3
        #[arg(long, default_value_t = 1)]
        brokers: u16,
        /// The first broker's port; free ports without it
        #[arg(long)]
        port: Option<u16>,
        /// Keeps the data here; a temporary folder without it
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// Runs everything that must hold before a change lands, Kafka included, with a time per step
    #[command(after_help = "Examples:
  cargo xtask test                           everything; .ci/run does the same
  cargo xtask test --only kafka tests        these steps alone, in the table's order
  cargo xtask test --list                    the steps and what each claims

Missing system packages are installed when this is root, else named. Fetched tools live in ~/.cache/tributary.")]
    Test {
        /// Runs these steps alone
        #[arg(long, num_args = 1.., value_name = "STEP")]
        only: Vec<String>,
        /// Lists the steps and runs none
        #[arg(long)]
        list: bool,
    },
    /// Checks the house rules: layers, headers, lengths, words, paths, the README's commands
    Tidy,
    /// Runs the simulated world: `cargo xtask sim --seeds 1000`
    #[command(disable_help_flag = true)]
    Sim {
        /// Passed on; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kills processes at their file calls, one after the other, and judges what they leave
    #[command(after_help = "Examples:
  cargo xtask kill --target spool            every write, rename, sync... of a spool's whole life
  cargo xtask kill --sample 20               twenty points of each target

A table says which calls were hit (call, kind of file, part of the cycle). A row without a hit fails, and so does
a record lost, invented or doubled. The target `disk` makes calls fail instead (ENOSPC, EIO, EROFS...). Needs strace,
and the right to trace one's own processes. All points of all targets take hours, those of spool two minutes.")]
    Kill {
        /// These targets alone
        #[arg(long = "target", num_args = 1.., value_name = "TARGET", value_parser = targets())]
        targets: Vec<String>,
        /// So many points of each target instead of all
        #[arg(long, value_name = "POINTS")]
        sample: Option<std::num::NonZeroUsize>,
        /// Chooses the sample
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Plants bugs in our own code, one after the other, and shows which test notices each
    #[command(after_help = "Examples:
  cargo xtask mutants                        all; fails if one is not noticed
  cargo xtask mutants skip-crc no-claim      these
  cargo xtask mutants --list                 their names, and what each leaves out

The bugs are compiled in by a feature that no manifest may ask for; a variable chooses one.")]
    Mutants {
        /// These alone
        #[arg(value_name = "BUG")]
        only: Vec<String>,
        /// Lists the bugs and plants none
        #[arg(long)]
        list: bool,
    },
    /// Counts the instructions of the hot paths, before and now; more than 3 % worse fails
    #[command(after_help = "Examples:
  cargo xtask instructions                   against where this branch left main, or the commit before
  cargo xtask instructions --base HEAD~5     against that one

Both trees are built with optimisation and counted by valgrind in the same run, so that a busy machine changes nothing.")]
    Instructions {
        /// The revision to compare with
        #[arg(long, value_name = "REV")]
        base: Option<String>,
        /// Prints a JSON line a path: path, base, now, ratio, holds
        #[arg(long)]
        json: bool,
    },
    /// Drives every parser by what its inputs reach, and keeps what breaks a promise
    #[command(after_help = "Examples:
  cargo xtask fuzz                           every target for ten seconds, one on each core
  cargo xtask fuzz --seconds 36000 --jobs 2  the long form: ten hours each
  cargo xtask fuzz --target redirect --repeat FILE
  cargo xtask fuzz --minimise                the fewest inputs that reach what all reach, into crates/fuzz/corpus
  cargo xtask fuzz --planted                 bugs of our own, each found by its target
  cargo xtask fuzz --exhaustive              what can be tried whole: each bit of a segment, each small change of an
                                             id, each hostile URL in each parameter; `-- --help` lists more

What is found stays in the build's folder for the next run. Stable toolchain; the engine's C++ needs g++.")]
    Fuzz {
        /// These targets alone; an unknown name lists them
        #[arg(long = "target", num_args = 1.., value_name = "TARGET")]
        targets: Vec<String>,
        /// For each target
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u64,
        /// Targets at the same time; one a core without it
        #[arg(long)]
        jobs: Option<usize>,
        /// Writes the smallest corpus into the tree
        #[arg(long)]
        minimise: bool,
        /// Tries one input of one target
        #[arg(long, value_name = "FILE")]
        repeat: Option<PathBuf>,
        /// Plants bugs, and fails for one that is not found
        #[arg(long)]
        planted: bool,
        /// Tries everything of a kind
        #[arg(long)]
        exhaustive: bool,
        /// Passed on with --exhaustive
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Loads the whole product while one thing after the other breaks: `cargo xtask soak --help`
    #[command(disable_help_flag = true)]
    Soak {
        /// Passed on; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measures against the peers: `cargo xtask bench --json`
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Kafka { brokers, port, data } => kafka(&Options { brokers, port, data, ..Options::default() }),
        Chore::Test { list: true, .. } => list(),
        Chore::Test { only, .. } => suite::run(&only),
        Chore::Tidy => suite::run(&["tidy".to_owned()]),
        Chore::Sim { args } => suite::run_optimised("sim", &args),
        Chore::Kill { targets, sample, seed } => {
            let points = sample.map_or(kill::Points::All, |it| kill::Points::Sample(it.get()));
            kill::run(&kill::Options { targets, points, seed, kafka: None })
        }
        Chore::Mutants { list: true, .. } => list_mutants(),
        Chore::Mutants { only, .. } => mutants::run(&only, &[]).map(drop),
        Chore::Instructions { base, json } => {
            instructions::run(&instructions::Options { base, json }).map(|note| eprintln!("{note}"))
        }
        Chore::Fuzz { exhaustive: true, args, .. } => fuzz::exhaust(&args),
        Chore::Fuzz { targets, seconds, jobs, minimise, repeat, planted, .. } => {
            fuzz::run(&fuzz::Options { targets, seconds, jobs, minimise, repeat, planted })
                .and_then(|note| said(&note))
        }
        Chore::Soak { args } => suite::with_product("soak", &args),
        Chore::Bench { args } => suite::with_product("benches", &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn targets() -> PossibleValuesParser {
    PossibleValuesParser::new(kill::names())
}

fn said(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn list() -> Result<()> {
    let mut stdout = std::io::stdout();
    for step in suite::STEPS {
        writeln!(stdout, "{:8}  {}", step.name, step.claim)?;
    }
    Ok(())
}

fn list_mutants() -> Result<()> {
    let mut stdout = std::io::stdout();
    for (bug, what) in mutants::described()? {
        writeln!(stdout, "{bug:24}  {what}")?;
    }
    Ok(())
}

fn kafka(options: &Options) -> Result<()> {
    let parent = parent_id();
    let mut cluster = Cluster::start(options)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "bootstrap {}", cluster.bootstrap())?;
    stdout.flush()?;

    let (closed, is_closed) = channel();
    // This end is kept, so that only a message ends the wait.
    let watcher = closed.clone();
    std::thread::spawn(move || watch_stdin(&watcher));
    while is_closed.recv_timeout(LOOK_EVERY).is_err() && parent_id() == parent {
        cluster.check()?;
    }
    Ok(())
}

/// Tells when standard input ends, if it is a pipe or a socket. A terminal ends us by a signal, and `/dev/null`, which a
/// shell gives its background jobs, is at its end from the start and says nothing.
fn watch_stdin(closed: &Sender<()>) {
    let kind = std::fs::metadata("/dev/stdin").map(|metadata| metadata.file_type());
    if kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        let mut ignored = [0; 256];
        let mut stdin = std::io::stdin().lock();
        while stdin.read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        // An error says that the chore has ended already.
        closed.send(()).ok();
    }
}
