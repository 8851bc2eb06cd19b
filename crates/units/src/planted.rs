//! Bugs that can be planted in our own code, to show that a test would notice each: `cargo xtask mutants` plants one after the other.
//!
//! In: a bug's name in the environment, of builds with the feature `planted-bugs` alone. Out: whether this is the bug. No other build has the
//! switch: there the answer is a constant, and the wrong way is not compiled. A test of `xtask` forbids the feature in every manifest but ours.
//! This is the one file below layer 3 that looks at the world. Start at [`planted`].

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident $text:literal,)*) => {
        /// A rule that is left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])* $name,)* }

        impl Bug {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the environment and in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

bugs! {
    /// A frame's checksum is not looked at.
    SkipCrc "skip-crc",
    /// In a segment that is being written, what is no frame yet counts as its end.
    TrustZeros "trust-zeros",
    /// A sync is answered and not made.
    SkipSync "skip-sync",
    /// The entries of folders are not synced.
    SkipDirSync "skip-dir-sync",
    /// A new run of a writer goes on under the number of the last one.
    ReuseIncarnation "reuse-incarnation",
    /// After a write that failed, the sequence of a record that is whole is given out again.
    ReuseSequence "reuse-sequence",
    /// The shipper's cursor moves before the log has the record.
    CursorFirst "cursor-first",
    /// Quarters in which an order has nothing any more are not marked.
    ForgetMark "forget-mark",
    /// Marks are written before the facts.
    MarksFirst "marks-before-facts",
    /// A roll takes a mark for read that comes after it has read the facts.
    MarksAfterFacts "marks-read-after-facts",
    /// Groups that vanished from a quarter keep their cells.
    NoZeroCells "no-zero-cells",
    /// Cells that a stale roller left are not looked for.
    NoSweep "no-sweep",
    /// Positions are committed before the warehouse has the marks.
    CommitEarly "commit-before-marks",
    /// Positions are committed while the owner is silent.
    CommitSilent "commit-silent",
    /// Snapshots carry no claim.
    NoClaim "no-claim",
    /// An owner speaks before it has read what there was when it claimed.
    EarlySpeech "early-speech",
    /// An owner speaks before it knows the versions of the catalog that there were when it claimed.
    CatalogLag "catalog-lag",
    /// What a restored state leads to counts as sent.
    RememberSent "remember-sent",
    /// A report that comes again counts again.
    CountRepeats "count-repeats",
    /// An order's rows carry no version.
    NoVersion "no-version",
    /// An order's bindings are those that came last, whoever claimed.
    StaleBindings "stale-bindings",
    /// New evidence takes the place of what was known.
    ReplaceEvidence "replace-evidence",
    /// Evidence that is full takes in nothing more.
    CapBeforeUnion "cap-before-union",
    /// Losing touches get no rows.
    GhostTouch "ghost-touch",
    /// Quarters that an order may have been in get no rows.
    GhostQuarter "ghost-quarter",
    /// The end of a window is inside it.
    WindowEnd "window-end-inside",
    /// An amount with decimals loses its last unit.
    LostUnit "lost-unit",
    /// A click id need not be signed.
    UnsignedId "unsigned-id",
    /// A deep link to a foreign host need not be signed.
    UnsignedLink "unsigned-link",
    /// An order's state on disk is not read back before its next record.
    ForgetDisk "forget-disk",
    /// Orders on disk are not decided again for a version of the catalog.
    CatalogMemoryOnly "catalog-memory-only",
    /// Orders on disk are found by the time they have, not by the latest they could have.
    PlaceByTime "place-by-time",
    /// A decided order leaves memory before its place in time is committed.
    EvictUnplaced "evict-unplaced",
    /// A customer leaves memory before what became known of him is on disk.
    EvictDirtyCustomer "evict-dirty-customer",
    /// What was answered about a customer is forgotten when he leaves memory.
    EvictForgetsSaid "evict-forgets-said",
    /// A customer is not read back from disk before what concerns him.
    ForgetCustomer "forget-customer",
    /// Touches are forgotten before what was decided by them is committed.
    ForgetUncommitted "forget-uncommitted",
    /// Credits count whatever their order's newer rows say.
    NoVersionGuard "no-version-guard",
    /// Where reports that are not kept could have placed an order is forgotten with them.
    ForgetLeft "forget-left-quarters",
    /// Visitors are followed however many a customer is known by.
    FollowTills "follow-tills",
    /// Where another visitor of a customer becomes known, orders that asked about him before are not told.
    AnswerAskerAlone "answer-asker-alone",
    /// A coupon is his who has it now, not his who had it at the order's time.
    NewestHolder "newest-holder",
    /// The end of a hijack window is inside it.
    GuardEnd "guard-end-inside",
    /// Every touch of a partner who assisted counts as an assist.
    AssistEach "assist-each",
    /// Every touch with a share carries the length of the path.
    PathEach "path-each",
    /// What is refunded is no more approved.
    RefundUnapproves "refund-unapproves",
    /// Each partner's part of what went back is all of it.
    RefundEach "refund-each",
    /// A rebuild from facts does not give timelines the touches.
    RebuildForgetsTouches "rebuild-forgets-touches",
    /// What a rebuild from facts has kept half-way counts as all of it.
    RebuildCommitsHalf "rebuild-commits-half",
    /// A rebuild from facts does not give timelines the questions of orders elsewhere that customers led there.
    RebuildForgetsFollowed "rebuild-forgets-followed",
    /// A rebuild from facts does not give orders their scores.
    RebuildForgetsScores "rebuild-forgets-scores",
    /// Of two scores of an order the older one counts.
    OlderScore "older-score-wins",
    /// What is suspicious earns nothing.
    ScoreZeroes "score-zeroes-credit",
}

/// Whether this bug is planted: never, in any build that is shipped.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is planted in this process.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    static PLANTED: std::sync::LazyLock<Option<Bug>> = std::sync::LazyLock::new(|| {
        let name = std::env::var("TRIBUTARY_PLANTED_BUG").ok()?;
        let found = Bug::ALL.iter().copied().find(|it| it.name() == name);
        assert!(found.is_some(), "there is no bug {name:?} to plant");
        found
    });
    *PLANTED == Some(bug)
}
