//! Instructions of bytes: a click's record written and read, its id minted, written and checked. Run by `cargo xtask instructions`.

use std::{hint::black_box, process::ExitCode};

use anyhow::{Context as _, Result};
use events::{Click, ClickHead, ClickKey, ClickKeyring};

#[path = "../counted.rs"]
mod counted;
#[path = "../counted/sample.rs"]
mod sample;

use counted::{Path, run};

const PATHS: &[Path] = &[
    Path { name: "click_id_mint", turns: 2_000, work: mint },
    Path { name: "click_id_check", turns: 2_000, work: check },
    Path { name: "click_encode", turns: 5_000, work: encode },
    Path { name: "click_decode", turns: 5_000, work: decode },
    Path { name: "click_peek", turns: 5_000, work: peek },
];

fn main() -> Result<ExitCode> {
    run(PATHS)
}

/// Minted and written as text.
fn mint(turns: usize) -> Result<()> {
    let mut mint = sample::mint();
    for n in 0..turns as u64 {
        black_box(std::str::from_utf8(&sample::id(&mut mint, n).to_text())?);
    }
    Ok(())
}

fn check(turns: usize) -> Result<()> {
    let mut mint = sample::mint();
    let keyring = ClickKeyring::new(vec![ClickKey::new(0, b"counted")]);
    let texts: Vec<String> = (0..64).map(|n| sample::id(&mut mint, n).to_string()).collect();
    for text in texts.iter().cycle().take(turns) {
        black_box(keyring.check(black_box(text))?);
    }
    Ok(())
}

fn clicks() -> Vec<Click<'static>> {
    let mut mint = sample::mint();
    (0..64).map(|n| sample::click(n, sample::id(&mut mint, n))).collect()
}

fn encode(turns: usize) -> Result<()> {
    let clicks = clicks();
    let mut out = Vec::with_capacity(1024);
    for click in clicks.iter().cycle().take(turns) {
        out.clear();
        black_box(click).clone().encode(&mut out)?;
        black_box(&out);
    }
    Ok(())
}

fn records() -> Result<Vec<Vec<u8>>> {
    let encoded = |click: Click<'_>| {
        let mut out = Vec::new();
        click.encode(&mut out).context("a small record").map(|()| out)
    };
    clicks().into_iter().map(encoded).collect()
}

fn decode(turns: usize) -> Result<()> {
    let records = records()?;
    for record in records.iter().cycle().take(turns) {
        black_box(events::Event::decode(black_box(record))?);
    }
    Ok(())
}

/// What attribution reads of a click.
fn peek(turns: usize) -> Result<()> {
    let records = records()?;
    for record in records.iter().cycle().take(turns) {
        black_box(ClickHead::peek(black_box(record))?);
    }
    Ok(())
}
