//! `tributary explain`: why an order is whose, in words.
//!
//! In: an order's id. Out: what was decided and stored, with every touch that was weighed; for an order that nobody is credited for, why; for one
//! that is not known, where to look; and the same as one partner may see it (`redact`). Not here: the questions to `ClickHouse` (`warehouse::explain`), deciding. Start at [`ExplainFlags`].

mod redact;
mod tables;
mod trace;
mod words;
mod would;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use units::AdvertiserId;
use warehouse::{ExplainedScore, Explanation, Warehouse};

use self::{
    redact::Redacted,
    tables::Table,
    trace::Trace,
    would::{Reader, Would},
};
use super::{
    Common,
    place::{self, Place},
};
use crate::output::Output;

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
                return for_partner(&warehouse, partner, &found, output).await;
            }
            if found.orders.is_empty() {
                return self.unknown(&warehouse, &found, output).await;
            }
            output.event(&as_json(&self.order, &found));
            if output == Output::People {
                found.orders.iter().flat_map(|it| tables::all(it, &found)).for_each(|it| show(&it, output));
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
        let weighed_for = weighed_for(warehouse, &self.order).await?;
        output.event(&json!({
            "event": "explain", "order": self.order, "known": false, "reports": found.reports, "near": near,
            "weighed_for": weighed_for,
        }));
        if !found.reports.is_empty() {
            output.say(&format!(
                "order {} is reported and not decided yet: the pipeline is behind or stopped (its /readyz says how far it is)",
                self.order
            ));
            show(&tables::reports(&found.reports), output);
            return Ok(false);
        }
        if !weighed_for.is_empty() {
            output.say(&format!("this is a touch; it was weighed for order {}", weighed_for.join(", ")));
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

/// `false`: he has no part in it, or nothing is decided. Then nothing is shown at all: reports name clicks, and ids that are near are other orders'.
async fn for_partner(
    warehouse: &Warehouse,
    partner: u32,
    found: &Explanation,
    output: Output,
) -> anyhow::Result<bool> {
    let seen: Vec<Redacted> = found.orders.iter().filter_map(|it| Redacted::of(it, found, partner)).collect();
    for redacted in &seen {
        output.event(&json!({"event": "explain", "known": true, "for": partner, "order": redacted}));
        redacted.show(output);
    }
    if !seen.is_empty() {
        return Ok(true);
    }
    let (code, message) = if !is_known(warehouse, partner).await? {
        (
            "unknown_partner",
            format!("there is no partner {partner}; `tributary catalog explain` lists numbers that are near"),
        )
    } else if found.orders.is_empty() {
        ("not_decided", "nothing is decided of this order; without --for this says where to look".to_owned())
    } else {
        (
            "no_part",
            format!(
                "partner {partner} has no part in this order: no touch of his was weighed for it, and no report names him or a coupon of his"
            ),
        )
    };
    output.event(&json!({"event": "error", "code": code, "message": message, "for": partner}));
    output.say(&format!("{code}: {message}"));
    Ok(false)
}

/// Whether any catalog has named him.
async fn is_known(warehouse: &Warehouse, partner: u32) -> anyhow::Result<bool> {
    let names = warehouse
        .client()
        .query_raw("SELECT name FROM partner_names WHERE partner_id = {partner:UInt32}")
        .param("partner", partner)
        .fetch_all::<String>()
        .await?;
    Ok(!names.is_empty())
}

/// Orders that a touch was weighed for, where the text names one: by its click id or by its name in views.
async fn weighed_for(warehouse: &Warehouse, text: &str) -> anyhow::Result<Vec<String>> {
    let is_name = text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let touch = if is_name { Some(text.to_owned()) } else { words::touch_of_id(text) };
    let Some(touch) = touch else { return Ok(Vec::new()) };
    let ids = warehouse
        .client()
        .query_raw("SELECT DISTINCT order_id FROM credits_log WHERE touch_id = unhex({touch:String}) ORDER BY order_id LIMIT {most:UInt64}")
        .param("touch", touch)
        .param("most", NEAR_MAX)
        .fetch_all::<String>()
        .await?;
    Ok(ids)
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
    // Signals and the trace are stored as text; programs get them as what they are.
    let scores: Vec<Value> = found.scores.iter().map(score).collect();
    let mut value = json!({"event": "explain", "order": order, "known": true, "orders": found.orders, "credits": found.credits,
        "touches": found.touches, "scores": scores, "reports": found.reports, "clicks": found.clicks});
    for order in value.get_mut("orders").and_then(Value::as_array_mut).into_iter().flatten() {
        let version =
            order.get("catalog_version").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
        let text = order.get("trace").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Ok(mut value) = serde_json::from_str::<Value>(&text) else { continue };
        let trace = Trace::read(&text);
        let would = Would { trace: &trace, catalog_version: version.unwrap_or(0), to: Reader::Operator };
        let listed = value.get_mut("candidates").and_then(Value::as_array_mut).into_iter().flatten();
        for (it, object) in trace.candidates.iter().zip(listed.filter_map(Value::as_object_mut)) {
            object.insert("would_change".to_owned(), json!(would.of(it)));
        }
        let [reason, at] =
            ["unattributed", "at"].map(|key| order.get(key).and_then(Value::as_str).unwrap_or_default());
        let lacks = would.nobodys(reason, at);
        if let Some(object) = order.as_object_mut() {
            object.insert("trace".to_owned(), value);
            object.insert("would_change".to_owned(), json!(lacks));
        }
    }
    value
}

fn score(it: &ExplainedScore) -> Value {
    let signals: Value = serde_json::from_str(&it.signals).unwrap_or_default();
    json!({"advertiser_id": it.advertiser_id, "scored_at": it.scored_at, "catalog_version": it.catalog_version, "signals": signals})
}

fn show((heads, rows): &Table, output: Output) {
    output.table(heads, rows);
}

#[cfg(test)]
mod tests;
