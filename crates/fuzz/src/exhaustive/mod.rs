//! What need not be left to chance: small enough to be tried whole, and promised whole (reliability.md 8, P12 to P14).
//!
//! In: how much of it. Out: how many cases were tried; a panic that names the first one that breaks its promise. Start at [`EXHAUSTIVE`].

mod ids;
mod redirects;
mod segments;

/// How much is tried. The default is all that the promises name, but for random ids, of which a hundred millions are tried.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Every so-manieth case of a list is tried.
    pub each: usize,
    /// Real ids of which every small change is tried.
    pub ids: u32,
    /// Ids out of thin air.
    pub random_ids: u64,
    /// Where their numbers begin.
    pub seed: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { each: 1, ids: 10_000, random_ids: 100_000_000, seed: 0 }
    }
}

impl Scale {
    /// For a test on every change: some ten thousand cases.
    pub const SMALL: Self = Self { each: 331, ids: 2, random_ids: 20_000, seed: 0 };
}

/// Something to be tried whole.
#[derive(Debug, Clone, Copy)]
pub struct Exhaustive {
    /// For `--only`.
    pub name: &'static str,
    /// The promise.
    pub claim: &'static str,
    /// Tries it; how many cases there were.
    pub run: fn(Scale) -> u64,
}

/// All of it.
pub const EXHAUSTIVE: &[Exhaustive] = &[
    Exhaustive {
        name: "bits",
        claim: "P12: a flipped bit of a segment costs at most its frame, which is named exactly",
        run: segments::bits,
    },
    Exhaustive {
        name: "cuts",
        claim: "P12: a segment cut at any byte gives up every frame before the cut",
        run: segments::cuts,
    },
    Exhaustive {
        name: "files",
        claim: "P12: segments lost, doubled, swapped and moved invent nothing and stop nobody",
        run: segments::files,
    },
    Exhaustive {
        name: "redirects",
        claim: "P13: no hostile URL in any parameter or header leads to a foreign host or into a header",
        run: redirects::all,
    },
    Exhaustive {
        name: "changed-ids",
        claim: "P14: no id with one or two bits changed is believed, nor one under a revoked key",
        run: ids::changed,
    },
    Exhaustive { name: "random-ids", claim: "P14: no id out of thin air is believed", run: ids::random },
];
