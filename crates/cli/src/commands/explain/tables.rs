//! What the operator reads of an order, table by table: the order, who was weighed, what became of each, who gets what, what was reported.
//!
//! In: stored rows and the trace. Out: heads and rows, empty ones left out. Not here: words for codes (`words`), what a partner may see
//! (`redact`). Start at [`all`].

use warehouse::{
    ExplainedCredit, ExplainedOrder, ExplainedReport, ExplainedScore, ExplainedTouch, Explanation,
};

use super::{
    trace::{Candidate, DecidedBy, Signal, Trace, Tried},
    words,
    would::{Reader, Would},
};
use crate::output::money;

/// Heads, and rows of as many cells.
pub(super) type Table = (&'static [&'static str], Vec<Vec<String>>);

/// All about one of the orders found.
pub(super) fn all(order: &ExplainedOrder, found: &Explanation) -> Vec<Table> {
    let trace = Trace::read(&order.trace);
    let of = order.advertiser_id;
    let tables = [
        (["", ""].as_slice(), lines(order, &trace, found)),
        (&["key tried", "what was named", "whose", "what came of it"], keys(&trace)),
        (&["refused click id", "why"], refused(&trace)),
        (
            &["no.", "touch at", "found by", "id", "partner", "offer", "age", "window"],
            candidates(&trace, found),
        ),
        (
            &["no.", "partner", "role", "share", "money", "what became of it", "what would have changed it"],
            verdicts(order, &trace, found),
        ),
        (
            &["partner", "role", "share", "money", "in the reporting currency", "on hold"],
            found.credits.iter().filter(|it| it.advertiser_id == of).map(credit).collect(),
        ),
        (
            &["suspicious", "against", "found", "allowed below", "limits of", "counted at"],
            suspicions(&trace, found.scores.iter().find(|it| it.advertiser_id == of)),
        ),
        (
            &["report received", "said to be at", "by", "says", "names", "record"],
            found.reports.iter().filter(|it| it.advertiser_id == of).map(report).collect(),
        ),
    ];
    tables.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}

/// Of reports of which nothing is decided yet.
pub(super) fn reports(reports: &[ExplainedReport]) -> Table {
    (
        &["report received", "said to be at", "by", "says", "names", "record"],
        reports.iter().map(report).collect(),
    )
}

fn lines(order: &ExplainedOrder, trace: &Trace, found: &Explanation) -> Vec<Vec<String>> {
    let earning =
        found.credits.iter().filter(|it| it.advertiser_id == order.advertiser_id && it.share_ppm > 0);
    let shared = match earning.count() {
        count @ 2.. => format!("shared by {count} partners, and led by "),
        _ => String::new(),
    };
    let whose = if order.partner_id == 0 {
        format!("nobody's: {}", words::unattributed(&order.unattributed, !trace.refused_clicks.is_empty()))
    } else {
        format!(
            "{shared}partner {} {}, for offer {} {}, found by {}",
            order.partner_id,
            order.partner_name,
            order.offer_id,
            order.offer_name,
            words::matched(&order.matched)
        )
    };
    let lines = [
        (
            "order",
            format!("{} of advertiser {} {}", order.order_id, order.advertiser_id, order.advertiser_name),
        ),
        ("what", format!("{}, {}", order.event, words::status(&order.status, &order.reason))),
        ("whose", whose),
        ("what it lacks", would(order, trace).nobodys(&order.unattributed, &order.at)),
        ("decided by", trace.decided_by.as_ref().map_or_else(String::new, decided_by)),
        ("shared", words::shared(&order.model, order.path_touches)),
        ("time", time(order, trace)),
        ("checkout", trace.checkout_at.clone().unwrap_or_default()),
        ("money", order_money(order)),
        ("reporting", words::reporting(order)),
        ("payable", payable(order)),
        ("rules", words::rules(order.catalog_version)),
        ("reports", order.report_count.to_string()),
        ("visitors", trace.visitors.join(" ")),
    ];
    // Which model it is stands in its own line.
    let notes = trace
        .notes
        .iter()
        .filter(|it| !it.starts_with("model_"))
        .map(|it| ("note", words::note(it).to_owned()));
    let lines = lines.into_iter().chain(notes).filter(|(_, text)| !text.is_empty());
    lines.map(|(name, text)| vec![name.to_owned(), text]).collect()
}

/// When, why then, and how far clocks are apart.
fn time(order: &ExplainedOrder, trace: &Trace) -> String {
    let gap = match trace.clock_gap_ms {
        0 => String::new(),
        ms => format!("; its own click is {} later than reports say it was", words::span(ms)),
    };
    format!("{}, {}{gap}", order.at, words::time_source(&order.time_source))
}

/// Of an order that is nobody's nothing is paid.
fn payable(order: &ExplainedOrder) -> String {
    match order.partner_id {
        0 => String::new(),
        _ => words::payable(&order.hold, &order.payable_at, &order.status),
    }
}

fn decided_by(it: &DecidedBy) -> String {
    let DecidedBy { key, partner, offer, level } = it;
    let (door, key, level) = (key, words::earning_key(key), words::level(level));
    format!(
        "{key}, by the rules of partner {partner} for offer {offer} (the {} is by {level})",
        words::door(door)
    )
}

fn would<'a>(order: &ExplainedOrder, trace: &'a Trace) -> Would<'a> {
    Would { trace, catalog_version: order.catalog_version, to: Reader::Operator }
}

fn keys(trace: &Trace) -> Vec<Vec<String>> {
    let row = |it: &Tried| {
        vec![
            words::key(&it.key).to_owned(),
            it.named.clone(),
            it.partner.map_or_else(String::new, |it| format!("partner {it}")),
            words::outcome(&it.outcome).to_owned(),
        ]
    };
    let left_out = last_row(4, trace.keys_left_out, "more keys are not listed");
    trace.keys.iter().map(row).chain(left_out).collect()
}

/// Says in its last cell how many are left out, if any are.
fn last_row(cells: usize, left_out: u64, what: &str) -> Option<Vec<String>> {
    let empty = vec![String::new(); cells.saturating_sub(1)];
    (left_out > 0).then(|| empty.into_iter().chain([format!("{left_out} {what}")]).collect())
}

fn order_money(order: &ExplainedOrder) -> String {
    let money = |amount: &str| money(amount, &order.currency);
    let amount = if order.amount.is_empty() { "no amount".to_owned() } else { money(&order.amount) };
    format!("{amount}, refunded {}, revenue {}", money(&order.refunded), money(&order.revenue))
}

fn refused(trace: &Trace) -> Vec<Vec<String>> {
    let row = |it: &super::trace::Refused| vec![it.text.clone(), words::refused(&it.reason).to_owned()];
    trace.refused_clicks.iter().map(row).collect()
}

fn candidates(trace: &Trace, found: &Explanation) -> Vec<Vec<String>> {
    let row = |(index, it): (usize, &Candidate)| {
        // Who is found by a key alone stands at the order's own time; a binding has an age.
        let is_touch = words::key_of(&it.touch).is_none();
        let has_age = is_touch || it.age_ms != 0;
        vec![
            (index + 1).to_string(),
            if is_touch { it.at.clone() } else { String::new() },
            found_by(it, touch_of(it, found)),
            id_of(&it.touch, found),
            partner(it.partner, touch_of(it, found).map_or("", |it| &it.partner_name)),
            if it.offer == 0 { String::new() } else { it.offer.to_string() },
            if has_age { words::age(it.age_ms) } else { String::new() },
            words::window(it.window_ms),
        ]
    };
    trace.candidates.iter().enumerate().map(row).collect()
}

/// What became of each; where none was weighed, that.
fn verdicts(order: &ExplainedOrder, trace: &Trace, found: &Explanation) -> Vec<Vec<String>> {
    let would = would(order, trace);
    let row = |(index, it): (usize, &Candidate)| {
        let touch = touch_of(it, found).filter(|touch| touch.advertiser_id == order.advertiser_id);
        vec![
            (index + 1).to_string(),
            partner(it.partner, touch.map_or("", |it| &it.partner_name)),
            touch.map_or_else(String::new, |it| words::role(&it.role).to_owned()),
            touch.map_or_else(String::new, |it| words::share(it.share_ppm)),
            touch
                .filter(|it| it.share_ppm > 0)
                .map_or_else(String::new, |it| money(&it.revenue, &it.currency)),
            words::candidate(&it.verdict).to_owned(),
            would.of(it),
        ]
    };
    let left_out = last_row(7, trace.candidates_left_out, "more are not listed");
    trace.candidates.iter().enumerate().map(row).chain(left_out).collect()
}

/// Those that the decision saw; where it saw none, those of a score that is newer than it.
fn suspicions(trace: &Trace, score: Option<&ExplainedScore>) -> Vec<Vec<String>> {
    let counted: Vec<Signal> =
        score.and_then(|it| serde_json::from_str(&it.signals).ok()).unwrap_or_default();
    let signals = if trace.signals.is_empty() { &counted } else { &trace.signals };
    let row = |signal: &Signal| {
        let limits =
            if signal.catalog == 0 { score.map_or(0, |it| it.catalog_version) } else { signal.catalog };
        let is_counted = counted.iter().any(|it| (&it.code, it.partner) == (&signal.code, signal.partner));
        vec![
            words::signal(&signal.code).to_owned(),
            if signal.partner == 0 { "the order".to_owned() } else { format!("partner {}", signal.partner) },
            signal.value.to_string(),
            signal.threshold.to_string(),
            words::rules(limits),
            score.filter(|_| is_counted).map_or_else(String::new, |it| it.scored_at.clone()),
        ]
    };
    signals.iter().map(row).collect()
}

fn credit(it: &ExplainedCredit) -> Vec<String> {
    vec![
        partner(it.partner_id, &it.partner_name),
        words::role(&it.role).to_owned(),
        words::share(it.share_ppm),
        money(&it.revenue, &it.currency),
        money(&it.reporting, &it.reporting_currency),
        words::hold(&it.hold).to_owned(),
    ]
}

fn report(it: &ExplainedReport) -> Vec<String> {
    let amount = if it.amount.is_empty() { String::new() } else { money(&it.amount, &it.currency) };
    let said = [it.statement.as_str(), &it.refund_id, &amount, &it.status, &it.reason];
    let says = said.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
    vec![
        it.received_at.clone(),
        it.reported_at.clone(),
        format!("{} {}", it.channel, it.event),
        says,
        named(it).join(", "),
        it.origin.clone(),
    ]
}

/// Everything by which it could be known whose the order is.
fn named(it: &ExplainedReport) -> Vec<String> {
    let number = |what: &str, id: u32| if id == 0 { String::new() } else { format!("{what} {id}") };
    let text = |what: &str, id: &str| if id.is_empty() { String::new() } else { format!("{what} {id}") };
    let coupons = it.coupons.iter().map(|it| text("coupon", it));
    let names = [
        text("click", &it.click_id),
        text("refused click", &it.refused_click),
        text("visitor", &it.visitor_id),
    ];
    let others = [
        number("partner", it.partner_id),
        match it.partner_named.as_str() {
            "" => String::new(),
            stranger => format!("partner `{stranger}`, who is nobody"),
        },
        number("offer", it.offer_id),
        text("customer", &it.customer_id),
        text("e-mail", &it.email_id),
        match it.new_customer.as_str() {
            "yes" => "a new customer".to_owned(),
            "no" => "a customer of before".to_owned(),
            _ => String::new(),
        },
        text("checkout at", &it.checkout_at),
    ];
    names.into_iter().chain(coupons).chain(others).filter(|it| !it.is_empty()).collect()
}

/// The row of a candidate.
fn touch_of<'a>(it: &Candidate, found: &'a Explanation) -> Option<&'a ExplainedTouch> {
    found.touches.iter().find(|touch| touch.touch_id == it.touch)
}

/// By which key; on rows of builds that did not say, what kind of touch it is.
fn found_by(it: &Candidate, touch: Option<&ExplainedTouch>) -> String {
    let told = [it.found.as_str(), touch.map_or("", |it| &it.found)];
    let key = told.into_iter().find(|it| !it.is_empty()).or_else(|| words::key_of(&it.touch));
    match (key, it.kind.as_str()) {
        (Some(key), "view") => format!("{}, a view", words::key(key)),
        (Some(key), _) => words::key(key).to_owned(),
        (None, kind) => kind.to_owned(),
    }
}

/// The id that people meet in links and postbacks; nothing for who was found by a key alone; for a touch of which nobody named the
/// id and no record is stored, its name in views.
pub(super) fn id_of(touch: &str, found: &Explanation) -> String {
    if words::key_of(touch).is_some() {
        return String::new();
    }
    let stored = found.clicks.iter().find(|it| it.touch_id == touch).map(|it| &it.click_id);
    let reported = || {
        found
            .reports
            .iter()
            .map(|it| &it.click_id)
            .find(|it| words::touch_of_id(it).as_deref() == Some(touch))
    };
    stored.or_else(reported).map_or_else(|| touch.to_owned(), Clone::clone)
}

/// `102 Coupons`; of another advertiser's nothing.
fn partner(id: u32, name: &str) -> String {
    if id == 0 { String::new() } else { format!("{id} {name}").trim_end().to_owned() }
}
