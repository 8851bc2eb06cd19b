//! The demo's partner program: four shops, twelve offers, forty partners, a hundred and twenty links, coupons.
//!
//! Each shop shares its orders by another model; the first and the third bind their customers. Out: the catalog as a user would write it, and its parts once
//! more for those who play the visitors.

use std::{fmt::Write as _, sync::Arc};

use catalog::Catalog;

use super::chance::Chance;

pub(crate) const DAY_MS: u64 = 86_400_000;
const PARTNERS: u32 = 40;
const LINKS_PER_PARTNER: u32 = 3;
const OFFERS: std::ops::Range<u32> = 11..23;
const KINDS: [&str; 6] = ["content", "influencer", "coupon", "cashback", "newsletter", "comparison"];
/// A repeat within this counts once.
pub(crate) const DUPLICATE_WINDOW_MS: u64 = 10_000;

const SHOPS: [(&str, &str, &str); 4] = [
    ("Nordic Tea", "EUR", "Europe/Berlin"),
    ("Harbour Outdoor", "USD", "America/New_York"),
    ("Penny & Page Books", "GBP", "Europe/London"),
    ("Sakura Ceramics", "JPY", "Asia/Tokyo"),
];
const GOODS: [[&str; 3]; 4] = [
    ["Loose tea", "Tea pots", "Gift boxes"],
    ["Tents", "Boots", "Stoves"],
    ["Fiction", "Cook books", "Children's books"],
    ["Bowls", "Vases", "Plates"],
];
const FIRST: [&str; 10] =
    ["Little", "Daily", "Honest", "Northern", "Bright", "Quiet", "Second", "Clever", "Green", "Old Town"];
const LAST: [&str; 4] = ["Review", "Journal", "Deals", "Kitchen"];

/// A shop, as the judge knows it.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) id: u32,
    pub(crate) currency: &'static str,
    pub(crate) token: String,
    pub(crate) shopify_secret: String,
    pub(crate) woocommerce_secret: String,
}

/// A link, as the judge knows it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: u32,
    pub(crate) code: String,
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    pub(crate) shop: u32,
    pub(crate) currency: &'static str,
}

/// A coupon.
#[derive(Debug, Clone)]
pub(crate) struct Coupon {
    pub(crate) code: String,
    pub(crate) shop: u32,
    partner: u32,
    offer: u32,
    /// It earns before any click.
    is_exclusive: bool,
}

/// The whole program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) text: String,
    /// The same, for the judge.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) shops: Vec<Shop>,
    pub(crate) links: Vec<Link>,
    pub(crate) coupons: Vec<Coupon>,
}

/// Window of an offer in hours, and of coupon partners for it.
fn windows_hours(offer: u32) -> (u64, u64) {
    (*entry(&[72, 24, 168], offer % 3), 12)
}

/// The entry of a table at a place that its caller keeps below its length.
fn entry<T>(table: &[T], place: u32) -> &T {
    usize::try_from(place).ok().and_then(|it| table.get(it)).expect("the place is below the table's length")
}

fn kind(partner: u32) -> &'static str {
    entry::<&str>(&KINDS, partner % 6)
}

impl Program {
    /// The program of a seed. Only the shops' secrets depend on it.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed).fork(1);
        let mut secret = || format!("{:016x}{:016x}", chance.next(), chance.next());
        let shops: Vec<Shop> = (1..)
            .zip(SHOPS)
            .map(|(id, (_, currency, _))| Shop {
                id,
                currency,
                token: secret(),
                shopify_secret: secret(),
                woocommerce_secret: secret(),
            })
            .collect();
        let links = links();
        let coupons = coupons(&links);
        let text = text(&shops, &links, &coupons);
        let catalog = catalog::parse(&[("demo.toml", &text)]).expect("a test reads the program");
        Self { text, catalog: Arc::new(catalog), shops, links, coupons }
    }
}

/// Shops whose orders are shared along the path. A double click that a killed edge forgot would be a step of it.
pub(crate) const fn is_shared(shop: u32) -> bool {
    shop != 1
}

/// How the offers of each shop share an order, and what binds its customers.
const RULES: [&str; 4] = [
    "model = \"last\"\nbinding = \"lifetime\"\nbinding_orders = 3\nbinding_owner = \"first\"\n",
    "model = \"position\"\nposition_weights = [40, 20, 40]\n",
    "model = \"linear\"\nbinding = \"30d\"\nbinding_owner = \"last\"\n",
    "model = \"time_decay\"\nhalf_life = \"1d\"\n",
];

/// One partner has a longer window by name: the override of a partner beats that of his type.
const FAVOURED_PARTNER: u32 = 102;
const FAVOURED_HOURS: u64 = 120;

fn links() -> Vec<Link> {
    let link = |number: u32| {
        let partner = 101 + number / LINKS_PER_PARTNER;
        let offer = 11 + (number * 7 + number / LINKS_PER_PARTNER) % 12;
        let shop = 1 + (offer - 11) / 3;
        let currency = entry(&SHOPS, shop - 1).1;
        Link {
            id: 1001 + number,
            code: format!("p{partner}-{}", number % LINKS_PER_PARTNER + 1),
            partner,
            offer,
            shop,
            currency,
        }
    };
    (0..PARTNERS * LINKS_PER_PARTNER).map(link).collect()
}

/// One of each coupon partner; every other one is exclusive.
fn coupons(links: &[Link]) -> Vec<Coupon> {
    let partners = (101..101 + PARTNERS).filter(|it| kind(*it) == "coupon");
    let first = |partner| links.iter().find(|it| it.partner == partner);
    let all = partners.filter_map(first).zip(0..).map(|(link, number)| Coupon {
        code: format!("SAVE{}", link.partner),
        shop: link.shop,
        partner: link.partner,
        offer: link.offer,
        is_exclusive: number % 2 == 0,
    });
    all.collect()
}

fn text(shops: &[Shop], links: &[Link], coupons: &[Coupon]) -> String {
    let mut out = String::from("# The demo's program, made from its seed.\nallow_local = true\n");
    for shop in shops {
        push_shop(&mut out, shop);
    }
    for offer in OFFERS {
        push_offer(&mut out, offer);
    }
    for partner in 101..101 + PARTNERS {
        let number = partner - 101;
        let (first, last) = (entry(&FIRST, number % 10), entry(&LAST, number / 10));
        push(
            &mut out,
            format_args!(
                "\n[[partner]]\nid = {partner}\nname = \"{first} {last}\"\ntype = \"{}\"\n",
                kind(partner)
            ),
        );
    }
    for link in links {
        let Link { id, code, partner, offer, .. } = link;
        push(
            &mut out,
            format_args!("\n[[link]]\nid = {id}\ncode = \"{code}\"\npartner = {partner}\noffer = {offer}\n"),
        );
    }
    push_overrides(&mut out);
    for Coupon { code, partner, offer, is_exclusive, .. } in coupons {
        push(
            &mut out,
            format_args!(
                "\n[[coupon]]\ncode = \"{code}\"\npartner = {partner}\noffer = {offer}\nexclusive = {is_exclusive}\n"
            ),
        );
    }
    out
}

fn push_shop(out: &mut String, shop: &Shop) {
    let Shop { id, currency, token, shopify_secret, woocommerce_secret } = shop;
    let (name, _, zone) = entry(&SHOPS, id - 1);
    push(
        out,
        format_args!(
            "\n[[advertiser]]\nid = {id}\nname = \"{name}\"\ntime_zone = \"{zone}\"\ncurrency = \"{currency}\"\n\
             tokens = [\"{token}\"]\npixels = \"report\"\nshopify_secret = \"{shopify_secret}\"\nwoocommerce_secret = \"{woocommerce_secret}\"\n"
        ),
    );
}

fn push_offer(out: &mut String, offer: u32) {
    let (shop, good) = ((offer - 11) / 3, (offer - 11) % 3);
    let (name, currency) = (entry(entry::<[&str; 3]>(&GOODS, shop), good), entry(&SHOPS, shop).1);
    let (hours, seconds, rules, shop) =
        (windows_hours(offer).0, DUPLICATE_WINDOW_MS / 1_000, entry::<&str>(&RULES, shop), shop + 1);
    push(
        out,
        format_args!(
            "\n[[offer]]\nid = {offer}\nadvertiser = {shop}\nname = \"{name}\"\ncurrency = \"{currency}\"\n\
             destination = \"https://shop{shop}.example.com/goods/{offer}?click_id={{click_id}}\"\nclick_window = \"{hours}h\"\n\
             hold = \"30d\"\nduplicate_window = \"{seconds}s\"\n{rules}"
        ),
    );
}

fn push_overrides(out: &mut String) {
    for offer in OFFERS {
        let hours = windows_hours(offer).1;
        push(
            out,
            format_args!(
                "\n[[override]]\noffer = {offer}\npartner_type = \"coupon\"\nclick_window = \"{hours}h\"\n"
            ),
        );
        push(
            out,
            format_args!(
                "\n[[override]]\noffer = {offer}\npartner = {FAVOURED_PARTNER}\nclick_window = \"{FAVOURED_HOURS}h\"\n"
            ),
        );
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_a_valid_catalog_of_every_model_with_coupons_and_bindings() {
        let program = Program::new(7);
        let catalog = &program.catalog;
        assert_eq!((catalog.partners.len(), catalog.offers.len(), catalog.links.len()), (40, 12, 120));
        for link in &program.links {
            let stored = &catalog.links[&units::LinkId(link.id)];
            assert_eq!(
                (stored.partner.0, stored.offer.0, &*stored.code),
                (link.partner, link.offer, link.code.as_str())
            );
            assert_eq!(catalog.offers[&stored.offer].advertiser.0, link.shop);
        }
        let rules =
            |it: &Link| catalog.rules(units::OfferId(it.offer), units::PartnerId(it.partner)).unwrap();
        let models: std::collections::BTreeSet<_> =
            program.links.iter().map(|it| (rules(it).model.as_str(), is_shared(it.shop))).collect();
        let shared = ["linear", "position", "time_decay"].map(|it| (it, true));
        assert_eq!(models, [("last", false)].into_iter().chain(shared).collect());
        assert!(program.links.iter().any(|it| rules(it).binding != catalog::Binding::None));
        let exclusive = program.coupons.iter().filter(|it| it.is_exclusive).count();
        assert!(exclusive > 0 && exclusive < program.coupons.len());
        let kinds: std::collections::BTreeSet<_> = catalog.partners.values().map(|it| &*it.kind).collect();
        assert_eq!(kinds.len(), 6);
    }

    #[test]
    fn the_same_seed_makes_the_same_program() {
        assert_eq!(Program::new(3).text, Program::new(3).text);
        assert_ne!(Program::new(3).text, Program::new(4).text);
    }
}
