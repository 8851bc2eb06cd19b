//! `tributary explain`: why an order is whose, in words.
//!
//! In: an order's id. Out: what was decided and stored, with every touch that was weighed; for an order that nobody is credited for, why; for one
//! that is not known, where to look; and the same as one partner may see it (`redact`). Not here: the questions to `ClickHouse` (`warehouse::explain`), deciding. Start at [`ExplainFlags`].

mod redact;
mod words;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use units::AdvertiserId;
use warehouse::{ExplainedClick, ExplainedOrder, ExplainedReport, Explanation, Warehouse};

use self::redact::Redacted;
use super::{
    Common,
    place::{self, Place},
};
use crate::output::{Output, money};

/// Orders of nearly the same id that are proposed.
const NEAR_MAX: usize = 5;

/// Which order.
#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    /// The shop's order id, as in the view `orders`
    order: String,
    /// The advertiser's number, where several use this id
    #[arg(long, value_name = "NUMBER")]
    advertiser: Option<u32>,
    /// Only what this partner may see, by its number: of other partners' touches no more than their place, age and fate
    #[arg(long = "for", value_name = "PARTNER", value_parser = clap::value_parser!(u32).range(1..))]
    partner: Option<u32>,
    #[command(flatten)]
    common: Common,
}

impl ExplainFlags {
    /// `false`: nothing is known of it.
    pub(super) fn run(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let place = Place::new(&settings);
        let warehouse = place.warehouse();
        place::block_on(async {
            let advertiser = self.advertiser.map(AdvertiserId);
            let found = warehouse::explain(&warehouse, advertiser, &self.order)
                .await
                .with_context(|| place.no_answer())?;
            if let Some(partner) = self.partner {
                return Ok(for_partner(partner, &found, output));
            }
            if found.orders.is_empty() {
                return self.unknown(&warehouse, &found, output).await;
            }
            output.event(&as_json(&self.order, &found));
            if output == Output::People {
                for order in &found.orders {
                    show(order, &found, output);
                }
            }
            Ok(true)
        })
    }

    async fn unknown(
        &self,
        warehouse: &Warehouse,
        found: &Explanation,
        output: Output,
    ) -> anyhow::Result<bool> {
        let near = if found.reports.is_empty() { near(warehouse, &self.order).await? } else { Vec::new() };
        output.event(&json!({
            "event": "explain", "order": self.order, "known": false, "reports": found.reports, "near": near,
        }));
        if !found.reports.is_empty() {
            output.say(&format!(
                "order {} is reported and not decided yet: the pipeline is behind or stopped (its /readyz says how far it is)",
                self.order
            ));
            show_reports(&found.reports, output);
            return Ok(false);
        }
        output.say(&format!(
            "order {} is not known: no report of it is in ClickHouse. Where to look:",
            self.order
        ));
        if !near.is_empty() {
            output.say(&format!("- a similar id: {}", near.join(", ")));
        }
        for place in [
            "- leads without an order id have one made of event and click: ~EVENT~click~CLICK_ID",
            "- reports that wait for the pipeline: tributary spool inspect DATA --records 20",
            "- reports that could not be read: SELECT * FROM quarantine",
            "- reports that were refused: the answer the shop got (400, 401 or 422 with a code), and the edge's /metrics",
        ] {
            output.say(place);
        }
        Ok(false)
    }
}

/// `false`: nothing is decided. Then nothing is shown at all: reports name clicks, and ids that are near are other orders'.
fn for_partner(partner: u32, found: &Explanation, output: Output) -> bool {
    for order in &found.orders {
        let redacted = Redacted::of(order, found, partner);
        output.event(&json!({"event": "explain", "known": true, "for": partner, "order": redacted}));
        redacted.show(output);
    }
    if found.orders.is_empty() {
        output.event(&json!({"event": "explain", "known": false, "for": partner}));
        output.say("nothing is decided of this order; without --for this says where to look");
    }
    !found.orders.is_empty()
}

/// Orders whose id contains this one or differs in case.
async fn near(warehouse: &Warehouse, order: &str) -> anyhow::Result<Vec<String>> {
    let ids = warehouse
        .client()
        .query_raw("SELECT DISTINCT order_id FROM reports_log WHERE positionCaseInsensitive(order_id, {order:String}) > 0 LIMIT {most:UInt64}")
        .param("order", order)
        .param("most", NEAR_MAX)
        .fetch_all::<String>()
        .await?;
    Ok(ids)
}

fn as_json(order: &str, found: &Explanation) -> Value {
    let mut value = json!({"event": "explain", "order": order, "known": true, "orders": found.orders, "credits": found.credits,
        "reports": found.reports, "clicks": found.clicks});
    // The trace is stored as text; programs get it as what it is.
    for order in value.get_mut("orders").and_then(Value::as_array_mut).into_iter().flatten() {
        let trace = order.get("trace").and_then(Value::as_str).map(serde_json::from_str::<Value>);
        if let (Some(Ok(trace)), Some(object)) = (trace, order.as_object_mut()) {
            object.insert("trace".to_owned(), trace);
        }
    }
    value
}

fn show(order: &ExplainedOrder, found: &Explanation, output: Output) {
    let trace: Value = serde_json::from_str(&order.trace).unwrap_or_default();
    let money = |amount: &str| money(amount, &order.currency);
    let amount = if order.amount.is_empty() { "no amount".to_owned() } else { money(&order.amount) };
    let has_refused = trace.get("refused_clicks").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    let whose = if order.partner_id == 0 {
        format!("nobody's: {}", words::unattributed(&order.unattributed, has_refused))
    } else {
        format!(
            "partner {} {}, for offer {} {}, found by {}",
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
        ("what", format!("{}, {}", order.event, order.status)),
        ("whose", whose),
        (
            "money",
            format!("{amount}, refunded {}, revenue {}", money(&order.refunded), money(&order.revenue)),
        ),
        ("time", format!("{}, {}", order.at, words::time_source(&order.time_source))),
        ("rules", format!("catalog version {}, payable from {}", order.catalog_version, order.payable_at)),
        ("reports", format!("{}", order.report_count)),
    ];
    let notes = texts(&trace, "notes").map(|it| ("note", words::note(&it).to_owned()));
    let visitors: Vec<String> = texts(&trace, "visitors").collect();
    let asked = (!visitors.is_empty()).then(|| ("visitors", visitors.join(" ")));
    let rows: Vec<Vec<String>> =
        lines.into_iter().chain(asked).chain(notes).map(|(name, text)| vec![name.to_owned(), text]).collect();
    output.table(&["", ""], &rows);
    show_candidates(&trace, &found.clicks, output);
    show_refused(&trace, output);
    // Reports of other advertisers' orders with this id are told with theirs by the same id; there are rarely any.
    show_reports(&found.reports, output);
}

fn texts(trace: &Value, list: &str) -> impl Iterator<Item = String> {
    let list = trace.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    list.into_iter().filter_map(|it| it.as_str().map(str::to_owned))
}

fn show_candidates(trace: &Value, clicks: &[ExplainedClick], output: Output) {
    let candidates = trace.get("candidates").and_then(Value::as_array).cloned().unwrap_or_default();
    if candidates.is_empty() {
        output.text("no touch was weighed");
        return;
    }
    let text = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |it: &Value, key: &str| it.get(key).and_then(Value::as_i64).unwrap_or_default();
    let row = |it: &Value| {
        let touch = text(it, "touch");
        let click = clicks.iter().find(|click| click.touch_id == touch);
        let key = words::key_of(&touch);
        let name = match (click, key) {
            (Some(click), _) => click.click_id.clone(),
            (None, Some(_)) => String::new(),
            (None, None) => touch,
        };
        let window = u64::try_from(number(it, "window_ms")).unwrap_or(0);
        vec![
            text(it, "at"),
            key.map_or_else(|| text(it, "kind"), |it| it.replace('_', " ")),
            name,
            number(it, "partner").to_string(),
            number(it, "offer").to_string(),
            words::age(number(it, "age_ms")),
            if window == 0 { "none".to_owned() } else { catalog::duration::show(window) },
            words::candidate(&text(it, "verdict")).to_owned(),
        ]
    };
    let heads = ["touch at", "kind", "id", "partner", "offer", "age", "window", "what became of it"];
    output.table(&heads, &candidates.iter().map(row).collect::<Vec<_>>());
    if let Some(left_out @ 1..) = trace.get("candidates_left_out").and_then(Value::as_u64) {
        output.text(&format!("{left_out} older touches are not listed"));
    }
}

fn show_refused(trace: &Value, output: Output) {
    let refused = trace.get("refused_clicks").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<_> = refused
        .iter()
        .map(|it| vec![text(it, "text"), words::refused(&text(it, "reason")).to_owned()])
        .collect();
    if !rows.is_empty() {
        output.table(&["refused click id", "why"], &rows);
    }
}

fn show_reports(reports: &[ExplainedReport], output: Output) {
    let row = |it: &ExplainedReport| {
        let money = if it.amount.is_empty() { String::new() } else { money(&it.amount, &it.currency) };
        let says = [it.statement.as_str(), it.refund_id.as_str(), money.as_str(), it.status.as_str()];
        let names = [it.click_id.as_str(), it.refused_click.as_str(), it.visitor_id.as_str()];
        let joined =
            |texts: &[&str]| texts.iter().copied().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
        vec![
            it.received_at.clone(),
            it.reported_at.clone(),
            format!("{} {}", it.channel, it.event),
            joined(&says),
            joined(&names),
            it.origin.clone(),
        ]
    };
    let rows: Vec<_> = reports.iter().map(row).collect();
    output.table(&["report received", "said to be at", "by", "says", "names", "record"], &rows);
}
