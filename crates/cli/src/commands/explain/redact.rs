//! An order as one partner may see it: `tributary explain ORDER --for PARTNER`.
//!
//! In: all that is known of the order. Out: what is his, and of everybody else's touches their place in line, their age and what became of them. It is
//! built of fields that are named here one by one, from a list of known codes: whatever else a trace or a row holds, today or later, is not
//! shown. So a new field of a trace (a key, a touch that beat another, a rule) needs a field of [`Redacted`], and is to be copied for
//! touches that are his own, or as a code of a closed list; a text or a number of somebody else's never is. The test below holds it over any
//! rows. Not here: the words (`words`). Start at [`Redacted::of`].

mod shown;

use events::{
    CandidateVerdict, Channel, EarningKey, Hold, KeyOutcome, MatchedKey, OrderStatus, RejectReason, Role,
    SharedBy, TimeSource, TouchKind, Unattributed,
};
use serde::Serialize;
use warehouse::{
    ExplainedClick, ExplainedCredit, ExplainedOrder, ExplainedReport, ExplainedTouch, Explanation,
};

use super::{
    trace::{Candidate, Trace, Tried},
    words,
    would::{Reader, Would},
};

/// Notes that say nothing about anybody: by the codes that decisions are known to bear. Others are counted.
const NOTES: [&str; 19] = [
    "trace_unreadable",
    "clock_gap_too_large",
    "offer_differs",
    "rate_missing",
    "reporting_too_large",
    "refund_other_currency",
    "items_differ",
    "clock_differs",
    "time_ahead",
    "time_long_past",
    "currency_changed",
    "refund_exceeds_order",
    "refund_held",
    "unknown_coupon",
    "unknown_partner",
    "model_first",
    "model_linear",
    "model_position",
    "model_time_decay",
];

/// What stands for an order's name where that holds somebody else's click id: a lead without an id of its own.
const UNNAMED: &str = "an order without an id of its own, named by a click that is not yours";

/// Whose the order is, seen by one partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Whose {
    Yours,
    Shared,
    Another,
    Nobody,
}

/// An order, redacted.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Redacted {
    order: String,
    advertiser_id: u32,
    advertiser_name: String,
    /// His name, where a row of his says it.
    partner_id: u32,
    partner_name: String,
    at: String,
    time_source: &'static str,
    status: &'static str,
    /// Why it is rejected.
    reason: &'static str,
    whose: Whose,
    /// By which key, where the order is his.
    matched: &'static str,
    unattributed: &'static str,
    /// How it was shared.
    model: &'static str,
    catalog_version: u32,
    payable_at: String,
    report_count: u32,
    /// What he has of it.
    credit: Option<OwnCredit>,
    /// The key that decided.
    decided_by: &'static str,
    /// What it lacks, where it is nobody's.
    would_change: String,
    keys: Vec<SeenKey>,
    /// Newest first, as they were weighed.
    touches: Vec<SeenTouch>,
    touches_left_out: u64,
    reports: Vec<SeenReport>,
    notes: Vec<&'static str>,
    notes_left_out: usize,
}

/// His part.
#[derive(Debug, PartialEq, Serialize)]
struct OwnCredit {
    role: &'static str,
    share_ppm: u32,
    revenue: String,
    currency: String,
    reporting: String,
    reporting_currency: String,
    hold: &'static str,
}

/// A touch that was weighed.
#[derive(Debug, PartialEq, Serialize)]
struct SeenTouch {
    position: usize,
    kind: &'static str,
    age_ms: i64,
    verdict: &'static str,
    /// `None` for somebody else's.
    yours: Option<OwnTouch>,
}

#[derive(Debug, PartialEq, Serialize)]
struct OwnTouch {
    touch_id: String,
    click_id: String,
    at: String,
    offer_id: u32,
    link_id: u32,
    window_ms: u64,
    sub1: String,
    found: &'static str,
    role: &'static str,
    share_ppm: u32,
    revenue: String,
    currency: String,
    short_ms: i64,
    would_change: String,
}

/// A key that was tried.
#[derive(Debug, PartialEq, Serialize)]
struct SeenKey {
    key: &'static str,
    outcome: &'static str,
    /// It led to him.
    is_yours: bool,
    /// A coupon of his.
    named: String,
}

/// A report, without what it names.
#[derive(Debug, PartialEq, Serialize)]
struct SeenReport {
    received_at: String,
    channel: &'static str,
    /// A click of his that it names.
    your_click: String,
    /// It names him by his number.
    names_you: bool,
}

/// Of the rows of an order those that are his.
struct Own<'a> {
    clicks: Vec<&'a ExplainedClick>,
    touches: Vec<&'a ExplainedTouch>,
    credit: Option<&'a ExplainedCredit>,
    partner: u32,
}

impl<'a> Own<'a> {
    fn of(order: &ExplainedOrder, found: &'a Explanation, partner: u32) -> Self {
        let is_own = |advertiser_id: u32, id: u32| advertiser_id == order.advertiser_id && id == partner;
        Self {
            clicks: found.clicks.iter().filter(|it| it.partner_id == partner).collect(),
            touches: found.touches.iter().filter(|it| is_own(it.advertiser_id, it.partner_id)).collect(),
            credit: found.credits.iter().find(|it| is_own(it.advertiser_id, it.partner_id)),
            partner,
        }
    }

    fn name(&self) -> String {
        let click = self.clicks.first().map(|it| &it.partner_name);
        let touch = || self.touches.first().map(|it| &it.partner_name);
        let credit = || self.credit.map(|it| &it.partner_name);
        click.or_else(touch).or_else(credit).cloned().unwrap_or_default()
    }

    fn has_click(&self, click_id: &str) -> bool {
        self.clicks.iter().any(|it| it.click_id == click_id)
    }
}

impl Redacted {
    /// One of the orders found, for one partner; `None` where he has no part in it: nothing was weighed that is his, and no report names him.
    pub(super) fn of(order: &ExplainedOrder, found: &Explanation, partner: u32) -> Option<Self> {
        let trace = Trace::read(&order.trace);
        let own = Own::of(order, found, partner);
        let reports: Vec<&ExplainedReport> =
            found.reports.iter().filter(|it| it.advertiser_id == order.advertiser_id).collect();
        let has_part = order.partner_id == partner
            || own.credit.is_some()
            || !own.touches.is_empty()
            || trace.candidates.iter().any(|it| it.partner == partner)
            || reports.iter().any(|it| it.partner_id == partner);
        if !has_part || partner == 0 {
            return None;
        }
        let touches = trace.candidates.iter().enumerate();
        let would =
            Would { trace: &trace, catalog_version: order.catalog_version, to: Reader::Partner(partner) };
        let unattributed = code(&order.unattributed, Unattributed::ALL.iter().map(|it| it.as_str()));
        let notes: Vec<_> = trace.notes.iter().filter_map(|it| known(it, NOTES)).collect();
        let is_his = order.partner_id == partner;
        Some(Self {
            order: name(&order.order_id, &own),
            advertiser_id: order.advertiser_id,
            advertiser_name: order.advertiser_name.clone(),
            partner_id: partner,
            partner_name: own.name(),
            at: order.at.clone(),
            time_source: code(&order.time_source, TimeSource::ALL.iter().map(|it| it.as_str())),
            status: code(&order.status, OrderStatus::ALL.iter().map(|it| it.as_str())),
            reason: code(&order.reason, RejectReason::ALL.iter().map(|it| it.as_str())),
            whose: whose(order, found, &own),
            matched: if is_his { found_by(&order.matched) } else { "" },
            unattributed,
            model: code(&order.model, SharedBy::ALL.iter().map(|it| it.as_str())),
            catalog_version: order.catalog_version,
            payable_at: order.payable_at.clone(),
            report_count: order.report_count,
            credit: own.credit.map(credit),
            decided_by: trace
                .decided_by
                .as_ref()
                .map(|it| code(&it.key, EarningKey::ALL.iter().map(|it| it.as_str())))
                .unwrap_or_default(),
            would_change: would.nobodys(unattributed, &order.at),
            keys: trace.keys.iter().map(|it| key(it, partner)).collect(),
            touches: touches.map(|(index, it)| touch(index + 1, it, &own, would)).collect(),
            touches_left_out: trace.candidates_left_out,
            reports: reports.into_iter().map(|it| report(it, &own)).collect(),
            notes_left_out: trace.notes.len() - notes.len(),
            notes,
        })
    }
}

fn whose(order: &ExplainedOrder, found: &Explanation, own: &Own<'_>) -> Whose {
    let is_paid = |it: &ExplainedCredit| it.share_ppm > 0 && it.advertiser_id == order.advertiser_id;
    let others = found.credits.iter().any(|it| is_paid(it) && it.partner_id != own.partner);
    match (own.credit.is_some_and(is_paid), others) {
        (true, true) => Whose::Shared,
        (true, false) => Whose::Yours,
        (false, true) => Whose::Another,
        // Its credits are about to come.
        (false, false) if order.partner_id == own.partner => Whose::Yours,
        (false, false) if order.partner_id != 0 => Whose::Another,
        (false, false) => Whose::Nobody,
    }
}

/// Leads without an id are named by event and click, or by event and customer; a click's id tells its link.
fn name(order: &str, own: &Own<'_>) -> String {
    match order.split_once("~click~") {
        Some((_, id)) if !own.has_click(id) => UNNAMED.to_owned(),
        _ => order.to_owned(),
    }
}

fn credit(it: &ExplainedCredit) -> OwnCredit {
    OwnCredit {
        role: code(&it.role, Role::ALL.iter().map(|it| it.as_str())),
        share_ppm: it.share_ppm,
        revenue: it.revenue.clone(),
        currency: it.currency.clone(),
        reporting: it.reporting.clone(),
        reporting_currency: it.reporting_currency.clone(),
        hold: code(&it.hold, Hold::ALL.iter().map(|it| it.as_str())),
    }
}

fn touch(position: usize, it: &Candidate, own: &Own<'_>, would: Would<'_>) -> SeenTouch {
    // A candidate without a touch is named by its key, its partner and its offer; of these only the key's kind is said.
    let key = words::key_of(&it.touch);
    SeenTouch {
        position,
        kind: key.unwrap_or_else(|| code(&it.kind, TouchKind::ALL.iter().map(|it| it.as_str()))),
        age_ms: it.age_ms,
        verdict: code(&it.verdict, CandidateVerdict::ALL.iter().map(|it| it.as_str())),
        yours: (it.partner == own.partner).then(|| own_touch(it, own, would)),
    }
}

fn own_touch(it: &Candidate, own: &Own<'_>, would: Would<'_>) -> OwnTouch {
    let click = own.clicks.iter().find(|click| click.touch_id == it.touch);
    let row = own.touches.iter().find(|row| row.touch_id == it.touch);
    let is_key = words::key_of(&it.touch);
    OwnTouch {
        // The name of a key is none of a touch that anybody met.
        touch_id: if is_key.is_some() { String::new() } else { it.touch.clone() },
        click_id: click.map(|it| it.click_id.clone()).unwrap_or_default(),
        at: it.at.clone(),
        offer_id: it.offer,
        link_id: row.map_or(0, |it| it.link_id),
        window_ms: it.window_ms,
        sub1: click.map(|it| it.sub1.clone()).unwrap_or_default(),
        found: [found_by(&it.found), row.map_or("", |it| found_by(&it.found)), is_key.unwrap_or_default()]
            .into_iter()
            .find(|it| !it.is_empty())
            .unwrap_or_default(),
        role: row.map(|it| code(&it.role, Role::ALL.iter().map(|it| it.as_str()))).unwrap_or_default(),
        share_ppm: row.map_or(0, |it| it.share_ppm),
        revenue: row.map(|it| it.revenue.clone()).unwrap_or_default(),
        currency: row.map(|it| it.currency.clone()).unwrap_or_default(),
        short_ms: it.short_ms,
        would_change: would.of(it),
    }
}

/// Of others' keys no more than their kind.
fn key(it: &Tried, partner: u32) -> SeenKey {
    let is_yours = it.partner == Some(partner);
    SeenKey {
        key: found_by(&it.key),
        outcome: code(&it.outcome, KeyOutcome::ALL.iter().map(|it| it.as_str())),
        is_yours,
        named: if is_yours { it.named.clone() } else { String::new() },
    }
}

fn report(it: &ExplainedReport, own: &Own<'_>) -> SeenReport {
    SeenReport {
        received_at: it.received_at.clone(),
        channel: code(&it.channel, Channel::ALL.iter().map(|it| it.as_str())),
        your_click: if own.has_click(&it.click_id) { it.click_id.clone() } else { String::new() },
        names_you: it.partner_id == own.partner,
    }
}

fn found_by(text: &str) -> &'static str {
    code(text, MatchedKey::ALL.iter().map(|it| it.as_str()))
}

/// A code of a closed list; empty for anything else.
fn code(text: &str, all: impl IntoIterator<Item = &'static str>) -> &'static str {
    known(text, all).unwrap_or_default()
}

fn known(text: &str, all: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    all.into_iter().find(|it| *it == text)
}

#[cfg(test)]
mod tests;
