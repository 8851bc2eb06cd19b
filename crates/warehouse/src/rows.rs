//! One row per fact: the values of its columns, in their order.
//!
//! In: events. Out: values pushed to a table's columns. Not here: which table takes how many (`batch`). Start at [`click`].

use std::borrow::Cow;

use events::{
    Click, Credit, Decision, IpPrefix, Item, Report, ReportedClick, Reporting, Score, Signal, Statement,
};
use serde::{Deserialize, Serialize};
use units::{
    CustomerId, EpochMs, Origin, Quarter,
    planted::{Bug, planted},
};

use crate::native::Columns;

/// The version of a report's row: reports are never edited.
const REPORT_VERSION: u32 = 1;

/// The version of a score's row, likewise.
const SCORE_VERSION: u32 = 1;

/// The last instant that is stored as it is; later ones are stored as this one. 2299-12-31, the end of what the engine prints.
const INSTANT_MAX: u64 = 10_413_705_600_000;

/// Sub ids of a click.
const SUBS_MAX: usize = 30;

pub(crate) fn click(out: &mut Columns, click: &Click<'_>) {
    let head = &click.head;
    out.fixed(head.origin.to_bytes());
    instant(out, head.at());
    out.raw(&head.id.to_text());
    out.fixed(head.id.touch().0);
    out.text(head.kind.as_str());
    out.text(head.verdict.as_str());
    out.u64(head.visitor().0);
    out.u32(head.partner.0);
    out.u32(head.offer.0);
    out.u32(head.advertiser.0);
    out.u32(head.link().0);
    out.u32(head.catalog.0);
    out.text(head.currency.as_str());
    out.text(head.country.as_str());
    out.text(head.device.as_str());
    out.text(click.os.as_str());
    out.text(click.browser.as_str());
    out.fixed([click.consent.bits()]);
    out.bool(click.visitor_is_new);
    out.text(&ip_prefix(click.ip));
    out.u64(click.ip_hash);
    out.u64(click.user_agent_hash);
    out.text(click.landing.as_str());
    out.text(click.deep_link);
    out.text(click.referrer_host);
    out.text(click.source);
    out.text(click.partner_click_id);
    out.texts(dense(&click.subs));
    out.pairs(click.tags.iter().copied());
    out.u32(head.verdict_version.into());
    out.end_row();
}

/// `(n, value)`, ascending by n, as a list in which the nth stands at its place.
fn dense<'a>(subs: &'a [(u8, &'a str)]) -> impl Iterator<Item = &'a str> {
    let count = subs.iter().map(|(n, _)| usize::from(*n)).max().unwrap_or(0).min(SUBS_MAX);
    (1..=count).map(|n| subs.iter().find(|(it, _)| usize::from(*it) == n).map_or("", |(_, value)| value))
}

fn ip_prefix(ip: IpPrefix) -> String {
    match ip {
        IpPrefix::None => String::new(),
        IpPrefix::V4([a, b, c]) => format!("{a}.{b}.{c}.0/24"),
        IpPrefix::V6(bytes) => {
            let groups: Vec<String> =
                bytes.as_chunks::<2>().0.iter().map(|it| format!("{:x}", u16::from_be_bytes(*it))).collect();
            format!("{}::/48", groups.join(":"))
        }
    }
}

pub(crate) fn report(out: &mut Columns, report: &Report) {
    let (refused, reason) = match &report.click {
        ReportedClick::Refused { text, reason } => (&**text, &**reason),
        ReportedClick::None | ReportedClick::Signed(_) => ("", ""),
    };
    let (statement, refund, amount) = match &report.statement {
        Statement::Order { amount } => ("order", None, amount),
        Statement::Refund { refund, amount, kind } => ("refund", Some((&**refund, *kind)), amount),
    };
    out.fixed(report.origin.to_bytes());
    instant(out, report.received_at);
    instant(out, report.reported_at.unwrap_or_default());
    out.u32(report.key.advertiser.0);
    out.text(&report.key.order);
    out.text(report.channel.as_str());
    out.text(&report.event);
    out.text(&report.click.signed().map_or_else(String::new, |it| it.to_string()));
    out.text(refused);
    out.text(reason);
    out.u64(report.visitor.map_or(0, |it| it.0));
    out.text(&report.customer.map_or_else(String::new, customer));
    out.text(report.coupons.first().map_or("", |it| &**it));
    out.u32(report.partner.unwrap_or_default().0);
    out.text(statement);
    out.text(refund.map_or("", |(id, _)| id));
    out.bool(amount.is_some());
    out.i64(amount.map_or(0, |it| it.minor));
    out.text(amount.as_ref().map_or("", |it| it.currency.as_str()));
    out.text(report.status.map_or("", events::ReportedStatus::as_str));
    out.text(match report.new_customer {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    });
    out.text(&report.delivery);
    out.u32(report.catalog.0);
    out.text(&report.email.map_or_else(String::new, customer));
    out.texts(report.coupons.iter().map(|it| &**it));
    out.u32(report.offer.unwrap_or_default().0);
    instant(out, report.checkout_at.unwrap_or_default());
    out.text(&items_json(&report.items));
    out.text(report.reason.map_or("", events::RejectReason::as_str));
    out.text(refund.map_or("", |(_, kind)| kind.as_str()));
    out.u32(report.self_partner.unwrap_or_default().0);
    out.text(&report.partner_named);
    out.u32(REPORT_VERSION);
    out.end_row();
}

fn customer(customer: CustomerId) -> String {
    format!("{:032x}", u128::from_be_bytes(customer.0))
}

/// A line of an order as it stands in `reports_log.items`, in a JSON list.
#[derive(Serialize, Deserialize)]
pub(crate) struct ItemJson<'a> {
    #[serde(borrow)]
    pub(crate) product: Cow<'a, str>,
    pub(crate) quantity: u32,
    pub(crate) minor: i64,
}

/// Nothing for an order without lines.
fn items_json(items: &[Item]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<ItemJson<'_>> = items
        .iter()
        .map(|it| ItemJson { product: Cow::Borrowed(&it.product), quantity: it.quantity, minor: it.minor })
        .collect();
    serde_json::to_string(&items).expect("texts and numbers always serialise")
}

pub(crate) fn score(out: &mut Columns, score: &Score) {
    out.fixed(score.origin.to_bytes());
    instant(out, score.received_at);
    out.u32(score.order.advertiser.0);
    out.text(&score.order.order);
    out.u32(score.rules.0);
    instant(out, score.scored_at);
    out.text(&signals_json(&score.signals));
    out.u32(SCORE_VERSION);
    out.end_row();
}

/// A signal as it stands in `scores_log.signals`, in a JSON list.
#[derive(Serialize, Deserialize)]
pub(crate) struct SignalJson<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
    pub(crate) partner: u32,
    pub(crate) value: u64,
    pub(crate) threshold: u64,
}

fn signals_json(signals: &[Signal]) -> String {
    let json = |it: &Signal| SignalJson {
        code: Cow::Borrowed(it.code.as_str()),
        partner: it.partner.0,
        value: it.value,
        threshold: it.threshold,
    };
    let signals: Vec<SignalJson<'_>> = signals.iter().map(json).collect();
    serde_json::to_string(&signals).expect("texts and numbers always serialise")
}

/// A void row says that the order is not in its quarter.
pub(crate) fn order(out: &mut Columns, quarter_seconds: u32, void: bool, decision: &Decision, trace: &str) {
    out.u32(quarter_seconds);
    out.u32(decision.key.advertiser.0);
    out.text(&decision.key.order);
    out.bool(void);
    instant(out, decision.at);
    out.text(decision.time_source.as_str());
    out.text(&decision.event);
    out.text(decision.status.as_str());
    out.bool(decision.amount.is_some());
    out.i64(decision.amount.map_or(0, |it| it.minor));
    out.i64(decision.refunded_minor);
    out.i64(decision.revenue_minor);
    out.text(decision.currency.as_str());
    out.u32(decision.partner.0);
    out.u32(decision.offer.0);
    out.text(decision.matched.map_or("", events::MatchedKey::as_str));
    out.text(decision.unattributed.map_or("", events::Unattributed::as_str));
    out.u32(decision.report_count);
    instant(out, decision.first_received_at);
    instant(out, decision.last_received_at);
    instant(out, decision.payable_at);
    out.u32(decision.catalog.0);
    out.text(trace);
    out.text(decision.model.map_or("", events::SharedBy::as_str));
    out.fixed(decision.path_touches.to_le_bytes());
    reporting(out, decision.reporting);
    out.text(decision.hold.map_or("", events::Hold::as_str));
    out.text(decision.reason.map_or("", events::RejectReason::as_str));
    out.bool(decision.is_approved);
    out.text(decision.trace.decided_by.map_or("", |it| it.key.as_str()));
    out.u64(if planted(Bug::NoVersion) { 0 } else { decision.stamp.to_u64() });
    out.end_row();
}

pub(crate) fn credit(out: &mut Columns, quarter_seconds: u32, credit: &Credit) {
    out.u32(quarter_seconds);
    out.u32(credit.key.advertiser.0);
    out.text(&credit.key.order);
    out.fixed(credit.touch.0);
    instant(out, credit.at);
    instant(out, credit.touched_at);
    out.u32(credit.partner.0);
    out.u32(credit.offer.0);
    out.u32(credit.link.0);
    out.text(credit.country.as_str());
    out.text(credit.device.as_str());
    out.u32(credit.share.0);
    out.i64(credit.revenue_minor);
    out.text(credit.currency.as_str());
    out.text(credit.status.as_str());
    out.text(credit.role.as_str());
    out.text(credit.standing.map_or("", |it| it.kind.as_str()));
    out.text(credit.standing.map_or("", |it| it.found.as_str()));
    out.text(credit.standing.map_or("", |it| it.verdict.as_str()));
    out.fixed([u8::from(credit.is_assist)]);
    out.fixed(credit.path_touches.to_le_bytes());
    reporting(out, credit.reporting);
    out.text(credit.hold.map_or("", events::Hold::as_str));
    out.bool(credit.is_approved);
    out.i64(credit.refunded_minor);
    out.u64(credit.stamp.to_u64());
    out.end_row();
}

/// An amount, its currency and the rate; without one zero, no currency and zero.
fn reporting(out: &mut Columns, reporting: Option<Reporting>) {
    out.i64(reporting.map_or(0, |it| it.minor));
    out.text(reporting.as_ref().map_or("", |it| it.currency.as_str()));
    out.u64(reporting.map_or(0, |it| it.rate.parts()));
}

pub(crate) fn quarantine(out: &mut Columns, place: &str, reason: &str, origin: Origin, bytes: &[u8]) {
    out.text(place);
    out.text(reason);
    out.fixed(origin.to_bytes());
    out.raw(bytes);
    out.end_row();
}

pub(crate) fn mark(out: &mut Columns, quarter_seconds: u32, source: &str, nonce: u64) {
    out.u32(quarter_seconds);
    out.text(source);
    out.u64(1);
    out.u64(nonce);
    out.end_row();
}

fn instant(out: &mut Columns, at: EpochMs) {
    out.u64(at.0.min(INSTANT_MAX));
}

/// The second a quarter begins in, if the engine's calendar holds it: not 1970, which is a clock that was never set, and not after 2105.
pub(crate) fn storable(quarter: Quarter) -> Option<u32> {
    const YEAR_1971: u32 = 365 * 86_400;
    const YEAR_2106: u32 = 4_291_747_200;
    quarter.start_seconds().filter(|it| (YEAR_1971..YEAR_2106).contains(it))
}
