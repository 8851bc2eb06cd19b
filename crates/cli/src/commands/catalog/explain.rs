//! `tributary catalog explain OFFER PARTNER`: what holds between the two at an instant, and who says so.
//!
//! In: numbers of an offer and a partner, and the versions in the log. Out: both with their status, each rule with its value and the level it comes from,
//! the order in which keys are weighed, coupons and links; or a code for what is not known. Not here: which level wins (`catalog::explain`), the order
//! of keys (`ladder`). Start at [`run`].

mod ladder;

use catalog::{AliasOf, Catalog, Coupon, Link, Offer, Partner, RuleLevel, RuleLine, Rules, Status};
use events::CatalogRecord;
use serde_json::{Value, json};
use units::{CatalogVersion, EpochMs, OfferId, PartnerId};

use super::{since, versions::Store};
use crate::{commands::place::Place, output::Output, settings::Settings};

/// Numbers proposed instead of one that is not known.
const PROPOSED_MAX: usize = 10;

/// `false`: something asked for is not known.
pub(super) fn run(
    settings: &Settings,
    [offer, partner]: [u32; 2],
    at: EpochMs,
    output: Output,
) -> anyhow::Result<bool> {
    let records = Store::open(Place::new(settings))?.all()?;
    let catalog = match in_force(&records, at) {
        Ok(catalog) => catalog,
        Err(fault) => return Ok(refuse(&[fault], output)),
    };
    let explained = match Explained::of(&catalog, OfferId(offer), PartnerId(partner)) {
        Ok(explained) => explained,
        Err(faults) => return Ok(refuse(&faults, output)),
    };
    let next = next(&records, &catalog, at);
    output.event(&explained.as_json(at, next));
    if output == Output::People {
        explained.show(next, output);
    }
    Ok(true)
}

fn refuse(faults: &[Fault], output: Output) -> bool {
    for Fault { code, message, advice } in faults {
        output.text(&format!("{code}: {message}; {advice}"));
        output.event(&json!({"event": "error", "code": code, "message": message, "advice": advice}));
    }
    false
}

/// Why there is nothing to explain.
struct Fault {
    /// Stable.
    code: &'static str,
    message: String,
    advice: String,
}

/// The highest version among those effective at `at`, as a decision would choose it.
fn in_force(records: &[CatalogRecord], at: EpochMs) -> Result<Catalog, Fault> {
    let Some(record) = records.iter().rev().find(|it| it.effective_at <= at) else {
        let message = format!("no version of the catalog is in force at {at}");
        let advice = match records.iter().map(|it| it.effective_at).min() {
            Some(first) => format!("the first one holds from {first}: ask for a time from then on with --at"),
            None => "put the first one in force with `tributary catalog apply FILE`".to_owned(),
        };
        return Err(Fault { code: "no_version", message, advice });
    };
    catalog::load(&record.text, record.version, record.effective_at).map_err(|_| Fault {
        code: "unreadable_version",
        message: format!("version {} is in force then, and this build cannot read it", record.version),
        advice: "use the build that applied it, or a later one".to_owned(),
    })
}

/// The next version that takes over from the one in force, if one is there already.
fn next(records: &[CatalogRecord], now: &Catalog, at: EpochMs) -> Option<(CatalogVersion, EpochMs)> {
    let later = records.iter().filter(|it| at < it.effective_at && now.version < it.version);
    later
        .map(|it| (it.effective_at, it.version))
        .min_by_key(|(at, version)| (*at, std::cmp::Reverse(*version)))
        .map(|(at, version)| (version, at))
}

/// All that is known of an offer and a partner together.
struct Explained<'a> {
    /// The version in force.
    catalog: &'a Catalog,
    offer: &'a Offer,
    partner: &'a Partner,
    rules: Rules,
    rule_lines: Vec<RuleLine>,
    /// By code.
    coupons: Vec<&'a Coupon>,
    /// By number.
    links: Vec<&'a Link>,
    old_ids: Vec<OldId<'a>>,
}

/// What another system called one of them; by dialect.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OldId<'a> {
    dialect: &'a str,
    of: AliasOf,
    old: &'a str,
    id: u32,
}

fn old_ids<'a>(catalog: &'a Catalog, offer: &Offer, partner: &Partner, links: &[&Link]) -> Vec<OldId<'a>> {
    let is_theirs = |of: AliasOf, id: u32| match of {
        AliasOf::Advertiser => id == offer.advertiser.0,
        AliasOf::Offer => id == offer.id.0,
        AliasOf::Partner => id == partner.id.0,
        AliasOf::Link => links.iter().any(|it| it.id.0 == id),
    };
    let all = catalog.dialects.values().flat_map(|dialect| {
        dialect.aliases.iter().map(|(of, old, id)| OldId { dialect: &dialect.name, of, old, id })
    });
    let mut found: Vec<OldId<'_>> = all.filter(|it| is_theirs(it.of, it.id)).collect();
    found.sort_unstable();
    found
}

/// Proposes the nearest numbers there are.
fn unknown(
    code: &'static str,
    what: &str,
    number: u32,
    version: CatalogVersion,
    mut there: Vec<u32>,
) -> Fault {
    there.sort_unstable_by_key(|it| (it.abs_diff(number), *it));
    let all = there.len();
    there.truncate(PROPOSED_MAX);
    there.sort_unstable();
    let near: Vec<String> = there.iter().map(ToString::to_string).collect();
    let advice = match all.saturating_sub(near.len()) {
        _ if near.is_empty() => format!("it has no {what}s at all"),
        0 => format!("its {what}s are {}", near.join(", ")),
        more => format!("its {what}s next to that are {}, and there are {more} more", near.join(", ")),
    };
    Fault { code, message: format!("there is no {what} {number} in version {version}"), advice }
}

impl<'a> Explained<'a> {
    /// Or everything asked for that is not there.
    fn of(catalog: &'a Catalog, offer: OfferId, partner: PartnerId) -> Result<Self, Vec<Fault>> {
        let (known_offer, known_partner) = (catalog.offers.get(&offer), catalog.partners.get(&partner));
        let rules = catalog.rules(offer, partner).zip(catalog::explain(catalog, offer, partner));
        let (Some(offer), Some(partner), Some((rules, rule_lines))) = (known_offer, known_partner, rules)
        else {
            let offers = || catalog.offers.keys().map(|it| it.0).collect();
            let partners = || catalog.partners.keys().map(|it| it.0).collect();
            let version = catalog.version;
            let no_offer = || unknown("unknown_offer", "offer", offer.0, version, offers());
            let no_partner = || unknown("unknown_partner", "partner", partner.0, version, partners());
            let faults = [known_offer.is_none().then(no_offer), known_partner.is_none().then(no_partner)];
            return Err(faults.into_iter().flatten().collect());
        };
        let mut coupons: Vec<&Coupon> = catalog.coupons.values().collect();
        coupons.retain(|it| (it.partner, it.offer) == (partner.id, offer.id));
        coupons.sort_unstable_by_key(|it| &it.code);
        let mut links: Vec<&Link> = catalog.links.values().collect();
        links.retain(|it| (it.partner, it.offer) == (partner.id, offer.id));
        links.sort_unstable_by_key(|it| it.id);
        let old_ids = old_ids(catalog, offer, partner, &links);
        Ok(Self { catalog, offer, partner, rules, rule_lines, coupons, links, old_ids })
    }

    /// Why no link of theirs leads to the shop; empty where they do.
    fn leads_nowhere(&self) -> Vec<String> {
        let advertiser = self.catalog.advertisers.get(&self.offer.advertiser);
        let parts = [
            ("offer", self.offer.id.0, Some(self.offer.status)),
            ("partner", self.partner.id.0, Some(self.partner.status)),
            ("advertiser", self.offer.advertiser.0, advertiser.map(|it| it.status)),
        ];
        let stopped = parts.into_iter().filter_map(|(what, id, status)| Some((what, id, status?)));
        let stopped = stopped.filter(|(_, _, status)| *status != Status::Active);
        stopped.map(|(what, id, status)| format!("{what} {id} is {}", word(status))).collect()
    }

    /// Only the partner's status counts for a credit: the visitor came while the offer still led somewhere.
    fn earns(&self) -> bool {
        self.partner.status == Status::Active
    }

    fn as_json(&self, at: EpochMs, next: Option<(CatalogVersion, EpochMs)>) -> Value {
        let (catalog, offer, partner) = (self.catalog, self.offer, self.partner);
        let advertiser = catalog.advertisers.get(&offer.advertiser);
        let rule =
            |it: &RuleLine| json!({"key": it.key.as_str(), "value": it.value, "level": it.level.as_str()});
        let mut said = json!({
            "event": "catalog_explain", "at": at.to_string(),
            "version": catalog.version.0, "effective_at": catalog.effective_at.to_string(),
            "next": next.map(|(version, at)| json!({"version": version.0, "effective_at": at.to_string()})),
            "offer": {"id": offer.id.0, "name": offer.name, "status": word(offer.status)},
            "advertiser": {"id": offer.advertiser.0, "name": advertiser.map(|it| &it.name), "status": advertiser.map(|it| word(it.status))},
            "partner": {"id": partner.id.0, "name": partner.name, "type": partner.kind, "status": word(partner.status)},
            "links_lead": self.leads_nowhere().is_empty(), "earns": self.earns(),
            "rules": self.rule_lines.iter().map(rule).collect::<Vec<_>>(),
            "keys": ladder::steps(&self.rules).iter().map(ladder::Step::as_json).collect::<Vec<_>>(),
            "coupons": self.coupons.iter().map(|it| json!({"code": it.code, "exclusive": it.exclusive})).collect::<Vec<_>>(),
            "links": self.links.iter().map(|it| json!({"id": it.id.0, "code": it.code, "status": word(it.status)})).collect::<Vec<_>>(),
        });
        let old_id =
            |it: &OldId<'_>| json!({"dialect": it.dialect, "of": it.of.as_str(), "old": it.old, "id": it.id});
        if let (false, Some(said)) = (self.old_ids.is_empty(), said.as_object_mut()) {
            said.insert("old_ids".to_owned(), self.old_ids.iter().map(old_id).collect());
        }
        said
    }

    fn show(&self, next: Option<(CatalogVersion, EpochMs)>, output: Output) {
        let (catalog, offer, partner) = (self.catalog, self.offer, self.partner);
        let advertiser = catalog.advertisers.get(&offer.advertiser).map_or("", |it| &*it.name);
        let next =
            next.map_or_else(String::new, |(version, at)| format!(", until version {version} from {at}"));
        let stopped = self.leads_nowhere();
        let leads = if stopped.is_empty() { "yes".to_owned() } else { format!("no: {}", stopped.join(", ")) };
        let earns = if self.earns() { "yes" } else { "no: only an active partner does" };
        let rows = [
            ("offer", format!("{} {}, {}", offer.id, offer.name, word(offer.status))),
            ("advertiser", format!("{} {advertiser}", offer.advertiser)),
            ("partner", format!("{} {}, {}", partner.id, partner.name, word(partner.status))),
            ("partner type", partner.kind.to_string()),
            ("in force", format!("version {} {}{next}", catalog.version, since(catalog.effective_at))),
            ("links lead to the shop", leads),
            ("partner earns", earns.to_owned()),
        ];
        output.table(&["", ""], &rows.map(|(name, text)| vec![name.to_owned(), text]));
        let rows: Vec<_> = self.rule_lines.iter().map(|it| self.rule_row(it)).collect();
        output.table(&["rule", "value", "from"], &rows);
        let steps = ladder::steps(&self.rules);
        output.table(&ladder::HEADS, &steps.iter().map(ladder::Step::as_row).collect::<Vec<_>>());
        self.show_ways(output);
    }

    fn rule_row(&self, it: &RuleLine) -> Vec<String> {
        let from = match it.level {
            RuleLevel::BuiltIn => "built in".to_owned(),
            RuleLevel::Offer => format!("offer {}", self.offer.id),
            RuleLevel::PartnerType => format!("override for type {}", self.partner.kind),
            RuleLevel::Partner => format!("override for partner {}", self.partner.id),
        };
        vec![it.key.as_str().to_owned(), it.value.clone(), from]
    }

    /// How customers come from this partner to this offer.
    fn show_ways(&self, output: Output) {
        let coupon = |it: &&Coupon| {
            vec![it.code.to_string(), if it.exclusive { "exclusive" } else { "plain" }.to_owned()]
        };
        let link = |it: &&Link| vec![it.id.to_string(), it.code.to_string(), word(it.status).to_owned()];
        if self.coupons.is_empty() {
            output.text("no coupon of this partner for this offer");
        } else {
            output.table(&["coupon", "kind"], &self.coupons.iter().map(coupon).collect::<Vec<_>>());
        }
        if self.links.is_empty() {
            output.text("no link of this partner to this offer: add a [[link]]");
        } else {
            output.table(&["link", "code", "status"], &self.links.iter().map(link).collect::<Vec<_>>());
        }
        if !self.old_ids.is_empty() {
            let row = |it: &OldId<'_>| {
                vec![it.old.to_owned(), it.dialect.to_owned(), format!("{} {}", it.of.as_str(), it.id)]
            };
            output.table(
                &["old id", "dialect", "stands for"],
                &self.old_ids.iter().map(row).collect::<Vec<_>>(),
            );
        }
    }
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use units::{DAY_MS, HOUR_MS};

    use super::*;

    fn record(version: u32, effective_at: u64, text: &str) -> CatalogRecord {
        CatalogRecord {
            version: CatalogVersion(version),
            effective_at: EpochMs(effective_at),
            applied_at: EpochMs(0),
            text: text.into(),
        }
    }

    #[test]
    fn the_next_version_is_the_first_that_takes_over() {
        let records =
            [record(1, 10, ""), record(2, 90, ""), record(3, 20, ""), record(4, 70, ""), record(5, 70, "")];
        let next = |at| {
            let now = in_force(&records, EpochMs(at)).ok()?;
            next(&records, &now, EpochMs(at)).map(|(version, at)| (now.version.0, version.0, at.0))
        };
        // Version 2 never holds: a higher one is in force from before it on.
        assert_eq!([next(9), next(10), next(20), next(70)], [None, Some((1, 3, 20)), Some((3, 5, 70)), None]);
    }

    #[test]
    fn a_version_that_this_build_cannot_read_is_named() {
        let fault = in_force(&[record(1, 0, ""), record(2, 5, "[[later]]")], EpochMs(5)).err().unwrap();
        assert_eq!(fault.code, "unreadable_version");
        assert!(fault.message.contains("version 2"), "{}", fault.message);
    }

    #[test]
    fn the_nearest_numbers_are_proposed_and_the_others_counted() {
        let advice = |there: Vec<u32>| unknown("unknown_offer", "offer", 50, CatalogVersion(1), there).advice;
        assert_eq!(advice(vec![]), "it has no offers at all");
        assert_eq!(advice(vec![7, 3]), "its offers are 3, 7");
        let all = advice((1..=100).filter(|it| *it != 50).collect());
        assert_eq!(
            all,
            "its offers next to that are 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, and there are 89 more"
        );
    }

    const PROGRAM: &str = r#"
[[advertiser]]
id = 1
name = "A"
[[offer]]
id = 10
advertiser = 1
name = "O"
destination = "https://shop.example/"
[[partner]]
id = 100
name = "P"
[[partner]]
id = 101
name = "Q"
[[link]]
id = 1000
code = "tea"
partner = 100
offer = 10
[[dialect]]
name = "tune"
[[alias]]
dialect = "tune"
old = "2002"
partner = 100
[[alias]]
dialect = "tune"
old = "2003"
partner = 101
[[alias]]
dialect = "tune"
old = "spring"
link = 1000
"#;

    #[test]
    fn old_ids_are_those_of_the_offer_the_partner_and_their_links() {
        let catalog = catalog::parse(&[("a.toml", PROGRAM)]).unwrap();
        let said = |partner| {
            let explained = Explained::of(&catalog, OfferId(10), PartnerId(partner)).ok().unwrap();
            explained.as_json(EpochMs(0), None)["old_ids"].clone()
        };
        let want = json!([
            {"dialect": "tune", "of": "partner", "old": "2002", "id": 100},
            {"dialect": "tune", "of": "link", "old": "spring", "id": 1000},
        ]);
        assert_eq!(said(100), want);
        assert_eq!(said(101), json!([{"dialect": "tune", "of": "partner", "old": "2003", "id": 101}]));
    }

    #[test]
    fn a_key_under_which_nothing_can_earn_has_no_place() {
        let rules = Rules { click_window_ms: HOUR_MS, view_window_ms: DAY_MS, ..Rules::default() };
        let cases = [
            (0, vec![1, 2, 3, 5, 6]),
            (HOUR_MS - 1, vec![1, 2, 3, 5, 6]),
            (HOUR_MS, vec![1, 3, 5, 6]),
            (DAY_MS, vec![1, 3, 5]),
        ];
        for (minimum_time_ms, want) in cases {
            let steps = ladder::steps(&Rules { minimum_time_ms, ..rules });
            let places: Vec<_> = steps.iter().filter_map(|it| it.as_json()["place"].as_u64()).collect();
            assert_eq!((steps.len(), places), (6, want), "{minimum_time_ms}");
        }
        let coupons = catalog::Precedence::of(&[catalog::Key::Coupon]).unwrap();
        let steps = ladder::steps(&Rules { precedence: coupons, ..rules });
        let first = steps[0].as_json();
        assert_eq!(
            (first["key"].as_str(), first["place"].as_u64()),
            (Some("coupon"), Some(3)),
            "it keeps its place"
        );
    }
}
