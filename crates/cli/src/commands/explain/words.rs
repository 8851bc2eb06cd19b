//! Stored codes as sentences. A code of a later build is shown as it is.

use events::{
    CandidateVerdict, ClickId, EarningKey, Hold, KeyOutcome, Level, MatchedKey, OrderStatus, RejectReason,
    Role, SharedBy, SignalCode, TimeSource, Unattributed,
};
use units::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use warehouse::ExplainedOrder;

use crate::output::money;

pub(super) fn unattributed(code: &str, has_refused: bool) -> &str {
    let Some(known) = Unattributed::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        Unattributed::NoCatalog => "no catalog version was in force at the order's time",
        Unattributed::NoKey if has_refused => {
            "every click id that was reported is refused, and no visitor was named"
        }
        Unattributed::NoKey => {
            "no report named a click, a visitor, a customer, a coupon or a partner that could be read"
        }
        Unattributed::NoTouch => "nobody's link of this advertiser was followed by the visitors named",
        Unattributed::NoneEligible => "none of those below may be credited",
        Unattributed::UnknownCoupon => "the coupon that was reported is nobody's with this advertiser",
        Unattributed::UnknownPartner => "the partner whom a report names does not promote this advertiser",
    }
}

pub(super) fn matched(code: &str) -> &str {
    let Some(known) = MatchedKey::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        MatchedKey::ClickId => "the click id that a report named",
        MatchedKey::Visitor => "the visitor's clicks",
        MatchedKey::Customer => "the customer, who is bound to the partner",
        MatchedKey::CustomerVisitor => "clicks of the customer's other visitors",
        MatchedKey::ExclusiveCoupon => "an exclusive coupon",
        MatchedKey::Coupon => "a coupon",
        MatchedKey::Partner => "the report, which names the partner",
    }
}

/// How a candidate was found, in a table.
pub(super) fn key(code: &str) -> &str {
    let Some(known) = MatchedKey::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        MatchedKey::ClickId => "click id",
        MatchedKey::Visitor => "visitor",
        MatchedKey::Customer => "customer",
        MatchedKey::CustomerVisitor => "customer's other visitor",
        MatchedKey::ExclusiveCoupon => "exclusive coupon",
        MatchedKey::Coupon => "coupon",
        MatchedKey::Partner => "named partner",
    }
}

/// What has become of an order, and why where it is rejected.
pub(super) fn status(code: &str, reason: &str) -> String {
    let Some(known) = OrderStatus::ALL.iter().find(|it| it.as_str() == code) else { return code.to_owned() };
    let status = match known {
        OrderStatus::Pending => "pending",
        OrderStatus::Approved => "approved",
        OrderStatus::Rejected => "rejected",
        OrderStatus::PartlyRefunded => "partly refunded",
        OrderStatus::Refunded => "refunded",
        OrderStatus::ChargedBack => "charged back",
    };
    if reason.is_empty() { status.to_owned() } else { format!("{status}: {}", rejected(reason)) }
}

fn rejected(code: &str) -> &str {
    let Some(known) = RejectReason::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        RejectReason::Unsaid => "the shop gave no reason",
        RejectReason::Cancelled => "the customer or the shop cancelled it",
        RejectReason::Fraud => "not an honest order, the shop says",
        RejectReason::Duplicate => "the same order under another id",
        RejectReason::Test => "a trial of the shop's own",
        RejectReason::Unpaid => "never paid for",
        RejectReason::Returned => "the goods came back",
        RejectReason::OutOfTerms => "against the programme's terms",
        RejectReason::Other => "for a reason that is none of ours",
    }
}

/// How the credit was shared; nothing where nobody has any.
pub(super) fn shared(code: &str, path_touches: u16) -> String {
    if code.is_empty() {
        return String::new();
    }
    let touches = if path_touches == 1 { "touch" } else { "touches" };
    format!("{}, path of {path_touches} {touches}", model(code))
}

pub(super) fn model(code: &str) -> String {
    let how = match SharedBy::from_text(code) {
        None => return code.to_owned(),
        Some(SharedBy::Last) => "all to the newest touch",
        Some(SharedBy::First) => "all to the oldest touch",
        Some(SharedBy::Linear) => "the same to each touch",
        Some(SharedBy::Position) => "by a touch's place on the path",
        Some(SharedBy::TimeDecay) => "the less the older a touch is",
    };
    format!("{how} (model `{code}`)")
}

/// The revenue in the reporting currency and the rate; nothing for programs without one.
pub(super) fn reporting(order: &ExplainedOrder) -> String {
    let ExplainedOrder { reporting, reporting_currency, rate, currency, .. } = order;
    if reporting.is_empty() {
        return String::new();
    }
    let amount = money(reporting, reporting_currency);
    if currency == reporting_currency {
        return format!("{amount}, the order's own currency");
    }
    format!("{amount}, at {rate} {reporting_currency} for 1 {currency}")
}

/// From when on, and whether it is held back.
pub(super) fn payable(code: &str, from: &str, status: &str) -> String {
    if status == OrderStatus::Rejected.as_str() {
        return "nothing: it is rejected".to_owned();
    }
    if code.is_empty() { format!("from {from}") } else { format!("not now, on hold: {}", hold(code)) }
}

/// Why credits are held back; nothing where they are not.
pub(super) fn hold(code: &str) -> &str {
    let Some(known) = Hold::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        Hold::RateMissing => {
            "the catalog of the order's time has no rate from its currency to the reporting one, or the amount is too great for one"
        }
        Hold::RefundOtherCurrency => {
            "money went back in another currency than the order's, so what is left is not known"
        }
        Hold::Fraud => "something about it is suspicious",
    }
}

pub(super) fn rules(version: u32) -> String {
    if version == 0 { "no catalog was in force".to_owned() } else { format!("catalog version {version}") }
}

pub(super) fn role(code: &str) -> &str {
    match Role::from_text(code) {
        None => code,
        Some(Role::None) => "",
        Some(Role::Closer) => "closer",
        Some(Role::Introducer) => "introducer",
        Some(Role::Influencer) => "influencer",
        Some(Role::Assist) => "assist",
    }
}

/// Parts per million as percent: `33.3334 %`.
pub(super) fn share(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The name that a click id's touch has in views, in hexadecimal digits; `None` for what is no click id.
pub(super) fn touch_of_id(click_id: &str) -> Option<String> {
    let touch = ClickId::from_stored_text(click_id)?.touch();
    Some(format!("{:032x}", u128::from_be_bytes(touch.0)))
}

/// What a candidate is that has no touch behind it, by its name; `None` for touches.
pub(super) fn key_of(touch_hex: &str) -> Option<&'static str> {
    let code = touch_hex.strip_prefix("000000000000")?.get(..2)?;
    let code = u8::from_str_radix(code, 16).ok()?;
    MatchedKey::from_code(code).filter(|it| !it.is_touch()).map(MatchedKey::as_str)
}

pub(super) fn time_source(code: &str) -> &str {
    let Some(known) = TimeSource::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        TimeSource::Received => "when its first report reached us",
        TimeSource::Reported => "as the shop said",
        TimeSource::Click => "its own click's, since the shop's clock is behind",
    }
}

pub(super) fn candidate(code: &str) -> &str {
    let Some(known) = CandidateVerdict::ALL.iter().find(|it| it.as_str() == code) else { return code };
    match known {
        CandidateVerdict::Won => "credited",
        CandidateVerdict::Older => "eligible, but another touch is newer",
        CandidateVerdict::OutOfWindow => "older than its window",
        CandidateVerdict::AfterOrder => "after the order",
        CandidateVerdict::TooSoon => "too near to the order: below the offer's minimum time",
        CandidateVerdict::NotValid => "a robot or a preview, not a person",
        CandidateVerdict::PartnerInactive => "its partner was not active at the order's time",
        CandidateVerdict::CrossTenant => "another advertiser's click: refused",
        CandidateVerdict::UnknownOffer => "its offer was not in the catalog at the order's time",
        CandidateVerdict::ViewBehindClick => "a view, and there is a click",
        CandidateVerdict::BeyondCap => "beyond the number of touches that one decision looks at",
        CandidateVerdict::Duplicate => "repeats an older touch, which counts for both",
        CandidateVerdict::NotShared => "on the path, but the model gives its place nothing",
        CandidateVerdict::Newer => "eligible, but the model credits the oldest touch",
        CandidateVerdict::LowerKey => "eligible, but another key comes before this one",
        CandidateVerdict::KeyOff => "this key is left out of `precedence`",
        CandidateVerdict::FormerHolder => "holds it by another version, not by the one in force",
        CandidateVerdict::NamedLater => "eligible, but another one was named before",
        CandidateVerdict::ExistingCustomer => "paid for new customers alone",
        CandidateVerdict::NewCustomer => "paid for customers of before alone",
        CandidateVerdict::BindingEnded => "the customer is bound to him no more",
        CandidateVerdict::HijackGuarded => "within its hijack window, behind a click of another partner",
    }
}

pub(super) fn refused(code: &str) -> &str {
    match code {
        "click_id_length" => "not as long as a click id",
        "click_id_character" => "holds a character that no click id has",
        "click_id_version" => "of a version that this build does not know",
        "click_id_key" => "signed with a key that is not in use any more",
        "click_id_signature" => "not signed by us: mistyped or forged",
        "unexpanded_macro" => "the shop sent the macro itself, not what stands for it",
        other => other,
    }
}

pub(super) fn note(code: &str) -> &str {
    match code {
        "clock_differs" => "the shop's clock is behind ours: the order is said to be before its own click",
        "time_ahead" => "a report names a time in the future: it counts as made when it came",
        "time_long_past" => "a report names a time more than a year before it came: it counts as it is",
        "currency_changed" => "reports name several currencies: the latest counts",
        "refund_other_currency" => {
            "money went back in another currency than the order's: it is not counted, and the credits are on hold"
        }
        "items_differ" => "the lines do not add up to the amount: the amount counts",
        "refund_exceeds_order" => "more was refunded than the order was worth: counted up to its amount",
        "unknown_coupon" => "a coupon that was reported is nobody's at the order's time",
        "unknown_partner" => {
            "a partner whom a report names does not promote this advertiser at the order's time"
        }
        "model_first" => "the oldest touch of the path gets all (model `first`)",
        "model_linear" => "all touches of the path get the same (model `linear`)",
        "model_position" => "a touch gets its part by its place on the path (model `position`)",
        "model_time_decay" => "a touch gets the less the older it is (model `time_decay`)",
        "trace_unreadable" => "what was weighed was written by a build that this one does not understand",
        "clock_gap_too_large" => {
            "the order is said to be long before its own click: the clocks differ by too much, and the click's time is not used"
        }
        "offer_differs" => {
            "a report names another offer than that of the touch that earned: the touch counts"
        }
        "rate_missing" => {
            "the catalog of the order's time has no rate from its currency to the reporting one"
        }
        "reporting_too_large" => "the revenue is too great to be told in the reporting currency",
        "customer_shared" => {
            "the customer is known by more visitors or orders than one person has: nothing follows from him"
        }
        "refund_held" => "a refund came without its sale: it waits for it",
        other => other,
    }
}

/// As in a catalog; nothing where none applied.
pub(super) fn window(ms: u64) -> String {
    if ms == 0 { String::new() } else { catalog::duration::show(ms) }
}

/// A span of time, by its two largest units.
pub(super) fn span(ms: u64) -> String {
    age(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// What came of a key, of the best that it found.
pub(super) fn outcome(code: &str) -> &str {
    let Some(known) = KeyOutcome::from_text(code) else { return code };
    match known {
        KeyOutcome::NotNamed => "no report names one",
        KeyOutcome::NoCandidate => "it found nobody that no other key found",
        KeyOutcome::Unknown => "no catalog version until then knows it",
        KeyOutcome::Nobodys => "it is nobody's by the catalog version in force",
        KeyOutcome::Refused => "whom it found may not earn, or it is no click id of ours",
        KeyOutcome::Off => "`precedence` of whom it found gives nothing for it",
        KeyOutcome::Lost => "whom it found could have earned; another came before",
        KeyOutcome::Decided => "it decided",
    }
}

/// A key as `precedence` names it, in words.
pub(super) fn earning_key(code: &str) -> &str {
    let Some(known) = EarningKey::from_text(code) else { return code };
    match known {
        EarningKey::ExclusiveCoupon => "an exclusive coupon",
        EarningKey::Click => "clicks",
        EarningKey::Coupon => "a coupon",
        EarningKey::Customer => "the customer's binding",
        EarningKey::Partner => "a partner whom a report names",
        EarningKey::View => "views",
    }
}

/// The rule by which a key lets somebody in.
pub(super) fn door(key: &str) -> &str {
    match EarningKey::from_text(key) {
        Some(EarningKey::Click | EarningKey::View) => "window",
        Some(EarningKey::Customer) => "binding",
        Some(EarningKey::ExclusiveCoupon | EarningKey::Coupon | EarningKey::Partner) | None => "precedence",
    }
}

/// What is suspicious.
pub(super) fn signal(code: &str) -> &str {
    let Some(known) = SignalCode::from_text(code) else { return code };
    match known {
        SignalCode::ClickFlood => "the partner's clicks in one hour",
        SignalCode::OddDelay => {
            "how far the times from the partner's clicks to orders are from the offer's, in parts per million"
        }
        SignalCode::SelfPurchase => "the customer is the partner",
        SignalCode::DataCentre => "clicks from a data centre's address",
        SignalCode::ManyPartners => "partners whom one visitor followed within a short time",
        SignalCode::ManyOrders => "orders from one address",
    }
}

/// Who says a rule.
pub(super) fn level(code: &str) -> &str {
    let Some(known) = Level::from_text(code) else { return code };
    match known {
        Level::BuiltIn => "built in",
        Level::Offer => "the offer",
        Level::PartnerType => "an override for the partner's type",
        Level::Partner => "an override for the partner",
    }
}

/// An age as people say it, by its two largest units.
pub(super) fn age(ms: i64) -> String {
    let (size, sign) = (ms.unsigned_abs(), if ms < 0 { "-" } else { "" });
    let units = [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];
    let mut left = size;
    let mut parts = Vec::new();
    for (name, unit_ms) in units {
        if left >= unit_ms {
            parts.push(format!("{}{name}", left / unit_ms));
            left %= unit_ms;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_by_their_two_largest_units() {
        let cases =
            [(0, "0s"), (1_500, "1s 500ms"), (93_784_005, "1d 2h"), (-61_000, "-1m 1s"), (3_600_000, "1h")];
        for (ms, want) in cases {
            assert_eq!(age(ms), want);
        }
    }

    #[test]
    fn every_code_is_told_in_words_and_a_later_one_as_it_is() {
        for it in CandidateVerdict::ALL {
            assert!(candidate(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        for it in Unattributed::ALL {
            assert!(unattributed(it.as_str(), false) != it.as_str(), "{}", it.as_str());
        }
        for it in KeyOutcome::ALL {
            assert!(outcome(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        for it in SignalCode::ALL {
            assert!(signal(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        for it in Hold::ALL {
            assert!(hold(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        for it in RejectReason::ALL {
            assert!(rejected(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        for it in MatchedKey::ALL {
            assert!(matched(it.as_str()) != it.as_str(), "{}", it.as_str());
        }
        assert_eq!(candidate("of_tomorrow"), "of_tomorrow");
        assert!(unattributed(Unattributed::NoKey.as_str(), false).contains("no report"));
        assert!(unattributed(Unattributed::NoKey.as_str(), true).contains("refused"));
    }
}
