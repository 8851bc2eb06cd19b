//! The demo's partner program: four shops, twelve offers, forty partners, a hundred and twenty links, coupons.
//!
//! Out: the catalog as a user would write it, and the same numbers once more for the judge, who never asks the product what it understood.

use std::fmt::Write as _;

use super::chance::Chance;

pub(crate) const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
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
    /// A click earns while its age is below this.
    pub(crate) window_ms: u64,
}

/// The whole program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) text: String,
    pub(crate) shops: Vec<Shop>,
    pub(crate) links: Vec<Link>,
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
        let text = text(&shops, &links);
        Self { text, shops, links }
    }
}

/// One partner has a longer window by name: the override of a partner beats that of his type.
const FAVOURED_PARTNER: u32 = 102;
const FAVOURED_HOURS: u64 = 120;

fn links() -> Vec<Link> {
    let link = |number: u32| {
        let partner = 101 + number / LINKS_PER_PARTNER;
        let offer = 11 + (number * 7 + number / LINKS_PER_PARTNER) % 12;
        let shop = 1 + (offer - 11) / 3;
        let (own, coupon) = windows_hours(offer);
        let hours = match (partner, kind(partner)) {
            (FAVOURED_PARTNER, _) => FAVOURED_HOURS,
            (_, "coupon") => coupon,
            _ => own,
        };
        let currency = entry(&SHOPS, shop - 1).1;
        Link {
            id: 1001 + number,
            code: format!("p{partner}-{}", number % LINKS_PER_PARTNER + 1),
            partner,
            offer,
            shop,
            currency,
            window_ms: hours * HOUR_MS,
        }
    };
    (0..PARTNERS * LINKS_PER_PARTNER).map(link).collect()
}

fn text(shops: &[Shop], links: &[Link]) -> String {
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
    push_overrides(&mut out, links);
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
    let (hours, seconds, shop) = (windows_hours(offer).0, DUPLICATE_WINDOW_MS / 1_000, shop + 1);
    push(
        out,
        format_args!(
            "\n[[offer]]\nid = {offer}\nadvertiser = {shop}\nname = \"{name}\"\ncurrency = \"{currency}\"\n\
             destination = \"https://shop{shop}.example.com/goods/{offer}?click_id={{click_id}}\"\nclick_window = \"{hours}h\"\n\
             hold = \"30d\"\nduplicate_window = \"{seconds}s\"\n"
        ),
    );
}

fn push_overrides(out: &mut String, links: &[Link]) {
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
    for partner in (101..101 + PARTNERS).filter(|it| kind(*it) == "coupon") {
        let offer = links.iter().find(|it| it.partner == partner).map_or(11, |it| it.offer);
        push(
            out,
            format_args!("\n[[coupon]]\ncode = \"SAVE{partner}\"\npartner = {partner}\noffer = {offer}\n"),
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
    fn the_program_is_a_valid_catalog_and_the_judge_knows_its_windows() {
        let program = Program::new(7);
        let catalog = catalog::parse(&[("demo.toml", &program.text)]).unwrap();
        assert_eq!((catalog.partners.len(), catalog.offers.len(), catalog.links.len()), (40, 12, 120));
        for link in &program.links {
            let stored = &catalog.links[&units::LinkId(link.id)];
            assert_eq!(
                (stored.partner.0, stored.offer.0, &*stored.code),
                (link.partner, link.offer, link.code.as_str())
            );
            let rules = catalog.rules(stored.offer, stored.partner).unwrap();
            assert_eq!(rules.click_window_ms, link.window_ms, "{}", link.code);
            assert_eq!(catalog.offers[&stored.offer].advertiser.0, link.shop);
        }
        let kinds: std::collections::BTreeSet<_> = catalog.partners.values().map(|it| &*it.kind).collect();
        assert_eq!(kinds.len(), 6);
    }

    #[test]
    fn the_same_seed_makes_the_same_program() {
        assert_eq!(Program::new(3).text, Program::new(3).text);
        assert_ne!(Program::new(3).text, Program::new(4).text);
    }
}
