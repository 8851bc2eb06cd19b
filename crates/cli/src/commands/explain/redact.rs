//! An order as one partner may see it: `tributary explain ORDER --for PARTNER`.
//!
//! In: all that is known of the order. Out: what is his, and of everybody else's touches their place in line, their age and what became of them. It is
//! built of fields that are named here one by one, from a list of known codes: whatever else a trace or a row holds, today or later, is not
//! shown. So a new field of a trace (a key, a touch that beat another, a rule) needs a field of [`Redacted`], and is to be copied for
//! touches that are his own, or as a code of a closed list; a text or a number of somebody else's never is. The test below holds it over any
//! rows. Not here: the words (`words`). Start at [`Redacted::of`].

use events::{CandidateVerdict, Channel, MatchedKey, OrderStatus, Role, TimeSource, TouchKind, Unattributed};
use serde::Serialize;
use serde_json::Value;
use units::PPM_WHOLE;
use warehouse::{ExplainedClick, ExplainedCredit, ExplainedOrder, ExplainedReport, Explanation};

use super::words;
use crate::output::{Output, money};

/// Notes that say nothing about anybody: by the codes that decisions are known to bear. Others are counted.
const NOTES: [&str; 12] = [
    "refund_other_currency",
    "items_differ",
    "clock_differs",
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
    whose: Whose,
    /// By which key, where the order is his.
    matched: &'static str,
    unattributed: &'static str,
    catalog_version: u32,
    payable_at: String,
    report_count: u32,
    credits: Vec<OwnCredit>,
    /// Newest first, as they were weighed.
    touches: Vec<SeenTouch>,
    touches_left_out: u64,
    reports: Vec<SeenReport>,
    notes: Vec<&'static str>,
    notes_left_out: usize,
}

/// A credit of his.
#[derive(Debug, PartialEq, Serialize)]
struct OwnCredit {
    touch_id: String,
    touched_at: String,
    offer_id: u32,
    link_id: u32,
    share_ppm: u32,
    revenue: String,
    currency: String,
    role: &'static str,
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
    offer_id: u64,
    window_ms: u64,
    sub1: String,
}

/// A report, without what it names.
#[derive(Debug, PartialEq, Serialize)]
struct SeenReport {
    received_at: String,
    channel: &'static str,
    /// A click of his that it names.
    your_click: String,
}

impl Redacted {
    /// One of the orders found, for one partner.
    pub(super) fn of(order: &ExplainedOrder, found: &Explanation, partner: u32) -> Self {
        let trace: Value = serde_json::from_str(&order.trace).unwrap_or_default();
        let own_clicks: Vec<&ExplainedClick> =
            found.clicks.iter().filter(|it| it.partner_id == partner).collect();
        let own_credits: Vec<&ExplainedCredit> =
            found.credits.iter().filter(|it| it.partner_id == partner && it.share_ppm > 0).collect();
        let others = found.credits.iter().any(|it| it.partner_id != partner && it.share_ppm > 0);
        let whose = match (own_credits.is_empty(), others) {
            (false, true) => Whose::Shared,
            (false, false) => Whose::Yours,
            (true, true) => Whose::Another,
            // Its credits are about to come.
            (true, false) if order.partner_id == partner => Whose::Yours,
            (true, false) if order.partner_id != 0 => Whose::Another,
            (true, false) => Whose::Nobody,
        };
        let named = own_clicks.first().map(|it| &it.partner_name);
        let named = named.or_else(|| own_credits.first().map(|it| &it.partner_name));
        let candidates = trace.get("candidates").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let touches = candidates.iter().enumerate();
        let all_notes = trace.get("notes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let notes: Vec<_> = all_notes.iter().filter_map(|it| known(it.as_str(), NOTES)).collect();
        Self {
            order: name(&order.order_id, &own_clicks),
            advertiser_id: order.advertiser_id,
            advertiser_name: order.advertiser_name.clone(),
            partner_id: partner,
            partner_name: named.cloned().unwrap_or_default(),
            at: order.at.clone(),
            time_source: code(&order.time_source, TimeSource::ALL.iter().map(|it| it.as_str())),
            status: code(&order.status, OrderStatus::ALL.iter().map(|it| it.as_str())),
            whose,
            matched: if order.partner_id == partner {
                code(&order.matched, MatchedKey::ALL.iter().map(|it| it.as_str()))
            } else {
                ""
            },
            unattributed: code(&order.unattributed, Unattributed::ALL.iter().map(|it| it.as_str())),
            catalog_version: order.catalog_version,
            payable_at: order.payable_at.clone(),
            report_count: order.report_count,
            credits: own_credits.into_iter().map(credit).collect(),
            touches: touches.map(|(index, it)| touch(index + 1, it, &own_clicks, partner)).collect(),
            touches_left_out: trace.get("candidates_left_out").and_then(Value::as_u64).unwrap_or_default(),
            reports: found.reports.iter().map(|it| report(it, &own_clicks)).collect(),
            notes_left_out: all_notes.len() - notes.len(),
            notes,
        }
    }

    pub(super) fn show(&self, output: Output) {
        for (heads, rows) in self.tables().into_iter().filter(|(_, rows)| !rows.is_empty()) {
            output.table(&heads, &rows);
        }
        if self.touches_left_out > 0 {
            output.text(&format!("{} older touches are not listed", self.touches_left_out));
        }
    }

    /// Heads and rows of each.
    fn tables(&self) -> [(Vec<&'static str>, Vec<Vec<String>>); 4] {
        let credits = self.credits.iter().map(|it| {
            vec![
                it.touched_at.clone(),
                it.touch_id.clone(),
                it.offer_id.to_string(),
                format!("{} ppm of {}", it.share_ppm, PPM_WHOLE.0),
                money(&it.revenue, &it.currency),
                it.role.to_owned(),
            ]
        });
        let touches = self.touches.iter().map(|it| {
            let own = |text: fn(&OwnTouch) -> String| it.yours.as_ref().map(text).unwrap_or_default();
            vec![
                it.position.to_string(),
                it.kind.replace('_', " "),
                words::age(it.age_ms),
                if it.yours.is_some() { "yours" } else { "another partner's" }.to_owned(),
                own(|it| it.click_id.clone()),
                own(|it| it.at.clone()),
                own(|it| it.offer_id.to_string()),
                words::candidate(it.verdict).to_owned(),
            ]
        });
        let reports = self
            .reports
            .iter()
            .map(|it| vec![it.received_at.clone(), it.channel.to_owned(), it.your_click.clone()]);
        [
            (vec!["", ""], self.lines()),
            (vec!["credit for", "touch", "offer", "share", "revenue", "role"], credits.collect()),
            (
                vec!["place", "kind", "age", "whose", "id", "touch at", "offer", "what became of it"],
                touches.collect(),
            ),
            (vec!["report received", "by", "names your click"], reports.collect()),
        ]
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let found_by = |it: &str| {
            if it.is_empty() { String::new() } else { format!(", found by {}", words::matched(it)) }
        };
        let whose = match self.whose {
            Whose::Yours => format!("yours{}", found_by(self.matched)),
            Whose::Shared => "yours in part; other partners have the rest".to_owned(),
            Whose::Another => "another partner's".to_owned(),
            Whose::Nobody => format!("nobody's: {}", words::unattributed(self.unattributed, false)),
        };
        let notes = self.notes.iter().map(|it| ("note", words::note(it).to_owned()));
        let left_out = (self.notes_left_out > 0).then(|| {
            ("note", format!("{} more, which the program's operator can tell you", self.notes_left_out))
        });
        let lines = [
            (
                "order",
                format!("{} of advertiser {} {}", self.order, self.advertiser_id, self.advertiser_name),
            ),
            ("partner", format!("{} {}", self.partner_id, self.partner_name)),
            ("status", self.status.to_owned()),
            ("whose", whose),
            ("time", format!("{}, {}", self.at, words::time_source(self.time_source))),
            ("rules", format!("catalog version {}, payable from {}", self.catalog_version, self.payable_at)),
            ("reports", self.report_count.to_string()),
        ];
        let lines = lines.into_iter().chain(notes).chain(left_out);
        lines.map(|(name, text)| vec![name.to_owned(), text]).collect()
    }
}

/// Leads without an id are named by event and click, or by event and customer; a click's id tells its link.
fn name(order: &str, own: &[&ExplainedClick]) -> String {
    match order.split_once("~click~") {
        Some((_, id)) if !is_own(id, own) => UNNAMED.to_owned(),
        _ => order.to_owned(),
    }
}

fn is_own(click_id: &str, own: &[&ExplainedClick]) -> bool {
    own.iter().any(|it| it.click_id == click_id)
}

fn credit(it: &ExplainedCredit) -> OwnCredit {
    OwnCredit {
        touch_id: it.touch_id.clone(),
        touched_at: it.touched_at.clone(),
        offer_id: it.offer_id,
        link_id: it.link_id,
        share_ppm: it.share_ppm,
        revenue: it.revenue.clone(),
        currency: it.currency.clone(),
        role: code(&it.role, Role::ALL.iter().map(|it| it.as_str())),
    }
}

fn touch(position: usize, it: &Value, own: &[&ExplainedClick], partner: u32) -> SeenTouch {
    let text = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| it.get(key).and_then(Value::as_u64).unwrap_or_default();
    let is_own = number("partner") == u64::from(partner);
    let yours = is_own.then(|| {
        let touch_id = text("touch");
        let click = own.iter().find(|it| it.touch_id == touch_id);
        OwnTouch {
            touch_id: touch_id.to_owned(),
            click_id: click.map(|it| it.click_id.clone()).unwrap_or_default(),
            at: text("at").to_owned(),
            offer_id: number("offer"),
            window_ms: number("window_ms"),
            sub1: click.map(|it| it.sub1.clone()).unwrap_or_default(),
        }
    });
    // A candidate without a touch is named by its key, its partner and its offer; of these only the key's kind is said.
    let key = words::key_of(text("touch"));
    SeenTouch {
        position,
        kind: key.unwrap_or_else(|| code(text("kind"), TouchKind::ALL.iter().map(|it| it.as_str()))),
        age_ms: it.get("age_ms").and_then(Value::as_i64).unwrap_or_default(),
        verdict: code(text("verdict"), CandidateVerdict::ALL.iter().map(|it| it.as_str())),
        yours,
    }
}

fn report(it: &ExplainedReport, own: &[&ExplainedClick]) -> SeenReport {
    SeenReport {
        received_at: it.received_at.clone(),
        channel: code(&it.channel, Channel::ALL.iter().map(|it| it.as_str())),
        your_click: if is_own(&it.click_id, own) { it.click_id.clone() } else { String::new() },
    }
}

/// A code of a closed list; empty for anything else.
fn code(text: &str, all: impl IntoIterator<Item = &'static str>) -> &'static str {
    known(Some(text), all).unwrap_or_default()
}

fn known(text: Option<&str>, all: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    all.into_iter().find(|it| Some(*it) == text)
}

#[cfg(test)]
mod tests;
