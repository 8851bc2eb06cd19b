//! `[[dialect]]` and `[[alias]]`: links and postbacks of other systems, and what their ids stand for.
//!
//! In: rows. Out: [`Dialect`]s with their aliases. A row with the name of a built-in dialect begins with what stands there, and replaces key by key. Every
//! key that could never be used is an error. Not here: what needs all rows (`whole`). Start at [`Draft::dialect`].

mod whole;

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use toml::de::DeTable;

pub(super) use self::whole::build;

use super::{
    error::{ErrorCode, Errors, Spot},
    reader::{Lines, Row, shown, suggestion},
    rows::{Draft, Table},
};
use crate::dialect::{AliasOf, Amounts, BUILT_IN, ClickField, Dialect, DialectStatus, PathForm, ReportField};

/// Hosts of one dialect.
const HOSTS_MAX: usize = 32;
/// Forms of one kind of path.
const PATHS_MAX: usize = 16;
/// Names of one value.
const NAMES_MAX: usize = 64;
/// Words for a status.
const WORDS_MAX: usize = 64;
/// The longest name, word or host, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The numbers that `#` in a name stands for.
const NUMBER_MAX: u8 = 30;

const KEYS: [&str; 11] = [
    "name",
    "hosts",
    "click_paths",
    "report_paths",
    "pixel_paths",
    "amounts",
    "lacks_order_id",
    "click",
    "report",
    "status",
    "reply",
];

/// A dialect that is read, and where.
pub(super) type DialectRow<'a> = (Dialect, Spot<'a>);

/// An alias that is read.
#[derive(Debug)]
pub(super) struct AliasRow<'a> {
    dialect: Box<str>,
    what: AliasOf,
    old: Box<str>,
    id: u32,
    spot: Spot<'a>,
}

static BUILT_INS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let (root, syntax) = DeTable::parse_recoverable(BUILT_IN);
    debug_assert!(syntax.is_empty(), "a test reads the table");
    let (lines, mut errors) = (Lines::new("builtin.toml", BUILT_IN), Errors::default());
    let list = root.get_ref().get("dialect").and_then(|it| it.get_ref().as_array());
    let tables =
        list.into_iter().flatten().filter_map(|it| Some((it.get_ref().as_table()?, it.span().start)));
    tables
        .map(|table| {
            let row = &mut Row::open("[[dialect]]", table, &KEYS, &lines, &mut errors);
            let name = row.required_text("name").unwrap_or("").into();
            read(row, Dialect { name, ..Dialect::default() })
        })
        .collect()
});

/// The dialects that stand in the program, by name.
#[must_use]
pub fn built_in_dialects() -> &'static [Dialect] {
    &BUILT_INS
}

impl<'a> Draft<'a> {
    pub(super) fn dialect(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row = &mut Row::open("[[dialect]]", fields, &KEYS, lines, errors);
        let Some(name) = row.required_text("name") else { return };
        let spot = row.spot_of("name");
        let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_' || it == '-';
        if name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
            let advice = format!("use a-z, 0-9, - and _; at most {NAME_BYTES_MAX} characters");
            bad(row, spot, format!("`{}` is not a dialect's name", shown(name)), advice);
            return;
        }
        let built_in = built_in_dialects().iter().find(|it| *it.name == *name);
        let base = built_in.cloned().unwrap_or_else(|| Dialect { name: name.into(), ..Dialect::default() });
        let is_empty = built_in.is_none() && KEYS.iter().filter(|key| row.has(key)).count() == 1;
        if is_empty {
            let names: Vec<&str> = built_in_dialects().iter().map(|it| &*it.name).collect();
            let message = format!("there is no built-in dialect `{name}`, and this one says nothing");
            bad(row, spot, message, suggestion(name, &names));
            return;
        }
        let dialect = read(row, base);
        self.dialects.push((dialect, row.spot));
    }

    pub(super) fn alias(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known = ["dialect", "old", "advertiser", "offer", "partner", "link"];
        let row = &mut Row::open("[[alias]]", fields, &known, lines, errors);
        let (dialect, old) = (row.required_text("dialect"), row.required_text("old"));
        let given: Vec<AliasOf> = AliasOf::ALL.into_iter().filter(|it| row.has(it.as_str())).collect();
        let [what] = *given else {
            let (code, is) = if given.is_empty() {
                (ErrorCode::MissingKey, "nothing")
            } else {
                (ErrorCode::TwoValues, "several")
            };
            let message = format!("[[alias]] stands for {is}");
            row.errors.add(row.spot, code, message, "give it one of advertiser, offer, partner, link");
            return;
        };
        let table = match what {
            AliasOf::Advertiser => Table::Advertiser,
            AliasOf::Offer => Table::Offer,
            AliasOf::Partner => Table::Partner,
            AliasOf::Link => Table::Link,
        };
        let id = self.reference(table, row);
        if let (Some(dialect), Some(old)) = (dialect, old) {
            let (dialect, old) = (dialect.into(), old.trim().into());
            self.aliases.push(AliasRow { dialect, what, old, id, spot: row.spot });
        }
    }
}

fn bad(row: &mut Row<'_, '_>, spot: Spot<'_>, message: String, advice: impl Into<String>) {
    row.errors.add(spot, ErrorCode::BadDialect, message, advice);
}

/// What a row says, over what is there already.
fn read(row: &mut Row<'_, '_>, mut dialect: Dialect) -> Dialect {
    if row.has("hosts") {
        dialect.hosts = hosts(row);
    }
    if row.has("click_paths") {
        dialect.click_paths = paths(row, "click_paths", ClickField::by_name);
    }
    if row.has("report_paths") {
        dialect.report_paths = paths(row, "report_paths", ReportField::by_name);
    }
    if row.has("pixel_paths") {
        dialect.pixel_paths = paths(row, "pixel_paths", ReportField::by_name);
    }
    if let Some(amounts) = row.word("amounts", &[("decimal", Amounts::Decimal), ("minor", Amounts::Minor)]) {
        dialect.amounts = amounts;
    }
    if let Some(lacks) = row.bool("lacks_order_id") {
        dialect.lacks_order_id = lacks;
    }
    let click_keys: Vec<&'static str> = ClickField::WORDS.iter().copied().chain(["subs"]).collect();
    if let Some(inner) = &mut row.inner("click", "[dialect.click]", Some(&click_keys)) {
        click(inner, &mut dialect);
    }
    if let Some(inner) = &mut row.inner("report", "[dialect.report]", Some(ReportField::WORDS)) {
        let given: Vec<ReportField> =
            ReportField::ALL.iter().filter(|it| inner.has(it.as_str())).copied().collect();
        let found = given.into_iter().map(|field| (field, names(inner, field.as_str()))).collect();
        replace(&mut dialect.report, found);
        numbers_of_lines_only(inner, &dialect.report);
        once_each(inner, &dialect.report, ReportField::as_str);
    }
    if let Some(inner) = &mut row.inner("status", "[dialect.status]", None) {
        dialect.status = statuses(inner);
    }
    if let Some(inner) = &mut row.inner("reply", "[dialect.reply]", Some(&["ok", "error", "error_status"])) {
        dialect.reply.ok = inner.text("ok").map(Into::into).or(dialect.reply.ok);
        dialect.reply.error = inner.text("error").map(Into::into).or(dialect.reply.error);
        if let Some(status) = inner.id("error_status") {
            let is_status = u16::try_from(status).ok().filter(|it| (200..600).contains(it));
            if is_status.is_none() {
                let spot = inner.spot_of("error_status");
                bad(inner, spot, format!("{status} is not a status of HTTP"), "write one from 200 to 599");
            }
            dialect.reply.error_status = is_status;
        }
    }
    dialect
}

fn click(row: &mut Row<'_, '_>, dialect: &mut Dialect) {
    let mut found: BTreeMap<ClickField, Vec<Box<str>>> = BTreeMap::new();
    for word in ClickField::WORDS.iter().filter(|word| row.has(word)).copied().collect::<Vec<_>>() {
        if let Some(field) = ClickField::by_name(word) {
            found.insert(field, names(row, word));
        }
    }
    for pattern in names(row, "subs") {
        if !pattern.contains('#') {
            let (spot, message) =
                (row.spot_of("subs"), format!("`subs` has `{}`, without #", shown(&pattern)));
            bad(row, spot, message, "write # where the number stands, such as \"aff_sub#\"");
            continue;
        }
        for number in 1..=NUMBER_MAX {
            let name = pattern.replace('#', &number.to_string()).into();
            found.entry(ClickField::Sub(number)).or_default().push(name);
        }
    }
    replace(&mut dialect.click, found.into_iter().collect());
    once_each(row, &dialect.click, ClickField::as_str);
}

/// A field that is given anew forgets the names it had.
fn replace<F: Copy + Ord>(old: &mut Vec<(F, Vec<Box<str>>)>, new: Vec<(F, Vec<Box<str>>)>) {
    old.retain(|(field, _)| new.iter().all(|(it, _)| it != field));
    old.extend(new);
    old.sort_by_key(|(field, _)| *field);
}

/// `#` stands for the number of an order's line, so only what is of a line may have it.
fn numbers_of_lines_only(row: &mut Row<'_, '_>, fields: &[(ReportField, Vec<Box<str>>)]) {
    for (field, _) in
        fields.iter().filter(|(it, names)| !it.is_of_a_line() && names.iter().any(|it| it.contains('#')))
    {
        let (spot, message) =
            (row.spot_of(field.as_str()), format!("`{}` has a name with #", field.as_str()));
        bad(
            row,
            spot,
            message,
            "only item_amount, item_price, item_product and item_quantity have numbered names",
        );
    }
}

/// One name means one thing.
fn once_each<F: Copy>(
    row: &mut Row<'_, '_>,
    fields: &[(F, Vec<Box<str>>)],
    word: impl Fn(F) -> &'static str,
) {
    let mut seen: HashMap<&str, F> = HashMap::new();
    let mut twice = Vec::new();
    for (field, names) in fields {
        for name in names {
            if let Some(first) = seen.insert(name, *field) {
                twice.push((name, word(first), word(*field)));
            }
        }
    }
    for (name, first, second) in twice {
        let message = format!("the parameter `{}` is both `{first}` and `{second}`", shown(name));
        bad(row, row.spot, message, "a name means one thing: keep one");
    }
}

/// Lower-case names of a parameter, from a text or a list of them.
fn names(row: &mut Row<'_, '_>, key: &str) -> Vec<Box<str>> {
    let texts = row.text_or_texts(key);
    let spot = row.spot_of(key);
    if texts.len() > NAMES_MAX {
        bad(row, spot, format!("`{key}` has {} names", texts.len()), format!("write at most {NAMES_MAX}"));
    }
    let mut names = Vec::new();
    for (text, spot) in texts.into_iter().take(NAMES_MAX) {
        if is_short(text) {
            names.push(text.to_lowercase().into());
        } else {
            let message = format!("`{key}` has `{}`, which is no parameter's name", shown(text));
            bad(row, spot, message, format!("write 1 to {NAME_BYTES_MAX} bytes of printable text"));
        }
    }
    names
}

fn is_short(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && !text.chars().any(|it| it.is_control() || it.is_whitespace())
}

fn hosts(row: &mut Row<'_, '_>) -> Vec<Box<str>> {
    let texts = row.texts("hosts");
    if texts.len() > HOSTS_MAX {
        let message = format!("{} hosts", texts.len());
        bad(row, row.spot, message, format!("write at most {HOSTS_MAX}"));
    }
    let mut hosts = Vec::new();
    for (text, spot) in texts {
        let is_of_a_name = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '.';
        if is_short(text) && text.chars().all(is_of_a_name) && !text.ends_with('.') {
            hosts.push(text.to_ascii_lowercase().into());
        } else {
            let message = format!("`hosts` has `{}`, which is no host's name", shown(text));
            bad(row, spot, message, "write a name such as track.example.com, without scheme, port or path");
        }
    }
    hosts
}

fn paths<F: Copy>(row: &mut Row<'_, '_>, key: &str, field: impl Fn(&str) -> Option<F>) -> Vec<PathForm<F>> {
    let texts = row.text_or_texts(key);
    if texts.len() > PATHS_MAX {
        let (spot, message) = (row.spot_of(key), format!("`{key}` has {} paths", texts.len()));
        bad(row, spot, message, format!("write at most {PATHS_MAX}"));
    }
    let mut forms = Vec::new();
    for (text, spot) in texts.into_iter().take(PATHS_MAX) {
        match PathForm::parse(text, &field) {
            Ok(form) => forms.push(form),
            Err(why) => {
                let message = format!("`{key}` has `{}`, and {why}", shown(text));
                bad(row, spot, message, "write a path such as /aff_c, /{partner}/{offer} or /click/{pairs}");
            }
        }
    }
    forms
}

fn statuses(row: &mut Row<'_, '_>) -> Vec<(Box<str>, DialectStatus)> {
    let words: Vec<(&'static str, DialectStatus)> =
        DialectStatus::ALL.iter().map(|it| (it.as_str(), *it)).collect();
    let keys = row.keys();
    if keys.len() > WORDS_MAX {
        bad(
            row,
            row.spot,
            format!("{} words for a status", keys.len()),
            format!("write at most {WORDS_MAX}"),
        );
    }
    let mut statuses: Vec<(Box<str>, DialectStatus)> = Vec::new();
    for key in keys.into_iter().take(WORDS_MAX) {
        let lower: Box<str> = key.to_lowercase().into();
        if !is_short(key) || statuses.iter().any(|(it, _)| *it == lower) {
            let (spot, message) = (row.spot_of(key), format!("`{}` is there twice, or no word", shown(key)));
            bad(row, spot, message, "write each word once, in any case, without blanks");
        }
        if let Some(status) = row.word(key, &words) {
            statuses.push((lower, status));
        }
    }
    statuses.sort_by(|one, other| one.0.cmp(&other.0));
    statuses
}
