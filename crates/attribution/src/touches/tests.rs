//! The store against a naive list, its cost in memory, and its bytes.

use std::collections::BTreeSet;

use events::{ClickKey, ClickMint, Country, Device, TouchId, TouchKind, Verdict};
use proptest::{collection::vec, prelude::*};
use units::{AdvertiserId, LinkId, OfferId, Origin, PartnerId, WriterId};

use super::*;

const SMALL: SliceOptions = SliceOptions { records_max: 7, span_ms: 1_000 };

fn touch(visitor: u64, at: u64, sequence: u32) -> Touch {
    let mut mint = ClickMint::new(ClickKey::new(0, b"secret"), sequence);
    let id = mint.mint(EpochMs(at), LinkId(5), VisitorId(visitor));
    let touch = Touch::of_signed_id(id, PartnerId(sequence % 3), OfferId(10), AdvertiserId(1));
    let origin = Origin { writer: WriterId(1), incarnation: 2, sequence: sequence.into() };
    Touch { origin, country: Country(*b"DE"), device: Device::Tv, ..touch }
}

fn opened(next: u64, slices: MemorySlices) -> TouchStore<MemorySlices> {
    TouchStore::open(slices, SMALL, next ^ 0xabcd, next).expect("slices in memory do not fail")
}

fn found(store: &TouchStore<MemorySlices>, visitor: u64, from: u64, to: u64) -> BTreeSet<Touch> {
    let mut found = Vec::new();
    store.find(VisitorId(visitor), EpochMs(from), EpochMs(to), &mut found).expect("the slices are whole");
    found.into_iter().collect()
}

#[derive(Debug, Clone)]
enum Step {
    Append {
        visitor: u64,
        at: u64,
    },
    Repeat,
    Flush,
    /// All that was not flushed is lost.
    Crash,
    /// The index is made anew.
    Reopen,
    Expire {
        before: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..6_u64, 0..5_000_u64).prop_map(|(visitor, at)| Step::Append { visitor, at }),
        2 => Just(Step::Repeat),
        2 => Just(Step::Flush),
        1 => Just(Step::Crash),
        1 => Just(Step::Reopen),
        1 => (0..5_000_u64).prop_map(|before| Step::Expire { before }),
    ]
}

proptest! {
    /// Nothing within the kept time is missing, nothing is invented, whatever happens in between.
    #[test]
    fn finds_what_a_naive_list_finds(steps in vec(step(), 0..200), from in 0..5_000_u64, width in 0..5_000_u64) {
        let mut store = opened(0, MemorySlices::default());
        let mut naive: Vec<Touch> = Vec::new();
        let (mut flushed, mut kept_from, mut committed) = (0, 0, 0);
        for (sequence, step) in (1..).zip(steps) {
            match step {
                Step::Append { visitor, at } => {
                    let touch = touch(visitor, at, sequence);
                    store.append(&touch).unwrap();
                    naive.push(touch);
                }
                Step::Repeat => {
                    if let Some(touch) = naive.first() {
                        store.append(touch).unwrap();
                    }
                }
                Step::Flush => {
                    committed = store.flush().unwrap();
                    flushed = naive.len();
                }
                Step::Crash => {
                    naive.truncate(flushed);
                    store = opened(committed, store.slices().clone());
                }
                Step::Reopen => {
                    committed = store.flush().unwrap();
                    flushed = naive.len();
                    store = opened(committed, store.slices().clone());
                }
                Step::Expire { before } => {
                    store.expire(EpochMs(before)).unwrap();
                    kept_from = kept_from.max(before);
                }
            }
        }
        for visitor in 0..6 {
            let asked = |it: &&Touch| it.visitor.0 == visitor && (from..=from + width).contains(&it.at.0);
            let all: BTreeSet<Touch> = naive.iter().filter(asked).copied().collect();
            let young = all.iter().filter(|it| it.at.0 >= kept_from).copied().collect::<BTreeSet<_>>();
            let found = found(&store, visitor, from, from + width);
            prop_assert!(found.is_subset(&all));
            prop_assert!(young.is_subset(&found));
        }
    }

    #[test]
    fn a_record_decodes_to_what_it_encoded(visitor: u64, at in 0..=EpochMs::MAX_48_BIT.0, sequence: u32, back: u32) {
        let record = Record { touch: touch(visitor, at, sequence), back };
        prop_assert_eq!(Record::decode(&record.encode()), Some(record));
        prop_assert_eq!(Record::decode(&record.encode()[1..]), None);
    }
}

/// Design.md 10: at most 40 bytes of RAM a visitor at the worst moment, which is when both tables of a growth are there.
#[test]
fn a_visitor_costs_at_most_forty_bytes_while_the_index_grows() {
    let mut index = Index::new(1);
    let (mut worst, mut growths) = (0.0_f64, 0);
    for visitor in 0..400_000_u64 {
        let (before, visitors) = (index.bytes(), index.len());
        index.replace(index.hash(VisitorId(visitor)), visitor, visitor);
        if before != index.bytes() {
            growths += 1;
            let both = u32::try_from(before + index.bytes()).unwrap();
            worst = worst.max(f64::from(both) / f64::from(u32::try_from(visitors).unwrap()));
        }
    }
    assert!(growths > 10, "{growths} growths");
    assert!(worst <= 32.1, "{worst} bytes");
    let visitors = u32::try_from(index.len()).unwrap();
    assert!(visitors > 399_950, "{visitors} visitors: hashes fall together more often than chance");
}

#[test]
fn visitors_whose_hashes_are_equal_share_a_chain_and_are_told_apart() {
    let index = Index::new(0xabcd);
    let mut seen = std::collections::HashMap::new();
    let pair = (0..).find_map(|it| seen.insert(index.hash(VisitorId(it)), it).map(|old| (old, it)));
    let (a, b) = pair.expect("among a few hundred thousand two are equal");
    let mut store = opened(0, MemorySlices::default());
    for (sequence, visitor) in (1..).zip([a, b, a, b, b]) {
        store.append(&touch(visitor, 100 + u64::from(sequence), sequence)).unwrap();
    }
    assert_eq!(store.visitors(), 1);
    assert_eq!((found(&store, a, 0, 999).len(), found(&store, b, 0, 999).len()), (2, 3));
}

#[test]
fn old_slices_are_dropped_whole_and_their_visitors_forgotten() {
    let mut store = opened(0, MemorySlices::default());
    for sequence in 0..70 {
        store.append(&touch(sequence.into(), u64::from(sequence) * 10, sequence)).unwrap();
    }
    assert_eq!((store.touches(), store.visitors(), store.slices().list().unwrap().len()), (70, 70, 10));
    store.expire(EpochMs(340)).unwrap();
    assert_eq!((store.touches(), store.visitors(), store.slices().list().unwrap().len()), (42, 42, 6));
    assert!(found(&store, 27, 0, 999).is_empty() && !found(&store, 28, 0, 999).is_empty());
    store.expire(EpochMs(u64::MAX)).unwrap();
    assert_eq!(store.touches(), 7, "the slice in use stays");
}

#[test]
fn a_slice_ends_with_its_day() {
    let mut store = opened(0, MemorySlices::default());
    for (sequence, at) in (1..).zip([0, 999, 1_000, 1_500, 2_000]) {
        store.append(&touch(1, at, sequence)).unwrap();
    }
    assert_eq!(store.slices().list().unwrap(), [0, 1, 2]);
    assert_eq!(found(&store, 1, 0, 9_999).len(), 5);
}

#[test]
fn slices_shorter_than_the_checkpoint_are_refused() {
    let mut store = opened(0, MemorySlices::default());
    for sequence in 0..10 {
        store.append(&touch(1, 5, sequence)).unwrap();
    }
    let next = store.flush().unwrap();
    let mut slices = store.slices().clone();
    slices.truncate(1, 2 * RECORD_BYTES as u64).unwrap();
    let error = TouchStore::open(slices.clone(), SMALL, 1, next).unwrap_err();
    assert!(
        matches!(error, StoreError::CutShort { slice: 1, found_bytes: 128, wanted_bytes: 192 }),
        "{error}"
    );
    slices.remove(0).unwrap();
    slices.create(0).unwrap();
    slices.append(0, &[9; 60]).unwrap();
    assert!(matches!(TouchStore::open(slices, SMALL, 1, next), Err(StoreError::CutShort { slice: 0, .. })));
}

#[test]
fn a_damaged_record_is_named() {
    let mut store = opened(0, MemorySlices::default());
    store.append(&touch(1, 5, 1)).unwrap();
    let next = store.flush().unwrap();
    let mut slices = MemorySlices::default();
    slices.create(0).unwrap();
    slices.append(0, &[0xff; RECORD_BYTES]).unwrap();
    assert!(matches!(TouchStore::open(slices, SMALL, 1, next), Err(StoreError::Damaged { number: 0 })));
}

/// Blocks of 4,096 records: of three and a half, two are in memory.
#[test]
fn touches_in_memory_and_on_disk_are_found_alike() {
    let options = SliceOptions { records_max: 10_000, span_ms: u64::MAX };
    let open = |slices, next| TouchStore::open(slices, options, 1, next).unwrap().keeping(2 * BLOCK_BYTES);
    let mut store = open(MemorySlices::default(), 0);
    let mut all = vec![BTreeSet::new(); 100];
    for sequence in 0..14_000_u32 {
        let visitor = sequence % 100;
        let touch = touch(visitor.into(), 5, sequence);
        store.append(&touch).unwrap();
        all[visitor as usize].insert(touch);
        if sequence % 1_001 == 0 {
            store.flush().unwrap();
        }
    }
    let in_memory = (0..14_000).filter(|it| store.recent.get(*it).is_some()).count();
    assert!((4_096..=2 * 4_096).contains(&in_memory), "{in_memory} in memory");
    let next = store.flush().unwrap();
    let mut reopened = open(store.slices().clone(), next);
    reopened.append(&touch(7, 5, 14_000)).unwrap();
    for (visitor, mut touches) in (0..).zip(all) {
        assert_eq!(found(&store, visitor, 0, 9), touches);
        touches.extend((visitor == 7).then(|| touch(7, 5, 14_000)));
        assert_eq!(found(&reopened, visitor, 0, 9), touches);
    }
}

#[test]
fn a_robots_chain_is_read_to_its_limit() {
    let options = SliceOptions { records_max: 1 << 20, span_ms: u64::MAX };
    let mut store = TouchStore::open(MemorySlices::default(), options, 1, 0).unwrap();
    let touch = touch(1, 5, 1);
    let count = u32::try_from(WALK_MAX).unwrap() + 1;
    for _ in 0..count {
        store.append(&touch).unwrap();
    }
    let mut found = Vec::new();
    store.find(VisitorId(1), EpochMs(0), EpochMs(9), &mut found).unwrap();
    assert_eq!((found.len(), store.walks_cut()), (WALK_MAX, 1));
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.split_whitespace().flat_map(str::chars).collect();
    digits.chunks(2).map(|it| u8::from_str_radix(&String::from_iter(it), 16).expect("two digits")).collect()
}

/// What an earlier run wrote must be read by a later one; another layout needs another checkpoint version.
#[test]
fn the_record_is_golden() {
    let touch = Touch {
        at: EpochMs(0x0102_0304_0506),
        origin: Origin {
            writer: WriterId(0x1111_2222),
            incarnation: 0x3333_4444,
            sequence: 0x5555_6666_7777_8888,
        },
        id: TouchId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
        visitor: VisitorId(0x0807_0605_0403_0201),
        kind: TouchKind::View,
        verdict: Verdict::Preview,
        partner: PartnerId(2),
        offer: OfferId(3),
        advertiser: AdvertiserId(4),
        link: LinkId(1),
        country: Country(*b"FR"),
        device: Device::Tablet,
    };
    let bytes = Record { touch, back: 0x0a0b_0c0d }.encode();
    let golden = include_str!("../../tests/golden/touch_record_v1.hex");
    assert_eq!(bytes.as_slice(), unhex(golden));
}
