//! What was decided: whole snapshots, stamped by the owner's claim. Why it was, is the `trace`.

use units::{CatalogVersion, Currency, EpochMs, Money, OfferId, PartnerId, Quarter, Stamp};

use crate::{
    click::coded,
    credit::{Hold, Reporting, SharedBy},
    report::{OrderKey, RejectReason},
    trace::Trace,
};

coded! {
    /// What has become of an order.
    OrderStatus {
        /// Reported, not settled.
        Pending = 0 "pending",
        /// It stands.
        Approved = 1 "approved",
        /// Cancelled, declined or fraudulent: worth nothing.
        Rejected = 2 "rejected",
        /// Some money was given back.
        PartlyRefunded = 3 "partly_refunded",
        /// All of it was.
        Refunded = 4 "refunded",
        /// The customer's bank took some or all of it.
        ChargedBack = 5 "charged_back",
    }
}

coded! {
    /// Which of the times was taken for the order.
    TimeSource {
        /// When the first report reached us.
        Received = 0 "received",
        /// What the shop said.
        Reported = 1 "reported",
        /// The order's own signed click, later than the order by at most 24 hours: the shop's clock is behind.
        Click = 2 "click",
    }
}

coded! {
    /// The key by which a candidate was found.
    MatchedKey {
        /// A report named the click.
        ClickId = 0 "click_id",
        /// The click is of a visitor whom a report or click id named.
        Visitor = 1 "visitor",
        /// The click is of a visitor whom other orders of the same customer named.
        CustomerVisitor = 2 "customer_visitor",
        /// A report named a coupon that wins over clicks.
        ExclusiveCoupon = 3 "exclusive_coupon",
        /// A report named another coupon.
        Coupon = 4 "coupon",
        /// The customer is bound to the partner by an order of before.
        Customer = 5 "customer",
        /// A report named the partner himself.
        Partner = 6 "partner",
    }
}

impl MatchedKey {
    /// Whether there is a touch behind it. Where there is none, the candidate is named by [`TouchId::of_key`].
    #[must_use]
    pub const fn is_touch(self) -> bool {
        matches!(self, Self::ClickId | Self::Visitor | Self::CustomerVisitor)
    }
}

coded! {
    /// Why an order is nobody's.
    Unattributed {
        /// No catalog version was in force at the order's time.
        NoCatalog = 0 "no_catalog",
        /// No report named a click, visitor, customer, coupon or partner.
        NoKey = 1 "no_key",
        /// Keys, but no touch of this advertiser's offers behind them.
        NoTouch = 2 "no_touch",
        /// Touches, but none that may be credited; each one's verdict is in the trace.
        NoneEligible = 3 "none_eligible",
        /// No touch, and a coupon that is nobody's with this advertiser.
        UnknownCoupon = 4 "unknown_coupon",
        /// No touch, and a partner who does not promote this advertiser.
        UnknownPartner = 5 "unknown_partner",
    }
}

coded! {
    /// What became of a candidate: a touch, or who was named by a coupon or by himself.
    CandidateVerdict {
        /// It is credited, whole or with a share.
        Won = 0 "won",
        /// Eligible, but another touch is newer.
        Older = 1 "older",
        /// Its age is at or beyond the window's end.
        OutOfWindow = 2 "out_of_window",
        /// It came after the order.
        AfterOrder = 3 "after_order",
        /// Nearer to the order than the offer's minimum time.
        TooSoon = 4 "too_soon",
        /// A bot, preview or prefetch.
        NotValid = 5 "not_valid",
        /// Its partner was not active at the order's time.
        PartnerInactive = 6 "partner_inactive",
        /// Its offer is of another advertiser: a security event.
        CrossTenant = 7 "cross_tenant",
        /// Its offer is not in the catalog of the order's time.
        UnknownOffer = 8 "unknown_offer",
        /// A view, and a click is there too.
        ViewBehindClick = 9 "view_behind_click",
        /// Beyond the number of touches one decision looks at.
        BeyondCap = 10 "beyond_cap",
        /// A repeat of an older touch of its path by the same visitor on the same link: the path counts it once.
        Duplicate = 11 "duplicate",
        /// On the path, but the model gives its place nothing.
        NotShared = 12 "not_shared",
        /// Eligible, but the model credits the oldest one.
        Newer = 13 "newer",
        /// Eligible, but a key that comes before its own decided.
        LowerKey = 14 "lower_key",
        /// Its key earns nothing by the rules of its offer and partner.
        KeyOff = 15 "key_off",
        /// By another version of the catalog the coupon is his, or he promotes this offer; by the one in force he is not.
        FormerHolder = 16 "former_holder",
        /// Eligible, but a report before its own named another one by the same key.
        NamedLater = 17 "named_later",
        /// Eligible, but within its hijack window behind a click of another partner.
        HijackGuarded = 18 "hijack_guarded",
        /// Its rules pay for new customers alone, and this one has bought before.
        ExistingCustomer = 19 "existing_customer",
        /// Its rules pay for customers alone who have bought before.
        NewCustomer = 20 "new_customer",
        /// The customer was bound to him, and is no more.
        BindingEnded = 21 "binding_ended",
    }
}

coded! {
    /// What a partner did for an order.
    Role {
        /// Nothing that earns.
        None = 0 "none",
        /// The last touch of the path, or its only one.
        Closer = 1 "closer",
        /// The first of several.
        Introducer = 2 "introducer",
        /// Between the first and the last one.
        Influencer = 3 "influencer",
        /// It could have earned, but another key or rule came before it.
        Assist = 4 "assist",
    }
}

impl CandidateVerdict {
    /// Whether the candidate could have earned by itself, and only others decided what it got.
    #[must_use]
    pub const fn is_eligible(self) -> bool {
        match self {
            Self::Won
            | Self::Older
            | Self::ViewBehindClick
            | Self::BeyondCap
            | Self::Duplicate
            | Self::NotShared
            | Self::Newer
            | Self::LowerKey
            | Self::NamedLater
            | Self::HijackGuarded => true,
            Self::OutOfWindow
            | Self::AfterOrder
            | Self::TooSoon
            | Self::NotValid
            | Self::PartnerInactive
            | Self::CrossTenant
            | Self::UnknownOffer
            | Self::KeyOff
            | Self::FormerHolder
            | Self::ExistingCustomer
            | Self::NewCustomer
            | Self::BindingEnded => false,
        }
    }
}

/// An order, decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decision {
    /// Version of this snapshot.
    pub stamp: Stamp,
    /// Which order.
    pub key: OrderKey,
    /// Its time.
    pub at: EpochMs,
    /// Where that time comes from.
    pub time_source: TimeSource,
    /// The catalog in force at that time; 0 for none.
    pub catalog: CatalogVersion,
    /// `sale`, `lead`...
    pub event: Box<str>,
    /// What became of it.
    pub status: OrderStatus,
    /// What the shop said it is worth, before refunds; `None` where no report gave an amount.
    pub amount: Option<Money>,
    /// What was given back, in the order's currency; never more than the amount.
    pub refunded_minor: i64,
    /// The amount less refunds; 0 when rejected.
    pub revenue_minor: i64,
    /// Of the amounts; the offer's or the euro where no report gave one.
    pub currency: Currency,
    /// The credited touch's offer; 0 for none.
    pub offer: OfferId,
    /// The credited partner; 0 for none.
    pub partner: PartnerId,
    /// The key that found the winner.
    pub matched: Option<MatchedKey>,
    /// Why it is nobody's, if so.
    pub unattributed: Option<Unattributed>,
    /// Distinct reports so far.
    pub report_count: u32,
    /// When the first report reached us.
    pub first_received_at: EpochMs,
    /// When the last one did.
    pub last_received_at: EpochMs,
    /// From when on it is payable: order time and hold.
    pub payable_at: EpochMs,
    /// How the credit is shared; `None` where nobody is credited.
    pub model: Option<SharedBy>,
    /// Touches on the path, repeats left out; 0 where nobody is credited.
    pub path_touches: u16,
    /// The revenue in the reporting currency; `None` without such a currency, or without a rate.
    pub reporting: Option<Reporting>,
    /// Why credits of it are held back, if they are.
    pub hold: Option<Hold>,
    /// Why it is rejected, if it is.
    pub reason: Option<RejectReason>,
    /// The shop's latest word on it is that it stands, whatever went back since.
    pub is_approved: bool,
    /// Other quarters that reports or clicks could place the order in: each gets a void row.
    pub void_quarters: Vec<Quarter>,
    /// Why.
    pub trace: Trace,
}

impl Decision {
    /// A pending sale, reported once at `at`, worth nothing and nobody's: what the fields of a test or a tool are put upon.
    #[must_use]
    pub fn bare(key: OrderKey, at: EpochMs) -> Self {
        Self {
            stamp: Stamp::default(),
            key,
            at,
            time_source: TimeSource::Received,
            catalog: CatalogVersion::default(),
            event: "sale".into(),
            status: OrderStatus::Pending,
            amount: None,
            refunded_minor: 0,
            revenue_minor: 0,
            currency: Currency::EUR,
            offer: OfferId::default(),
            partner: PartnerId::default(),
            matched: None,
            unattributed: None,
            report_count: 1,
            first_received_at: at,
            last_received_at: at,
            payable_at: at,
            model: None,
            path_touches: 0,
            reporting: None,
            hold: None,
            reason: None,
            is_approved: false,
            void_quarters: Vec::new(),
            trace: Trace::default(),
        }
    }
}
