//! Macros and template words that somebody forgot to fill in.
//!
//! In: a parameter's decoded value. Out: whether it is a value at all. Taken as an order id, such a word would make every later sale a
//! duplicate of the first (field.md 5.3), so ids refuse it by name. Not here: what the refusal means (`report`).

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
