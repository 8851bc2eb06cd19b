//! From a report's values to a report: whose order, which order, what is stated about it.
//!
//! In: [`Fields`], the credentials, the catalog. Out: an [`events::Report`] without origin, or a [`Refusal`]. A click id that is not ours does not
//! refuse the report: it is kept with its reason and never believed. Start at [`advertiser_of`] and [`understand`].

use catalog::{Advertiser, Catalog, OrderIdentity, PixelRole, Status};
use events::{
    Channel, ClickId, ClickKeyring, OrderKey, RefundKind, Report, ReportedClick, ReportedStatus, Statement,
};
use subtle::{Choice, ConstantTimeEq};
use units::{AdvertiserId, DAY_MS, EpochMs, Money, OfferId, Origin, PartnerId, VisitorId};
use xxhash_rust::xxh3::Xxh3;

use super::{
    CustomerHasher, Field, Fields, Note, Notes, Refusal,
    amount::{amount, currency},
    email_hash,
    instant::instant,
    is_nobody, priced,
    words::{Fate, fate, is_new_customer, reason},
};
use crate::literal::{decoded_once_more, is_unexpanded};

/// Longest event name, coupon, refused click id and unknown partner's name kept, in bytes.
const TEXT_BYTES_MAX: usize = 64;
/// Longest id of a refund or delivery, in bytes.
const ID_BYTES_MAX: usize = 128;
/// A click id minted later than this after now was not minted by a clock of ours (design.md 5 trusts a day).
const FUTURE_MAX_MS: u64 = DAY_MS;

/// What reports are read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) keyring: &'a ClickKeyring,
    pub(crate) customers: &'a CustomerHasher,
    pub(crate) now: EpochMs,
}

/// How a sender proves who he is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credentials<'a> {
    /// By a token: a header's, else the parameter's.
    Token(Option<&'a str>),
    /// He cannot: a pixel runs in the customer's browser.
    None,
}

/// Whose order a report is about, if the sender may say so.
pub(crate) fn advertiser_of<'a>(
    fields: &Fields,
    credentials: Credentials<'_>,
    context: &Context<'a>,
) -> Result<&'a Advertiser, Refusal> {
    let named = named_advertiser(fields, context)?;
    let advertiser = match credentials {
        Credentials::None => {
            named.or_else(|| clicked_advertiser(fields, context)).ok_or(Refusal::AdvertiserMissing)?
        }
        Credentials::Token(header) => match header.or_else(|| fields.get(Field::Token)) {
            Some(token) => by_token(token, named, fields, context)?,
            None => match named.or_else(|| clicked_advertiser(fields, context)) {
                Some(open) if open.tokens.is_empty() => open,
                Some(_) => return Err(Refusal::TokenMissing),
                None => return Err(Refusal::AdvertiserMissing),
            },
        },
    };
    if advertiser.status == Status::Active { Ok(advertiser) } else { Err(Refusal::AdvertiserInactive) }
}

/// By number, else by offer.
fn named_advertiser<'a>(fields: &Fields, context: &Context<'a>) -> Result<Option<&'a Advertiser>, Refusal> {
    let catalog = context.catalog;
    if let Some(text) = fields.get(Field::Advertiser) {
        let id = text.parse().map(AdvertiserId).map_err(|_| Refusal::AdvertiserUnknown)?;
        return catalog.advertisers.get(&id).map(Some).ok_or(Refusal::AdvertiserUnknown);
    }
    let Some(text) = fields.get(Field::Offer) else { return Ok(None) };
    let id = text.parse().map(OfferId).map_err(|_| Refusal::OfferUnknown)?;
    let offer = catalog.offers.get(&id).ok_or(Refusal::OfferUnknown)?;
    Ok(catalog.advertisers.get(&offer.advertiser))
}

/// By the link of a click id of ours.
fn clicked_advertiser<'a>(fields: &Fields, context: &Context<'a>) -> Option<&'a Advertiser> {
    let ReportedClick::Signed(id) = click(fields.get(Field::Click)?, context) else { return None };
    let offer = context.catalog.offers.get(&context.catalog.links.get(&id.link())?.offer)?;
    context.catalog.advertisers.get(&offer.advertiser)
}

/// Every token of every advertiser is compared, in the same time whichever it is: there are at most a few thousand. An advertiser named
/// beside the token must be its owner, or must ask for no token at all. A click id names nobody against a token: the order is its owner's, and a
/// click of another shop earns nothing there (fault 98).
fn by_token<'a>(
    token: &str,
    named: Option<&'a Advertiser>,
    fields: &Fields,
    context: &Context<'a>,
) -> Result<&'a Advertiser, Refusal> {
    let is_owner = |advertiser: &Advertiser| is_token_of(advertiser, token);
    if let Some(named) = named {
        let is_allowed = is_owner(named) || named.tokens.is_empty();
        return if is_allowed { Ok(named) } else { Err(Refusal::TokenWrong) };
    }
    let all = context.catalog.advertisers.values();
    let owner = all.fold(None, |found, it| if is_owner(it) { Some(it) } else { found });
    let open = || clicked_advertiser(fields, context).filter(|it| it.tokens.is_empty());
    owner.or_else(open).ok_or(Refusal::TokenWrong)
}

/// Whether a token is one of the advertiser's, in the same time whichever it is.
fn is_token_of(advertiser: &Advertiser, token: &str) -> bool {
    let same = |it: &catalog::Secret| it.0.as_bytes().ct_eq(token.as_bytes());
    bool::from(advertiser.tokens.iter().map(same).fold(Choice::from(0), |any, is| any | is))
}

/// A report, and what its sender should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Understood {
    pub(crate) report: Report,
    pub(crate) notes: Notes,
}

/// What a report says, given whose order it is about.
pub(crate) fn understand(
    fields: &Fields,
    advertiser: &Advertiser,
    channel: Channel,
    visitor: Option<VisitorId>,
    context: &Context<'_>,
) -> Result<Understood, Refusal> {
    let click = fields.get(Field::Click).map_or(ReportedClick::None, |text| click(text, context));
    let named = |field| present(fields, field).filter(|text| !is_nobody(text));
    let person = |field| named(field).map(|text| context.customers.hash(advertiser.id, text));
    let (customer, email) = (person(Field::Customer), person(Field::Email));
    let event = event(fields)?;
    let key = match fields.get(Field::Order) {
        Some(text) => by_order_id(text, advertiser.id, context.customers)?,
        None => derived_key(advertiser, &event, click.signed(), customer.or(email))?,
    };
    let fate = fields.get(Field::Status).map(|word| fate(word).ok_or(Refusal::StatusUnknown)).transpose()?;
    let currency = currency(fields, advertiser.currency)?;
    let is_strict = !matches!(channel, Channel::Shopify | Channel::WooCommerce);
    let lines = priced(fields.lines(), currency, is_strict)?;
    let amount = amount(fields, currency)?;
    let is_evidence_only = channel == Channel::Pixel && advertiser.pixels == PixelRole::Evidence;
    let (statement, status) = if is_evidence_only {
        (Statement::Order { amount: None }, None)
    } else {
        stated(fields, &key, (amount, lines.sum_minor.map(|minor| Money { minor, currency })), fate)?
    };
    if channel == Channel::Pixel && takes_away(&statement, status) && !is_proven(fields, advertiser) {
        return Err(Refusal::PixelToken);
    }
    let time = |field| fields.get(field).map(|text| instant(text, &advertiser.time_zone)).transpose();
    let is_rejected = status == Some(ReportedStatus::Rejected);
    let reason = reason(present(fields, Field::Reason), fields.get(Field::Status)).filter(|_| is_rejected);
    let report = Report {
        received_at: context.now,
        origin: Origin::default(),
        reported_at: time(Field::Time)?.flatten(),
        key,
        channel,
        event,
        click,
        visitor,
        customer,
        email,
        coupons: coupons(fields)?,
        partner: partner(fields),
        statement,
        status,
        reason,
        new_customer: fields.get(Field::NewCustomer).and_then(is_new_customer),
        delivery: limited(fields.get(Field::Delivery).unwrap_or(""), ID_BYTES_MAX)?,
        catalog: context.catalog.version,
        offer: named_offer(fields, advertiser.id, context.catalog),
        checkout_at: time(Field::Checkout)?.flatten(),
        items: if is_evidence_only { Vec::new() } else { lines.items },
        self_partner: self_partner([named(Field::Email), named(Field::Customer)], context.catalog),
        partner_named: stranger(fields),
    };
    let mut notes = Notes::of(&report);
    notes.put(Note::PartnerUnknown, is_stranger(fields, report.partner, context.catalog));
    let is_nobodys = |field| present(fields, field).is_some_and(is_nobody);
    notes.put(Note::CustomerNobody, is_nobodys(Field::Customer) || is_nobodys(Field::Email));
    notes.put(Note::PixelEvidence, is_evidence_only);
    Ok(Understood { report, notes })
}

/// Whether a report makes an order worth less.
fn takes_away(statement: &Statement, status: Option<ReportedStatus>) -> bool {
    matches!(statement, Statement::Refund { .. }) || status == Some(ReportedStatus::Rejected)
}

/// Whether a pixel carries the advertiser's token: one that a page shows to everybody proves little, but that is its owner's choice.
fn is_proven(fields: &Fields, advertiser: &Advertiser) -> bool {
    fields.get(Field::Token).is_some_and(|it| is_token_of(advertiser, it))
}

/// A partner by his number.
fn partner(fields: &Fields) -> Option<PartnerId> {
    present(fields, Field::Partner)?.parse().ok().map(PartnerId)
}

/// What was said instead of a number: an old id that stands for nobody, or a word.
fn stranger(fields: &Fields) -> Box<str> {
    let text =
        fields.stranger().or_else(|| present(fields, Field::Partner).filter(|_| partner(fields).is_none()));
    text.filter(|it| !is_unexpanded(it)).map_or("", cut).into()
}

/// The partner whose address the customer has; shops send it as his id, too. A fact like any other, kept whether or not the catalog asks for it.
fn self_partner(names: [Option<&str>; 2], catalog: &Catalog) -> Option<PartnerId> {
    if catalog.partners_by_email.is_empty() {
        return None;
    }
    let found = |it| catalog.partners_by_email.get(&email_hash(it)).copied();
    names.into_iter().flatten().filter_map(found).min()
}

/// Whether a partner was named whom the catalog does not know.
fn is_stranger(fields: &Fields, partner: Option<PartnerId>, catalog: &Catalog) -> bool {
    match partner {
        Some(id) => !catalog.partners.contains_key(&id),
        None => fields.stranger().is_some() || present(fields, Field::Partner).is_some(),
    }
}

/// A click id as it came: ours, or refused with the reason. No id of ours holds a percent sign, so one that was encoded twice is decoded again.
pub(crate) fn click(text: &str, context: &Context<'_>) -> ReportedClick {
    let decoded = decoded_once_more(text);
    let meant = decoded.as_deref().unwrap_or(text);
    let reason = if is_unexpanded(meant) {
        "unexpanded_macro"
    } else {
        match context.keyring.check(meant) {
            Ok(id) if context.now.forth(FUTURE_MAX_MS) < id.at() => "click_id_future",
            Ok(id) => return ReportedClick::Signed(id),
            Err(error) => error.code(),
        }
    };
    ReportedClick::Refused { text: cut(text).into(), reason: reason.into() }
}

/// As much of a text as is kept of one that nobody knows.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or("")
}

/// A value that somebody filled in.
fn present(fields: &Fields, field: Field) -> Option<&str> {
    fields.get(field).filter(|text| !is_unexpanded(text))
}

/// What was typed at the till: one that was encoded twice is decoded again, since it must equal the catalog's to the letter. Order ids are not:
/// the channel that encodes once and the one that does it twice must differ, or neither could be trusted ([`is_order_id_encoded`]).
/// Of several the first are kept, each once.
fn coupons(fields: &Fields) -> Result<Vec<Box<str>>, Refusal> {
    let mut coupons: Vec<Box<str>> = Vec::new();
    for text in fields.get(Field::Coupon).into_iter().chain(fields.coupons().iter().map(|it| &**it)) {
        let meant = decoded_once_more(text).unwrap_or_else(|| text.to_owned());
        let is_told = meant.is_empty() || is_unexpanded(&meant) || coupons.iter().any(|it| **it == *meant);
        if !is_told && coupons.len() < Report::COUPONS_MAX {
            coupons.push(limited(&meant, TEXT_BYTES_MAX)?);
        }
    }
    Ok(coupons)
}

/// An offer of another advertiser is none of this order's.
fn named_offer(fields: &Fields, advertiser: AdvertiserId, catalog: &Catalog) -> Option<OfferId> {
    let offer = fields.get(Field::Offer)?.parse().map(OfferId).ok()?;
    catalog.offers.get(&offer).filter(|it| it.advertiser == advertiser).map(|_| offer)
}

/// Whether an order id looks encoded still: kept as it came, and told.
pub(crate) fn is_order_id_encoded(key: &OrderKey) -> bool {
    decoded_once_more(&key.order).is_some()
}

fn event(fields: &Fields) -> Result<Box<str>, Refusal> {
    let text = present(fields, Field::Event).unwrap_or("sale").to_lowercase();
    limited(&text, TEXT_BYTES_MAX)
}

fn limited(text: &str, bytes_max: usize) -> Result<Box<str>, Refusal> {
    if text.len() <= bytes_max { Ok(text.into()) } else { Err(Refusal::ValueTooLong) }
}

fn by_order_id(
    text: &str,
    advertiser: AdvertiserId,
    customers: &CustomerHasher,
) -> Result<OrderKey, Refusal> {
    // Taken as an id, the same word would make every later sale a repeat of the first.
    if is_unexpanded(text) {
        return Err(Refusal::OrderIdUnfilled);
    }
    if text.len() >= OrderKey::ORDER_BYTES_MAX {
        return Err(Refusal::OrderIdTooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::OrderIdCharacters);
    }
    // Shops without order numbers send the customer's address instead, which must not be kept as it is.
    if text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
        let hash = u128::from_be_bytes(customers.hash(advertiser, text).0);
        return Ok(OrderKey::by_id(advertiser, &format!("mail-{hash:032x}")));
    }
    Ok(OrderKey::by_id(advertiser, text))
}

fn derived_key(
    advertiser: &Advertiser,
    event: &str,
    click: Option<ClickId>,
    customer: Option<units::CustomerId>,
) -> Result<OrderKey, Refusal> {
    let key = match advertiser.order_identity {
        OrderIdentity::OrderId => None,
        OrderIdentity::EventClick => click.map(|click| OrderKey::by_click(advertiser.id, event, click)),
        OrderIdentity::EventCustomer => customer.map(|it| OrderKey::by_customer(advertiser.id, event, it)),
    };
    key.ok_or(Refusal::OrderIdMissing)
}

/// Money and status, of the amount and the sum of the lines: a negative amount and the words for it are refunds (Rakuten sends the same order id with a negative amount).
fn stated(
    fields: &Fields,
    key: &OrderKey,
    (amount, lines): (Option<Money>, Option<Money>),
    fate: Option<Fate>,
) -> Result<(Statement, Option<ReportedStatus>), Refusal> {
    let (back, status) = match fate {
        Some(Fate::Back(kind)) => (Some(kind), None),
        Some(Fate::Status(status)) => (None, Some(status)),
        None => (None, None),
    };
    let is_refund = fields.get(Field::Refund).is_some() || amount.is_some_and(|it| it.minor < 0);
    let Some(kind) = back.or(is_refund.then_some(RefundKind::Refund)) else {
        // Lines say what an order is worth where it gives no sum; what they leave of less than nothing is no order's worth.
        let amount = amount.or(lines).map(|it| Money { minor: it.minor.max(0), ..it });
        return Ok((Statement::Order { amount }, status));
    };
    // `refunded` beside an amount of zero means that nothing is left of the order, not that nothing was given back.
    let amount = amount.filter(|it| it.minor != 0).map(|it| Money { minor: it.minor.abs(), ..it });
    let refund = match present(fields, Field::Refund) {
        Some(id) => limited(id, ID_BYTES_MAX)?,
        None => derived_refund(key, amount),
    };
    Ok((Statement::Refund { refund, amount, kind }, status))
}

/// Without an id of its own a refund is known by its order and amount, so that a repeated message is one refund. Two equal partial refunds of
/// one order need ids of their own.
fn derived_refund(key: &OrderKey, amount: Option<Money>) -> Box<str> {
    let mut hasher = Xxh3::new();
    hasher.update(&key.log_key());
    if let Some(Money { minor, currency }) = amount {
        hasher.update(&minor.to_be_bytes());
        hasher.update(&currency.to_bytes());
    }
    format!("~{:016x}", hasher.digest()).into()
}

#[cfg(test)]
mod tests;
