//! What the values of a report are called: one table for the query, forms, JSON and batches.
//!
//! In: pairs of names and values. Out: [`Fields`], one value each. The default dialect of field.md 5.2; an earlier row of the table wins over a
//! later one, and among equal names the first value that is not empty. Not here: what a value must look like (`understand`).

use std::borrow::Cow;

use super::{Json, Refusal};

/// Longest value, in bytes; every field has its own, smaller limit.
pub(crate) const VALUE_BYTES_MAX: usize = 1024;
/// Pairs of one report that are read; further ones are ignored.
pub(crate) const PAIRS_MAX: usize = 200;
/// Names in the answer's list of what was ignored.
const IGNORED_MAX: usize = 20;

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
    /// Typed at the till.
    Coupon: "coupon" "coupon_code" "promo_code" "orderpromocode" "voucher" "discount_code";
    /// The shop's customer; hashed before it is kept.
    Customer: "customer_id" "customerid" "customerexternalid" "user_id" "email" "customer_email";
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
    let lower = name.trim().to_ascii_lowercase();
    NAMES.iter().find(|(known, _)| *known == lower).map(|(_, field)| field.name())
}

/// One report's values.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// By field: the value and its rank in the table.
    values: [Option<(usize, Box<str>)>; FIELD_COUNT],
    /// Names nobody reads, for the answer.
    pub(crate) ignored: Vec<Box<str>>,
}

impl Fields {
    /// The value, trimmed and not empty.
    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.values.get(field as usize)?.as_ref().map(|(_, value)| &**value)
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
            Some(rank) => {
                if let Some((_, field)) = NAMES.get(rank) {
                    self.put(rank, *field, value);
                }
            }
            None if self.ignored.len() < IGNORED_MAX => {
                let end = name.floor_char_boundary(64);
                self.ignored.push(name.get(..end).unwrap_or("").into());
            }
            None => {}
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

    /// Adds the texts, numbers and booleans of a JSON object; what is nested in it is ignored, by name.
    pub(crate) fn add_json(&mut self, json: &Json) -> Result<(), Refusal> {
        let Json::Object(pairs) = json else { return Err(Refusal::JsonShape) };
        for (name, value) in pairs.iter().take(PAIRS_MAX) {
            match value {
                Json::Text(text) | Json::Number(text) => self.add(name, text)?,
                Json::Bool(is) => self.add(name, if *is { "true" } else { "false" })?,
                Json::Null => {}
                Json::List(_) | Json::Object(_) => self.ignored.push(name.as_str().into()),
            }
        }
        self.ignored.truncate(IGNORED_MAX);
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
        assert_eq!(text, include_str!("../../tests/golden/report_parameters_v1.txt"));
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
