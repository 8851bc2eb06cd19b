//! Secrets of an advertiser: given in the catalog, or named there by file or environment variable and put in before the text is read.
//!
//! In: a file's text, and a function that fetches what it names. Out: the same text with the secrets in it, line for line.
//! Not here: files and the environment themselves (`cli`). Start at [`resolve_secrets`].

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use toml::{
    Value,
    de::{DeTable, DeValue},
};

use super::{
    error::{CatalogError, ErrorCode, Errors},
    reader::{Lines, Row, shown},
};
use crate::model::Secret;

/// Two, so that one can be rotated while the other is in use.
const SECRETS_MAX: usize = 2;
/// Shorter ones are guessed.
const SECRET_BYTES_MIN: usize = 8;
/// Longer than any shop's.
const SECRET_BYTES_MAX: usize = 512;
/// In front of the base64 of a Standard Webhooks secret (its specification, "Signature scheme").
const WEBHOOK_PREFIX: &str = "whsec_";
/// Shortest key of Standard Webhooks: 192 bits (same place).
const WEBHOOK_KEY_BYTES_MIN: usize = 24;

/// The four names of one kind of secret.
#[derive(Debug)]
pub(super) struct Key {
    one: &'static str,
    many: &'static str,
    file: &'static str,
    env: &'static str,
}

/// The kind whose form is checked: another text than the sender's would refuse every delivery, and nobody would see why.
const WEBHOOK_SECRET: &str = "webhook_secret";

/// In the order of the fields of `Advertiser`.
pub(super) const KEYS: [Key; 5] = [
    Key { one: "token", many: "tokens", file: "token_file", env: "token_env" },
    Key {
        one: "shopify_secret",
        many: "shopify_secrets",
        file: "shopify_secret_file",
        env: "shopify_secret_env",
    },
    Key {
        one: "woocommerce_secret",
        many: "woocommerce_secrets",
        file: "woocommerce_secret_file",
        env: "woocommerce_secret_env",
    },
    Key {
        one: WEBHOOK_SECRET,
        many: "webhook_secrets",
        file: "webhook_secret_file",
        env: "webhook_secret_env",
    },
    Key {
        one: "deep_link_secret",
        many: "deep_link_secrets",
        file: "deep_link_secret_file",
        env: "deep_link_secret_env",
    },
];

/// Where a secret is to be fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretSource<'a> {
    /// A path, as written in the catalog.
    File(&'a str),
    /// The name of an environment variable.
    Environment(&'a str),
}

impl Key {
    pub(super) const fn names(&self) -> [&'static str; 4] {
        [self.one, self.many, self.file, self.env]
    }

    /// What an advertiser's row gives. A secret that is only named must not read as "none is asked for".
    pub(super) fn read(&self, row: &mut Row<'_, '_>) -> Vec<Secret> {
        let given: Vec<&'static str> = self.names().into_iter().filter(|name| row.has(name)).collect();
        if let [_, second, ..] = given.as_slice() {
            let message = format!("{} stand side by side", given.join(" and "));
            row.errors.add(row.spot_of(second), ErrorCode::TwoValues, message, "keep one of them");
        }
        for name in [self.file, self.env].into_iter().filter(|name| row.has(name)).collect::<Vec<_>>() {
            let message = format!("the secret of `{name}` was not fetched");
            let advice =
                format!("write it as `{}`, or use a command that reads files and environment", self.one);
            row.errors.add(row.spot_of(name), ErrorCode::UnresolvedSecret, message, advice);
        }
        let one = row.long_text(self.one).map(|text| (text, row.spot_of(self.one)));
        let texts: Vec<_> = one.into_iter().chain(row.texts(self.many)).collect();
        if texts.len() > SECRETS_MAX {
            let message = format!("{} secrets in `{}`", texts.len(), self.many);
            let advice = "keep two at most: the one in use and the one to rotate to";
            row.errors.add(row.spot_of(self.many), ErrorCode::BadSecret, message, advice);
        }
        for (text, spot) in &texts {
            if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len()) {
                let message = format!("a secret of `{}` has {} bytes", self.many, text.len());
                let advice = format!("use {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes");
                row.errors.add(*spot, ErrorCode::BadSecret, message, advice);
            } else if self.one == WEBHOOK_SECRET && webhook_key(text).is_none() {
                let message = format!("a secret of `{}` is not one of Standard Webhooks", self.many);
                let advice = format!(
                    "use `{WEBHOOK_PREFIX}` and the base64, with its padding, of at least {WEBHOOK_KEY_BYTES_MIN} random bytes"
                );
                row.errors.add(*spot, ErrorCode::BadSecret, message, advice);
            }
        }
        texts.into_iter().map(|(text, _)| Secret(text.into())).collect()
    }
}

/// Replaces every `..._file` and `..._env` of an advertiser by what `fetch` finds there: one secret a line, at most two. Lines keep their
/// numbers. Text that is not a catalog is given back as it is; [`super::parse`] will say what is wrong with it.
pub fn resolve_secrets(
    file: &str,
    text: &str,
    fetch: &mut dyn FnMut(SecretSource<'_>) -> Result<String, String>,
) -> Result<String, Vec<CatalogError>> {
    let (root, _) = DeTable::parse_recoverable(text);
    let lines = Lines::new(file, text);
    let mut errors = Errors::default();
    let mut replacements: Vec<(Range<usize>, String)> = Vec::new();
    let rows = root.get_ref().get("advertiser").and_then(|it| it.get_ref().as_array());
    let fields = rows.into_iter().flat_map(|rows| rows.iter()).filter_map(|row| row.get_ref().as_table());
    for (key, value) in fields.flat_map(|table| table.iter()) {
        let name = key.get_ref().as_ref();
        let Some(kind) = KEYS.iter().find(|it| it.file == name || it.env == name) else { continue };
        let DeValue::String(place) = value.get_ref() else { continue };
        let source =
            if kind.file == name { SecretSource::File(place) } else { SecretSource::Environment(place) };
        match fetch(source).and_then(|text| list_of(&text)) {
            Ok(list) => {
                let span = key.span().start..value.span().end;
                replacements.push((span, format!("{} = {list}", kind.many)));
            }
            Err(reason) => {
                let message =
                    format!("the secret of `{name}` cannot be read from `{}`: {reason}", shown(place));
                let advice = "create it, or correct the name";
                errors.add(lines.spot(value.span().start), ErrorCode::UnresolvedSecret, message, advice);
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors.finish(&[(file, text)]));
    }
    let mut resolved = text.to_owned();
    replacements.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, secret) in replacements {
        resolved.replace_range(span, &secret);
    }
    Ok(resolved)
}

/// The key within a secret of Standard Webhooks; `None` if it is not written as one, or can be guessed.
#[must_use]
pub fn webhook_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(WEBHOOK_PREFIX)?).ok()?;
    (WEBHOOK_KEY_BYTES_MIN <= key.len()).then_some(key)
}

/// One secret a line. None at all is an error: an empty list would read as "no secret is asked for".
fn list_of(text: &str) -> Result<Value, String> {
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    let list: Vec<Value> = lines.map(|it| Value::String(it.to_owned())).collect();
    if list.is_empty() { Err("it is empty".to_owned()) } else { Ok(Value::Array(list)) }
}
