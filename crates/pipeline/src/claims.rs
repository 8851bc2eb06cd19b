//! The pipeline's own journal of claims on one machine: a numbered record per start, so that a later owner's outputs win.
//!
//! In: who claims. Out: a number higher than every one before. Start at [`claim`].

use std::path::Path;

use events::Claim;
use journal::versions::{self, VersionsError};
use units::Stamp;

/// Why no claim could be made; the partition is not worked on without one.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The journal of claims cannot be used.
    #[error("claim cannot be recorded")]
    Journal(#[from] VersionsError),
    /// The claims on record are fewer than what state or the warehouse has seen: the folder was lost or replaced.
    #[error("claims end at {newest}, but claim {seen} was already used; restore the folder of claims")]
    Lost {
        /// The newest on record.
        newest: u32,
        /// What was used before.
        seen: u64,
    },
    /// Others claimed at the same time, again and again.
    #[error("no free claim number after {tries} tries; is another pipeline starting over and over?")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// The claim cannot be written down.
    #[error("claim cannot be encoded")]
    Encode(#[from] events::EncodeError),
}

/// Tries against others who claim at the same moment; two pipelines on one machine exclude each other by the state's lock.
const TRIES_MAX: u32 = 16;

/// Appends the claim; its number is its place. `seen` is the highest claim that state remembers: numbers must never start again.
pub fn claim(folder: &Path, claim: Claim, seen: u64) -> Result<u64, ClaimError> {
    let mut bytes = Vec::new();
    claim.encode(&mut bytes)?;
    for _ in 0..TRIES_MAX {
        let newest = versions::newest(folder)?;
        if u64::from(newest) < seen {
            return Err(ClaimError::Lost { newest, seen });
        }
        match versions::append(folder, newest + 1, &bytes) {
            Ok(()) => return Ok(u64::from(newest) + 1),
            Err(VersionsError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ClaimError::Contended { tries: TRIES_MAX })
}

const _: () = assert!((u32::MAX as u64) < Stamp::CLAIM_END, "every number of a claim fits a stamp");

#[cfg(test)]
mod tests {
    use units::EpochMs;

    use super::*;

    fn someone() -> Claim {
        Claim { partition: 0, nonce: 7, at: EpochMs(1), owner: "host/1".into() }
    }

    #[test]
    fn every_claim_is_higher_than_the_one_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let numbers: Vec<u64> =
            (0..3).map(|seen| claim(folder.path(), someone(), seen).expect("a number")).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn lost_claims_are_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = claim(folder.path(), someone(), 5).expect_err("claims start again");
        assert!(matches!(error, ClaimError::Lost { newest: 0, seen: 5 }), "{error}");
    }
}
