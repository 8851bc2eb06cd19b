//! Dialects: the shapes of links and postbacks of other systems, as data, so that links and shops of before go on working.
//!
//! A dialect says by which paths clicks, reports and pixels come, what their parameters are called, in which order names count, which words a status
//! has and what is answered. Built-in ones stand in `dialect/builtin.toml`, in the syntax in which a user writes his own. Not here: reading that
//! syntax (`parse::dialects`), answering a request (`edge`). Start at [`Dialect`]; [`Catalog::resolve`] finds what an old id stands for.

mod alias;
mod path;

pub use self::{
    alias::{AliasOf, Aliases, Resolved, without_tail},
    path::{PathForm, PathPair, Taken, decoded},
};

/// Dialects of one catalog.
pub const DIALECTS_MAX: usize = 32;
/// Aliases of one catalog: as many as links.
pub const ALIASES_MAX: usize = crate::parse::LINKS_MAX;

/// The table of all built-in ones.
pub(crate) const BUILT_IN: &str = include_str!("dialect/builtin.toml");

/// One dialect that is switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialect {
    /// In lower case; what `[[alias]]` names.
    pub name: Box<str>,
    /// Hosts it is spoken at, in lower case; empty: at all.
    pub hosts: Vec<Box<str>>,
    /// Where clicks come.
    pub click_paths: Vec<PathForm<ClickField>>,
    /// Where reports come, from servers.
    pub report_paths: Vec<PathForm<ReportField>>,
    /// Where reports come, from customers' browsers.
    pub pixel_paths: Vec<PathForm<ReportField>>,
    /// What parameters of a click are called: lower-case names, those that count before others first.
    pub click: Vec<(ClickField, Vec<Box<str>>)>,
    /// The same for reports.
    pub report: Vec<(ReportField, Vec<Box<str>>)>,
    /// Lower-case words of an order's status; `*` is any other. What is not here is read as by the default dialect.
    pub status: Vec<(Box<str>, DialectStatus)>,
    /// How amounts are written.
    pub amounts: Amounts,
    /// Most of its reports carry no order id, so that the advertiser's `order_identity` has to say what an order is.
    pub lacks_order_id: bool,
    /// What a report is answered.
    pub reply: DialectReply,
    /// Old ids.
    pub aliases: Aliases,
}

/// How amounts are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Amounts {
    /// `12.50`
    #[default]
    Decimal,
    /// `1250`
    Minor,
}

/// What a report is answered. Texts may hold `{code}`, `{message}` and `{order}`; one that begins with a brace or bracket is JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialectReply {
    /// To a report that was taken; `None` is the default dialect's JSON.
    pub ok: Option<Box<str>>,
    /// To one that was refused.
    pub error: Option<Box<str>>,
    /// The HTTP status of a refusal; `None` is ours. What could not be recorded is 503 in every dialect, since it must be sent again.
    pub error_status: Option<u16>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            #[doc = concat!("Every ", $what, ".")]
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Their words in a catalog's text, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($text,)*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What a word of a catalog's text means.
            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == name)
            }
        }
    };
}

words! {
    /// What a word for an order's status means.
    DialectStatus "status" {
        /// Not yet known.
        Pending "pending",
        /// Valid.
        Approved "approved",
        /// Not valid.
        Rejected "rejected",
        /// Money was given back: all of it, or the amount beside it.
        Refunded "refunded",
        /// The customer's bank took it back.
        ChargedBack "chargeback",
    }
}

words! {
    /// A value of a report. The edge knows each by the same word.
    ReportField "value of a report" {
        /// The click id.
        ClickId "click_id",
        /// The shop's order id.
        OrderId "order_id",
        /// What the order is worth.
        Amount "amount",
        /// What a line is worth as a whole; all lines make the amount where there is none.
        ItemAmount "item_amount",
        /// The same for one piece of it.
        ItemPrice "item_price",
        /// The shop's word for its product.
        ItemProduct "item_product",
        /// Pieces of a line.
        ItemQuantity "item_quantity",
        /// ISO 4217.
        Currency "currency",
        /// `sale`, `lead`...
        Event "event",
        /// What became of it.
        Status "status",
        /// Why it was rejected.
        Reason "reason",
        /// Typed at the till.
        Coupon "coupon",
        /// The shop's customer.
        Customer "customer_id",
        /// His e-mail address, as it is or hashed.
        Email "email",
        /// Whether he is new.
        NewCustomer "new_customer",
        /// A partner named outright.
        Partner "partner",
        /// The offer.
        Offer "offer",
        /// The advertiser.
        Advertiser "advertiser",
        /// The advertiser's token.
        Token "token",
        /// When the order was made.
        Time "time",
        /// The shop's id of a refund.
        RefundId "refund_id",
        /// The sender's id of the delivery.
        DeliveryId "delivery_id",
    }
}

/// What a click says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClickField {
    /// Whose click it is.
    Partner,
    /// To what.
    Offer,
    /// Both at once: a code or an old id of a link.
    Link,
    /// The partner's own id of the click.
    PartnerClickId,
    /// Label of the traffic.
    Source,
    /// Where the partner wants the visitor to land.
    DeepLink,
    /// `sub1` to `sub30`.
    Sub(u8),
}

impl ClickField {
    /// Their words in a catalog's text, subs last.
    pub const WORDS: &'static [&'static str] = &[
        "partner",
        "offer",
        "link",
        "partner_click_id",
        "source",
        "deep_link",
        "sub1",
        "sub2",
        "sub3",
        "sub4",
        "sub5",
        "sub6",
        "sub7",
        "sub8",
        "sub9",
        "sub10",
        "sub11",
        "sub12",
        "sub13",
        "sub14",
        "sub15",
        "sub16",
        "sub17",
        "sub18",
        "sub19",
        "sub20",
        "sub21",
        "sub22",
        "sub23",
        "sub24",
        "sub25",
        "sub26",
        "sub27",
        "sub28",
        "sub29",
        "sub30",
    ];
    /// Fields that are no subs.
    const OTHERS: [Self; 6] =
        [Self::Partner, Self::Offer, Self::Link, Self::PartnerClickId, Self::Source, Self::DeepLink];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let index = match self {
            Self::Sub(number) => Self::OTHERS.len() + usize::from(number.saturating_sub(1)),
            other => Self::OTHERS.iter().position(|it| *it == other).unwrap_or(0),
        };
        Self::WORDS.get(index).copied().unwrap_or("")
    }

    /// What a word of a catalog's text means.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let index = Self::WORDS.iter().position(|it| *it == name)?;
        match Self::OTHERS.get(index) {
            Some(field) => Some(*field),
            None => u8::try_from(index + 1 - Self::OTHERS.len()).ok().map(Self::Sub),
        }
    }
}

impl ReportField {
    /// Whether it is of a line, and not of the order.
    #[must_use]
    pub const fn is_of_a_line(self) -> bool {
        matches!(self, Self::ItemAmount | Self::ItemPrice | Self::ItemProduct | Self::ItemQuantity)
    }
}

impl Dialect {
    /// What a parameter of a report is called, if there is one: the name that counts most.
    #[must_use]
    pub fn report_name(&self, field: ReportField) -> Option<&str> {
        self.report.iter().find(|(it, _)| *it == field).and_then(|(_, names)| names.first()).map(|it| &**it)
    }

    /// What a status says in this dialect; `None` where it has no word for it.
    #[must_use]
    pub fn status(&self, word: &str) -> Option<DialectStatus> {
        let word = word.trim().to_lowercase();
        let by = |wanted: &str| self.status.iter().find(|(it, _)| **it == *wanted).map(|(_, status)| *status);
        by(&word).or_else(|| by("*"))
    }

    /// All it says but its aliases, by key, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let fields = |names: Vec<(&str, &[Box<str>])>| {
            names
                .iter()
                .map(|(word, names)| format!("{word}={}", names.join(",")))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let texts = |texts: Vec<&str>| texts.join(" ");
        let clicks = self.click.iter().map(|(field, names)| (field.as_str(), &**names)).collect();
        let reports = self.report.iter().map(|(field, names)| (field.as_str(), &**names)).collect();
        let statuses: Vec<String> =
            self.status.iter().map(|(word, status)| format!("{word}={}", status.as_str())).collect();
        let error_status = self.reply.error_status.map_or_else(|| "ours".to_owned(), |it| it.to_string());
        let amounts = match self.amounts {
            Amounts::Decimal => "decimal",
            Amounts::Minor => "minor",
        };
        vec![
            ("hosts", self.hosts.join(" ")),
            ("click paths", texts(self.click_paths.iter().map(PathForm::as_str).collect())),
            ("report paths", texts(self.report_paths.iter().map(PathForm::as_str).collect())),
            ("pixel paths", texts(self.pixel_paths.iter().map(PathForm::as_str).collect())),
            ("click", fields(clicks)),
            ("report", fields(reports)),
            ("status", statuses.join(" ")),
            ("amounts", amounts.to_owned()),
            ("order ids", if self.lacks_order_id { "rare" } else { "usual" }.to_owned()),
            ("reply to a report taken", self.reply.ok.as_deref().unwrap_or("ours").to_owned()),
            ("reply to a report refused", self.reply.error.as_deref().unwrap_or("ours").to_owned()),
            ("status of a refusal", error_status),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_click_means_what_it_says() {
        for word in ClickField::WORDS {
            assert_eq!(ClickField::by_name(word).map(ClickField::as_str), Some(*word));
        }
        assert_eq!(ClickField::by_name("sub30"), Some(ClickField::Sub(30)));
        assert_eq!(ClickField::by_name("sub31"), None);
    }

    #[test]
    fn a_status_is_read_in_any_case_and_the_star_is_for_the_rest() {
        let mut dialect = Dialect {
            status: vec![("a".into(), DialectStatus::Approved), ("d".into(), DialectStatus::Rejected)],
            ..Dialect::default()
        };
        assert_eq!(dialect.status(" A "), Some(DialectStatus::Approved));
        assert_eq!(dialect.status("x"), None);
        dialect.status.push(("*".into(), DialectStatus::Pending));
        assert_eq!(dialect.status("x"), Some(DialectStatus::Pending));
    }
}
