//! How often each boundary was met, by name: a row that stays at zero says that something is not tested.
//!
//! In: what happened. Out: a table. Start at [`Tally`].

use std::fmt;

macro_rules! rows {
    ($($name:ident $text:literal,)*) => {
        /// Something that a case can be about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Row { $($name,)* }

        impl Row {
            const ALL: &'static [Self] = &[$(Self::$name,)*];
            const TEXTS: &'static [&'static str] = &[$($text,)*];

            fn text(self) -> &'static str {
                Self::TEXTS.get(self as usize).copied().unwrap_or_default()
            }
        }
    };
}

rows! {
    LastInside "a touch in the last millisecond of its window",
    WindowEnd "a touch at its window's end",
    Beyond "a touch a millisecond beyond",
    SameInstant "a touch in the order's own millisecond",
    OneAfter "a touch one millisecond after the order",
    Minimum "a touch at the least time",
    BelowMinimum "a touch a millisecond below the least time",
    GuardEnd "a guarded partner's click at the end of its hijack window",
    LastGuarded "one in the last millisecond of it",
    AsCheckoutBegins "one in the millisecond in which checkout begins",
    BeforeCheckout "one in the millisecond before",
    ByExclusiveCoupon "an order by an exclusive coupon",
    ByCoupon "an order by another coupon",
    ByPartner "an order by a partner named outright",
    HalfLife "a touch one half life before another one",
    BindingEnd "an order in the millisecond in which its customer's binding ends",
    LastBound "one in the millisecond before",
    ByCustomer "an order by a customer's binding",
    ToleranceEnd "an own click 24 h after its order",
    BeyondTolerance "an own click 24 h and a millisecond after",
    Tie "two touches of one millisecond",
    CatalogBeginsThen "a version that takes effect in the order's millisecond",
    CatalogBeginsNext "a version that takes effect one millisecond later",
    ClickAfterReport "a click that arrives after the report",
    CatalogAfterReport "a version that arrives after the report",
    FromDisk "an order's state that comes back from disk",
    ClockSteps "a clock that steps by an hour",
    OrdinaryDay "an ordinary day",
    LeapSecond "the last leap second",
    LeapDay "a leap day's ends",
    SummerTime "a change of summer time",
    SecondsOf31Bits "the end of 31 bits of seconds",
    YearEnds "the end of a year",
}

/// What was played, and what it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Sequences.
    pub cases: u64,
    /// Answers compared with the plain one: after every input of every sequence.
    pub checks: u64,
    rows: [u64; Row::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self { cases: 0, checks: 0, rows: [0; Row::ALL.len()] }
    }
}

impl Tally {
    pub(crate) fn note(&mut self, row: Row) {
        if let Some(count) = self.rows.get_mut(row as usize) {
            *count += 1;
        }
    }

    pub(crate) fn note_if(&mut self, happened: bool, row: Row) {
        if happened {
            self.note(row);
        }
    }

    /// Adds what others met.
    pub fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.checks += other.checks;
        for (mine, other) in self.rows.iter_mut().zip(other.rows) {
            *mine += other;
        }
    }

    /// What was never met, in words.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let zero = Row::ALL.iter().zip(self.rows).filter(|(_, count)| *count == 0);
        zero.map(|(row, _)| row.text()).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Row::ALL.iter().zip(self.rows);
        rows.try_for_each(|(row, count)| writeln!(f, "{count:>10}  {}", row.text()))
    }
}
