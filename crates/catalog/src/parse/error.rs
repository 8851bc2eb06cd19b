//! What is wrong with a catalog, where, and what to do about it.
//!
//! Codes are stable: scripts and answers of the console name them. Start at [`CatalogError`].

/// Errors kept of one text. A file that is not a catalog at all must not fill a terminal.
pub const ERRORS_MAX: usize = 1_000;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// What kind of error, by a word that never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
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
    /// Not TOML.
    Syntax "syntax",
    /// More text than one version may have.
    TextTooLarge "text_too_large",
    /// More rows than one version may have.
    TooManyRows "too_many_rows",
    /// More errors than are shown.
    TooManyErrors "too_many_errors",
    /// A key or table that does not exist.
    UnknownKey "unknown_key",
    /// A key that must be there.
    MissingKey "missing_key",
    /// Another type of value than the key takes.
    WrongType "wrong_type",
    /// A number that the key does not take.
    OutOfRange "out_of_range",
    /// A word that the key does not take.
    UnknownValue "unknown_value",
    /// A text that is empty, too long or has control characters.
    BadText "bad_text",
    /// Two keys for one thing, or a top-level key in two files.
    TwoValues "two_values",
    /// An id twice.
    DuplicateId "duplicate_id",
    /// A link's code twice.
    DuplicateCode "duplicate_code",
    /// A coupon of one advertiser twice.
    DuplicateCoupon "duplicate_coupon",
    /// Two overrides for the same offer and partner or type.
    DuplicateOverride "duplicate_override",
    /// An id that no row has.
    UnknownReference "unknown_reference",
    /// A link's code with other characters than allowed.
    BadCode "bad_code",
    /// A destination that is not an absolute http or https URL.
    BadUrl "bad_url",
    /// A user name or password before the host.
    UserInfoInUrl "userinfo_in_url",
    /// A macro before the path.
    MacroInHost "macro_in_host",
    /// A macro that does not exist.
    UnknownMacro "unknown_macro",
    /// A host inside somebody's network.
    LocalHost "local_host",
    /// A host that is not one.
    BadHost "bad_host",
    /// A time zone that does not exist.
    UnknownZone "unknown_zone",
    /// A currency that ISO 4217 does not list.
    UnknownCurrency "unknown_currency",
    /// A duration that is not a number and a unit.
    BadDuration "bad_duration",
    /// A time that is not RFC 3339.
    BadTime "bad_time",
    /// Windows between which no click can ever be credited.
    EmptyWindow "empty_window",
    /// An override that replaces nothing, or is for nobody or for two.
    BadOverride "bad_override",
    /// Keys of attribution that are unknown, named twice or none.
    BadPrecedence "bad_precedence",
    /// Weights of a model that are not the whole together.
    BadWeights "bad_weights",
    /// A key that belongs to another model than the one named beside it, or a rate without a reporting currency.
    IdleRule "idle_rule",
    /// A rate that is not a decimal number above zero, or one of the reporting currency itself.
    BadRate "bad_rate",
    /// A network that is not one, or narrower than what is kept of addresses.
    BadNetwork "bad_network",
    /// A partner's address that is not the 64 digits of a SHA-256.
    BadEmailHash "bad_email_hash",
    /// Two rates of one currency.
    DuplicateRate "duplicate_rate",
    /// More than two secrets, or one that can be guessed.
    BadSecret "bad_secret",
    /// A secret named by file or environment that was not read.
    UnresolvedSecret "unresolved_secret",
    /// A dialect that cannot be meant: a path that is another's or ours, a name with two meanings, words without a path.
    BadDialect "bad_dialect",
    /// A dialect twice.
    DuplicateDialect "duplicate_dialect",
    /// An old id that stands for two.
    DuplicateAlias "duplicate_alias",
    /// A logged text whose parts do not add up.
    DamagedText "damaged_text",
}

/// One error, as `catalog check` prints it: `FILE:LINE: what is wrong [code]; what to do`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message} [{code}]; {advice}", code = code.as_str())]
pub struct CatalogError {
    /// As it was given.
    pub file: Box<str>,
    /// From 1.
    pub line: usize,
    /// Stable.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
}

/// Errors as they are found.
#[derive(Debug, Default)]
pub(super) struct Errors {
    list: Vec<CatalogError>,
    left_out: usize,
}

impl Errors {
    pub(super) fn add(
        &mut self,
        spot: Spot<'_>,
        code: ErrorCode,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        if self.list.len() >= ERRORS_MAX {
            self.left_out += 1;
            return;
        }
        let (message, advice) = (message.into(), advice.into());
        self.list.push(CatalogError { file: spot.file.into(), line: spot.line, code, message, advice });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What stands around broken TOML cannot be judged: as long as there is some, only that is told.
    pub(super) fn syntax_first(&mut self) {
        if self.list.iter().any(|it| it.code == ErrorCode::Syntax) {
            self.list.retain(|it| it.code == ErrorCode::Syntax);
        }
    }

    /// By file in the order given, then by line.
    pub(super) fn finish(mut self, files: &[(&str, &str)]) -> Vec<CatalogError> {
        let place = |file: &str| files.iter().position(|(name, _)| *name == file);
        self.list.sort_by_cached_key(|it| (place(&it.file), it.line));
        if let (Some(last), 1..) = (self.list.last(), self.left_out) {
            let message = format!("{} more errors", self.left_out);
            let advice = "correct those above first".to_owned();
            let (file, line) = (last.file.clone(), last.line);
            self.list.push(CatalogError { file, line, code: ErrorCode::TooManyErrors, message, advice });
        }
        self.list
    }
}
