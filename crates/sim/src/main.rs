//! `cargo xtask sim`: runs many worlds, tells the first that went wrong, and shows what was hit; or one of the plays in size.
//!
//! In: how many seeds, perhaps a planted bug; or how many events or cases. Out: progress, the story of a failure, a table of faults and states; exit
//! status 1 for anything wrong and for a row of a table that nothing hit. Start at [`main`].

use std::{process::ExitCode, thread};

use clap::{ArgGroup, Parser, builder::PossibleValuesParser};
use sim::Bug;

mod size;
mod worlds;

/// Runs simulated worlds, each from one seed, against a plain model of the rules
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", max_term_width = 110)]
#[command(group = ArgGroup::new("play").args(["converge", "windows", "clocks"]))]
#[command(after_help = "Examples:
  cargo xtask sim --seeds 10000              ten thousand worlds
  cargo xtask sim --seed 4711                one world again, with its whole story
  cargo xtask sim --forever                  new worlds until one goes wrong
  cargo xtask sim --bug no-claim             a planted bug: it must be found, or the exit status is 1
  cargo xtask sim --converge --events 1000000 --seeds 10
                                             ten histories of a million events, each read in two ways: the same
                                             decisions to the byte (some minutes, 3 GB of memory)
  cargo xtask sim --windows --cases 10000000 ten million sequences around every boundary, by the millisecond
  cargo xtask sim --clocks --cases 1000000   a million purchases seen by clocks that differ and step")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Options {
    /// How many worlds, by default 1000; of histories, 10
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This world alone, told from its beginning
    #[arg(long, conflicts_with_all = ["seeds", "from", "forever", "play"])]
    seed: Option<u64>,
    /// Until a world goes wrong, from a seed that nobody chose
    #[arg(long, conflicts_with_all = ["seeds", "from", "play"])]
    forever: bool,
    /// Worlds or histories at a time
    #[arg(long, default_value_t = thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Plants a bug in what the simulation does itself
    #[arg(long, conflicts_with = "play", value_parser = PossibleValuesParser::new(Bug::ALL.iter().map(|it| it.name())))]
    bug: Option<String>,
    /// Long histories instead of worlds, each read in several ways; the decisions must be the same to the byte
    #[arg(long)]
    converge: bool,
    /// Clicks and reports of one history
    #[arg(long, default_value_t = 100_000, requires = "converge")]
    events: u64,
    /// How often each history is read: once in order, then in other batches, partitions and orders, with owners that come and go
    #[arg(long, default_value_t = sim::REPLAYS, requires = "converge")]
    replays: u32,
    /// Sequences around the ends of windows and other boundaries instead of worlds, each judged after every input
    #[arg(long)]
    windows: bool,
    /// Purchases seen by right clocks and by wrong ones instead of worlds
    #[arg(long)]
    clocks: bool,
    /// Sequences or purchases
    #[arg(long, default_value_t = 100_000)]
    cases: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if options.converge {
        size::converge(&options)
    } else if options.windows {
        size::windows(&options)
    } else if options.clocks {
        size::clocks(&options)
    } else {
        worlds::run(&options)
    }
}
