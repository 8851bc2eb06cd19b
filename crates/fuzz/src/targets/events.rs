//! What the log holds and what shops hand back: envelopes and click ids.
//!
//! In: bytes. Out: nothing, or a panic. Start at [`envelope`].

use std::{cell::OnceCell, collections::HashSet};

use events::{ClickHead, ClickId, ClickKeyring, EncodeError, Event, kind_of};

use crate::{choices::Choices, world};

/// What production wrote, of every kind and version, as hex.
const GOLDENS: [&str; 11] = [
    include_str!("../../../events/tests/golden/catalog_v1.hex"),
    include_str!("../../../events/tests/golden/claim_v1.hex"),
    include_str!("../../../events/tests/golden/click_v1.hex"),
    include_str!("../../../events/tests/golden/credit_v1.hex"),
    include_str!("../../../events/tests/golden/decision_v1.hex"),
    include_str!("../../../events/tests/golden/evidence_v1.hex"),
    include_str!("../../../events/tests/golden/lookup_v1.hex"),
    include_str!("../../../events/tests/golden/quarantined_v1.hex"),
    include_str!("../../../events/tests/golden/report_v1.hex"),
    include_str!("../../../events/tests/golden/report_v2.hex"),
    include_str!("../../../events/tests/golden/score_v1.hex"),
];

pub(super) fn goldens() -> Vec<Vec<u8>> {
    GOLDENS.iter().map(|text| from_hex(text)).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|it| it.to_digit(16)).filter_map(|it| u8::try_from(it).ok()).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

/// fault 74: an unknown version, garbage, a tombstone.
pub(super) fn envelope(input: &[u8]) {
    let event = match Event::decode(input) {
        Ok(event) => event,
        Err(error) => {
            assert!(!error.code().is_empty());
            return;
        }
    };
    if let Event::Click(click) = &event {
        assert_eq!(ClickHead::peek(input).as_ref(), Ok(&click.head), "the front is read as the whole is");
    }
    let kind = kind_of(input).expect("it was read");
    let mut bytes = Vec::new();
    written(event.clone(), &mut bytes).unwrap_or_else(|error| panic!("{error}: {event:?}"));
    // The third byte is the version: a record of an older one is written as the newest, with the fields that came since.
    if bytes.get(2) == input.get(2) {
        assert!(
            bytes.len() <= input.len(),
            "bytes of the same kind grow: {} from {}",
            bytes.len(),
            input.len()
        );
    }
    assert_eq!(kind_of(&bytes), Ok(kind));
    let read = Event::decode(&bytes);
    assert_eq!(read, Ok(event), "what is written is read");
    let mut again = Vec::new();
    written(read.expect("it was read"), &mut again).expect("it was written before");
    assert_eq!(again, bytes, "what was written once is written alike");
}

fn written(event: Event<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match event {
        Event::Click(it) => it.encode(out),
        Event::Report(it) => it.encode(out),
        Event::Decision(it) => it.encode(out),
        Event::Credit(it) => it.encode(out),
        Event::Lookup(it) => it.encode(out),
        Event::Evidence(it) => it.encode(out),
        Event::Catalog(it) => it.encode(out),
        Event::Claim(it) => it.encode(out),
        Event::Quarantined(it) => it.encode(out),
        Event::Bound(it) => it.encode(out),
        Event::Score(it) => it.encode(out),
    }
}

struct Issued {
    keyring: ClickKeyring,
    ids: Vec<ClickId>,
    known: HashSet<ClickId>,
}

thread_local! {
    static ISSUED: OnceCell<Issued> = const { OnceCell::new() };
}

/// How an input names an id: as text, by what changes in an issued one's bytes, or in its text.
pub(super) fn ids() -> Vec<Vec<u8>> {
    let text = world::issued(2)[1].to_string();
    let mut as_text = vec![0];
    as_text.extend(text.bytes());
    let mut in_capitals = vec![0];
    in_capitals.extend(text.to_ascii_uppercase().bytes());
    vec![as_text, in_capitals, vec![1, 5, 0, 30, 1], vec![2, 5, 0, 49, b'z'], vec![1, 0, 0]]
}

/// fault 99, P14
pub(super) fn click_id(input: &[u8]) {
    ISSUED.with(|kept| {
        let issued = kept.get_or_init(|| {
            let ids = world::issued(64);
            Issued { keyring: world::keyring(), known: ids.iter().copied().collect(), ids }
        });
        let text = candidate(input, &issued.ids);
        if let Ok(id) = issued.keyring.check(&text) {
            assert!(issued.known.contains(&id), "believed, and never issued: {text:?}");
            assert_eq!(id.to_string(), text.trim().to_ascii_lowercase(), "one id, one text");
        }
    });
}

fn candidate(input: &[u8], ids: &[ClickId]) -> String {
    let mut choices = Choices::new(input);
    let how = choices.byte() % 3;
    if how == 0 {
        return String::from_utf8_lossy(choices.rest()).into_owned();
    }
    let id = ids[choices.below(ids.len())];
    if how == 1 {
        let mut bytes = id.to_bytes();
        while !choices.is_empty() {
            let place = usize::from(choices.byte()) % bytes.len();
            bytes[place] ^= choices.byte();
        }
        return ClickId::from_bytes(bytes).to_string();
    }
    let mut text = id.to_text().to_vec();
    while !choices.is_empty() {
        let place = usize::from(choices.byte()) % text.len();
        text[place] = choices.byte();
    }
    String::from_utf8_lossy(&text).into_owned()
}
