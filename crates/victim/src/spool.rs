//! A spool's whole life in one cycle: begun, filled over several segments, left without a word, recovered, closed, deleted.
//!
//! In: a folder. Out: what was answered and what may be deleted. The judge reads with a reader that is there before the
//! restart and with one that comes after it, by other batches (faults 36 to 42, 50). Start at [`cycle`] and [`judge`].

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use journal::{
    PollError, Position, StreamId,
    spool::{Durability, OpenError, Options, Reader, Writer, delete_below, enforce_budget, inspect},
};
use units::{EpochMs, WriterId};

use crate::{
    said::{numbers, phase, say},
    verdict::Verdict,
};

const WRITER: WriterId = WriterId(1);
const NOW: EpochMs = EpochMs(1_763_812_800_000);
const PAYLOAD_BYTES_MAX: usize = 512;
/// Some thirty records: several segments a run.
const SEGMENT_BYTES: u64 = 16 * 1024;
/// Records of the first run, which ends without a word, and of the second.
const FIRST_RUN: u64 = 100;
const SECOND_RUN: u64 = 60;
/// Records of a batch; beyond the last answer, so many may be there.
const BATCH_RECORDS_MAX: u64 = 3;
/// A reader that finds nothing new for so long has everything: nobody writes.
const QUIET: Duration = Duration::ZERO;

fn root(folder: &Path) -> PathBuf {
    folder.join("spool")
}

/// In mode `power` where the file system can keep it, so that its calls are tried too.
fn open(root: &Path) -> Result<(Writer, Durability)> {
    let options = |durability| Options {
        durability,
        segment_bytes: SEGMENT_BYTES,
        payload_bytes_max: PAYLOAD_BYTES_MAX,
        ..Options::default()
    };
    match Writer::open(root, WRITER, NOW, options(Durability::Power)) {
        Ok(writer) => Ok((writer, Durability::Power)),
        Err(OpenError::CannotSync { .. }) => {
            Ok((Writer::open(root, WRITER, NOW, options(Durability::Process))?, Durability::Process))
        }
        Err(error) => Err(error.into()),
    }
}

fn payload(incarnation: u32, sequence: u64) -> Vec<u8> {
    let filler_bytes = 100 + usize::try_from(sequence * 37 % 300).unwrap_or_default();
    format!("{incarnation} {sequence} {}", "k".repeat(filler_bytes)).into_bytes()
}

/// Appends up to `last`, by batches of one to three, answering each when it survives what its mode promises.
fn append(writer: &mut Writer, durability: Durability, last: u64) -> Result<()> {
    let incarnation = writer.incarnation();
    while writer.last_sequence() < last {
        let records = 1 + writer.last_sequence() % BATCH_RECORDS_MAX;
        for _ in 0..records {
            writer.stage_with(|sequence, out| out.extend(payload(incarnation, sequence)))?;
        }
        let through = writer.commit()?;
        if durability == Durability::Power {
            writer.sync()?;
        }
        say(&format!("answered {incarnation} {through}"));
    }
    Ok(())
}

/// One full cycle.
pub(crate) fn cycle(folder: &Path) -> Result<()> {
    let root = root(folder);
    phase("first start");
    let (mut writer, durability) = open(&root)?;
    let first = writer.incarnation();
    say(&format!("opened {first}"));
    phase("append");
    append(&mut writer, durability, FIRST_RUN)?;
    // As a crash leaves it: no closing note, preallocated zeros at the end.
    drop(writer);
    phase("recovery");
    let (mut writer, durability) = open(&root)?;
    let second = writer.incarnation();
    say(&format!("opened {second}"));
    phase("append again");
    append(&mut writer, durability, SECOND_RUN)?;
    phase("close");
    writer.close()?;
    phase("delete confirmed");
    // The intent is said first: from then on these records may be gone.
    say(&format!("deleting {first} {}", FIRST_RUN * 3 / 4));
    delete_below(&root, WRITER, first, FIRST_RUN * 3 / 4)?;
    phase("delete over budget");
    say(&format!("deleting {first} {}", u64::MAX));
    say(&format!("deleting {second} {}", u64::MAX));
    enforce_budget(&root, 0)?;
    Ok(())
}

/// What was found of each run.
type Found = BTreeMap<u32, RangeInclusive<u64>>;

/// Reads all there is. Every record must be the next of its run and hold what was written.
fn collect(reader: &mut Reader, records_max: usize, found: &mut Found, verdict: &mut Verdict) -> Result<()> {
    loop {
        let records = reader.poll(records_max, QUIET)?;
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            let StreamId::Spool { incarnation, .. } = record.stream else { bail!("not a spool") };
            let at = format!("{incarnation}:{}", record.position);
            if record.bytes != payload(incarnation, record.position) {
                verdict.invented.push(at);
                continue;
            }
            let seen = found.entry(incarnation).or_insert_with(|| record.position..=record.position - 1);
            if record.position <= *seen.end() {
                verdict.doubled.push(at);
            } else if record.position != seen.end() + 1 {
                verdict.lost.push(format!("{incarnation}:{} to {at}", seen.end() + 1));
            }
            *seen = *seen.start()..=record.position;
        }
    }
}

/// Restarts, writes on, reads in two ways, compares.
pub(crate) fn judge(folder: &Path, said: &str) -> Result<String> {
    let root = root(folder);
    let mut verdict = Verdict::default();
    let (mut waiting, mut waited) = (Reader::open(&root), Found::new());
    collect(&mut waiting, 7, &mut waited, &mut verdict).context("before the restart")?;

    let (mut writer, durability) = open(&root).context("the restart")?;
    let third = writer.incarnation();
    let opened = numbers::<1>(said, "opened");
    ensure!(opened.iter().all(|[it]| *it < u64::from(third)), "run {third} begins anew after {opened:?}");
    append(&mut writer, durability, 5)?;
    writer.close()?;

    // Readers look at folders every tenth of a second; this one looks at once.
    let (mut late, mut found) = (Reader::open(&root), Found::new());
    collect(&mut late, 500, &mut found, &mut verdict).context("after the restart")?;
    follow(&mut waiting, &mut waited, &found, &mut verdict)?;

    let mut answered: BTreeMap<u32, u64> = BTreeMap::from([(third, 5)]);
    for [incarnation, sequence] in numbers(said, "answered") {
        answered.insert(u32::try_from(incarnation)?, sequence);
    }
    for (incarnation, last) in &answered {
        compare(*incarnation, *last, said, &root, &found, &mut verdict);
    }
    for (incarnation, seen) in &found {
        let last = answered.get(incarnation).copied().unwrap_or_default();
        if last + BATCH_RECORDS_MAX < *seen.end() {
            verdict.invented.push(format!("{incarnation}:{} after {last}", seen.end()));
        }
    }
    let damaged = inspect(&root)?.records_damaged;
    if 0 < damaged {
        verdict.wrong.push(format!("{damaged} records reported as damaged"));
    }
    let records: u64 = found.values().map(|it| it.end() + 1 - it.start()).sum();
    verdict.close(&format!("{records} records"))
}

/// A reader that was there before the restart ends where a new one does.
fn follow(waiting: &mut Reader, waited: &mut Found, found: &Found, verdict: &mut Verdict) -> Result<()> {
    let ends = |of: &Found| of.iter().map(|(run, it)| (*run, *it.end())).collect::<BTreeMap<_, _>>();
    // `ends` looks at the folders again, which a poll alone does only now and then.
    waiting.ends()?;
    collect(waiting, 3, waited, verdict).context("a reader that waited")?;
    if ends(waited) != ends(found) {
        verdict.wrong.push(format!("a reader that waited found {waited:?}, a new one {found:?}"));
    }
    Ok(())
}

/// What was answered is there, unless its deletion was announced; what is gone is known to be gone.
fn compare(incarnation: u32, last: u64, said: &str, root: &Path, found: &Found, verdict: &mut Verdict) {
    let deleting = numbers::<2>(said, "deleting");
    let of_run = deleting.iter().filter(|[run, _]| *run == u64::from(incarnation));
    let may_be_gone = of_run.map(|[_, below]| *below).max().unwrap_or(1);
    let (start, end) = found.get(&incarnation).map_or((u64::MAX, 0), |it| (*it.start(), *it.end()));
    if end < last && may_be_gone <= last {
        verdict.lost.push(format!("{incarnation}:{} to {last}", end + 1));
    }
    if may_be_gone < start && may_be_gone <= last {
        verdict.lost.push(format!("{incarnation}:{may_be_gone} to {start}"));
    }
    if 1 < start {
        let mut reader = Reader::open(root);
        reader.seek(&[Position { stream: StreamId::Spool { writer: WRITER, incarnation }, next: 1 }]);
        match reader.poll(1, QUIET) {
            Err(PollError::OutOfRange { .. }) => {}
            other => verdict.wrong.push(format!("a reader of {incarnation}:1 is told {other:?}")),
        }
    }
}
