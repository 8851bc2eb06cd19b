//! The order in which the keys of an order are weighed, as `attribution` does it, with the rules that apply.
//!
//! In: rules of an offer for a partner. Out: the keys, first those that may earn, then those that earn nothing. Start at [`steps`].

use catalog::{Binding, Key, Rules, duration::show};
use serde_json::{Value, json};

/// The heads of the table.
pub(super) const HEADS: [&str; 5] = ["place", "key", "found by", "may earn", "takes"];

/// One key.
pub(super) struct Step {
    /// From 1, as it is compared with other partners' places; `None`: it earns nothing.
    place: Option<u8>,
    key: Key,
    /// What may earn by it, in words.
    may_earn: String,
    /// How much, in words.
    takes: String,
}

/// Every key, in the order in which they are weighed.
pub(super) fn steps(rules: &Rules) -> Vec<Step> {
    let mut steps: Vec<Step> = Key::ALL.map(|key| step(key, rules)).into();
    steps.sort_by_key(|it| it.place.map_or((true, 0), |place| (false, place)));
    steps
}

fn step(key: Key, rules: &Rules) -> Step {
    let place = rules.precedence.rank(key).map(|it| it + 1);
    let (place, may_earn) = match (place, key) {
        (None, _) => (None, "off: left out of `precedence`".to_owned()),
        (Some(place), Key::Click | Key::View) => match aged(key, rules) {
            Some(aged) => (Some(place), aged),
            None => (None, "off: nothing is young enough".to_owned()),
        },
        (Some(_), Key::Customer) if rules.binding == Binding::None => (None, "off: no `binding`".to_owned()),
        (Some(place), Key::Customer) => (Some(place), format!("{}: {}", key.candidates(), rules.binding)),
        (Some(place), _) => (Some(place), key.candidates().to_owned()),
    };
    let takes = match place {
        None => String::new(),
        Some(_) if key.finds_touches() => format!("by model {}", rules.model),
        Some(_) => "all".to_owned(),
    };
    Step { place, key, may_earn, takes }
}

/// Touches that are inside their window; `None` where none can be.
fn aged(key: Key, rules: &Rules) -> Option<String> {
    let window_ms = if key == Key::Click { rules.click_window_ms } else { rules.view_window_ms };
    let least = match rules.minimum_time_ms {
        0 => String::new(),
        least => format!("at least {} and ", show(least)),
    };
    let near = (rules.hijack_window_ms > 0).then(|| format!("in the last {}", show(rules.hijack_window_ms)));
    let checkout = rules.hijack_after_checkout.then(|| "once checkout began".to_owned());
    let when: Vec<String> = near.into_iter().chain(checkout).collect();
    let guard = match key {
        Key::Click if rules.guards() => format!("; {} none behind another's", when.join(" and ")),
        _ => String::new(),
    };
    let aged = || format!("{} {least}less than {} old{guard}", key.candidates(), show(window_ms));
    (rules.minimum_time_ms < window_ms).then(aged)
}

impl Step {
    pub(super) fn as_row(&self) -> Vec<String> {
        let place = self.place.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let row = [self.key.as_str(), self.key.found_by(), &self.may_earn, &self.takes];
        std::iter::once(place).chain(row.map(str::to_owned)).collect()
    }

    pub(super) fn as_json(&self) -> Value {
        let takes = (!self.takes.is_empty()).then_some(&self.takes);
        json!({
            "place": self.place, "key": self.key.as_str(), "found_by": self.key.found_by(),
            "may_earn": self.may_earn, "takes": takes,
        })
    }
}
