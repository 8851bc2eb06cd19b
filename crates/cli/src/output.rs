//! What people and programs read: sentences and tables on a terminal, JSON lines where they are asked for.

use std::{process::ExitStatus, time::Duration};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use units::{Currency, Money};

/// Where a command's words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Sentences to standard error, tables to standard output.
    People,
    /// JSON lines to standard output.
    Json,
}

impl Output {
    /// `--json` or not.
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::People }
    }

    /// How far a long work is, for people; `template` is `indicatif`'s.
    pub(crate) fn bar(self, total: u64, template: &str) -> ProgressBar {
        let bar = if self == Self::People { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }

    /// One sentence for people; programs do not get it.
    pub(crate) fn say(self, sentence: &str) {
        if self == Self::People {
            write_line(&mut std::io::stderr(), sentence);
        }
    }

    /// One JSON line for programs; people do not get it.
    pub(crate) fn event(self, value: &Value) {
        if self == Self::Json {
            write_line(&mut std::io::stdout(), &value.to_string());
        }
    }

    /// A text to standard output, for people.
    pub(crate) fn text(self, text: &str) {
        if self == Self::People {
            write_line(&mut std::io::stdout(), text);
        }
    }

    /// A table for people, the same as an array of objects for programs.
    pub(crate) fn table(self, heads: &[&str], rows: &[Vec<String>]) {
        match self {
            Self::People => {
                let mut table = Table::new();
                table.load_style(UTF8_FULL_CONDENSED).set_header(heads.iter().copied());
                for row in rows {
                    table.add_row(row);
                }
                write_line(&mut std::io::stdout(), &table.to_string());
            }
            Self::Json => {
                for row in rows {
                    let object: serde_json::Map<_, _> =
                        heads.iter().zip(row).map(|(head, cell)| ((*head).to_owned(), json!(cell))).collect();
                    self.event(&Value::Object(object));
                }
            }
        }
    }

    pub(crate) fn child_started(self, role: &str, pid: u32) {
        self.say(&format!("{role} started, process {pid}"));
        self.event(&json!({"event": "child", "role": role, "pid": pid}));
    }

    pub(crate) fn child_ended(self, role: &str, status: ExitStatus, wait: Duration) {
        self.say(&format!("{role} ended ({status}), restart in {} ms", wait.as_millis()));
        self.event(&json!({"event": "child_ended", "role": role, "status": status.to_string()}));
    }
}

/// A reader that went away (`| head`) is no reason to fail.
fn write_line(to: &mut impl std::io::Write, line: &str) {
    let written = to.write_all(line.as_bytes()).and_then(|()| to.write_all(b"\n")).and_then(|()| to.flush());
    drop(written);
}

/// An amount of `ClickHouse`, which leaves zeros at the end out, as people write money: `5291.80 EUR`. What is no amount stays as it is.
pub(crate) fn money(amount: &str, currency: &str) -> String {
    let known = Currency::parse(currency).ok().and_then(|it| Money::parse(amount, it).ok());
    known.map_or_else(|| format!("{amount} {currency}").trim_end().to_owned(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        let cases = [
            ("5291.8", "EUR", "5291.80 EUR"),
            ("400", "EUR", "400.00 EUR"),
            ("-0.5", "USD", "-0.50 USD"),
            ("1200", "JPY", "1200 JPY"),
            ("1.5", "KWD", "1.500 KWD"),
            ("", "", ""),
            ("much", "EUR", "much EUR"),
        ];
        for (amount, currency, want) in cases {
            assert_eq!(money(amount, currency), want, "{amount} {currency}");
        }
    }
}
