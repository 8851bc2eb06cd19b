//! The order in which the keys of an order are weighed, as `attribution` does it, with the rules that apply.
//!
//! In: rules of an offer for a partner. Out: the keys, first those that may earn, then those that are recorded and not weighed. Start at [`steps`].

use catalog::{Rules, duration::show};
use serde_json::{Value, json};

/// The heads of the table.
pub(super) const HEADS: [&str; 5] = ["place", "key", "found by", "may earn", "takes"];

/// One key.
pub(super) struct Step {
    /// From 1; `None`: it earns nothing.
    place: Option<usize>,
    key: &'static str,
    found_by: &'static str,
    /// What may earn by it, in words.
    may_earn: String,
}

/// Every key, in the order in which they are weighed. A click is never beaten by a view, however old it is, and of several the newest takes all.
pub(super) fn steps(rules: &Rules) -> Vec<Step> {
    let aged = |window_ms: u64| {
        let (from, to) = (show(rules.minimum_time_ms), show(window_ms));
        let least = if rules.minimum_time_ms == 0 { String::new() } else { format!("at least {from} and ") };
        (rules.minimum_time_ms < window_ms).then(|| format!("{least}less than {to} old"))
    };
    let (click, view) = (aged(rules.click_window_ms), aged(rules.view_window_ms));
    let off = || "off: nothing is young enough".to_owned();
    let mut steps = vec![
        Step {
            place: click.is_some().then_some(1),
            key: "click",
            found_by: "click id or visitor",
            may_earn: click.as_ref().map_or_else(off, |aged| format!("the newest click, {aged}")),
        },
        Step {
            place: view.is_some().then_some(1 + usize::from(click.is_some())),
            key: "view",
            found_by: "visitor",
            may_earn: view.map_or_else(off, |aged| format!("the newest view, {aged}, where no click may")),
        },
    ];
    let unweighed = [
        ("coupon", "a reported coupon, exclusive or not"),
        ("customer", "earlier orders of the customer"),
        ("partner", "a partner named by the report"),
    ];
    steps.extend(unweighed.map(|(key, found_by)| Step {
        place: None,
        key,
        found_by,
        may_earn: "nothing: recorded, not weighed".to_owned(),
    }));
    steps
}

impl Step {
    pub(super) fn as_row(&self) -> Vec<String> {
        let place = self.place.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let takes = if self.place.is_some() { "all" } else { "" };
        let row = [self.key, self.found_by, &self.may_earn, takes];
        std::iter::once(place).chain(row.map(str::to_owned)).collect()
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "place": self.place, "key": self.key, "found_by": self.found_by, "may_earn": self.may_earn,
            "takes": self.place.map(|_| "all"),
        })
    }
}
