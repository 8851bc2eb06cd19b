//! `precedence`: the keys that may earn, first the one that is weighed first.
//!
//! In: a row of an offer or an override. Out: a [`Precedence`], whole or not at all. Start at [`precedence`].

use super::{
    error::ErrorCode,
    reader::{Row, shown, suggestion},
};
use crate::{
    model::RuleKey,
    precedence::{Key, Precedence},
};

/// The order of keys of a row, if it names one.
pub(super) fn precedence(row: &mut Row<'_, '_>) -> Option<Precedence> {
    let name = RuleKey::Precedence.as_str();
    if !row.has(name) {
        return None;
    }
    let words = row.texts(name);
    let mut keys = Vec::with_capacity(words.len());
    for (word, spot) in &words {
        let Some(key) = Key::ALL.into_iter().find(|key| key.as_str() == *word) else {
            let message = format!("`{}` is no key that earns", shown(word));
            let advice = suggestion(word, &Key::ALL.map(Key::as_str));
            row.errors.add(*spot, ErrorCode::BadPrecedence, message, advice);
            return None;
        };
        keys.push(key);
    }
    let precedence = Precedence::of(&keys);
    if precedence.is_none() {
        let message = "`precedence` names no key, or one of them twice";
        let advice = format!("write each that may earn once, such as {:?}", Key::ALL.map(Key::as_str));
        row.errors.add(row.spot_of(name), ErrorCode::BadPrecedence, message, advice);
    }
    precedence
}
