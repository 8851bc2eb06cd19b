//! Every state that a cut of power may leave of a spool: what was synced in mode power is there, nothing is invented in any mode, and it goes on.
//!
//! In: short lives of a writer, cut after each step; of what was not synced each name, each length and each sector (512 B, or eight of them at
//! once: 4 KiB) survives or not, in every combination, or a sample of them where there are too many. Out: the production's own recovery and
//! reader. The long form: `TRIBUTARY_TEST_STATES=1000000 cargo test -p journal --test power -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use journal::{
    StreamId,
    spool::{AppendError, Disk, Durability, Options, Reader, Script, Writer},
};
use units::{EpochMs, WriterId};

const WRITER: WriterId = WriterId(5);
/// States in a usual run.
const STATES: u64 = 4_000;
/// Of one cut of the lives below.
const STATES_OF_A_LIFE: u64 = 40;
/// Of one life by chance.
const STATES_BY_CHANCE: u64 = 400;

/// One step of a writer's life.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many records of so many bytes in one write.
    Append(u32, usize),
    Sync,
    /// The process dies and a new one goes on, with the power on.
    Restart,
}

use Step::{Append, Restart, Sync};

/// Lives that meet every kind of file the writer makes: first segment, roll, a batch over several sectors and pages, notes of an ending.
const LIVES: [&[Step]; 6] = [
    &[Append(1, 40), Sync, Append(1, 40), Append(2, 100), Sync, Append(1, 10)],
    &[Append(3, 400), Append(3, 400), Sync, Append(4, 500), Append(4, 500), Sync, Append(1, 1)],
    &[Append(1, 1), Restart, Append(1, 1), Sync, Restart, Append(2, 300), Sync],
    // Into the next segments, with and without a sync before.
    &[Append(7, 500), Append(7, 500), Append(7, 500), Append(7, 500), Append(7, 500), Sync, Append(1, 9)],
    &[
        Append(7, 500),
        Sync,
        Append(7, 500),
        Sync,
        Append(7, 500),
        Append(7, 500),
        Append(7, 500),
        Append(3, 9),
    ],
    &[Sync, Append(1, 512), Restart, Sync, Append(7, 512), Append(7, 512), Restart, Append(1, 30), Sync],
];

/// What a disk that lost its power decides.
struct Chance {
    bits: Vec<bool>,
    asked: usize,
    /// Behind the given bits: by chance, or nothing survives.
    random: Option<u64>,
    /// So many questions get one answer: a page of eight sectors is there or not.
    run: usize,
}

impl Chance {
    fn answer(&mut self) -> bool {
        let index = self.asked / self.run;
        self.asked += 1;
        if index == self.bits.len() {
            let bit = self.random.as_mut().is_some_and(|random| {
                // Xorshift: any stream of bits does.
                *random ^= *random << 13;
                *random ^= *random >> 7;
                *random ^= *random << 17;
                *random & 64 != 0
            });
            self.bits.push(bit);
        }
        self.bits[index]
    }
}

/// What is to be decided next, when every combination is tried: the last question that nothing survived gets the other answer.
fn next(mut bits: Vec<bool>) -> Option<Vec<bool>> {
    while bits.pop_if(|it| *it).is_some() {}
    *bits.last_mut()? = true;
    Some(bits)
}

/// What a writer was told is safe, and what it ever wrote.
#[derive(Debug, Default)]
struct Known {
    /// Last sequence by incarnation.
    synced: BTreeMap<u32, u64>,
    written: BTreeMap<u32, u64>,
}

fn payload(incarnation: u32, sequence: u64, bytes: usize) -> Vec<u8> {
    let mut payload = format!("{incarnation} {sequence} {bytes} ").into_bytes();
    let wanted = bytes.max(payload.len());
    payload.resize(wanted, b'a' + u8::try_from(sequence % 26).unwrap());
    payload
}

fn options(script: &Arc<Script>, durability: Durability, boot: u8) -> Options {
    let disk = Disk::scripted(script);
    Options { durability, segment_bytes: 16 * 1024, payload_bytes_max: 512, disk, boot: Some([boot; 16]) }
}

/// Lives until the cut: as many steps as `cut_after`.
fn live(root: &Path, script: &Arc<Script>, durability: Durability, steps: &[Step]) -> Known {
    let mut known = Known::default();
    let open = || Writer::open(root, WRITER, EpochMs(1_000), options(script, durability, 1)).unwrap();
    let mut writer = open();
    for step in steps {
        let incarnation = writer.incarnation();
        match *step {
            Append(records, bytes) => {
                let fill = |sequence, out: &mut Vec<u8>| out.extend(payload(incarnation, sequence, bytes));
                for _ in 0..records {
                    if matches!(writer.stage_with(fill), Err(AppendError::Unsynced { .. })) {
                        writer.commit().unwrap();
                        writer.sync().unwrap();
                        known.synced.insert(incarnation, writer.last_sequence());
                        writer.stage_with(fill).unwrap();
                    }
                }
                writer.commit().unwrap();
                known.written.insert(incarnation, writer.last_sequence());
            }
            Sync => {
                writer.sync().unwrap();
                known.synced.insert(incarnation, writer.last_sequence());
            }
            Restart => {
                drop(writer);
                writer = open();
            }
        }
    }
    known
}

/// The next boot: a writer opens the spool and goes on, and a reader finds what there is.
fn judge(root: &Path, script: &Arc<Script>, durability: Durability, known: &Known) -> Result<(), String> {
    let mut writer = Writer::open(root, WRITER, EpochMs(2_000), options(script, durability, 2))
        .map_err(|error| format!("cannot be opened: {error}"))?;
    let incarnation = writer.incarnation();
    if known.synced.contains_key(&incarnation) {
        return Err(format!("incarnation {incarnation} is used again"));
    }
    writer.append(b"after").map_err(|error| format!("does not go on: {error}"))?;
    let mut reader = Reader::open(root);
    let mut found: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    loop {
        let records = reader.poll(1_000, Duration::ZERO).map_err(|error| error.to_string())?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            let StreamId::Spool { incarnation: of, .. } = record.stream else {
                return Err(format!("{} is no spool", record.stream));
            };
            let place = (of, record.position);
            let text = String::from_utf8_lossy(&record.bytes);
            let bytes = text.split(' ').nth(2).and_then(|it| it.parse().ok()).unwrap_or(0);
            let is_known = known.written.get(&of).is_some_and(|last| record.position <= *last);
            let is_after = place == (incarnation, 1) && *record.bytes == *b"after";
            if !is_after && (!is_known || *record.bytes != *payload(of, record.position, bytes)) {
                return Err(format!("{place:?} is invented: {text}"));
            }
            if !found.entry(of).or_default().insert(record.position) {
                return Err(format!("{place:?} is there twice"));
            }
        }
    }
    if !found.get(&incarnation).is_some_and(|it| it.contains(&1)) {
        return Err("what was appended afterwards is not read".to_owned());
    }
    // Mode process promises nothing of a cut, but that what is there is right and what is missing in between is named.
    let kept = known.synced.iter().filter(|_| durability == Durability::Power);
    for (of, last) in kept {
        let missing = (1..=*last).find(|it| !found.get(of).is_some_and(|found| found.contains(it)));
        if let Some(sequence) = missing {
            return Err(format!("record {sequence} of {of} was synced and is lost"));
        }
    }
    // A hole before a record that is there is named, in sequences.
    let holes: u64 = found.values().map(|it| it.last().unwrap_or(&0) - it.len() as u64).sum();
    let named = reader.damages().records();
    if named < holes {
        Err(format!("{holes} records are missing in between, {named} are named"))
    } else {
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "how long this takes is the caller's to say")]
fn states_wanted() -> u64 {
    std::env::var("TRIBUTARY_TEST_STATES").ok().map_or(STATES, |it| it.parse().unwrap())
}

/// A folder in memory where there is one: the states are about what a disk keeps, not about this one.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// One state; what the disk decided.
fn state(cut: &Cut, mut chance: Chance, seen: &mut Seen) -> Vec<bool> {
    let root = scratch();
    let root = root.path();
    let script = Arc::new(Script::with_power_to_cut());
    let known = live(root, &script, cut.durability, &cut.steps);
    script.cut_power(root, || chance.answer()).unwrap();
    if !seen.of_cut.insert(chance.bits.clone()) {
        return chance.bits;
    }
    if let Err(error) = judge(root, &script, cut.durability, &known) {
        panic!("{cut:?}, {:?}: {error}", chance.bits);
    }
    seen.states += 1;
    seen.lossy += u64::from(chance.bits.iter().any(|it| !it));
    seen.kept += u64::from(cut.durability == Durability::Power && !known.synced.is_empty());
    chance.bits
}

/// A life that is cut off behind its last step.
#[derive(Debug)]
struct Cut {
    durability: Durability,
    steps: Vec<Step>,
    /// See [`Chance::run`].
    run: usize,
}

#[derive(Debug, Default)]
struct Seen {
    states: u64,
    /// Something was lost in so many.
    lossy: u64,
    /// Something had to be kept in so many.
    kept: u64,
    cuts: u64,
    /// Cuts of which every combination was tried.
    exhausted: u64,
    /// What the disk decided, in the states of one cut.
    of_cut: BTreeSet<Vec<bool>>,
}

impl Seen {
    fn with(self, other: &Self) -> Self {
        Self {
            states: self.states + other.states,
            lossy: self.lossy + other.lossy,
            kept: self.kept + other.kept,
            cuts: self.cuts + other.cuts,
            exhausted: self.exhausted + other.exhausted,
            of_cut: BTreeSet::new(),
        }
    }
}

/// One cut: every combination where there are few; of more, half of the states in their order and half by chance.
fn try_cut(cut: &Cut, states_max: u64, salt_of_cut: u64, seen: &mut Seen) {
    seen.of_cut.clear();
    let before = seen.states;
    let mut untried = Some(Vec::new());
    while seen.states - before < states_max / 2
        && let Some(bits) = untried.take()
    {
        let chance = Chance { bits, asked: 0, random: None, run: cut.run };
        untried = next(state(cut, chance, seen));
        seen.exhausted += u64::from(untried.is_none());
    }
    for salt in 0..untried.map_or(0, |_| states_max / 2) {
        let random = (salt_of_cut << 32 | salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let chance = Chance { bits: Vec::new(), asked: 0, random: Some(random), run: cut.run };
        state(cut, chance, seen);
    }
}

/// The lives above, then lives by chance until there are enough states. A thread of several takes every so many-th.
fn try_all(thread: usize, threads: usize, wanted: u64) -> Seen {
    let mut seen = Seen::default();
    for (seed, cut) in (0..).zip(cuts()).skip(thread).step_by(threads) {
        try_cut(&cut, STATES_OF_A_LIFE, seed, &mut seen);
        seen.cuts += 1;
    }
    for seed in (1_000_u64..).skip(thread).step_by(threads) {
        if wanted <= seen.states {
            break;
        }
        try_cut(&cut_by_chance(seed), STATES_BY_CHANCE, seed, &mut seen);
        seen.cuts += 1;
    }
    seen
}

fn cut_by_chance(seed: u64) -> Cut {
    let mut chance = Chance { bits: Vec::new(), asked: 0, random: Some(seed << 20 | 1), run: 1 };
    let mut number = |bits: u32| (0..bits).fold(0_u32, |sum, _| sum << 1 | u32::from(chance.answer()));
    let mut steps = vec![Append(1 + number(2), 20), Sync];
    for _ in 0..=number(3) {
        steps.push(match number(2) {
            0 => Sync,
            1 if number(1) == 0 => Restart,
            _ => Append(1 + number(3), usize::try_from(number(9)).unwrap()),
        });
    }
    let durability = if number(2) == 0 { Durability::Process } else { Durability::Power };
    Cut { durability, steps, run: if number(1) == 0 { 1 } else { 8 } }
}

fn cuts() -> Vec<Cut> {
    let mut cuts = Vec::new();
    for life in LIVES {
        for end in 1..=life.len() {
            for durability in [Durability::Power, Durability::Process] {
                cuts.extend([1, 8].map(|run| Cut { durability, steps: life[..end].to_vec(), run }));
            }
        }
    }
    cuts
}

// faults 36 to 38 and 40 with a cut of power: names, lengths and sectors that were not synced
#[test]
fn what_was_synced_survives_every_state_that_a_cut_of_power_may_leave() {
    let wanted = states_wanted();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let seen = std::thread::scope(|scope| {
        let part = |thread| scope.spawn(move || try_all(thread, threads, wanted / threads as u64));
        let parts: Vec<_> = (0..threads).map(part).collect();
        let parts = parts.into_iter().map(|it| it.join().unwrap());
        parts.reduce(|sum, it| sum.with(&it)).unwrap()
    });
    let Seen { states, lossy, kept, cuts, exhausted, .. } = seen;
    println!(
        "{states} states of {cuts} cuts ({exhausted} of them wholly), {lossy} lost something, {kept} had to keep something"
    );
    assert!(states >= wanted / 2 && lossy > states / 2 && kept > states / 8);
}
