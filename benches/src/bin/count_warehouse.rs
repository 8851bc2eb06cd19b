//! Instructions of the sink: a batch of clicks put into columns and written as the engine's blocks. Run by `cargo xtask instructions`.

use std::{hint::black_box, process::ExitCode};

use anyhow::{Result, ensure};
use events::Click;
use warehouse::Batch;

#[path = "../counted.rs"]
mod counted;
#[path = "../counted/sample.rs"]
mod sample;

use counted::{Path, run};

/// Clicks of one batch.
const ROWS: u64 = 1_000;

const PATHS: &[Path] = &[Path { name: "facts_batch_of_1000", turns: 10, work: batch }];

fn main() -> Result<ExitCode> {
    run(PATHS)
}

fn batch(turns: usize) -> Result<()> {
    let mut mint = sample::mint();
    let clicks: Vec<Click<'_>> = (0..ROWS).map(|n| sample::click(n, sample::id(&mut mint, n))).collect();
    for turn in 0..turns as u64 {
        let mut batch = Batch::new();
        for click in &clicks {
            batch.click(click);
        }
        ensure!(!black_box(batch.inserts("counted", turn)).is_empty(), "no block");
    }
    Ok(())
}
