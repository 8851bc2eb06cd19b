//! Ids that we did not issue: small changes of real ones, ids under a key that is gone, and ids out of thin air (P14).

use events::{ClickId, ClickIdError, ClickKeyring, ClickMint};
use units::{LinkId, VisitorId};

use super::Scale;
use crate::world;

const BITS: usize = 31 * 8;

/// All changes of one bit and of two bits, and the same ids under the revoked key.
pub(super) fn changed(scale: Scale) -> u64 {
    let keyring = world::keyring();
    let mut tried = 0;
    for id in world::issued(scale.ids) {
        assert_eq!(keyring.check(&id.to_string()), Ok(id), "an id of ours is believed");
        let bytes = id.to_bytes();
        for first in 0..BITS {
            let once = flipped(bytes, first);
            refuse(&keyring, once);
            for second in first + 1..BITS {
                refuse(&keyring, flipped(once, second));
            }
        }
        tried += (BITS + BITS * (BITS - 1) / 2) as u64;
    }
    tried + revoked(&keyring, scale.ids)
}

fn flipped(mut bytes: [u8; 31], bit: usize) -> [u8; 31] {
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn refuse(keyring: &ClickKeyring, bytes: [u8; 31]) {
    let text = ClickId::from_bytes(bytes).to_text();
    let text = std::str::from_utf8(&text).expect("base 32 is ASCII");
    assert!(keyring.check(text).is_err(), "believed, and never issued: {text}");
}

fn revoked(keyring: &ClickKeyring, count: u32) -> u64 {
    let mut mint = ClickMint::new(world::key(world::REVOKED_SECRET), 11);
    for number in 0..count {
        let id = mint.mint(world::NOW, LinkId(number), VisitorId(u64::from(number)));
        let refused = keyring.check(&id.to_string());
        assert_eq!(refused, Err(ClickIdError::UnknownKey { key: world::REVOKED_SECRET.0 }));
    }
    u64::from(count)
}

/// With the right version and an active key, so that nothing but the signature stands in the way.
pub(super) fn random(scale: Scale) -> u64 {
    let keyring = world::keyring();
    let mut state = scale.seed;
    for number in 0..scale.random_ids {
        let mut bytes = [0; 31];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes()[..chunk.len()]);
        }
        let key = if number % 2 == 0 { world::CLICK_SECRET.0 } else { world::OLD_SECRET.0 };
        bytes[0] = 0x10 | key;
        refuse(&keyring, bytes);
    }
    scale.random_ids
}

/// `SplitMix64`: every state is a new number.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
