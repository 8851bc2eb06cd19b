//! The tables of a catalog and their keys: one function a table, from a [`Row`] to what the model holds.
//!
//! In: parsed files. Out: a [`Draft`] with every row, the ids it names and where. Not here: what needs all rows at once (`build`).
//! Start at [`Draft::read`].

use std::collections::HashMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use units::{AdvertiserId, Currency, DAY_MS, EpochMs, HOUR_MS, LinkId, OfferId, PartnerId};

use super::{
    error::{ErrorCode, Errors, Spot},
    reader::{Lines, Row, shown},
    secrets,
    values::{MINIMUM_TIME_MS_MAX, WINDOW_MS_MAX, currency, rules, time_zone},
};
use crate::model::{
    Advertiser, Coupon, Link, Offer, OrderIdentity, Override, OverrideFor, Partner, PixelRole, Status,
};

/// Links of one version.
pub const LINKS_MAX: usize = 1_000_000;
/// The longest duplicate window: the edge remembers recent clicks this long (Everflow advises a day).
pub const DUPLICATE_WINDOW_MS_MAX: u64 = DAY_MS;
/// Dub's window (field.md 6.3).
const DUPLICATE_WINDOW_MS: u64 = HOUR_MS;
/// Bytes of a link's code.
const CODE_BYTES_MAX: usize = 64;
/// Bytes of a coupon's code: what a report keeps of one.
const COUPON_BYTES_MAX: usize = 64;
/// Hosts of one offer.
const HOSTS_MAX: usize = 64;

const TABLES: [&str; 6] = ["advertiser", "offer", "partner", "link", "coupon", "override"];
const TOP_KEYS: [&str; 9] = [
    "fallback_url",
    "effective_at",
    "allow_local",
    "advertiser",
    "offer",
    "partner",
    "link",
    "coupon",
    "override",
];
const STATUS: [(&str, Status); 3] =
    [("active", Status::Active), ("paused", Status::Paused), ("closed", Status::Closed)];

/// What an id may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Advertiser,
    Offer,
    Partner,
    Link,
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Offer => "offer",
            Self::Partner => "partner",
            Self::Link => "link",
        }
    }
}

/// An id that a row names.
#[derive(Debug)]
pub(super) struct Reference<'a> {
    pub(super) spot: Spot<'a>,
    pub(super) table: Table,
    pub(super) id: u32,
}

/// A text and where it is.
pub(super) type Located<'a> = (Box<str>, Spot<'a>);

/// An offer whose URLs are not read yet: whether local hosts are allowed may stand in a later file.
#[derive(Debug)]
pub(super) struct OfferRow<'a> {
    pub(super) offer: Offer,
    pub(super) destination: Option<Located<'a>>,
    pub(super) hosts: Vec<Located<'a>>,
    /// The offer's own; else its advertiser's.
    pub(super) currency: Option<Currency>,
    pub(super) spot: Spot<'a>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) fallback_url: Option<Located<'a>>,
    pub(super) effective_at: Option<(EpochMs, Spot<'a>)>,
    pub(super) allow_local: Option<(bool, Spot<'a>)>,
    pub(super) advertisers: Vec<Advertiser>,
    pub(super) offers: Vec<OfferRow<'a>>,
    pub(super) partners: Vec<Partner>,
    pub(super) links: Vec<(Link, Option<Located<'a>>)>,
    pub(super) coupons: Vec<(Coupon, Spot<'a>)>,
    pub(super) overrides: Vec<(Override, Spot<'a>)>,
    /// Every id with the place of its row, also of rows that have other errors, so that one mistake is not reported twice.
    pub(super) ids: HashMap<(Table, u32), Spot<'a>>,
    pub(super) codes: HashMap<Box<str>, Spot<'a>>,
    pub(super) references: Vec<Reference<'a>>,
}

impl<'a> Draft<'a> {
    /// Adds one file.
    pub(super) fn read(&mut self, file: &'a str, text: &str, errors: &mut Errors) {
        let lines = Lines::new(file, text);
        let (root, syntax) = DeTable::parse_recoverable(text);
        for error in syntax {
            let spot = lines.spot(error.span().map_or(0, |span| span.start));
            errors.add(spot, ErrorCode::Syntax, error.message(), "correct the TOML there");
        }
        self.top(&mut Row::open("the top level", (root.get_ref(), 0), &TOP_KEYS, &lines, errors));
        for table in TABLES {
            if let Some(value) = root.get_ref().get(table) {
                self.rows(table, value, &lines, errors);
            }
        }
    }

    fn top(&mut self, row: &mut Row<'_, 'a>) {
        let url = row.long_text("fallback_url").map(|text| (text.into(), row.spot_of("fallback_url")));
        once(&mut self.fallback_url, url, "fallback_url", row.errors);
        let time = row.time("effective_at").map(|at| (at, row.spot_of("effective_at")));
        once(&mut self.effective_at, time, "effective_at", row.errors);
        let local = row.bool("allow_local").map(|local| (local, row.spot_of("allow_local")));
        once(&mut self.allow_local, local, "allow_local", row.errors);
    }

    fn rows(&mut self, table: &str, value: &Spanned<DeValue<'_>>, lines: &Lines<'a>, errors: &mut Errors) {
        let spot = lines.spot(value.span().start);
        let Some(list) = value.get_ref().as_array() else {
            let message = format!("`{table}` is a {}, not a list of tables", value.get_ref().type_str());
            errors.add(spot, ErrorCode::WrongType, message, format!("write [[{table}]] in double brackets"));
            return;
        };
        if table == "link" && self.links.len() + list.len() > LINKS_MAX {
            let message = format!("more than {LINKS_MAX} links");
            errors.add(spot, ErrorCode::TooManyRows, message, "remove links that are closed for good");
            return;
        }
        for item in list {
            let at = item.span().start;
            let Some(fields) = item.get_ref().as_table() else {
                let message = format!("an entry of `{table}` is a {}", item.get_ref().type_str());
                errors.add(
                    lines.spot(at),
                    ErrorCode::WrongType,
                    message,
                    format!("write [[{table}]] and its keys"),
                );
                continue;
            };
            match table {
                "advertiser" => self.advertiser((fields, at), lines, errors),
                "offer" => self.offer((fields, at), lines, errors),
                "partner" => self.partner((fields, at), lines, errors),
                "link" => self.link((fields, at), lines, errors),
                "coupon" => self.coupon((fields, at), lines, errors),
                _ => self.override_row((fields, at), lines, errors),
            }
        }
    }

    /// Reads the row's own id and makes sure that no other row has it.
    fn own_id(&mut self, table: Table, row: &mut Row<'_, 'a>) -> u32 {
        let Some(id) = row.required_id("id") else { return 0 };
        let spot = row.spot_of("id");
        if let Some(first) = self.ids.insert((table, id), spot) {
            let message =
                format!("{} {id} is there twice, first at {}:{}", table.name(), first.file, first.line);
            row.errors.add(spot, ErrorCode::DuplicateId, message, "give one of them another id");
        }
        id
    }

    /// Reads the id of a row of another table, which is looked up when all are read.
    fn reference(&mut self, table: Table, row: &mut Row<'_, 'a>) -> u32 {
        let Some(id) = row.required_id(table.name()) else { return 0 };
        self.references.push(Reference { spot: row.spot_of(table.name()), table, id });
        id
    }

    fn advertiser(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known: Vec<&'static str> =
            ["id", "name", "status", "time_zone", "currency", "order_identity", "pixels"]
                .into_iter()
                .chain(secrets::KEYS.iter().flat_map(secrets::Key::names))
                .collect();
        let row = &mut Row::open("[[advertiser]]", fields, &known, lines, errors);
        let identities = [
            ("order_id", OrderIdentity::OrderId),
            ("event_click", OrderIdentity::EventClick),
            ("event_customer", OrderIdentity::EventCustomer),
        ];
        let roles = [("report", PixelRole::Report), ("evidence", PixelRole::Evidence)];
        let [tokens, shopify, woocommerce, webhook, deep_link] =
            secrets::KEYS.each_ref().map(|key| key.read(row));
        let advertiser = Advertiser {
            id: AdvertiserId(self.own_id(Table::Advertiser, row)),
            name: row.required_text("name").unwrap_or("").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
            time_zone: time_zone(row),
            currency: currency(row).unwrap_or(Currency::EUR),
            tokens,
            shopify_secrets: shopify,
            woocommerce_secrets: woocommerce,
            webhook_secrets: webhook,
            deep_link_secrets: deep_link,
            order_identity: row.word("order_identity", &identities).unwrap_or_default(),
            pixels: row.word("pixels", &roles).unwrap_or_default(),
        };
        self.advertisers.push(advertiser);
    }

    fn offer(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known = [
            "id",
            "advertiser",
            "name",
            "status",
            "destination",
            "allowed_hosts",
            "click_id_parameter",
            "currency",
            "model",
            "click_window",
            "view_window",
            "minimum_time",
            "hold",
            "duplicate_window",
        ];
        let row = &mut Row::open("[[offer]]", fields, &known, lines, errors);
        let spot = row.spot;
        let destination =
            row.required_long_text("destination").map(|text| (text.into(), row.spot_of("destination")));
        let hosts: Vec<Located<'a>> =
            row.texts("allowed_hosts").into_iter().map(|(text, spot)| (text.into(), spot)).collect();
        if hosts.len() > HOSTS_MAX {
            let message = format!("{} allowed hosts, at most {HOSTS_MAX} are", hosts.len());
            row.errors.add(spot, ErrorCode::OutOfRange, message, "allow subdomains with `.shop.example`");
        }
        let currency = currency(row);
        let rules = rules(row);
        let offer = Offer {
            id: OfferId(self.own_id(Table::Offer, row)),
            advertiser: AdvertiserId(self.reference(Table::Advertiser, row)),
            name: row.required_text("name").unwrap_or("").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
            destination: "".into(),
            landing: crate::Template::default(),
            allowed_hosts: Vec::new(),
            click_id_parameter: row.text("click_id_parameter").unwrap_or("click_id").into(),
            currency: Currency::EUR,
            rules,
            duplicate_window_ms: row
                .duration("duplicate_window", DUPLICATE_WINDOW_MS_MAX)
                .unwrap_or(DUPLICATE_WINDOW_MS),
        };
        self.offers.push(OfferRow { offer, destination, hosts, currency, spot });
    }

    fn partner(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row = &mut Row::open("[[partner]]", fields, &["id", "name", "type", "status"], lines, errors);
        let partner = Partner {
            id: PartnerId(self.own_id(Table::Partner, row)),
            name: row.required_text("name").unwrap_or("").into(),
            kind: row.text("type").unwrap_or("other").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
        };
        self.partners.push(partner);
    }

    fn link(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known = ["id", "code", "partner", "offer", "status", "destination"];
        let row = &mut Row::open("[[link]]", fields, &known, lines, errors);
        let destination = row.long_text("destination").map(|text| (text.into(), row.spot_of("destination")));
        let link = Link {
            id: LinkId(self.own_id(Table::Link, row)),
            code: self.code(row),
            partner: PartnerId(self.reference(Table::Partner, row)),
            offer: OfferId(self.reference(Table::Offer, row)),
            status: row.word("status", &STATUS).unwrap_or_default(),
            destination: None,
            landing: None,
        };
        self.links.push((link, destination));
    }

    fn code(&mut self, row: &mut Row<'_, 'a>) -> Box<str> {
        let Some(code) = row.required_text("code") else { return "".into() };
        let spot = row.spot_of("code");
        let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        let edges = code.bytes().next().is_some_and(plain) && code.bytes().last().is_some_and(plain);
        let inner = code.bytes().all(|it| plain(it) || matches!(it, b'-' | b'_' | b'.'));
        if !edges || !inner || code.len() > CODE_BYTES_MAX {
            let message = format!("`{}` is not a link's code", shown(code));
            let advice = format!(
                "use a-z, 0-9 and, inside, - _ . ; at most {CODE_BYTES_MAX} characters, lower case (any case is accepted in a URL)"
            );
            row.errors.add(spot, ErrorCode::BadCode, message, advice);
        } else if let Some(first) = self.codes.insert(code.into(), spot) {
            let message =
                format!("link code `{code}` is there twice, first at {}:{}", first.file, first.line);
            row.errors.add(spot, ErrorCode::DuplicateCode, message, "give one of the links another code");
        }
        code.into()
    }

    fn coupon(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row =
            &mut Row::open("[[coupon]]", fields, &["code", "partner", "offer", "exclusive"], lines, errors);
        let code = row.required_text("code").unwrap_or("").trim().to_uppercase();
        if code.len() > COUPON_BYTES_MAX {
            let message = format!("coupon `{}` is too long", shown(&code));
            let advice = format!("write at most {COUPON_BYTES_MAX} bytes");
            row.errors.add(row.spot_of("code"), ErrorCode::BadText, message, advice);
        }
        let coupon = Coupon {
            code: code.into(),
            partner: PartnerId(self.reference(Table::Partner, row)),
            offer: OfferId(self.reference(Table::Offer, row)),
            exclusive: row.bool("exclusive").unwrap_or(false),
        };
        self.coupons.push((coupon, row.spot));
    }

    fn override_row(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known =
            ["offer", "partner", "partner_type", "click_window", "view_window", "minimum_time", "hold"];
        let row = &mut Row::open("[[override]]", fields, &known, lines, errors);
        let offer = OfferId(self.reference(Table::Offer, row));
        let whom = match (row.has("partner"), row.text("partner_type")) {
            (true, None) => OverrideFor::Partner(PartnerId(self.reference(Table::Partner, row))),
            (false, Some(kind)) => OverrideFor::PartnerKind(kind.into()),
            _ => {
                let message = "[[override]] is for nobody, or for a partner and a type at once";
                row.errors.add(
                    row.spot,
                    ErrorCode::BadOverride,
                    message,
                    "give it `partner` or `partner_type`",
                );
                return;
            }
        };
        let entry = Override {
            offer,
            whom,
            click_window_ms: row.duration("click_window", WINDOW_MS_MAX),
            view_window_ms: row.duration("view_window", WINDOW_MS_MAX),
            minimum_time_ms: row.duration("minimum_time", MINIMUM_TIME_MS_MAX),
            hold_ms: row.duration("hold", WINDOW_MS_MAX),
        };
        if !["click_window", "view_window", "minimum_time", "hold"].iter().any(|key| row.has(key)) {
            let advice = "give it at least one of click_window, view_window, minimum_time, hold";
            row.errors.add(row.spot, ErrorCode::BadOverride, "[[override]] replaces nothing", advice);
        }
        self.overrides.push((entry, row.spot));
    }
}

/// A top-level key may stand in one file only.
fn once<'a, T>(
    place: &mut Option<(T, Spot<'a>)>,
    found: Option<(T, Spot<'a>)>,
    key: &str,
    errors: &mut Errors,
) {
    match (&*place, &found) {
        (Some((_, first)), Some((_, second))) => {
            let message = format!("`{key}` is there twice, first at {}:{}", first.file, first.line);
            errors.add(*second, ErrorCode::TwoValues, message, "keep it in one file");
        }
        (None, Some(_)) => *place = found,
        (_, None) => {}
    }
}
