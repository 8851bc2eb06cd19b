//! Clicks as most are, each a little different from the one before. Everything follows from the number.

use events::{
    Browser, Click, ClickHead, ClickId, ClickKey, ClickMint, Consent, Country, Device, IpPrefix,
    LandingChoice, Os, TouchKind, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, EpochMs, LinkId, OfferId, Origin, PartnerId, SECOND_MS,
    VisitorId, WriterId,
};

/// Mints the ids of [`click`].
pub(crate) fn mint() -> ClickMint {
    ClickMint::new(ClickKey::new(0, b"counted"), 1)
}

/// Golden ratio's bits: visitors in no order, as they come, each with two clicks.
pub(crate) fn visitor(n: u64) -> VisitorId {
    VisitorId((n / 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The id of the `n`th click.
pub(crate) fn id(mint: &mut ClickMint, n: u64) -> ClickId {
    mint.mint(EpochMs(crate::counted::START + n * SECOND_MS), LinkId(partner(n)), visitor(n))
}

/// Who sent it.
pub(crate) fn partner(n: u64) -> u32 {
    1 + u32::try_from(n % 40).unwrap_or(0)
}

/// The `n`th click, under its id.
pub(crate) fn click(n: u64, id: ClickId) -> Click<'static> {
    Click {
        head: ClickHead {
            origin: Origin { writer: WriterId(1), incarnation: 1, sequence: n + 1 },
            id,
            kind: TouchKind::Click,
            verdict: if n.is_multiple_of(10) { Verdict::Bot } else { Verdict::Valid },
            verdict_version: 1,
            partner: PartnerId(partner(n)),
            offer: OfferId(10),
            advertiser: AdvertiserId(1),
            catalog: CatalogVersion(1),
            currency: Currency::EUR,
            country: Country(*b"DE"),
            device: Device::Mobile,
        },
        os: Os::Ios,
        browser: Browser::Safari,
        consent: Consent::default(),
        visitor_is_new: n.is_multiple_of(2),
        ip: IpPrefix::V4([192, 0, 2]),
        ip_hash: visitor(n).0.rotate_left(17),
        user_agent_hash: n % 1_000,
        landing: LandingChoice::Stored,
        deep_link: "",
        referrer_host: "blog.example.com",
        source: "newsletter",
        partner_click_id: "4d9f7c02a51b",
        subs: [(1, "campaign-spring"), (2, "banner-3")].into_iter().collect(),
        tags: [("utm_source", "blog"), ("gclid", "EAIaIQobChMI0000000001")].into_iter().collect(),
    }
}
