//! Macros and template words that somebody forgot to fill in, and values that somebody encoded twice.
//!
//! In: a parameter's decoded value. Out: whether it is a value at all, and what it says if its encoding is taken off once more. Taken as an order
//! id, such a word would make every later sale a duplicate of the first (field.md 5.3), so ids refuse it by name. Not here: what the refusal
//! means, and which values are decoded again (`report`).

/// Words that templates and languages leave behind, in lower case.
const WORDS: [&str; 24] = [
    "undefined",
    "null",
    "none",
    "nil",
    "nan",
    "n/a",
    "(null)",
    "[object object]",
    "optional",
    "replace",
    "replace_me",
    "xxx",
    "xxxx",
    "@@@",
    "...",
    "value",
    "transaction_id",
    "transactionid",
    "order_id",
    "orderid",
    "click_id",
    "clickid",
    "youruserid",
    "your_order_id",
];

/// Signs that open and close a macro's name: `{name}`, `{{name}}` and `${name}` by the first, `__NAME__` by the last.
const SIGNS: [(&str, &str); 9] = [
    ("{", "}"),
    ("[", "]"),
    ("<", ">"),
    ("#", "#"),
    ("(", ")"),
    ("%%", "%%"),
    ("!!", "!!"),
    ("@@", "@@"),
    ("__", "__"),
];

/// Whether `value` is a macro that was not expanded, still encoded or not, or a word of a template.
pub(crate) fn is_unexpanded(value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) {
        return true;
    }
    // A macro may stand inside an id: `abc-{clickid}`. Braces are in no order id that was ever seen.
    if has_braced_name(value, "{", "}") || has_braced_name(&lower, "%7b", "%7d") {
        return true;
    }
    SIGNS.iter().any(|(open, close)| {
        value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(is_name)
    })
}

fn has_braced_name(value: &str, open: &str, close: &str) -> bool {
    value
        .split(open)
        .skip(1)
        .any(|rest| rest.split_once(close).is_some_and(|(name, _)| name.is_empty() || is_name(name)))
}

/// What `value` says once a percent-encoding that is left in it is taken off: `A%2F1` was encoded twice. `None` where none is left, or where the
/// result would be no text: `50%DEAL` is a coupon, not a byte.
pub(crate) fn decoded_once_more(value: &str) -> Option<String> {
    // Of nearly every value nothing is left to take off, and each report asks.
    if !value.contains('%') {
        return None;
    }
    let mut decoded = Vec::with_capacity(value.len());
    let (mut rest, mut is_encoded) = (value.as_bytes(), false);
    while let Some((first, behind)) = rest.split_first() {
        let pair = behind.split_at_checked(2).filter(|_| *first == b'%');
        let byte = pair.and_then(|(hex, behind)| Some((hex_byte(hex)?, behind)));
        (is_encoded, rest) = (is_encoded || byte.is_some(), byte.map_or(behind, |(_, behind)| behind));
        decoded.push(byte.map_or(*first, |(byte, _)| byte));
    }
    let text = String::from_utf8(decoded).ok().filter(|_| is_encoded)?;
    (!text.chars().any(char::is_control)).then(|| text.trim().to_owned())
}

/// Signs too are digits to `from_str_radix`.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(text, 16).ok()
}

/// Letters first: `(12)` may be an id.
fn is_name(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_were_not_filled_in_are_seen() {
        let forgotten = [
            "{clickid}",
            "{{click.id}}",
            "${conversion.amount}",
            "#s2#",
            "[NAME]",
            "%7Bclickid%7D",
            "%7b%7bclickid%7d%7d",
            "(clickid)",
            "__CLICKID__",
            "%%GCLID%%",
            "undefined",
            "OPTIONAL",
            "REPLACE",
            "XXX",
            "TRANSACTION_ID",
            "YOURUSERID",
            "@@@",
            " {clickid} ",
            "abc-{clickid}",
            "{}",
            "<order_id>",
            "NULL",
        ];
        for value in forgotten {
            assert!(is_unexpanded(value), "{value}");
        }
    }

    #[test]
    fn an_encoding_that_is_left_is_taken_off_once() {
        let cases = [
            ("A%2F1", Some("A/1")),
            ("%7Bclickid%7d", Some("{clickid}")),
            ("%D0%A7%D0%90%D0%99-%31", Some("ЧАЙ-1")),
            ("A%252F1", Some("A%2F1")),
            ("%20SAVE%20", Some("SAVE")),
            ("SAVE", None),
            ("100%", None),
            ("100%2", None),
            ("50%DEAL", None),
            ("a%+1b", None),
            ("a%0Ab", None),
            ("", None),
        ];
        for (value, want) in cases {
            assert_eq!(decoded_once_more(value).as_deref(), want, "{value}");
        }
    }

    #[test]
    fn ids_with_signs_in_them_are_values() {
        let values = [
            "",
            "12345",
            "#1001",
            "A-17",
            "rfsn=ID.check",
            "692069.5",
            "a:b*c/d.e~f",
            "9a0216",
            "(12)",
            "[2024]",
            "100%",
            "x_y",
            "order-null-7",
            "Optional extras",
            "__1__",
        ];
        for value in values {
            assert!(!is_unexpanded(value), "{value}");
        }
    }
}
