//! Reports in the words of another system: names, amounts, statuses and old ids become ours, and the answer is theirs.
//!
//! In: a request and the dialect it speaks. Out: what `/postback` or the pixel would do, answered in the dialect's words. A body counts before the query,
//! the path before both. What could not be recorded is 503 in every dialect, so that it is sent again. Start at [`in_dialect`].

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use catalog::{AliasOf, Amounts, Dialect, DialectStatus, ReportField, Resolved};
use events::Channel;
use hyper::{Request, StatusCode, body::Incoming, header::AUTHORIZATION, header::HeaderMap};
use serde_json::{Value, json};
use units::{Currency, Money};

use super::{Reading, Said, Taken, count, form, one, pixel_reply, said, token_of, told};
use crate::{
    counters::Count,
    dialects::{Asked, Names, What, lookup, report_form},
    http,
    reply::{self, Reply},
    report::{Credentials, Field, Fields, Json, OrderLine, PAIRS_MAX, Refusal, VALUE_BYTES_MAX},
    worker::Worker,
};

/// Names of what was not read that are repeated in an answer.
const IGNORED_MAX: usize = 20;
/// The longest such name, in bytes.
const IGNORED_BYTES_MAX: usize = 64;

/// Answers a report, or a pixel.
pub(crate) async fn in_dialect(worker: &Worker, request: Request<Incoming>, asked: Asked) -> Reply {
    worker.counters.add(Count::DialectReports, 1);
    let is_pixel = matches!(asked.spoken.what, What::Report { is_pixel: true, .. });
    let dialect = asked.routes.catalog.dialects.get(&asked.spoken.dialect);
    let mut fields = Fields::default();
    let taken = taken(worker, request, &asked, &mut fields).await;
    if is_pixel {
        return pixel_reply(worker, taken);
    }
    count(worker, taken.as_ref().err().copied());
    answer(dialect, &fields, told(&fields, taken))
}

async fn taken(
    worker: &Worker,
    request: Request<Incoming>,
    Asked { routes, spoken }: &Asked,
    fields: &mut Fields,
) -> Result<Taken, Refusal> {
    let mut reading = Reading::new(worker, request.headers())?;
    reading.routes = Arc::clone(routes);
    let What::Report { form, is_pixel } = spoken.what else { return Err(Refusal::NoCatalog) };
    let dialect = routes.catalog.dialects.get(&spoken.dialect);
    let (dialect, tables) = dialect.zip(routes.dialects.tables(&spoken.dialect)).ok_or(Refusal::NoCatalog)?;
    let token = token_of(request.headers()).or_else(|| basic(request.headers()));
    let visitor = if is_pixel { http::cookie_visitor(worker, request.headers()) } else { None };
    let uri = request.uri().clone();
    let mut values = Values::new(&tables.reports);
    if let Some(path) = report_form(dialect, form, is_pixel).and_then(|it| it.take(uri.path())) {
        for (field, value) in path.fields {
            values.put(0, field, 0, &value)?;
        }
        for pair in path.pairs {
            values.add(pair.item, &pair.name, &pair.value)?;
        }
    }
    if !is_pixel {
        values.add_body(&said(request).await?)?;
    }
    values.add_form(uri.query().unwrap_or(""))?;
    *fields = values.into_fields(dialect)?;
    let is_near = resolve(fields, dialect, &reading)?;
    worker.counters.add(Count::NearMisses, u64::from(is_near));
    let (credentials, channel) = if is_pixel {
        (Credentials::None, Channel::Pixel)
    } else {
        (Credentials::Token(token.as_deref()), Channel::Postback)
    };
    one(&reading, fields, credentials, channel, visitor).await
}

/// The password of `Authorization: Basic`, as impact's API takes its token.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let bytes = STANDARD.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned()).filter(|it| !it.is_empty())
}

/// Values as they are found: the first that says something, of the name that counts most.
struct Values<'n> {
    names: &'n Names<ReportField>,
    found: Vec<Found>,
    ignored: Vec<Box<str>>,
}

struct Found {
    rank: usize,
    field: ReportField,
    /// The order's line, from 1; 0 is the order.
    item: usize,
    value: Box<str>,
}

impl<'n> Values<'n> {
    const fn new(names: &'n Names<ReportField>) -> Self {
        Self { names, found: Vec::new(), ignored: Vec::new() }
    }

    fn put(&mut self, rank: usize, field: ReportField, item: usize, value: &str) -> Result<(), Refusal> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(Refusal::ValueTooLong);
        }
        let value = value.trim();
        let is_better = |held: &Found| held.field == field && held.item == item && held.rank <= rank;
        if value.is_empty() || self.found.len() >= PAIRS_MAX || self.found.iter().any(is_better) {
            return Ok(());
        }
        self.found.retain(|held| held.field != field || held.item != item);
        self.found.push(Found { rank, field, item, value: value.into() });
        Ok(())
    }

    fn add(&mut self, item: usize, name: &str, value: &str) -> Result<(), Refusal> {
        if let Some((rank, field)) = lookup(self.names, name) {
            return self.put(rank, field, item, value);
        }
        // `ItemSubTotal7`: the number stands for the line.
        let stem = name.trim_end_matches(|it: char| it.is_ascii_digit());
        let number = name.get(stem.len()..).and_then(|it| it.parse().ok()).filter(|it| *it > 0_usize);
        let numbered = number.zip(lookup(self.names, &format!("{stem}#")));
        if let Some((number, (rank, field))) = numbered {
            return self.put(rank, field, number, value);
        }
        if self.ignored.len() < IGNORED_MAX {
            let end = name.floor_char_boundary(IGNORED_BYTES_MAX);
            self.ignored.push(name.get(..end).unwrap_or("").into());
        }
        Ok(())
    }

    fn add_form(&mut self, text: &str) -> Result<(), Refusal> {
        url::form_urlencoded::parse(text.as_bytes())
            .take(PAIRS_MAX)
            .try_for_each(|(name, value)| self.add(0, &name, &value))
    }

    fn add_body(&mut self, body: &Said) -> Result<(), Refusal> {
        match body {
            Said::Nothing => Ok(()),
            Said::Form(text) => self.add_form(form(text)?),
            Said::Json(Json::Object(pairs)) => {
                pairs.iter().take(PAIRS_MAX).try_for_each(|(name, value)| match value {
                    Json::Text(text) | Json::Number(text) => self.add(0, name, text),
                    Json::Bool(is) => self.add(0, name, if *is { "true" } else { "false" }),
                    Json::Null | Json::List(_) | Json::Object(_) => Ok(()),
                })
            }
            Said::Json(_) => Err(Refusal::JsonShape),
        }
    }

    fn of(&self, field: ReportField, item: usize) -> Option<&str> {
        self.found.iter().find(|it| it.field == field && it.item == item).map(|it| &*it.value)
    }

    /// In our words.
    fn into_fields(self, dialect: &Dialect) -> Result<Fields, Refusal> {
        let mut fields = Fields::default();
        let lines = self.lines(dialect)?;
        if self.of(ReportField::Amount, 0).is_none() && !lines.is_empty() {
            let total = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.minor));
            fields.set(Field::AmountMinor, &total.ok_or(Refusal::AmountTooLarge)?.to_string());
        }
        // Lines of which some have no product would not add up to the order.
        let named = |it: &Line<'_>| Some(OrderLine::whole(it.product?, it.pieces, it.minor));
        fields.put_lines(lines.iter().map(named).collect::<Option<_>>().unwrap_or_default());
        for found in &self.found {
            let value = match found.field {
                ReportField::Status => dialect.status(&found.value).map(DialectStatus::as_str),
                // impact's word for "when you get this".
                ReportField::Time if found.value.eq_ignore_ascii_case("now") => Some(""),
                _ => None,
            };
            if let Some(field) = ours(found.field, dialect.amounts) {
                fields.set(field, value.unwrap_or(&found.value));
            }
        }
        fields.ignored = self.ignored;
        Ok(fields)
    }

    /// The order's lines that have a price, by their numbers.
    fn lines(&self, dialect: &Dialect) -> Result<Vec<Line<'_>>, Refusal> {
        let has_price = |it: &&Found| matches!(it.field, ReportField::ItemAmount | ReportField::ItemPrice);
        let numbers: BTreeSet<usize> = self.found.iter().filter(has_price).map(|it| it.item).collect();
        let currency = self.of(ReportField::Currency, 0).map(Currency::parse);
        let currency = currency.transpose().map_err(|_| Refusal::CurrencyUnknown)?;
        let minor = |text: &str| match (dialect.amounts, currency) {
            (Amounts::Minor, _) => text.parse().map_err(|_| Refusal::AmountInvalid),
            // Without its currency nobody knows how many decimals an amount may have.
            (Amounts::Decimal, None) => Err(Refusal::CurrencyUnknown),
            (Amounts::Decimal, Some(currency)) => {
                Money::parse(text, currency).map(|it| it.minor).map_err(|_| Refusal::AmountInvalid)
            }
        };
        let line = |number: usize| {
            let pieces = self.of(ReportField::ItemQuantity, number).map_or(Ok(1), str::parse::<u32>);
            let pieces = pieces.map_err(|_| Refusal::AmountInvalid)?;
            let minor =
                match (self.of(ReportField::ItemAmount, number), self.of(ReportField::ItemPrice, number)) {
                    (Some(whole), _) => minor(whole)?,
                    (None, each) => {
                        let each = minor(each.unwrap_or("0"))?;
                        each.checked_mul(pieces.into()).ok_or(Refusal::AmountTooLarge)?
                    }
                };
            Ok(Line { product: self.of(ReportField::ItemProduct, number), pieces, minor })
        };
        numbers.into_iter().map(line).collect()
    }
}

/// A line of an order, in minor units as a whole.
struct Line<'v> {
    product: Option<&'v str>,
    pieces: u32,
    minor: i64,
}

/// The field of `/postback` that says the same.
const fn ours(field: ReportField, amounts: Amounts) -> Option<Field> {
    Some(match field {
        ReportField::ClickId => Field::Click,
        ReportField::OrderId => Field::Order,
        ReportField::Amount => match amounts {
            Amounts::Decimal => Field::Amount,
            Amounts::Minor => Field::AmountMinor,
        },
        ReportField::ItemAmount
        | ReportField::ItemPrice
        | ReportField::ItemProduct
        | ReportField::ItemQuantity => return None,
        ReportField::Currency => Field::Currency,
        ReportField::Event => Field::Event,
        ReportField::Status => Field::Status,
        ReportField::Coupon => Field::Coupon,
        ReportField::Customer => Field::Customer,
        ReportField::Email => Field::Email,
        ReportField::Reason => Field::Reason,
        ReportField::NewCustomer => Field::NewCustomer,
        ReportField::Partner => Field::Partner,
        ReportField::Offer => Field::Offer,
        ReportField::Advertiser => Field::Advertiser,
        ReportField::Token => Field::Token,
        ReportField::Time => Field::Time,
        ReportField::RefundId => Field::Refund,
        ReportField::DeliveryId => Field::Delivery,
    })
}

/// Old ids become ours; whether one was nearly missed. A partner that nobody knows is nobody's, and told: the click id may still say whose.
fn resolve(fields: &mut Fields, dialect: &Dialect, reading: &Reading<'_>) -> Result<bool, Refusal> {
    let mut is_near = false;
    let ids = [
        (Field::Advertiser, AliasOf::Advertiser, Some(Refusal::AdvertiserUnknown)),
        (Field::Offer, AliasOf::Offer, Some(Refusal::OfferUnknown)),
        (Field::Partner, AliasOf::Partner, None),
    ];
    for (field, what, refusal) in ids {
        let Some(text) = fields.get(field) else { continue };
        match (reading.routes.catalog.resolve(dialect, what, text), refusal) {
            (Some(Resolved { id, is_near: near }), _) => {
                is_near |= near;
                fields.set(field, &id.to_string());
            }
            (None, Some(refusal)) => return Err(refusal),
            (None, None) => fields.forget_partner(),
        }
    }
    Ok(is_near)
}

/// The dialect's words, or ours where it has none.
fn answer(dialect: Option<&Dialect>, fields: &Fields, result: Result<Value, Refusal>) -> Reply {
    let replies = dialect.map(|it| &it.reply);
    let order = fields.get(Field::Order).unwrap_or("");
    match result {
        Ok(said) => match replies.and_then(|it| it.ok.as_deref()) {
            Some(text) => {
                filled(StatusCode::OK, text, [("{order}", order), ("{code}", ""), ("{message}", "")])
            }
            None => reply::json(StatusCode::OK, &said),
        },
        Err(refusal) => {
            // Whoever reads another status than 503 does not send again.
            let is_lasting = refusal.status() != StatusCode::SERVICE_UNAVAILABLE;
            let theirs = replies.and_then(|it| it.error_status).filter(|_| is_lasting);
            let status =
                theirs.and_then(|it| StatusCode::from_u16(it).ok()).unwrap_or_else(|| refusal.status());
            let message = message(dialect, refusal);
            let values = [("{order}", order), ("{code}", refusal.code()), ("{message}", &message)];
            let reply = match replies.and_then(|it| it.error.as_deref()) {
                Some(text) => filled(status, text, values),
                None => reply::json(status, &json!({ "error": refusal.code(), "message": message })),
            };
            // Its bytes may still be on the way.
            let is_cut = matches!(refusal, Refusal::BodyTooLarge | Refusal::BodyIncomplete);
            if is_cut { reply::closing(reply) } else { reply }
        }
    }
}

/// The refusal's sentence, with the dialect's own name where the token is what is missing.
fn message(dialect: Option<&Dialect>, refusal: Refusal) -> String {
    let tokens = || dialect?.report.iter().find(|(field, _)| *field == ReportField::Token);
    match tokens().and_then(|(_, names)| names.first()) {
        Some(name) if refusal == Refusal::TokenMissing && **name != *"token" => {
            format!("send the advertiser's token as {name}, token, X-Api-Key or Bearer")
        }
        _ => refusal.message().to_owned(),
    }
}

fn filled(status: StatusCode, text: &str, values: [(&str, &str); 3]) -> Reply {
    let is_json = text.starts_with(['{', '[']);
    let (mut out, mut rest) = (String::new(), text);
    // One pass: a value that looks like a place is a value.
    while let Some((at, (place, value))) =
        values.iter().filter_map(|it| Some((rest.find(it.0)?, it))).min_by_key(|(at, _)| *at)
    {
        out.push_str(rest.get(..at).unwrap_or(""));
        let quoted = Value::from(*value).to_string();
        out.push_str(if is_json { quoted.get(1..quoted.len() - 1).unwrap_or("") } else { value });
        rest = rest.get(at + place.len()..).unwrap_or("");
    }
    out.push_str(rest);
    match serde_json::from_str::<Value>(&out) {
        Ok(json) if is_json => reply::json(status, &json),
        _ => reply::text(status, out),
    }
}

#[cfg(test)]
mod tests {
    use catalog::built_in_dialects;

    use super::*;

    /// Product, pieces and minor units of each line, and the order's amount.
    fn read(name: &str, pairs: &[(usize, &str, &str)]) -> Result<(Vec<OrderLine>, Option<String>), Refusal> {
        let dialect = built_in_dialects().iter().find(|it| *it.name == *name).expect("a built-in dialect");
        let names = crate::dialects::names(&dialect.report);
        let mut values = Values::new(&names);
        for (item, name, value) in pairs {
            values.add(*item, name, value)?;
        }
        let fields = values.into_fields(dialect)?;
        Ok((fields.lines().to_vec(), fields.get(Field::AmountMinor).map(str::to_owned)))
    }

    #[test]
    fn who_sent_no_token_reads_the_dialects_own_name_for_it() {
        let told = |name: &str| {
            message(built_in_dialects().iter().find(|it| *it.name == *name), Refusal::TokenMissing)
        };
        assert_eq!(
            told("everflow"),
            "send the advertiser's token as verification_token, token, X-Api-Key or Bearer"
        );
        assert_eq!(told("dub"), Refusal::TokenMissing.message());
        assert_eq!(message(None, Refusal::TokenWrong), Refusal::TokenWrong.message());
    }

    #[test]
    fn lines_with_products_are_lines_and_all_make_the_amount() {
        let eur = (0, "CurrencyCode", "EUR");
        let rows = [
            (
                "impact",
                vec![eur, (0, "ItemSku1", "T"), (0, "ItemSubTotal1", "9.00"), (0, "ItemQuantity1", "2")],
                Ok((vec![OrderLine::whole("T", 2, 900)], Some("900"))),
            ),
            (
                "impact",
                vec![eur, (0, "ItemSku1", "T"), (0, "ItemPrice1", "4.50"), (0, "ItemQuantity1", "2")],
                Ok((vec![OrderLine::whole("T", 2, 900)], Some("900"))),
            ),
            ("impact", vec![eur, (0, "ItemSubTotal1", "9")], Ok((vec![], Some("900")))),
            (
                "partnerize",
                vec![
                    (0, "currency", "EUR"),
                    (1, "sku", "A"),
                    (1, "value", "2.50"),
                    (1, "quantity", "2"),
                    (2, "sku", "B"),
                    (2, "value", "1"),
                ],
                Ok((vec![OrderLine::whole("A", 2, 500), OrderLine::whole("B", 1, 100)], Some("600"))),
            ),
            ("partnerize", vec![(1, "value", "2.50")], Err(Refusal::CurrencyUnknown)),
            ("partnerize", vec![(0, "currency", "EUR"), (1, "value", "x")], Err(Refusal::AmountInvalid)),
            ("partnerize", vec![(0, "currency", "EUR")], Ok((vec![], None))),
        ];
        for (name, pairs, want) in rows {
            let want = want.map(|(lines, amount)| (lines, amount.map(str::to_owned)));
            assert_eq!(read(name, &pairs), want, "{name} {pairs:?}");
        }
    }
}
