//! What the values of a report are called: one table for the query, forms, JSON and batches.
//!
//! In: pairs of names and values. Out: [`Fields`], one value each. The default dialect of field.md 5.2; an earlier row of the table wins over a
//! later one, and among equal names the first value that is not empty. Not here: what a value must look like (`understand`).

use std::borrow::Cow;

use super::{Json, OrderLine, Refusal, lines_of, unread_names};
use crate::literal::is_unexpanded;

/// Longest value, in bytes; every field has its own, smaller limit.
pub(crate) const VALUE_BYTES_MAX: usize = 1024;
/// Pairs of one report that are read; further ones are ignored.
pub(crate) const PAIRS_MAX: usize = 200;
/// Coupons of one report that are read; [`events::Report::COUPONS_MAX`] of them are kept.
const COUPONS_READ_MAX: usize = 32;
/// Names in the answer's list of what was ignored.
const IGNORED_MAX: usize = 20;
/// The longest such name, in bytes.
const IGNORED_BYTES_MAX: usize = 64;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident: $($name:literal)*;)*) => {
        /// A value of a report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field { $($(#[$doc])* $variant,)* }

        const FIELD_COUNT: usize = [$(Field::$variant,)*].len();

        impl Field {
            /// Its canonical name.
            const fn name(self) -> &'static str {
                let names: &[&str] = match self { $(Self::$variant => &[$($name),*],)* };
                match names { [first, ..] => first, [] => "" }
            }
        }

        /// Lower-case names, the canonical one of each field first.
        const NAMES: &[(&str, Field)] = &[$($(($name, Field::$variant),)*)*];
    };
}

fields! {
    /// The click id.
    Click: "click_id" "transaction_id" "clickid" "cid" "cnv_id" "subid" "sid" "irclickid" "clickref" "dub_id" "evclid" "_ef_transaction_id"
        "awc" "cjevent" "sscid";
    /// The shop's order id.
    Order: "order_id" "external_id" "orderid" "conversionref" "action_id" "txn_id" "txid" "xid" "tid" "adv_sub" "invoiceid"
        "conversion_unique_id" "rdtk_event_id" "t";
    /// In whole units with decimals.
    Amount: "sale_amount" "amount" "sum" "order_sum" "totalcost" "value";
    /// In whole minor units.
    AmountMinor: "amount_minor" "sale_amount_minor";
    /// What the partner shall get. The catalog says that, so it is not believed.
    Payout: "payout" "revenue" "commission";
    /// ISO 4217.
    Currency: "currency" "currency_code" "cnv_currency";
    /// `sale`, `lead`...
    Event: "event" "goal" "goal_id" "event_id" "adv_event_id" "et" "type" "eventtypecode" "eventname";
    /// What became of it.
    Status: "status" "afstatus" "cnv_status" "sale_status" "dispositioncode" "pstatus";
    /// Why it was rejected.
    Reason: "reason" "status_reason" "reject_reason" "rejection_reason" "cancel_reason";
    /// Typed at the till.
    Coupon: "coupon" "coupon_code" "promo_code" "orderpromocode" "voucher" "discount_code";
    /// Several of them.
    Coupons: "coupons" "coupon_codes" "discount_codes";
    /// The shop's customer; hashed before it is kept.
    Customer: "customer_id" "customerid" "customerexternalid" "user_id";
    /// His e-mail address, as it is or as the shop hashes it; hashed before it is kept.
    Email: "email" "customer_email" "email_hash" "hashed_email";
    /// Whether the shop calls him new.
    NewCustomer: "new_customer" "customerstatus" "customertype";
    /// A partner named outright.
    Partner: "partner_id" "aff_id" "affiliate_id" "affiliateid" "pid" "a_aid" "publisher_id";
    /// The offer, for its advertiser.
    Offer: "offer_id" "oid";
    /// The advertiser.
    Advertiser: "advertiser" "advertiser_id" "aid";
    /// The advertiser's token.
    Token: "token" "security_token" "api_key";
    /// When the order was made.
    Time: "time" "order_time" "timestamp" "ts" "datetime" "eventdate" "created_at";
    /// When checkout began.
    Checkout: "checkout_at" "checkout_time" "checkout_started_at";
    /// The order's lines: a JSON list.
    Items: "items" "line_items";
    /// The shop's id of a refund.
    Refund: "refund_id" "refundid";
    /// The sender's id of the delivery.
    Delivery: "delivery_id";
    /// `text` for a short answer.
    Format: "format";
}

/// The canonical name of what a parameter of that name is read as, in any case; `None` where nobody reads it. For programs that write reports:
/// they need not send what is ignored.
#[must_use]
pub fn report_parameter(name: &str) -> Option<&'static str> {
    field_of(name).map(Field::name)
}

fn field_of(name: &str) -> Option<Field> {
    let lower = name.trim().to_ascii_lowercase();
    NAMES.iter().find(|(known, _)| *known == lower).map(|(_, field)| *field)
}

/// One report's values.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// By field: the value and its rank in the table.
    values: [Option<(usize, Box<str>)>; FIELD_COUNT],
    /// Of lists of coupons, in their order.
    coupons: Vec<Box<str>>,
    lines: Vec<OrderLine>,
    /// Names nobody reads, for the answer.
    pub(crate) ignored: Vec<Box<str>>,
    /// A partner's old id that stands for nobody.
    stranger: Option<Box<str>>,
}

impl Fields {
    /// The value, trimmed and not empty.
    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.values.get(field as usize)?.as_ref().map(|(_, value)| &**value)
    }

    /// What lists of coupons hold, beside [`Field::Coupon`].
    pub(crate) fn coupons(&self) -> &[Box<str>] {
        &self.coupons
    }

    /// Takes what names the partner for an old id that stands for nobody, even if it is a number: ours are others.
    pub(crate) fn forget_partner(&mut self) {
        self.stranger = self.values.get_mut(Field::Partner as usize).and_then(Option::take).map(|(_, it)| it);
    }

    /// Such an old id.
    pub(crate) fn stranger(&self) -> Option<&str> {
        self.stranger.as_deref()
    }

    /// The order's lines.
    pub(crate) fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    /// Sets the order's lines, from a list of a webhook: what is no line is left out.
    pub(crate) fn set_lines(&mut self, list: &[Json]) {
        self.lines = lines_of(list, false).unwrap_or_default();
    }

    /// Sets the order's lines, as a dialect has read them.
    pub(crate) fn put_lines(&mut self, lines: Vec<OrderLine>) {
        self.lines = lines;
    }

    /// Adds what a list of coupons holds.
    pub(crate) fn add_coupons<'a>(&mut self, codes: impl Iterator<Item = &'a str>) {
        let room = COUPONS_READ_MAX.saturating_sub(self.coupons.len());
        let codes = codes.map(str::trim).filter(|it| !it.is_empty());
        self.coupons.extend(codes.take(room).map(Box::from));
    }

    /// Sets or replaces a value that a translation of a webhook knows the name of.
    pub(crate) fn set(&mut self, field: Field, value: &str) {
        if let Some(place) = self.values.get_mut(field as usize) {
            *place =
                Some((0, value.trim().into())).filter(|(_, value): &(usize, Box<str>)| !value.is_empty());
        }
    }

    /// These values, and those of `other` where there is none.
    pub(crate) fn over(mut self, other: Self) -> Self {
        for (own, other) in self.values.iter_mut().zip(other.values) {
            *own = own.take().or(other);
        }
        if self.coupons.is_empty() {
            self.coupons = other.coupons;
        }
        if self.lines.is_empty() {
            self.lines = other.lines;
        }
        self.ignored.extend(other.ignored);
        self.ignored.truncate(IGNORED_MAX);
        self
    }

    fn put(&mut self, rank: usize, field: Field, value: &str) {
        let value = value.trim();
        if let Some(place) = self.values.get_mut(field as usize)
            && !value.is_empty()
            && place.as_ref().is_none_or(|(held, _)| rank < *held)
        {
            *place = Some((rank, value.into()));
        }
    }

    /// Adds one pair.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(Refusal::ValueTooLong);
        }
        // Names whose ampersand an HTML editor turned into an entity.
        let lower = name.trim().to_ascii_lowercase();
        let lower = lower.strip_prefix("amp;").unwrap_or(&lower);
        match NAMES.iter().position(|(known, _)| *known == lower) {
            Some(rank) => match NAMES.get(rank) {
                Some((_, Field::Coupons)) => self.add_coupons(value.split(',')),
                Some((_, Field::Items)) if !value.trim().is_empty() && !is_unexpanded(value) => {
                    let Ok(Json::List(list)) = Json::parse(value.as_bytes()) else {
                        return Err(Refusal::ItemsInvalid);
                    };
                    self.take_lines(&list)?;
                }
                Some((_, field)) => self.put(rank, *field, value),
                None => {}
            },
            None => self.ignore(name),
        }
        Ok(())
    }

    fn ignore(&mut self, name: &str) {
        if self.ignored.len() < IGNORED_MAX {
            let end = name.floor_char_boundary(IGNORED_BYTES_MAX);
            self.ignored.push(name.get(..end).unwrap_or("").into());
        }
    }

    /// The order's lines as the sender lists them; what of them nobody reads is ignored as `items.NAME`.
    fn take_lines(&mut self, list: &[Json]) -> Result<(), Refusal> {
        self.lines = lines_of(list, true)?;
        for name in unread_names(list).into_iter().take(IGNORED_MAX) {
            self.ignore(&format!("items.{name}"));
        }
        Ok(())
    }

    /// Adds the pairs of a query or form.
    pub(crate) fn add_form(&mut self, text: &str) -> Result<(), Refusal> {
        let text = with_ampersands(text);
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()).take(PAIRS_MAX) {
            self.add(&name, &value)?;
        }
        Ok(())
    }

    /// Adds the texts, numbers and booleans of a JSON object, its lists of coupons and of lines; what else is nested in it is ignored, by name.
    pub(crate) fn add_json(&mut self, json: &Json) -> Result<(), Refusal> {
        let Json::Object(pairs) = json else { return Err(Refusal::JsonShape) };
        for (name, value) in pairs.iter().take(PAIRS_MAX) {
            match value {
                Json::Text(text) | Json::Number(text) => self.add(name, text)?,
                Json::Bool(is) => self.add(name, if *is { "true" } else { "false" })?,
                Json::Null => {}
                Json::List(list) => match field_of(name) {
                    Some(Field::Coupon | Field::Coupons) => {
                        self.add_coupons(list.iter().filter_map(Json::scalar));
                    }
                    Some(Field::Items) => self.take_lines(list)?,
                    _ => self.ignore(name),
                },
                Json::Object(_) => self.ignore(name),
            }
        }
        Ok(())
    }
}

/// Puts back ampersands that HTML took for the beginning of an entity: `&currency=` arrives as `¤cy=`, and an amount before it as `1990¤cy=rub`
/// (field.md 5.3). Only where the broken name is followed by its equals sign.
fn with_ampersands(text: &str) -> Cow<'_, str> {
    const BROKEN: [(&str, &str); 3] =
        [("¤cy=", "&currency="), ("%C2%A4cy=", "&currency="), ("%c2%a4cy=", "&currency=")];
    let mut mended = Cow::Borrowed(text);
    for (broken, whole) in BROKEN {
        if mended.contains(broken) {
            mended = Cow::Owned(mended.replace(broken, whole));
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_table_of_report_parameters_is_frozen() {
        let mut text = String::new();
        for (name, field) in NAMES {
            writeln!(text, "{name} {field:?}").unwrap();
        }
        assert_eq!(text, include_str!("../../tests/golden/report_parameters_v2.txt"));
    }

    /// What a shop sends today is read tomorrow. A customer's address is a name of its own now.
    #[test]
    fn every_name_of_the_first_table_is_still_read() {
        for line in include_str!("../../tests/golden/report_parameters_v1.txt").lines() {
            let (name, field) = line.split_once(' ').unwrap();
            let want = if name.contains("email") { "Email" } else { field };
            assert_eq!(field_of(name).map(|it| format!("{it:?}")).as_deref(), Some(want), "{name}");
        }
    }

    #[test]
    fn lists_of_coupons_and_lines_are_read_from_forms_and_json() {
        let mut form = Fields::default();
        form.add_form("coupons=A,%20B,&items=%5B%7B%22sku%22:%22T%22,%22amount%22:%221%22%7D%5D").unwrap();
        let mut json = Fields::default();
        let text =
            r#"{"coupons":["A"," B ",null],"items":[{"sku":"T","amount":"1","colour":2}],"tags":["x"]}"#;
        json.add_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
        for fields in [&form, &json] {
            assert_eq!(fields.coupons(), ["A".into(), "B".into()]);
            assert_eq!(fields.lines().len(), 1);
        }
        assert_eq!(json.ignored, ["items.colour".into(), "tags".into()]);
        assert_eq!(Fields::default().add("items", "T:1"), Err(Refusal::ItemsInvalid));
        assert_eq!(Fields::default().add("items", "{items}"), Ok(()), "a macro that nobody filled in");
    }

    #[test]
    fn every_name_is_in_the_table_once() {
        let names: std::collections::BTreeSet<_> = NAMES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), NAMES.len());
        assert!(NAMES.iter().all(|(name, _)| name.to_ascii_lowercase() == *name));
    }

    #[test]
    fn a_name_in_any_case_stands_for_the_canonical_one() {
        let names = [" ExternalId ", "external_id", "ORDERID", "order_id", "notes"].map(report_parameter);
        assert_eq!(names, [None, Some("order_id"), Some("order_id"), Some("order_id"), None]);
    }

    #[test]
    fn aliases_entities_and_repeats_are_read_by_the_tables_order() {
        let mut fields = Fields::default();
        fields
            .add_form("cid=late&amp;ClickId=C1&order_id=&txid=T1&txid=T2&sum=1990¤cy=rub&colour=red")
            .unwrap();
        let read = [Field::Click, Field::Order, Field::Amount, Field::Currency].map(|it| fields.get(it));
        assert_eq!(read, [Some("C1"), Some("T1"), Some("1990"), Some("rub")]);
        assert_eq!(fields.ignored, ["colour".into()]);
    }

    #[test]
    fn a_value_of_a_kilobyte_and_one_byte_is_refused() {
        let mut fields = Fields::default();
        assert_eq!(fields.add("order_id", &"x".repeat(VALUE_BYTES_MAX)), Ok(()));
        assert_eq!(fields.add("order_id", &"x".repeat(VALUE_BYTES_MAX + 1)), Err(Refusal::ValueTooLong));
    }
}
