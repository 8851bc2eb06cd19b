//! Webhooks of shop systems: signature first, over the raw body, then the order.
//!
//! In: `/hooks/{system}/{advertiser}`. Out: 200 as soon as all of a message's reports are in the spool. A message about something else is
//! answered 200 as well, or the shop system would end the subscription. A delivery sent twice is recorded twice and is one order, since a report is
//! an element of a set (fault 111). Standard Webhooks are for shops with a program of their own: the body is a report as `/v1/reports` reads it,
//! and the delivery's time is signed, so that an old one is refused (fault 110).

use events::Channel;
use hyper::{Request, StatusCode, body::Incoming, header::HeaderMap};
use serde_json::{Value, json};
use units::AdvertiserId;

use super::{Reading, answer, body, fields_of};
use crate::{
    counters::{Count, Outcome},
    reply::{self, Reply},
    report::{
        self, Field, Fields, Json, Refusal, is_shopify_signed, is_standard_signed, is_timely,
        is_woocommerce_signed, shopify_reports, understand, woocommerce_reports,
    },
    worker::Worker,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Shopify,
    WooCommerce,
    Standard,
}

impl System {
    const fn channel(self) -> Channel {
        match self {
            Self::Shopify => Channel::Shopify,
            Self::WooCommerce => Channel::WooCommerce,
            Self::Standard => Channel::Standard,
        }
    }

    /// Signature, topic and delivery; Standard Webhooks have the delivery's time where the others have a topic.
    const fn headers(self) -> [&'static str; 3] {
        match self {
            Self::Shopify => ["x-shopify-hmac-sha256", "x-shopify-topic", "x-shopify-webhook-id"],
            Self::WooCommerce => ["x-wc-webhook-signature", "x-wc-webhook-topic", "x-wc-webhook-delivery-id"],
            Self::Standard => ["webhook-signature", "webhook-timestamp", "webhook-id"],
        }
    }
}

pub(super) async fn handle(
    worker: &Worker,
    system: &str,
    advertiser: &str,
    request: Request<Incoming>,
) -> Reply {
    let system = match system {
        "shopify" => System::Shopify,
        "woocommerce" => System::WooCommerce,
        "standard" => System::Standard,
        _ => {
            worker.counters.count(Outcome::NotFound);
            return reply::text(StatusCode::NOT_FOUND, "no such page\n".to_owned());
        }
    };
    match message(worker, system, advertiser, request).await {
        Ok(Some(said)) => answer(worker, Ok(said), false),
        Ok(None) => {
            worker.counters.count(Outcome::Ignored);
            reply::json(StatusCode::OK, &json!({ "ignored": true }))
        }
        Err(refusal) => answer(worker, Err(refusal), false),
    }
}

/// What was understood of a message; `None` if it is about no order.
async fn message(
    worker: &Worker,
    system: System,
    advertiser: &str,
    request: Request<Incoming>,
) -> Result<Option<Value>, Refusal> {
    let headers = request.headers().clone();
    let [signature, topic, delivery] = system.headers().map(|name| header(&headers, name));
    let reading = Reading::new(worker, &headers)?;
    let context = reading.context();
    let id = advertiser.parse().map(AdvertiserId).map_err(|_| Refusal::AdvertiserUnknown)?;
    let advertiser = context.catalog.advertisers.get(&id).ok_or(Refusal::AdvertiserUnknown)?;
    if advertiser.status != catalog::Status::Active {
        return Err(Refusal::AdvertiserInactive);
    }
    let body = body(request).await?;
    // WooCommerce asks once, unsigned, whether somebody is there.
    if system == System::WooCommerce && signature.is_empty() && body.starts_with(b"webhook_id=") {
        return Ok(None);
    }
    if system == System::Standard && !is_timely(topic, reading.now) {
        return Err(Refusal::Timestamp);
    }
    let is_signed = match system {
        System::Shopify => is_shopify_signed(&body, signature, &advertiser.shopify_secrets),
        System::WooCommerce => is_woocommerce_signed(&body, signature, &advertiser.woocommerce_secrets),
        System::Standard => {
            is_standard_signed(&body, [delivery, topic, signature], &advertiser.webhook_secrets)
        }
    };
    if !is_signed {
        return Err(Refusal::Signature);
    }
    let names = click_names(&reading, id);
    let names: Vec<&str> = names.iter().map(|it| &**it).collect();
    let json = Json::parse(&body)?;
    let found = match system {
        System::Shopify => shopify_reports(topic, &json, &names)?,
        System::WooCommerce => woocommerce_reports(topic, &json, &names)?,
        // The body alone: the query is not signed.
        System::Standard => vec![fields_of(|it| it.add_json(&json))?],
    };
    record(&reading, advertiser, system, delivery, found).await
}

async fn record(
    reading: &Reading<'_>,
    advertiser: &catalog::Advertiser,
    system: System,
    delivery: &str,
    found: Vec<Fields>,
) -> Result<Option<Value>, Refusal> {
    // All are understood before any is recorded: a message is taken whole or refused whole.
    let mut reports = Vec::new();
    for mut fields in found {
        fields.set(Field::Delivery, delivery);
        let understood = understand(&fields, advertiser, system.channel(), None, &reading.context())?;
        reports.push((understood, fields.ignored));
    }
    let (mut said, mut last) = (Vec::new(), None);
    for (understood, ignored) in reports {
        let origin = reading.record(&understood)?;
        said.push(report::understood(origin, &understood, &ignored));
        last = Some(origin);
    }
    reading.settled(last).await?;
    reading.worker.counters.add(Count::Reports, said.len() as u64);
    Ok(match said.len() {
        0 => None,
        1 => said.pop(),
        _ => Some(json!({ "reports": said })),
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or("")
}

/// What the advertiser's landing pages call our click id, and our own name for it.
fn click_names(reading: &Reading<'_>, advertiser: AdvertiserId) -> Vec<Box<str>> {
    let offers = reading.routes.catalog.offers.values().filter(|it| it.advertiser == advertiser);
    offers.map(|it| it.click_id_parameter.clone()).chain(["click_id".into(), "clickid".into()]).collect()
}
