//! The tables of a catalog: from a parsed file to what the model holds, row by row.
//!
//! In: parsed files. Out: a [`Draft`] with every row, the ids it names and where. Not here: the keys of each table (a file for each below `rows`), what
//! needs all rows at once (`build`). Start at [`Draft::read`].

mod advertiser;
mod coupon;
mod link;
mod offer;
mod overrides;
mod partner;
mod rate;

use std::collections::HashMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use units::{Currency, EpochMs, Rate};

use super::{
    dialects::{AliasRow, DialectRow},
    error::{ErrorCode, Errors, Spot},
    fraud,
    reader::{Lines, Row},
    values,
};
use crate::dialect::{ALIASES_MAX, DIALECTS_MAX};
use crate::fraud::Fraud;
use crate::model::{Advertiser, Coupon, Link, Offer, Override, Partner, Status};

/// Links of one version.
pub const LINKS_MAX: usize = 1_000_000;

const TABLES: [&str; 9] =
    ["advertiser", "offer", "partner", "link", "coupon", "override", "dialect", "alias", "rate"];
const TOP_KEYS: [&str; 14] = [
    "fallback_url",
    "effective_at",
    "allow_local",
    "advertiser",
    "offer",
    "partner",
    "link",
    "coupon",
    "override",
    "dialect",
    "alias",
    "rate",
    "reporting_currency",
    "fraud",
];
const STATUS: [(&str, Status); 3] =
    [("active", Status::Active), ("paused", Status::Paused), ("closed", Status::Closed)];

/// What an id may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Advertiser,
    Offer,
    Partner,
    Link,
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Offer => "offer",
            Self::Partner => "partner",
            Self::Link => "link",
        }
    }
}

/// An id that a row names.
#[derive(Debug)]
pub(super) struct Reference<'a> {
    pub(super) spot: Spot<'a>,
    pub(super) table: Table,
    pub(super) id: u32,
}

/// A text and where it is.
pub(super) type Located<'a> = (Box<str>, Spot<'a>);

/// An offer whose URLs are not read yet: whether local hosts are allowed may stand in a later file.
#[derive(Debug)]
pub(super) struct OfferRow<'a> {
    pub(super) offer: Offer,
    pub(super) destination: Option<Located<'a>>,
    pub(super) hosts: Vec<Located<'a>>,
    /// The offer's own; else its advertiser's.
    pub(super) currency: Option<Currency>,
    pub(super) spot: Spot<'a>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) fallback_url: Option<Located<'a>>,
    pub(super) effective_at: Option<(EpochMs, Spot<'a>)>,
    pub(super) allow_local: Option<(bool, Spot<'a>)>,
    pub(super) advertisers: Vec<Advertiser>,
    pub(super) offers: Vec<OfferRow<'a>>,
    pub(super) partners: Vec<Partner>,
    pub(super) links: Vec<(Link, Option<Located<'a>>)>,
    pub(super) coupons: Vec<(Coupon, Spot<'a>)>,
    pub(super) overrides: Vec<(Override, Spot<'a>)>,
    pub(super) dialects: Vec<DialectRow<'a>>,
    pub(super) aliases: Vec<AliasRow<'a>>,
    pub(super) reporting_currency: Option<(Currency, Spot<'a>)>,
    /// There is a reporting currency, but none that is known.
    pub(super) is_reporting_currency_wrong: bool,
    pub(super) rates: Vec<(Currency, Rate, Spot<'a>)>,
    pub(super) fraud: Option<(Fraud, Spot<'a>)>,
    /// Every id with the place of its row, also of rows that have other errors, so that one mistake is not reported twice.
    pub(super) ids: HashMap<(Table, u32), Spot<'a>>,
    pub(super) codes: HashMap<Box<str>, Spot<'a>>,
    pub(super) references: Vec<Reference<'a>>,
}

impl<'a> Draft<'a> {
    /// Adds one file.
    pub(super) fn read(&mut self, file: &'a str, text: &str, errors: &mut Errors) {
        let lines = Lines::new(file, text);
        let (root, syntax) = DeTable::parse_recoverable(text);
        for error in syntax {
            let spot = lines.spot(error.span().map_or(0, |span| span.start));
            errors.add(spot, ErrorCode::Syntax, error.message(), "correct the TOML there");
        }
        self.top(&mut Row::open("the top level", (root.get_ref(), 0), &TOP_KEYS, &lines, errors));
        for table in TABLES {
            if let Some(value) = root.get_ref().get(table) {
                self.rows(table, value, &lines, errors);
            }
        }
    }

    fn top(&mut self, row: &mut Row<'_, 'a>) {
        let url = row.long_text("fallback_url").map(|text| (text.into(), row.spot_of("fallback_url")));
        once(&mut self.fallback_url, url, "fallback_url", row.errors);
        let time = row.time("effective_at").map(|at| (at, row.spot_of("effective_at")));
        once(&mut self.effective_at, time, "effective_at", row.errors);
        let local = row.bool("allow_local").map(|local| (local, row.spot_of("allow_local")));
        once(&mut self.allow_local, local, "allow_local", row.errors);
        let key = "reporting_currency";
        let currency = values::currency_of(key, row).map(|it| (it, row.spot_of(key)));
        self.is_reporting_currency_wrong |= currency.is_none() && row.has(key);
        once(&mut self.reporting_currency, currency, key, row.errors);
        let fraud = fraud::fraud(row).map(|it| (it, row.spot_of("fraud")));
        once(&mut self.fraud, fraud, "fraud", row.errors);
    }

    fn rows(&mut self, table: &str, value: &Spanned<DeValue<'_>>, lines: &Lines<'a>, errors: &mut Errors) {
        let spot = lines.spot(value.span().start);
        let Some(list) = value.get_ref().as_array() else {
            let message = format!("`{table}` is a {}, not a list of tables", value.get_ref().type_str());
            errors.add(spot, ErrorCode::WrongType, message, format!("write [[{table}]] in double brackets"));
            return;
        };
        if let Some((max, advice)) = self.too_many(table, list.len()) {
            errors.add(spot, ErrorCode::TooManyRows, format!("more than {max} rows of `{table}`"), advice);
            return;
        }
        for item in list {
            let at = item.span().start;
            let Some(fields) = item.get_ref().as_table() else {
                let message = format!("an entry of `{table}` is a {}", item.get_ref().type_str());
                errors.add(
                    lines.spot(at),
                    ErrorCode::WrongType,
                    message,
                    format!("write [[{table}]] and its keys"),
                );
                continue;
            };
            match table {
                "advertiser" => self.advertiser((fields, at), lines, errors),
                "offer" => self.offer((fields, at), lines, errors),
                "partner" => self.partner((fields, at), lines, errors),
                "link" => self.link((fields, at), lines, errors),
                "coupon" => self.coupon((fields, at), lines, errors),
                "dialect" => self.dialect((fields, at), lines, errors),
                "alias" => self.alias((fields, at), lines, errors),
                "rate" => self.rate((fields, at), lines, errors),
                _ => self.override_row((fields, at), lines, errors),
            }
        }
    }

    /// The limit that `more` rows of a table would break, and what to do about it.
    fn too_many(&self, table: &str, more: usize) -> Option<(usize, &'static str)> {
        let (have, max, advice) = match table {
            "link" => (self.links.len(), LINKS_MAX, "remove links that are closed for good"),
            "dialect" => {
                (self.dialects.len(), DIALECTS_MAX, "put hosts and paths of one system into one dialect")
            }
            "alias" => (self.aliases.len(), ALIASES_MAX, "remove ids that nobody uses any more"),
            _ => return None,
        };
        (have + more > max).then_some((max, advice))
    }

    /// Reads the row's own id and makes sure that no other row has it.
    fn own_id(&mut self, table: Table, row: &mut Row<'_, 'a>) -> u32 {
        let Some(id) = row.required_id("id") else { return 0 };
        let spot = row.spot_of("id");
        if let Some(first) = self.ids.insert((table, id), spot) {
            let message =
                format!("{} {id} is there twice, first at {}:{}", table.name(), first.file, first.line);
            row.errors.add(spot, ErrorCode::DuplicateId, message, "give one of them another id");
        }
        id
    }

    /// Reads the id of a row of another table, which is looked up when all are read.
    pub(super) fn reference(&mut self, table: Table, row: &mut Row<'_, 'a>) -> u32 {
        let Some(id) = row.required_id(table.name()) else { return 0 };
        self.references.push(Reference { spot: row.spot_of(table.name()), table, id });
        id
    }
}

/// A top-level key may stand in one file only.
fn once<'a, T>(
    place: &mut Option<(T, Spot<'a>)>,
    found: Option<(T, Spot<'a>)>,
    key: &str,
    errors: &mut Errors,
) {
    match (&*place, &found) {
        (Some((_, first)), Some((_, second))) => {
            let message = format!("`{key}` is there twice, first at {}:{}", first.file, first.line);
            errors.add(*second, ErrorCode::TwoValues, message, "keep it in one file");
        }
        (None, Some(_)) => *place = found,
        (_, None) => {}
    }
}
