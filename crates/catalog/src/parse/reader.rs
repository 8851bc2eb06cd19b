//! Reads one table of a TOML file key by key: every getter reports what is wrong with its value, and where.
//!
//! In: a parsed table and the keys it may have. Out: values with their lines; errors go to [`Errors`]. Not here: which tables and keys there are
//! (`rows`), what values mean together (`build`). Start at [`Row`].

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::error::{ErrorCode, Errors, Spot};
use crate::duration;

/// Bytes of a name, word or other short text.
pub(super) const TEXT_BYTES_MAX: usize = 200;

/// Which line an offset is on.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    file: &'a str,
    /// Offsets at which lines begin, without the first.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a str, text: &str) -> Self {
        Self { file, starts: text.match_indices('\n').map(|(at, _)| at + 1).collect() }
    }

    pub(super) fn spot(&self, offset: usize) -> Spot<'a> {
        Spot { file: self.file, line: self.starts.partition_point(|start| *start <= offset) + 1 }
    }
}

/// A table with the keys it may have.
pub(super) struct Row<'r, 'a> {
    /// What to call it: `[[offer]]`.
    what: &'static str,
    table: &'r DeTable<'r>,
    lines: &'r Lines<'a>,
    /// Where the table begins.
    pub(super) spot: Spot<'a>,
    pub(super) errors: &'r mut Errors,
}

impl<'r, 'a> Row<'r, 'a> {
    /// Opens a table and reports every key that is not in `known`.
    pub(super) fn open(
        what: &'static str,
        (table, offset): (&'r DeTable<'r>, usize),
        known: &[&'static str],
        lines: &'r Lines<'a>,
        errors: &'r mut Errors,
    ) -> Self {
        let row = Self::any(what, (table, offset), lines, errors);
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let name = shown(key.get_ref());
            row.errors.add(
                lines.spot(key.span().start),
                ErrorCode::UnknownKey,
                format!("{what} has no key `{name}`"),
                suggestion(key.get_ref(), known),
            );
        }
        row
    }

    /// Opens a table whose keys are the user's own.
    fn any(
        what: &'static str,
        (table, offset): (&'r DeTable<'r>, usize),
        lines: &'r Lines<'a>,
        errors: &'r mut Errors,
    ) -> Self {
        Self { what, table, lines, spot: lines.spot(offset), errors }
    }

    /// A table within this one; `known` as for [`Row::open`], `None` where any key may be.
    pub(super) fn inner<'s>(
        &'s mut self,
        key: &str,
        what: &'static str,
        known: Option<&[&'static str]>,
    ) -> Option<Row<'s, 'a>> {
        let (value, spot) = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(spot, key, value.get_ref(), "a table");
            return None;
        };
        let fields = (table, value.span().start);
        Some(match known {
            Some(known) => Row::open(what, fields, known, self.lines, self.errors),
            None => Row::any(what, fields, self.lines, self.errors),
        })
    }

    /// Its keys, as they were written.
    pub(super) fn keys(&self) -> Vec<&'r str> {
        self.table.iter().map(|(key, _)| key.get_ref().as_ref()).collect()
    }

    fn value(&self, key: &str) -> Option<(&'r Spanned<DeValue<'r>>, Spot<'a>)> {
        self.table.get(key).map(|value| (value, self.lines.spot(value.span().start)))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the key's value is, or the table where it has none.
    pub(super) fn spot_of(&self, key: &str) -> Spot<'a> {
        self.value(key).map_or(self.spot, |(_, spot)| spot)
    }

    fn wrong_type(&mut self, spot: Spot<'_>, key: &str, found: &DeValue<'_>, want: &str) {
        let message = format!("`{key}` of {} is a {}, not {want}", self.what, found.type_str());
        self.errors.add(spot, ErrorCode::WrongType, message, format!("write {want}"));
    }

    fn missing(&mut self, key: &str) {
        let message = format!("{} has no `{key}`", self.what);
        self.errors.add(self.spot, ErrorCode::MissingKey, message, format!("add `{key} = ...` to it"));
    }

    /// A text of 1 to [`TEXT_BYTES_MAX`] bytes without control characters.
    pub(super) fn text(&mut self, key: &str) -> Option<&'r str> {
        let text = self.long_text(key)?;
        if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
            let message = format!("`{key}` of {} is empty, too long or has control characters", self.what);
            let advice = format!("write 1 to {TEXT_BYTES_MAX} bytes of printable text");
            self.errors.add(self.spot_of(key), ErrorCode::BadText, message, advice);
            return None;
        }
        Some(text)
    }

    /// A text of any length and content.
    pub(super) fn long_text(&mut self, key: &str) -> Option<&'r str> {
        let (value, spot) = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(spot, key, value.get_ref(), "a text in quotes");
        }
        text
    }

    pub(super) fn required_text(&mut self, key: &str) -> Option<&'r str> {
        if !self.has(key) {
            self.missing(key);
        }
        self.text(key)
    }

    pub(super) fn required_long_text(&mut self, key: &str) -> Option<&'r str> {
        if !self.has(key) {
            self.missing(key);
        }
        self.long_text(key)
    }

    /// An id: 1 to 2^32 - 1.
    pub(super) fn required_id(&mut self, key: &str) -> Option<u32> {
        if !self.has(key) {
            self.missing(key);
        }
        self.id(key)
    }

    pub(super) fn id(&mut self, key: &str) -> Option<u32> {
        let (value, spot) = self.value(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(spot, key, value.get_ref(), "a whole number");
            return None;
        };
        let id = u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|id| *id != 0);
        if id.is_none() {
            let message = format!("`{key}` of {} is not an id", self.what);
            self.errors.add(
                spot,
                ErrorCode::OutOfRange,
                message,
                "write a whole number from 1 to 4294967295",
            );
        }
        id
    }

    /// A whole number within these bounds.
    pub(super) fn number(&mut self, key: &str, min: u32, max: u32) -> Option<u32> {
        let (value, spot) = self.value(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(spot, key, value.get_ref(), "a whole number");
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|it| (min..=max).contains(it));
        if number.is_none() {
            let message = format!("`{key}` of {} is out of range", self.what);
            let advice = format!("write a whole number from {min} to {max}");
            self.errors.add(spot, ErrorCode::OutOfRange, message, advice);
        }
        number
    }

    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        let (value, spot) = self.value(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(spot, key, value.get_ref(), "true or false");
        }
        found
    }

    /// One of a list of words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.long_text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{key}` of {} cannot be `{}`", self.what, shown(text));
            self.errors.add(self.spot_of(key), ErrorCode::UnknownValue, message, suggestion(text, &names));
        }
        found
    }

    /// A duration of at most `max_ms`, in ms.
    pub(super) fn duration(&mut self, key: &str, max_ms: u64) -> Option<u64> {
        let (value, spot) = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(spot, key, value.get_ref(), "a duration in quotes, such as \"30d\"");
            return None;
        };
        let Some(ms) = duration::parse(text) else {
            let message = format!("`{key}` of {} is not a duration: `{}`", self.what, shown(text));
            let advice = "write a whole number and d, h, m, s or ms, such as \"30d\"";
            self.errors.add(spot, ErrorCode::BadDuration, message, advice);
            return None;
        };
        if ms > max_ms {
            let message = format!("`{key}` of {} is longer than allowed", self.what);
            let advice = format!("write at most \"{}\"", duration::show(max_ms));
            self.errors.add(spot, ErrorCode::OutOfRange, message, advice);
            return None;
        }
        Some(ms)
    }

    /// Texts of a list, each with its place.
    pub(super) fn texts(&mut self, key: &str) -> Vec<(&'r str, Spot<'a>)> {
        let Some((value, spot)) = self.value(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(spot, key, value.get_ref(), "a list of texts, such as [\"a\", \"b\"]");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in list {
            let spot = self.lines.spot(item.span().start);
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, spot)),
                None => self.wrong_type(spot, key, item.get_ref(), "a text in quotes"),
            }
        }
        texts
    }

    /// Whole numbers of a list; `None` where there is no list, or something else in it.
    pub(super) fn numbers(&mut self, key: &str) -> Option<Vec<u32>> {
        let (value, spot) = self.value(key)?;
        let number = |item: &Spanned<DeValue<'_>>| {
            let integer = item.get_ref().as_integer()?;
            u32::from_str_radix(integer.as_str(), integer.radix()).ok()
        };
        let numbers = value.get_ref().as_array().and_then(|list| list.iter().map(number).collect());
        if numbers.is_none() {
            self.wrong_type(spot, key, value.get_ref(), "a list of whole numbers, such as [40, 20, 40]");
        }
        numbers
    }

    /// A text, or a list of them.
    pub(super) fn text_or_texts(&mut self, key: &str) -> Vec<(&'r str, Spot<'a>)> {
        match self.value(key) {
            Some((value, spot)) if value.get_ref().is_str() => {
                value.get_ref().as_str().map(|text| (text, spot)).into_iter().collect()
            }
            _ => self.texts(key),
        }
    }

    /// A point in time: TOML's own, or RFC 3339 in quotes. Years before 1970 and without an offset are refused.
    pub(super) fn time(&mut self, key: &str) -> Option<units::EpochMs> {
        let (value, spot) = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::Datetime(time) => time.to_string(),
            DeValue::String(text) => text.to_string(),
            other => {
                self.wrong_type(spot, key, other, "a time, such as 2026-01-31T00:00:00Z");
                return None;
            }
        };
        let ms = text.parse::<jiff::Timestamp>().ok().and_then(|it| u64::try_from(it.as_millisecond()).ok());
        if ms.is_none() {
            let message = format!("`{key}` of {} is not a point in time: `{}`", self.what, shown(&text));
            let advice = "write a time with its offset, such as 2026-01-31T00:00:00Z";
            self.errors.add(spot, ErrorCode::BadTime, message, advice);
        }
        ms.map(units::EpochMs)
    }
}

/// At most this much of a user's text is repeated in a message.
const SHOWN_CHARS_MAX: usize = 60;

pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// `did you mean` the nearest of a few words, or all of them.
pub(super) fn suggestion(found: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (distance(found, word), word)).min();
    match near {
        Some((edits, word)) if edits <= 1 + word.len() / 3 => format!("did you mean `{word}`?"),
        _ => format!("use one of: {}", known.join(", ")),
    }
}

/// Edits from one word to the other (Levenshtein); long words are not worth comparing.
fn distance(from: &str, to: &str) -> usize {
    if from.len() > SHOWN_CHARS_MAX {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, other) in row.windows(2).zip(&to) {
            let &[diagonal, up] = above else { continue };
            left = (diagonal + usize::from(letter != *other)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
