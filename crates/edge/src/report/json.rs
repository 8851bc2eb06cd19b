//! JSON from strangers: bounded depth, no name twice in an object, numbers kept as text.
//!
//! In: bytes, already bounded by the body's limit. Out: a [`Json`], or a [`Refusal`]. `serde_json` reads; this only watches what it builds
//! (fault 113). Numbers become the shortest text that reads back as the same number, which is what the sender wrote for any amount below 2^53.

use std::{cell::Cell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Refusal;

/// Objects and lists in one another.
pub(crate) const DEPTH_MAX: usize = 32;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// In the order they came; no name twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?;
        // Some senders put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reason = Cell::new(Refusal::Json);
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Strict { depth_left: DEPTH_MAX, reason: &reason }.deserialize(&mut reader);
        let value = value.map_err(|_| reason.get())?;
        reader.end().map_err(|_| Refusal::Json)?;
        Ok(value)
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(pairs) => pairs.iter().find(|(it, _)| it == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A text, number or boolean member, as text, not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.scalar()
    }

    /// A text, number or boolean, as text, not empty.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text.trim()).filter(|it| !it.is_empty()),
            Self::Bool(is) => Some(if *is { "true" } else { "false" }),
            _ => None,
        }
    }

    /// A member that is a list; empty if it is not.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth_left: usize,
    /// Why reading stopped, since serde's errors are text.
    reason: &'a Cell<Refusal>,
}

impl Strict<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(self.fail(Refusal::JsonTooDeep)),
        }
    }

    fn fail<E: Error>(self, reason: Refusal) -> E {
        self.reason.set(reason);
        E::custom(reason.code())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Json, E> {
        Ok(Json::Bool(is))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let (mut object, mut names) = (Vec::new(), HashSet::new());
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(self.fail(Refusal::JsonDuplicateKey));
            }
            object.push((name, entries.next_value_seed(inner)?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // fault 113
    #[test]
    fn hostile_json_is_refused_by_name() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let cases: [(&str, Vec<u8>, Result<(), Refusal>); 11] = [
            ("an object", b"{\"a\":{\"b\":1},\"c\":{\"b\":1}}".to_vec(), Ok(())),
            ("a name twice", b"{\"a\":1,\"a\":2}".to_vec(), Err(Refusal::JsonDuplicateKey)),
            (
                "a name twice, further in",
                b"[{\"x\":{\"a\":1,\"a\":1}}]".to_vec(),
                Err(Refusal::JsonDuplicateKey),
            ),
            (
                "a name twice, once escaped",
                b"{\"a\":1,\"\\u0061\":2}".to_vec(),
                Err(Refusal::JsonDuplicateKey),
            ),
            ("32 deep", deep(32).into_bytes(), Ok(())),
            ("33 deep", deep(33).into_bytes(), Err(Refusal::JsonTooDeep)),
            ("100,000 deep", deep(100_000).into_bytes(), Err(Refusal::JsonTooDeep)),
            ("a number of 200,000 digits", "9".repeat(200_000).into_bytes(), Err(Refusal::Json)),
            ("text behind it", b"{} x".to_vec(), Err(Refusal::Json)),
            ("not UTF-8", b"{\"a\":\"\xff\"}".to_vec(), Err(Refusal::NotUtf8)),
            ("nothing", Vec::new(), Err(Refusal::Json)),
        ];
        for (name, bytes, want) in cases {
            assert_eq!(Json::parse(&bytes).map(|_| ()), want, "{name}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["49.95", "0.1", "1990", "-5.5", "123456789012.34", "0", "9007199254740993"] {
            let json = Json::parse(format!("{{\"n\":{text}}}").as_bytes()).unwrap();
            assert_eq!(json.text("n"), Some(text));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:0-9a]{0,100}") {
            drop(Json::parse(&bytes));
            drop(Json::parse(text.as_bytes()));
        }
    }
}
