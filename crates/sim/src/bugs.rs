//! Faults that can be planted in what the simulation does itself, in place of threads, brokers and SQL, to show that the world would notice them.
//!
//! Those in the product's own code are `units::planted`'s. Each leaves out one rule of `crates/README.md`. A world that stays right under a planted bug proves nothing about the rule.

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
    /// Positions are committed before the records they led to are in the log.
    CommitEarly "commit-early",
    /// Quarters are marked before their facts are written.
    MarksFirst "marks-first",
    /// A roll takes its version after it has read the facts.
    VersionLate "version-late",
    /// Groups that vanished from a quarter keep their cells.
    NoZeroCells "no-zero-cells",
    /// Cells that a stale roller left are not looked for.
    NoSweep "no-sweep",
    /// Credits count whatever their order's newer rows say.
    NoVersionGuard "no-version-guard",
}
