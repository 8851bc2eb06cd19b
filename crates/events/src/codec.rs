//! The envelope, and from events to bytes and back.
//!
//! `[0xC7, kind, version, flags]` and then the frozen struct of that version in bincode 2.0.1's standard configuration: little endian,
//! variable-length integers, no names, no optional tail. A body must be consumed to its last byte: a longer one is another format.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};

use crate::{
    Bound, Claim, Click, ClickHead, Credit, Decision, Evidence, Lookup, Quarantined, Report, Score,
    inner::CatalogRecord, wire,
};

/// The first byte of every value.
pub const MAGIC: u8 = 0xC7;
/// Bytes before the body.
pub const ENVELOPE_BYTES: usize = 4;
/// The largest click or report, envelope included: a spool frame's payload. The edge cuts texts so that it always fits.
pub const INPUT_BYTES_MAX: usize = 8 * 1024;
/// The largest record between machines: evidence with a thousand touches is about 80 KiB; Kafka's default message limit is 1 MiB.
pub const INNER_BYTES_MAX: usize = 900 * 1024;
/// The largest catalog version.
pub const CATALOG_BYTES_MAX: usize = 16 * 1024 * 1024;

crate::click::coded! {
    /// What a value is about: the second byte.
    Kind {
        /// [`Click`]: a click or view.
        Click = 1 "click",
        /// [`Report`].
        Report = 2 "report",
        /// [`Decision`].
        Decision = 3 "decision",
        /// [`Credit`].
        Credit = 4 "credit",
        /// [`Lookup`].
        Lookup = 5 "lookup",
        /// [`Evidence`].
        Evidence = 6 "evidence",
        /// [`CatalogRecord`].
        Catalog = 7 "catalog",
        /// [`Claim`].
        Claim = 8 "claim",
        /// [`Quarantined`].
        Quarantined = 9 "quarantined",
        /// [`Bound`].
        Bound = 10 "bound",
        /// [`Score`].
        Score = 11 "score",
    }
}

/// Any value of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A click or view.
    Click(Click<'a>),
    /// A shop's message about an order.
    Report(Box<Report>),
    /// An order, decided.
    Decision(Box<Decision>),
    /// A partner's share of it.
    Credit(Box<Credit>),
    /// A question to a timeline.
    Lookup(Lookup),
    /// Its answer.
    Evidence(Evidence),
    /// A version of the catalog.
    Catalog(CatalogRecord),
    /// An owner begins.
    Claim(Claim),
    /// What could not be read.
    Quarantined(Quarantined),
    /// What became of a customer's order.
    Bound(Bound),
    /// What is suspicious about an order.
    Score(Box<Score>),
}

/// Why bytes are not an event. Callers quarantine the record, count the code and go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than the envelope, or the first byte is another.
    #[error("value does not begin with an envelope")]
    NoEnvelope,
    /// A kind of a later build.
    #[error("kind {kind} is unknown to this build")]
    UnknownKind {
        /// The second byte.
        kind: u8,
    },
    /// A version of a later build.
    #[error("version {version} of kind {kind} is unknown to this build")]
    UnknownVersion {
        /// The second byte.
        kind: u8,
        /// The third byte.
        version: u8,
    },
    /// A flag of a later build.
    #[error("flags {flags:#04x} are unknown to this build")]
    UnknownFlags {
        /// The fourth byte.
        flags: u8,
    },
    /// Longer than its kind may be.
    #[error("value has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Cut short, or not the struct it says it is.
    #[error("body cannot be read")]
    Malformed,
    /// Bytes left behind the struct.
    #[error("{left} bytes are left behind the body")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field holds what its type does not allow.
    #[error("field {field} holds an impossible value")]
    BadField {
        /// Which.
        field: &'static str,
    },
}

impl DecodeError {
    /// A stable code for quarantine and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEnvelope => "no_envelope",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::UnknownFlags { .. } => "unknown_flags",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed => "malformed",
            Self::Trailing { .. } => "trailing_bytes",
            Self::BadField { .. } => "bad_field",
        }
    }
}

/// Why an event has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than its kind may be.
    #[error("{kind} takes {bytes} bytes, at most {max} are allowed", kind = kind.as_str())]
    TooLarge {
        /// What it is.
        kind: Kind,
        /// Bytes it takes.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// The one place where bincode is configured. The limit bounds what a hostile length may allocate.
const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_little_endian().with_variable_int_encoding().with_limit::<LIMIT>()
}

/// What a value says it is, without reading its body.
pub fn kind_of(bytes: &[u8]) -> Result<Kind, DecodeError> {
    match bytes {
        [MAGIC, kind, _, _, ..] => Kind::from_code(*kind).ok_or(DecodeError::UnknownKind { kind: *kind }),
        _ => Err(DecodeError::NoEnvelope),
    }
}

impl Kind {
    /// The version that this build writes; it reads every one from 1 to this. One struct in `wire` stands for each, and
    /// `tests/golden` holds bytes of each.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Click
            | Self::Lookup
            | Self::Catalog
            | Self::Claim
            | Self::Quarantined
            | Self::Bound
            | Self::Score => 1,
            Self::Report | Self::Evidence | Self::Decision | Self::Credit => 2,
        }
    }

    /// The largest value of this kind, envelope included.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Click | Self::Report | Self::Score => INPUT_BYTES_MAX,
            Self::Catalog => CATALOG_BYTES_MAX,
            Self::Decision
            | Self::Credit
            | Self::Lookup
            | Self::Evidence
            | Self::Claim
            | Self::Quarantined
            | Self::Bound => INNER_BYTES_MAX,
        }
    }
}

/// Kind, version and body; the version is one of the kind's.
fn open(bytes: &[u8]) -> Result<(Kind, u8, &[u8]), DecodeError> {
    let kind = kind_of(bytes)?;
    let (max, found) = (kind.bytes_max(), bytes.len());
    if found > max {
        return Err(DecodeError::TooLarge { bytes: found, max });
    }
    let [_, _, version, flags, body @ ..] = bytes else {
        return Err(DecodeError::NoEnvelope);
    };
    if !(1..=kind.version()).contains(version) {
        return Err(unknown_version(kind, *version));
    }
    if *flags == 0 { Ok((kind, *version, body)) } else { Err(DecodeError::UnknownFlags { flags: *flags }) }
}

const fn unknown_version(kind: Kind, version: u8) -> DecodeError {
    DecodeError::UnknownVersion { kind: kind.code(), version }
}

fn whole<'a, T: bincode::BorrowDecode<'a, ()>>(body: &'a [u8]) -> Result<T, DecodeError> {
    let (value, consumed) = bincode::borrow_decode_from_slice::<T, _>(body, config::<CATALOG_BYTES_MAX>())
        .map_err(|_| DecodeError::Malformed)?;
    if consumed == body.len() {
        Ok(value)
    } else {
        Err(DecodeError::Trailing { left: body.len() - consumed })
    }
}

impl<'a> Event<'a> {
    /// Reads one value.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (kind, version, body) = open(bytes)?;
        Ok(match (kind, version) {
            (Kind::Click, 1) => Self::Click(whole::<wire::ClickV1<'a>>(body)?.try_into()?),
            (Kind::Report, 1) => {
                Self::Report(Box::new(wire::ReportV2::from(whole::<wire::ReportV1>(body)?).try_into()?))
            }
            (Kind::Report, 2) => Self::Report(Box::new(whole::<wire::ReportV2>(body)?.try_into()?)),
            (Kind::Decision, 1) => Self::Decision(Box::new(whole::<wire::DecisionV1>(body)?.try_into()?)),
            (Kind::Credit, 1) => Self::Credit(Box::new(whole::<wire::CreditV1>(body)?.try_into()?)),
            (Kind::Decision, 2) => Self::Decision(Box::new(whole::<wire::DecisionV2>(body)?.try_into()?)),
            (Kind::Credit, 2) => Self::Credit(Box::new(whole::<wire::CreditV2>(body)?.try_into()?)),
            (Kind::Lookup, 1) => Self::Lookup(whole::<wire::LookupV1>(body)?.into()),
            (Kind::Evidence, 1) => Self::Evidence(whole::<wire::EvidenceV1>(body)?.try_into()?),
            (Kind::Catalog, 1) => Self::Catalog(whole::<wire::CatalogV1>(body)?.into()),
            (Kind::Claim, 1) => Self::Claim(whole::<wire::ClaimV1>(body)?.into()),
            (Kind::Quarantined, 1) => Self::Quarantined(whole::<wire::QuarantinedV1>(body)?.into()),
            (Kind::Evidence, 2) => Self::Evidence(whole::<wire::EvidenceV2>(body)?.try_into()?),
            (Kind::Bound, 1) => Self::Bound(whole::<wire::BoundV1>(body)?.into()),
            (Kind::Score, 1) => Self::Score(Box::new(whole::<wire::ScoreV1>(body)?.try_into()?)),
            (kind, version) => return Err(unknown_version(kind, version)),
        })
    }
}

impl ClickHead {
    /// Reads only the front of a click's record: no text is looked at, nothing is allocated. The rest is taken on trust; the sink, which
    /// reads the whole record, quarantines what is damaged behind it.
    pub fn peek(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (kind, _, body) = open(bytes)?;
        if kind != Kind::Click {
            return Err(DecodeError::UnknownKind { kind: kind.code() });
        }
        let head = wire::click_head(body).ok_or(DecodeError::Malformed)?;
        head.try_into()
    }
}

fn seal(kind: Kind, version: u8, body: impl bincode::Encode, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[MAGIC, kind.code(), version, 0]);
    // Writing to a Vec cannot fail, and no wire struct holds what bincode refuses (a borrowed RefCell, a poisoned lock).
    bincode::encode_into_std_write(body, out, config::<CATALOG_BYTES_MAX>())
        .expect("plain structs always encode");
    let (bytes, max) = (out.len() - start, kind.bytes_max());
    if bytes > max {
        out.truncate(start);
        return Err(EncodeError::TooLarge { kind, bytes, max });
    }
    Ok(())
}

macro_rules! encodes {
    ($($event:ty => $kind:ident as $wire:ty;)*) => {$(
        impl $event {
            /// Appends the value's bytes to `out`; on error `out` is as it was.
            pub fn encode(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                seal(Kind::$kind, Kind::$kind.version(), <$wire>::from(self), out)
            }
        }
    )*};
}

encodes! {
    Click<'_> => Click as wire::ClickV1<'_>;
    Report => Report as wire::ReportV2;
    Decision => Decision as wire::DecisionV2;
    Credit => Credit as wire::CreditV2;
    Lookup => Lookup as wire::LookupV1;
    CatalogRecord => Catalog as wire::CatalogV1;
    Claim => Claim as wire::ClaimV1;
    Quarantined => Quarantined as wire::QuarantinedV1;
    Bound => Bound as wire::BoundV1;
    Score => Score as wire::ScoreV1;
}

impl Evidence {
    /// Appends the value's bytes to `out`; on error `out` is as it was. Without a past they are what earlier builds read.
    pub fn encode(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.past.is_none() {
            seal(Kind::Evidence, 1, wire::EvidenceV1::from(self), out)
        } else {
            seal(Kind::Evidence, 2, wire::EvidenceV2::from(self), out)
        }
    }
}

#[cfg(test)]
mod tests;
