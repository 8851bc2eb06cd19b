//! Faults that can be planted in everything around the machines, to show that the world would notice them.
//!
//! Each leaves out one rule of `crates/README.md`. A world that stays right under a planted bug proves nothing about the rule.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident $text:literal,)*) => {
        /// A planted fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])* $name,)* }

        impl Bug {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// By its name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

bugs! {
    /// Every owner stamps with the same claim.
    NoClaim "no-claim",
    /// An owner speaks before it has read its own claim in every input.
    EarlySend "early-send",
    /// An owner speaks before it has every version of the catalog that was published when it claimed.
    CatalogLag "catalog-lag",
    /// What was sent before a restart is not sent again.
    RememberSent "remember-sent",
    /// Losing touches get no zero rows.
    GhostTouch "ghost-touch",
    /// Quarters that the order is not in get no void rows.
    GhostQuarter "ghost-quarter",
    /// Positions are committed before the outputs they cover are acknowledged.
    CommitEarly "commit-early",
    /// Positions are committed while the owner is silent.
    CommitSilent "commit-silent",
    /// Orders on disk are not decided again when a version of the catalog arrives.
    CatalogMemoryOnly "catalog-memory-only",
    /// Orders on disk are decided again by the time they have, not by the latest they could have.
    CatalogOrderTime "catalog-order-time",
    /// Orders on disk are not read back before their next record.
    ForgetDisk "forget-disk",
    /// The shipper's cursor moves before the log has the record.
    CursorFirst "cursor-first",
    /// The shipper reads beyond a frame that is not whole yet.
    SkipTorn "skip-torn",
    /// Quarters are marked before their facts are written.
    MarksFirst "marks-first",
    /// Quarters of void rows are not marked.
    NoVoidMarks "no-void-marks",
    /// A roll takes its version after it has read the facts.
    VersionLate "version-late",
    /// Groups that vanished from a quarter keep their cells.
    NoZeroCells "no-zero-cells",
    /// Cells that a stale roller left are not looked for.
    NoSweep "no-sweep",
}
