//! A click or view: who, where to, whose link it was at that moment, and what we think of it.
//!
//! [`ClickHead`] is the fixed front of the record, all that attribution needs, so that ten million of them are read without touching
//! the texts behind it. Everything a partner or analyst reads beyond that is in [`Click`].

use units::{AdvertiserId, CatalogVersion, Currency, EpochMs, LinkId, OfferId, Origin, PartnerId, VisitorId};

use crate::click_id::ClickId;

/// The rules by which [`Verdict`]s are given today; stored with each, so that re-scoring can tell old from new.
pub const VERDICT_VERSION: u16 = 1;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant = $code,)* }

        impl $name {
            /// Every value, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The byte on the wire. Never reused.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The inverse of `code`; `None` for a value of a later build.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The inverse of `as_str`; `None` for a word of a later build.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }

            /// The word in columns, answers and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}
pub(crate) use coded;

coded! {
    /// What kind of touch.
    TouchKind {
        /// A link was followed.
        Click = 0 "click",
        /// A creative was seen (`/p.gif`).
        View = 1 "view",
    }
}

coded! {
    /// What we think of a touch. Nothing is deleted, everything is classified.
    Verdict {
        /// A person, for the first time within the duplicate window.
        Valid = 0 "valid",
        /// A person again, on the same link within the duplicate window.
        Duplicate = 1 "duplicate",
        /// A declared robot.
        Bot = 2 "bot",
        /// A messenger or network fetching a preview.
        Preview = 3 "preview",
        /// A speculative load by a browser; answered 503 so that the real click comes to us. Not a click.
        Prefetch = 4 "prefetch",
        /// A HEAD request. Not a click.
        Head = 5 "head",
    }
}

impl Verdict {
    /// Counts among gross clicks: whatever was sent on to the shop.
    #[must_use]
    pub const fn is_click(self) -> bool {
        !matches!(self, Self::Prefetch | Self::Head)
    }

    /// A person: counts among valid clicks and may earn credit.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid | Self::Duplicate)
    }
}

coded! {
    /// The class of device, from the user agent.
    Device {
        /// Nothing said.
        Unknown = 0 "unknown",
        /// A computer.
        Desktop = 1 "desktop",
        /// A telephone.
        Mobile = 2 "mobile",
        /// A tablet.
        Tablet = 3 "tablet",
        /// A television or console.
        Tv = 4 "tv",
        /// A robot.
        Bot = 5 "bot",
    }
}

coded! {
    /// The operating system, from the user agent.
    Os {
        /// Nothing said.
        Unknown = 0 "unknown",
        /// Windows.
        Windows = 1 "windows",
        /// `macOS`.
        MacOs = 2 "macos",
        /// `iOS` and `iPadOS`.
        Ios = 3 "ios",
        /// Android.
        Android = 4 "android",
        /// Linux.
        Linux = 5 "linux",
        /// `ChromeOS`.
        ChromeOs = 6 "chromeos",
    }
}

coded! {
    /// The browser's family, from the user agent.
    Browser {
        /// Nothing said.
        Unknown = 0 "unknown",
        /// Chrome and Chromium.
        Chrome = 1 "chrome",
        /// Safari.
        Safari = 2 "safari",
        /// Firefox.
        Firefox = 3 "firefox",
        /// Edge.
        Edge = 4 "edge",
        /// Opera.
        Opera = 5 "opera",
        /// Samsung Internet.
        Samsung = 6 "samsung",
        /// A browser inside an app.
        InApp = 7 "in_app",
    }
}

coded! {
    /// Where the visitor was sent, and why not to the deep link he asked for.
    LandingChoice {
        /// No deep link was asked for: the stored destination.
        Stored = 0 "stored",
        /// A deep link with a valid signature or to an allowed host.
        DeepLink = 1 "deep_link",
        /// A deep link to another host without a signature.
        Unsigned = 2 "unsigned_deeplink",
        /// A deep link whose signature does not fit it or its link.
        BadSignature = 3 "bad_sig",
        /// A deep link whose signature has expired.
        Expired = 4 "expired_sig",
        /// Text that is not a URL we would send anyone to.
        BadUrl = 5 "bad_url",
        /// The offer's or program's fallback, since the link is not active.
        Fallback = 6 "fallback",
    }
}

/// Two upper-case letters of ISO 3166, or `ZZ` where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// Where the country is not known.
    pub const UNKNOWN: Self = Self(*b"ZZ");

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

/// The network a request came from: IPv4 cut to /24, IPv6 to /48, before it reaches any disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpPrefix {
    /// Not known or not kept.
    #[default]
    None,
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

/// What the visitor's browser said about tracking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Consent {
    /// `Sec-GPC: 1`: no user-level data goes to others, no visitor id is kept.
    pub gpc: bool,
    /// `DNT: 1`.
    pub dnt: bool,
}

impl Consent {
    /// Whether an id that outlives the click may be kept.
    #[must_use]
    pub const fn allows_visitor_id(self) -> bool {
        !self.gpc && !self.dnt
    }

    /// Bit 0 GPC, bit 1 DNT.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.gpc as u8 | ((self.dnt as u8) << 1)
    }

    /// The inverse of [`Consent::bits`]; `None` for bits of a later build.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !3 == 0 { Some(Self { gpc: bits & 1 != 0, dnt: bits & 2 != 0 }) } else { None }
    }
}

/// The fixed front of a click's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClickHead {
    /// Its identity.
    pub origin: Origin,
    /// Carries the time, the link and the visitor.
    pub id: ClickId,
    /// Click or view.
    pub kind: TouchKind,
    /// What we think of it, by [`VERDICT_VERSION`] of the time.
    pub verdict: Verdict,
    /// The rules that gave the verdict.
    pub verdict_version: u16,
    /// The link's partner at that moment.
    pub partner: PartnerId,
    /// The link's offer at that moment.
    pub offer: OfferId,
    /// The offer's advertiser at that moment.
    pub advertiser: AdvertiserId,
    /// The catalog that said so.
    pub catalog: CatalogVersion,
    /// The offer's currency, so that clicks and revenue meet in one row of a rollup.
    pub currency: Currency,
    /// Of the address, where known.
    pub country: Country,
    /// Of the user agent.
    pub device: Device,
}

impl ClickHead {
    /// When, by the edge's clock.
    #[must_use]
    #[inline]
    pub const fn at(&self) -> EpochMs {
        self.id.at()
    }

    /// Which link.
    #[must_use]
    #[inline]
    pub const fn link(&self) -> LinkId {
        self.id.link()
    }

    /// Who.
    #[must_use]
    #[inline]
    pub fn visitor(&self) -> VisitorId {
        self.id.visitor()
    }
}

/// A click or view, whole. Texts borrow from the bytes they were read from; each is cut to its limit by the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click<'a> {
    /// The fixed front.
    pub head: ClickHead,
    /// Of the user agent.
    pub os: Os,
    /// Of the user agent.
    pub browser: Browser,
    /// What the browser said about tracking.
    pub consent: Consent,
    /// The visitor had no cookie of ours (or may have none).
    pub visitor_is_new: bool,
    /// The network the request came from.
    pub ip: IpPrefix,
    /// A hash of the whole address under a key that changes daily; 0 where there is none.
    pub ip_hash: u64,
    /// xxh3 of the user agent; 0 where there is none.
    pub user_agent_hash: u64,
    /// Where the visitor was sent and why.
    pub landing: LandingChoice,
    /// The deep link he was sent to; empty for the stored destination.
    pub deep_link: &'a str,
    /// The host of the referring page; empty where there is none.
    pub referrer_host: &'a str,
    /// The partner's label of the traffic (`source`).
    pub source: &'a str,
    /// The partner's own id of this click.
    pub partner_click_id: &'a str,
    /// `(n, value)` for `sub1` to `sub30`, ascending by n, only those given.
    pub subs: Vec<(u8, &'a str)>,
    /// `(name, value)` of `utm_*` and ad click ids (`gclid`, `fbclid`...), as they came.
    pub tags: Vec<(&'a str, &'a str)>,
}
