//! The program that libFuzzer drives: `fuzzer --target=NAME FOLDER [libFuzzer's flags]`.
//!
//! In: its arguments. Out: what libFuzzer says; with `--list` the targets, with `--unpack=FOLDER` and `--pack=FOLDER` the corpus from and to the
//! tree. All targets are in one program, so that they cost one link. Built by `cargo xtask fuzz`, with counters at each branch; without them it
//! would run blind. Not here: the targets (the library beside it).

#![no_main]

use std::{io::Write as _, path::Path, process::exit, sync::OnceLock};

use fuzz::{TARGETS, Target, corpus};
use libfuzzer_sys::fuzz_target;

fn target() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = argument("--target=");
        TARGETS.iter().find(|it| Some(it.name) == name.as_deref()).expect("--target= names a target")
    })
}

/// libFuzzer passes over what begins with two hyphens.
fn argument(name: &str) -> Option<String> {
    std::env::args().find_map(|it| it.strip_prefix(name).map(str::to_owned))
}

/// Does what needs no libFuzzer, and ends.
fn chores() {
    let chore = || -> anyhow::Result<bool> {
        let list = argument("--list");
        if list.is_some() {
            let mut stdout = std::io::stdout().lock();
            TARGETS
                .iter()
                .try_for_each(|it| writeln!(stdout, "{}\t{}\t{}", it.name, it.bytes_max, it.claim))?;
        }
        let unpacked = argument("--unpack=");
        if let Some(folder) = &unpacked {
            TARGETS.iter().try_for_each(|it| corpus::unpack(it, Path::new(folder)))?;
        }
        let packed = argument("--pack=");
        if let Some(folder) = &packed {
            corpus::pack(target(), Path::new(folder))?;
        }
        Ok(list.is_some() || unpacked.is_some() || packed.is_some())
    };
    match chore() {
        Ok(false) => {}
        Ok(true) => exit(0),
        Err(error) => {
            eprintln!("error: {error:#}");
            exit(1);
        }
    }
}

fuzz_target!(init: chores(), |input: &[u8]| (target().run)(input));
