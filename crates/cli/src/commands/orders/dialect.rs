//! Columns and values in the words of another system: its names, status words, amounts and old ids become ours.
//!
//! In: a dialect's name and the catalog that holds, for its own dialects and aliases. Out: which column is what, and a row's values as `/v1/reports` takes them;
//! the edge reads a live postback of the dialect in the same way (`edge::reports::dialect`). An old id that stands for nothing is refused here, since a file can be
//! mended and imported again. Start at [`Speech::open`].

use std::path::Path;

use anyhow::Context as _;
use catalog::{AliasOf, Amounts, Catalog, Dialect, ReportField, built_in_dialects};
use serde_json::{Map, Value};
use units::{Currency, Money};

use super::fault::Fault;
use crate::{
    commands::{
        catalog::{Files, Store},
        place::Place,
    },
    settings::Settings,
};

/// A dialect with the catalog its ids are of.
#[derive(Debug)]
pub(super) struct Speech {
    dialect: Dialect,
    catalog: Catalog,
}

/// What a column is in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) field: ReportField,
    /// Of the names of one field, lower ones count before others.
    rank: usize,
    /// The order's line, from 1; 0 is the order.
    item: usize,
}

impl Speech {
    /// By the newest version of the catalog, or, before there is one, by the file that the settings name.
    pub(super) fn open(settings: &Settings, name: &str) -> anyhow::Result<Self> {
        let newest = Store::open(Place::new(settings))?.newest()?;
        let catalog = match (newest, settings.optional("catalog")) {
            (Some(it), _) => catalog::load(&it.text, it.version, it.effective_at).ok(),
            (None, Some(path)) => Files::read(Path::new(path))?.parse().ok(),
            (None, None) => None,
        };
        let catalog = catalog.context(
            "old ids and dialects of your own are in the catalog, and none was found; give --config FILE or --data DIR of the program, or --catalog FILE",
        )?;
        Self::of(catalog, name)
    }

    fn of(catalog: Catalog, name: &str) -> anyhow::Result<Self> {
        let built_in = || built_in_dialects().iter().find(|it| *it.name == *name);
        let dialect = catalog.dialects.get(name).or_else(built_in).cloned().with_context(|| {
            let mut names: Vec<&str> = built_in_dialects().iter().map(|it| &*it.name).collect();
            names.extend(catalog.dialects.keys().map(|it| &**it));
            names.sort_unstable();
            names.dedup();
            format!("there is no dialect `{name}`; there are {}", names.join(", "))
        })?;
        Ok(Self { dialect, catalog })
    }

    /// What the dialect calls so; else what a postback does, where the dialect has no name of its own for it.
    pub(super) fn meaning(&self, header: &str) -> Option<Meaning> {
        let lower = header.trim().to_lowercase();
        if let Some((field, rank)) = self.named(&lower) {
            return Some(Meaning { field, rank, item: 0 });
        }
        let stem = lower.trim_end_matches(|it: char| it.is_ascii_digit());
        let number = lower.get(stem.len()..).and_then(|it| it.parse().ok()).filter(|it| *it > 0);
        if let Some((item, (field, rank))) = number.zip(self.named(&format!("{stem}#"))) {
            return Some(Meaning { field, rank, item });
        }
        let field = field_of(edge::report_parameter(&lower)?)?;
        let is_theirs = self.dialect.report.iter().any(|(known, _)| *known == field);
        (!is_theirs).then_some(Meaning { field, rank: usize::MAX, item: 0 })
    }

    /// A column that was named by hand, by one of our names: it counts before all others.
    pub(super) fn by_hand(name: &str) -> Option<Meaning> {
        field_of(edge::report_parameter(name)?).map(|field| Meaning { field, rank: 0, item: 0 })
    }

    /// Whether no dialect can have a word for the value of that name of ours.
    pub(super) fn is_only_ours(canonical: &str) -> bool {
        field_of(canonical).is_none()
    }

    fn named(&self, lower: &str) -> Option<(ReportField, usize)> {
        self.dialect.report.iter().find_map(|(field, names)| {
            names.iter().position(|it| **it == *lower).map(|place| (*field, place + 1))
        })
    }

    /// A row's values, none of them empty, in our words.
    pub(super) fn ours(&self, row: &[(Meaning, &str)]) -> Result<Map<String, Value>, Fault> {
        let mut out = Map::new();
        if let Some(total) = self.total(row)? {
            out.insert("amount_minor".to_owned(), total.to_string().into());
        }
        for (meaning, value) in row {
            let counts = |it: &&(Meaning, &str)| it.0.field == meaning.field;
            let best = row.iter().filter(counts).min_by_key(|it| it.0.rank).map(|it| it.0);
            if best == Some(*meaning)
                && let Some(name) = self.name_of(meaning.field)
            {
                out.insert(name.to_owned(), self.value_of(meaning.field, value)?.into());
            }
        }
        Ok(out)
    }

    fn name_of(&self, field: ReportField) -> Option<&'static str> {
        match field {
            ReportField::Amount if self.dialect.amounts == Amounts::Minor => Some("amount_minor"),
            field if field.is_of_a_line() => None,
            ReportField::Partner => Some("partner_id"),
            ReportField::Offer => Some("offer_id"),
            field => Some(field.as_str()),
        }
    }

    fn value_of(&self, field: ReportField, value: &str) -> Result<String, Fault> {
        let what = match field {
            ReportField::Status => {
                return Ok(self
                    .dialect
                    .status(value)
                    .map_or_else(|| value.to_owned(), |it| it.as_str().to_owned()));
            }
            ReportField::Advertiser => AliasOf::Advertiser,
            ReportField::Offer => AliasOf::Offer,
            ReportField::Partner => AliasOf::Partner,
            _ => return Ok(value.to_owned()),
        };
        let found = self.catalog.resolve(&self.dialect, what, value);
        let unknown = || Fault::OldIdUnknown { what: what.as_str(), old: super::columns::told(value) };
        found.map(|it| it.id.to_string()).ok_or_else(unknown)
    }

    /// All lines of an order together, in minor units, where the order itself has no amount.
    fn total(&self, row: &[(Meaning, &str)]) -> Result<Option<i64>, Fault> {
        let of = |field, item| {
            row.iter().find(|(it, _)| (it.field, it.item) == (field, item)).map(|(_, value)| *value)
        };
        if of(ReportField::Amount, 0).is_some() {
            return Ok(None);
        }
        let currency = of(ReportField::Currency, 0).and_then(|it| Currency::parse(it).ok());
        let mut total = None;
        // A line says what it costs as a whole, or else by the piece.
        let is_told = |it: &Meaning| match it.field {
            ReportField::ItemAmount => true,
            ReportField::ItemPrice => of(ReportField::ItemAmount, it.item).is_none(),
            _ => false,
        };
        for (line, value) in row.iter().filter(|(it, _)| is_told(it)) {
            let unread = || Fault::ItemUnread { value: super::columns::told(value) };
            let minor = match (self.dialect.amounts, currency) {
                (Amounts::Minor, _) => value.parse().map_err(|_| unread())?,
                // Without its currency nobody knows how many decimals an amount may have.
                (Amounts::Decimal, None) => return Err(Fault::CurrencyMissing),
                (Amounts::Decimal, Some(currency)) => {
                    Money::parse(value, currency).map_err(|_| unread())?.minor
                }
            };
            let quantity =
                of(ReportField::ItemQuantity, line.item).filter(|_| line.field == ReportField::ItemPrice);
            let pieces = quantity.map_or(Ok(1), str::parse::<i64>);
            let sum = i64::checked_mul(minor, pieces.map_err(|_| unread())?);
            total = Some(sum.and_then(|it| it.checked_add(total.unwrap_or(0))).ok_or_else(unread)?);
        }
        Ok(total)
    }
}

/// By our name; a dialect has no word for the rest.
fn field_of(canonical: &str) -> Option<ReportField> {
    match canonical {
        "sale_amount" | "amount_minor" => Some(ReportField::Amount),
        "partner_id" => Some(ReportField::Partner),
        "offer_id" => Some(ReportField::Offer),
        other => ReportField::by_name(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOG: &str = "[[advertiser]]\nid = 1\nname = \"A\"\n[[partner]]\nid = 100\nname = \"P\"\n[[dialect]]\nname = \"tune\"\n\
        [[alias]]\ndialect = \"tune\"\nold = \"2002\"\npartner = 100\n";

    fn ours(name: &str, row: &[(&str, &str)]) -> Result<String, Fault> {
        let speech = Speech::of(catalog::parse(&[("a.toml", CATALOG)]).unwrap(), name).unwrap();
        let row: Vec<_> =
            row.iter().filter_map(|(header, value)| Some((speech.meaning(header)?, *value))).collect();
        speech.ours(&row).map(|it| Value::Object(it).to_string())
    }

    #[test]
    fn each_shape_that_differs_becomes_ours() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case<'_>; 7] = [
            (
                "post_affiliate_pro",
                &[("TotalCost", "12,50"), ("PStatus", "D")],
                r#"{"amount":"12,50","status":"rejected"}"#,
            ),
            ("affise", &[("status", "7"), ("sum", "1")], r#"{"amount":"1","status":"7"}"#),
            ("dub", &[("amount", "1250"), ("sum", "9")], r#"{"amount_minor":"1250"}"#),
            (
                "impact",
                &[("ItemSubTotal2", "1.50"), ("ItemSubTotal1", "2"), ("CurrencyCode", "EUR")],
                r#"{"amount_minor":"350","currency":"EUR"}"#,
            ),
            (
                "partnerize",
                &[("value", "2.00"), ("quantity", "3"), ("currency", "EUR")],
                r#"{"amount_minor":"600","currency":"EUR"}"#,
            ),
            (
                "tune",
                &[("adv_sub", "late"), ("conversion_unique_id", "first"), ("aff_id", "2002")],
                r#"{"order_id":"first","partner_id":"100"}"#,
            ),
            ("keitaro", &[("time", "2025-01-01"), ("Customer name", "Ann")], r#"{"time":"2025-01-01"}"#),
        ];
        for (name, row, want) in cases {
            assert_eq!(ours(name, row).as_deref(), Ok(want), "{name} {row:?}");
        }
    }

    #[test]
    fn the_edge_reads_every_name_that_is_sent() {
        let speech = Speech::of(catalog::parse(&[("a.toml", CATALOG)]).unwrap(), "tune").unwrap();
        for field in ReportField::ALL {
            let unread = speech.name_of(*field).filter(|it| edge::report_parameter(it).is_none());
            assert_eq!(unread, None);
        }
    }

    #[test]
    fn what_stands_for_nothing_is_refused_and_nothing_is_guessed() {
        let unknown = |what, old: &str| Err(Fault::OldIdUnknown { what, old: old.to_owned() });
        assert_eq!(ours("tune", &[("aff_id", "100")]), unknown("partner", "100"), "only aliases count");
        assert_eq!(ours("tune", &[("offer_id", "10")]), unknown("offer", "10"));
        assert_eq!(ours("impact", &[("itemsubtotal1", "2")]), Err(Fault::CurrencyMissing));
        let item = |row: &[(&str, &str)]| ours("partnerize", &[row, &[("currency", "EUR")]].concat());
        let unread = |value: &str| Err(Fault::ItemUnread { value: value.to_owned() });
        assert_eq!(item(&[("value", "much")]), unread("much"));
        assert_eq!(item(&[("value", "1"), ("quantity", "many")]), unread("1"));
        let catalog = catalog::parse(&[("a.toml", CATALOG)]).unwrap();
        let error = Speech::of(catalog, "tunes").unwrap_err().to_string();
        assert!(
            error.contains("there is no dialect `tunes`") && error.contains("tapfiliate, tune,"),
            "{error}"
        );
    }
}
