//! What a catalog says that its author may not have meant: no errors, but words of `catalog check`.
//!
//! In: a [`Catalog`]. Out: [`Hint`]s, each with a code that never changes. A catalog with hints is a right one. Start at [`hints`].

use crate::{
    dialect::{Dialect, ReportField},
    model::{Advertiser, Catalog, OrderIdentity, PixelRole, Status},
};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// What kind of hint, by a word that never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HintCode { $($(#[$doc])* $name,)* }

        impl HintCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// An advertiser without tokens: everybody may report his orders.
    OpenReports "open_reports",
    /// An advertiser with tokens whose pixels make orders without one.
    OpenPixels "open_pixels",
    /// A dialect whose reports carry the token under a name of its own.
    DialectToken "dialect_token",
    /// A dialect whose reports mostly carry no order id, beside an advertiser who wants one.
    DialectOrderId "dialect_order_id",
    /// A dialect that answers a refusal with a status of success.
    DialectErrorStatus "dialect_error_status",
    /// A dialect whose reports come by pixel, beside an advertiser whose pixels state no money.
    DialectPixels "dialect_pixels",
    /// Own orders of partners are looked for, and no partner's address is known.
    SelfPurchase "self_purchase",
}

/// One thing to look at, as `catalog check` prints it: `hint: SUBJECT: what is so [code]; what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Stable.
    pub code: HintCode,
    /// Of what: `advertiser 1`, `dialect tune`.
    pub subject: String,
    /// What is so.
    pub message: String,
    /// What to do if it is not meant.
    pub advice: String,
}

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}]; {}", self.subject, self.message, self.code.as_str(), self.advice)
    }
}

/// All of a catalog's: advertisers by their numbers, dialects by their names, what is suspicious.
#[must_use]
pub fn hints(catalog: &Catalog) -> Vec<Hint> {
    let mut advertisers: Vec<&Advertiser> =
        catalog.advertisers.values().filter(|it| it.status == Status::Active).collect();
    advertisers.sort_by_key(|it| it.id);
    let mut dialects: Vec<&Dialect> = catalog.dialects.values().collect();
    dialects.sort_by(|one, other| one.name.cmp(&other.name));
    let of_advertisers = advertisers.iter().filter_map(|it| of_advertiser(it));
    let of_dialects = dialects.iter().flat_map(|it| of_dialect(it, &advertisers));
    of_advertisers.chain(of_dialects).chain(of_fraud(catalog)).collect()
}

fn of_fraud(catalog: &Catalog) -> Option<Hint> {
    (catalog.fraud.self_purchase && catalog.partners_by_email.is_empty()).then(|| Hint {
        code: HintCode::SelfPurchase,
        subject: "fraud".to_owned(),
        message: "self_purchase is on, and no partner has an email_sha256: nobody's own orders are found"
            .to_owned(),
        advice: "give partners `email_sha256`, or take the key out".to_owned(),
    })
}

fn of_advertiser(advertiser: &Advertiser) -> Option<Hint> {
    let (code, message, advice) = if advertiser.tokens.is_empty() {
        (
            HintCode::OpenReports,
            "has no tokens: everybody can report, refund and reject his orders by postback, and make them by pixel",
            "give him `tokens`",
        )
    } else if advertiser.pixels == PixelRole::Report {
        (
            HintCode::OpenPixels,
            "has pixels = \"report\": everybody can make orders of any amount by pixel",
            "take the key out where the shop sends postbacks or webhooks too",
        )
    } else {
        return None;
    };
    let subject = format!("advertiser {}", advertiser.id);
    Some(Hint { code, subject, message: message.to_owned(), advice: advice.to_owned() })
}

fn of_dialect(dialect: &Dialect, advertisers: &[&Advertiser]) -> Vec<Hint> {
    let subject = format!("dialect {}", dialect.name);
    let mut hints = Vec::new();
    let mut add = |code, message, advice: String| {
        hints.push(Hint { code, subject: subject.clone(), message, advice });
    };
    let (has_reports, has_pixels) = (!dialect.report_paths.is_empty(), !dialect.pixel_paths.is_empty());
    if has_reports && advertisers.iter().any(|it| !it.tokens.is_empty()) {
        let message = match dialect.report_name(ReportField::Token) {
            Some(name) => format!("its reports carry the advertiser's token as `{name}`"),
            None => "its reports have no name of their own for the advertiser's token".to_owned(),
        };
        let advice = "`token`, X-Api-Key and Bearer are taken as well; without one a report is refused";
        add(HintCode::DialectToken, message, advice.to_owned());
    }
    let by_order_id = of(advertisers, |it| it.order_identity == OrderIdentity::OrderId);
    let has_no_name = dialect.report_name(ReportField::OrderId).is_none();
    if (has_reports || has_pixels) && (dialect.lacks_order_id || has_no_name) && !by_order_id.is_empty() {
        let message = "most of its reports carry no order id, and without one a report is refused".to_owned();
        let advice = format!("where they do not, set order_identity = \"event_click\" at {by_order_id}");
        add(HintCode::DialectOrderId, message, advice);
    }
    if let Some(status) = dialect.reply.error_status.filter(|it| *it < 400) {
        let message =
            format!("it answers a report that it refuses with HTTP {status}, as the system of before did");
        let advice = "read the answer's text, or set error_status in [dialect.reply]; tributary_edge_reports_total counts refusals";
        add(HintCode::DialectErrorStatus, message, advice.to_owned());
    }
    let by_evidence = of(advertisers, |it| it.pixels == PixelRole::Evidence);
    if has_pixels && !by_evidence.is_empty() {
        let message = "it takes pixels, and they state neither amount nor status".to_owned();
        let advice = format!("where the shop sends nothing else, set pixels = \"report\" at {by_evidence}");
        add(HintCode::DialectPixels, message, advice);
    }
    hints
}

/// Advertisers that a hint names; further ones are left out.
const NAMED_MAX: usize = 5;

/// `advertiser 1, 2`, or nothing where it is so of none.
fn of(advertisers: &[&Advertiser], is_so: impl Fn(&Advertiser) -> bool) -> String {
    let ids: Vec<String> = advertisers.iter().filter(|it| is_so(it)).map(|it| it.id.to_string()).collect();
    let named = ids.get(..NAMED_MAX.min(ids.len())).unwrap_or_default().join(", ");
    match ids.len() {
        0 => String::new(),
        count if count > NAMED_MAX => format!("advertisers {named} and {} more", count - NAMED_MAX),
        1 => format!("advertiser {named}"),
        _ => format!("advertisers {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(advertiser: &str, dialect: &str) -> Vec<String> {
        let text = format!("[[advertiser]]\nid = 1\nname = \"A\"\n{advertiser}\n{dialect}\n");
        let catalog = crate::parse(&[("a.toml", &text)]).expect("a right catalog");
        hints(&catalog).iter().map(|it| format!("{}: {}", it.subject, it.code.as_str())).collect()
    }

    #[test]
    fn each_hint_is_given_where_it_holds_and_only_there() {
        let token = "token = \"a-token-of-a-shop\"";
        let on = |name: &str| format!("[[dialect]]\nname = \"{name}\"");
        let by_click = format!("{token}\norder_identity = \"event_click\"");
        let rows: [(&str, String, &[&str]); 9] = [
            ("", String::new(), &["advertiser 1: open_reports"]),
            ("status = \"closed\"", String::new(), &[]),
            (token, String::new(), &[]),
            (
                "token = \"a-token-of-a-shop\"\npixels = \"report\"",
                String::new(),
                &["advertiser 1: open_pixels"],
            ),
            (
                token,
                on("tune"),
                &[
                    "dialect tune: dialect_token",
                    "dialect tune: dialect_order_id",
                    "dialect tune: dialect_error_status",
                    "dialect tune: dialect_pixels",
                ],
            ),
            (
                &by_click,
                on("tune"),
                &[
                    "dialect tune: dialect_token",
                    "dialect tune: dialect_error_status",
                    "dialect tune: dialect_pixels",
                ],
            ),
            (token, on("post_affiliate_pro"), &["dialect post_affiliate_pro: dialect_pixels"]),
            (token, on("impact"), &["dialect impact: dialect_token"]),
            (
                token,
                "[[dialect]]\nname = \"own\"\nclick_paths = [\"/go\"]\n[dialect.click]\nlink = \"l\""
                    .to_owned(),
                &[],
            ),
        ];
        for (advertiser, dialect, want) in rows {
            assert_eq!(found(advertiser, &dialect), want, "{advertiser} {dialect}");
        }
    }

    #[test]
    fn a_hint_names_the_dialects_own_token() {
        let text = "[[advertiser]]\nid = 1\nname = \"A\"\ntoken = \"a-token-of-a-shop\"\n[[dialect]]\nname = \"tune\"\n";
        let catalog = crate::parse(&[("a.toml", text)]).expect("a right catalog");
        let said: Vec<String> = hints(&catalog).iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|it| it.contains("`security_token` [dialect_token]")), "{said:?}");
        assert!(said.iter().any(|it| it.contains("\"event_click\" at advertiser 1")), "{said:?}");
    }
}
