//! Dialects and aliases of a whole catalog: what one row alone cannot tell.
//!
//! In: all rows. Out: the catalog's dialects with their aliases; errors for a path that is another's or ours, for words that could never be used, for an
//! old id that stands for two. Start at [`build`].

use std::collections::{HashMap, HashSet};

use super::{AliasRow, DialectRow};
use crate::{
    dialect::{AliasOf, Amounts, ClickField, Dialect, DialectReply, ReportField},
    model::Catalog,
    parse::{
        error::{ErrorCode, Errors, Spot},
        reader::shown,
    },
};

/// What needs all rows.
pub(in crate::parse) fn build<'a>(
    dialects: Vec<DialectRow<'a>>,
    aliases: Vec<AliasRow<'a>>,
    catalog: &mut Catalog,
    errors: &mut Errors,
) {
    let mut places: HashMap<Box<str>, Spot<'a>> = HashMap::new();
    let mut taken: HashMap<(bool, Box<str>, String), Box<str>> = HashMap::new();
    for (dialect, spot) in dialects {
        if let Some(first) = places.insert(dialect.name.clone(), spot) {
            let name = &dialect.name;
            let message = format!("dialect `{name}` is there twice, first at {}:{}", first.file, first.line);
            errors.add(spot, ErrorCode::DuplicateDialect, message, "write all its keys into one");
            continue;
        }
        usable(&dialect, spot, errors);
        parted(&dialect, spot, &mut taken, errors);
        catalog.dialects.insert(dialect.name.clone(), dialect);
    }
    let mut first_places: HashMap<(Box<str>, AliasOf, Box<str>), Spot<'a>> = HashMap::new();
    for row in aliases {
        let Some(dialect) = catalog.dialects.get_mut(&row.dialect) else {
            let message = format!("no dialect `{}` is switched on", shown(&row.dialect));
            let advice = format!("add [[dialect]] with name = \"{}\", or correct it", shown(&row.dialect));
            errors.add(row.spot, ErrorCode::UnknownReference, message, advice);
            continue;
        };
        if dialect.aliases.insert(row.what, &row.old, row.id) {
            first_places.insert((row.dialect, row.what, row.old), row.spot);
            continue;
        }
        let (what, old) = (row.what.as_str(), shown(&row.old));
        let first = first_places.get(&(row.dialect, row.what, row.old)).copied().unwrap_or(row.spot);
        let message =
            format!("the {what} `{old}` has two aliases, the first at {}:{}", first.file, first.line);
        errors.add(
            row.spot,
            ErrorCode::DuplicateAlias,
            message,
            "an old id stands for one of ours: keep one",
        );
    }
}

/// No key that is read is ignored, and no path is in vain.
fn usable(dialect: &Dialect, spot: Spot<'_>, errors: &mut Errors) {
    let mut bad = |message: &str, advice: &str| {
        let message = format!("dialect `{}` {message}", dialect.name);
        errors.add(spot, ErrorCode::BadDialect, message, advice);
    };
    let has_reports = !dialect.report_paths.is_empty() || !dialect.pixel_paths.is_empty();
    let clicks: HashSet<ClickField> = dialect.click.iter().map(|(field, _)| *field).collect();
    for form in &dialect.click_paths {
        let fields: HashSet<ClickField> = form.fields().chain(clicks.iter().copied()).collect();
        if !fields.contains(&ClickField::Link) && !fields.contains(&ClickField::Partner) {
            bad(
                "has clicks that name neither link nor partner",
                "name one in [dialect.click] or in the path",
            );
        }
    }
    if dialect.click_paths.is_empty() && !dialect.click.is_empty() {
        bad("has names for clicks and no click_paths", "add click_paths, or remove [dialect.click]");
    }
    let names_orders =
        dialect.report.iter().any(|(it, _)| matches!(it, ReportField::OrderId | ReportField::ClickId));
    if has_reports && !names_orders {
        bad("has reports without order_id and click_id", "name one of them in [dialect.report]");
    }
    let says_of_reports = !dialect.report.is_empty() || !dialect.status.is_empty();
    if !has_reports && (says_of_reports || dialect.amounts == Amounts::Minor || dialect.lacks_order_id) {
        bad(
            "has words for reports and no path for them",
            "add report_paths or pixel_paths, or remove the words",
        );
    }
    let has_reply = dialect.reply != DialectReply::default();
    if dialect.report_paths.is_empty() && has_reply {
        bad("has replies and no report_paths", "add report_paths, or remove [dialect.reply]");
    }
}

/// Each path is one dialect's, at each host.
fn parted(
    dialect: &Dialect,
    spot: Spot<'_>,
    taken: &mut HashMap<(bool, Box<str>, String), Box<str>>,
    errors: &mut Errors,
) {
    let clicks = dialect.click_paths.iter().map(|it| (true, it.skeleton(), it.as_str()));
    let reports = dialect.report_paths.iter().chain(&dialect.pixel_paths);
    let reports = reports.map(|it| (false, it.skeleton(), it.as_str()));
    for (is_click, skeleton, text) in clicks.chain(reports) {
        if dialect.hosts.is_empty() && is_ours(&skeleton) {
            let message = format!("dialect `{}` takes `{text}`, which is a path of our own", dialect.name);
            let advice = "give it `hosts = [...]`, the hosts of the system of before, or another path";
            errors.add(spot, ErrorCode::BadDialect, message, advice);
        }
        let everywhere: [Box<str>; 1] = ["".into()];
        let hosts = if dialect.hosts.is_empty() { &everywhere[..] } else { &dialect.hosts };
        for host in hosts {
            if let Some(first) =
                taken.insert((is_click, host.clone(), skeleton.clone()), dialect.name.clone())
            {
                let message = format!("dialects `{first}` and `{}` both take `{text}`", dialect.name);
                let advice = "give each its `hosts`, or one of them another path";
                errors.add(spot, ErrorCode::BadDialect, message, advice);
            }
        }
    }
}

/// Paths at which we answer ourselves; `/c/CODE` comes first at any host and is no matter of dialects.
fn is_ours(skeleton: &str) -> bool {
    ["/p.gif", "/postback"].contains(&skeleton)
        || ["/v1/", "/hooks/", "/.well-known/"].iter().any(|it| skeleton.starts_with(it))
}
