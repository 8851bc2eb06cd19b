//! Whether a partner goes on earning by a customer he once brought, and whose orders an offer pays for at all.
//!
//! In: the words of the catalog. Out: [`Binding`] and [`Customers`]. Not here: who brought whom (`attribution`). Start at [`Binding`].

use std::fmt;

use crate::duration;

/// Whether a customer stays with the partner who led one of his orders, where nobody earns a later one by a key of an earlier place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Binding {
    /// He does not.
    #[default]
    None,
    /// He does.
    Bound {
        /// For how long after that order, in ms, half-open; `None` is for ever.
        for_ms: Option<u64>,
        /// For how many purchases after it; `None` is for all.
        orders: Option<u32>,
        /// Which order it is.
        owner: BindingOwner,
    },
}

/// Which of a customer's orders that somebody led binds him. One that was led by a binding alone does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BindingOwner {
    /// The first.
    #[default]
    First,
    /// The last before the order in question.
    Last,
}

/// Whose orders earn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Customers {
    /// Everybody's.
    #[default]
    All,
    /// Those of customers who have not bought before.
    New,
    /// Those of customers who have.
    Existing,
}

impl Customers {
    /// Each with its word in a catalog's text.
    pub const WORDS: [(&'static str, Self); 3] =
        [("all", Self::All), ("new", Self::New), ("existing", Self::Existing)];
}

impl BindingOwner {
    /// Each with its word in a catalog's text.
    pub const WORDS: [(&'static str, Self); 2] = [("first", Self::First), ("last", Self::Last)];
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Bound { for_ms, orders, owner } = self else { return f.write_str("none") };
        match for_ms {
            None => f.write_str("lifetime")?,
            Some(ms) => f.write_str(&duration::show(*ms))?,
        }
        let owner = if *owner == BindingOwner::First { "first" } else { "last" };
        write!(f, ", {owner} order")?;
        orders.map_or(Ok(()), |it| write!(f, ", {it} more"))
    }
}

impl fmt::Display for Customers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::New => "new",
            Self::Existing => "existing",
        })
    }
}
