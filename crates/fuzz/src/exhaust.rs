//! `cargo xtask fuzz --exhaustive`: tries whole what is small enough for it.
//!
//! In: which, and how much. Out: a table; a panic names the case that breaks its promise. Not here: the cases (the library beside it).

use std::{io::Write as _, time::Instant};

use anyhow::{Result, bail};
use clap::Parser;
use fuzz::exhaustive::{EXHAUSTIVE, Scale};

/// Tries whole what is small enough for it: bits, cuts, files, redirects, changed-ids, random-ids.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask fuzz --exhaustive --", max_term_width = 110)]
#[command(after_help = "Examples:
  cargo xtask fuzz --exhaustive                              all, in minutes
  cargo xtask fuzz --exhaustive -- --only bits cuts
  cargo xtask fuzz --exhaustive -- --only random-ids --random-ids 1000000000 --seed 7")]
struct Args {
    /// These alone
    #[arg(long, num_args = 1.., value_name = "NAME")]
    only: Vec<String>,
    /// Every so-manieth case
    #[arg(long, default_value_t = Scale::default().each)]
    each: usize,
    /// Real ids of which every change of one and two bits is tried
    #[arg(long, default_value_t = Scale::default().ids)]
    ids: u32,
    /// Ids out of thin air
    #[arg(long, default_value_t = Scale::default().random_ids)]
    random_ids: u64,
    /// Where their numbers begin
    #[arg(long, default_value_t = Scale::default().seed)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(unknown) = args.only.iter().find(|name| !EXHAUSTIVE.iter().any(|it| it.name == **name)) {
        let known: Vec<&str> = EXHAUSTIVE.iter().map(|it| it.name).collect();
        bail!("there is no `{unknown}`; there are {}", known.join(", "));
    }
    let scale = Scale { each: args.each.max(1), ids: args.ids, random_ids: args.random_ids, seed: args.seed };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{:12} {:>12} {:>8}  no case broke", "tried", "cases", "s")?;
    for it in
        EXHAUSTIVE.iter().filter(|it| args.only.is_empty() || args.only.iter().any(|name| name == it.name))
    {
        let begun = Instant::now();
        let cases = (it.run)(scale);
        writeln!(stdout, "{:12} {cases:>12} {:>8.1}  {}", it.name, begun.elapsed().as_secs_f64(), it.claim)?;
        stdout.flush()?;
    }
    Ok(())
}
