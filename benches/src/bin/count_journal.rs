//! Instructions of a spool: one record appended, in a real file. Run by `cargo xtask instructions`.

use std::process::ExitCode;

use anyhow::Result;
use journal::spool::{Options, Writer};
use units::{EpochMs, WriterId};

#[path = "../counted.rs"]
mod counted;
#[path = "../counted/sample.rs"]
mod sample;

use counted::{Path, run};

const PATHS: &[Path] = &[Path { name: "spool_append", turns: 5_000, work: append }];

fn main() -> Result<ExitCode> {
    run(PATHS)
}

fn append(turns: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // All turns fall into one segment.
    let options = Options { segment_bytes: 16 * 1024 * 1024, ..Options::default() };
    let mut writer = Writer::open(folder.path(), WriterId(1), EpochMs(counted::START), options)?;
    let mut payload = Vec::new();
    sample::click(1, sample::id(&mut sample::mint(), 1)).encode(&mut payload)?;
    for _ in 0..turns {
        writer.append(&payload)?;
    }
    Ok(())
}
