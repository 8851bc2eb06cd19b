//! What can go wrong with an engine, sorted by what to do about it.
//!
//! In: the client's errors. Out: the engine's exception code, and whether waiting, smaller pieces or a person helps. Start at
//! [`EngineError::remedy`].

use crate::tables::Table;

/// The engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It answered with an exception.
    #[error("the engine refused: {message}")]
    Refused {
        /// `ClickHouse`'s number of the exception.
        code: u32,
        /// Its words, cut to [`MESSAGE_BYTES_MAX`] bytes.
        message: String,
    },
    /// No answer, or one that cannot be read: whether it was done is not known.
    #[error("no answer from the engine")]
    Unknown {
        /// The client's error.
        #[source]
        source: clickhouse::error::Error,
    },
}

/// Bytes of an engine's message that are kept: it repeats the statement, which may be long.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// What to do about an error of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same again, later. Also where a person must act first (a dropped table, a wrong password): nothing is lost by waiting.
    Again,
    /// The same in smaller pieces.
    Smaller,
    /// Some row can never be stored.
    Never,
}

/// Memory or size limits: `MEMORY_LIMIT_EXCEEDED`, `CANNOT_ALLOCATE_MEMORY`, `TOO_MANY_ROWS`, `TOO_MANY_BYTES`,
/// `TOO_MANY_ROWS_OR_BYTES`, `TOO_MANY_PARTITIONS`... (fault 83).
const SMALLER: [u32; 6] = [158, 173, 241, 307, 396, 1002];

/// What only the values can be blamed for, by the engine's error numbers: texts, numbers and dates that cannot be read (6, 26, 27, 32, 33, 38, 41,
/// 72), types and ranges (53, 69, 70, 321, 349, 407), sizes (128, 131), partitions (248), constraints (469), data (117).
const NEVER: [u32; 19] = [6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 248, 321, 349, 407, 469];

impl EngineError {
    pub(crate) fn remedy(&self) -> Remedy {
        match self.code() {
            Some(code) if SMALLER.contains(&code) => Remedy::Smaller,
            Some(code) if NEVER.contains(&code) => Remedy::Never,
            _ => Remedy::Again,
        }
    }

    /// The number of the engine's exception, if it gave one.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unknown { .. } => None,
        }
    }
}

impl From<clickhouse::error::Error> for EngineError {
    fn from(source: clickhouse::error::Error) -> Self {
        let clickhouse::error::Error::BadResponse(message) = &source else { return Self::Unknown { source } };
        match exception_code(message) {
            Some(code) => {
                let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
                Self::Refused { code, message: message.get(..end).unwrap_or_default().to_owned() }
            }
            None => Self::Unknown { source },
        }
    }
}

/// `Code: 60. DB::Exception: ...`
fn exception_code(message: &str) -> Option<u32> {
    let (_, behind) = message.split_once("Code: ")?;
    behind.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// Why a batch is not, or not wholly, in the engine.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Send the same batch again, for ever, with a growing pause. Rows of it may be there already; they will not count twice.
    #[error("{} cannot be written now", table.name())]
    Transient {
        /// Where it stopped.
        table: Table,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// More rows than [`crate::REFUSED_ROWS_MAX`] can never be stored: something is wrong with all of them, so none was put into
    /// quarantine. The position must not move on; a person is needed.
    #[error("{rows} of {of} rows of {} are refused", table.name())]
    Permanent {
        /// Which table.
        table: Table,
        /// Rows known to be refused.
        rows: usize,
        /// Rows in the block.
        of: usize,
        /// The last refusal.
        #[source]
        source: EngineError,
    },
}

/// Why the tables are not as this build needs them.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement failed. Start again: those before it do no harm when repeated.
    #[error("migration {number} cannot be applied")]
    Statement {
        /// Which migration; 0 for what comes before the first, the count of them for the views.
        number: u32,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// An engine with known holes.
    #[error("engine_too_old: ClickHouse {found} is too old, {}.{} is the oldest that is supported", wanted.0, wanted.1)]
    EngineTooOld {
        /// As it says.
        found: String,
        /// Major and minor number.
        wanted: (u32, u32),
    },
    /// The days of the rollups are of another zone than the one asked for.
    #[error(
        "the days of database {database} are of zone {found}, not {wanted}; a zone is chosen once, before the first roll"
    )]
    OtherZone {
        /// Which database.
        database: String,
        /// The zone asked for.
        wanted: String,
        /// The zone it has.
        found: String,
    },
}

/// Why the engine must not be written to.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// It could not be asked.
    #[error("the self-test could not be run")]
    Engine(#[from] EngineError),
    /// A table lacks a column that this build writes, or has it with another type (fault 85, fault 86).
    #[error("{table}.{column} should be {wanted}, it is {found}")]
    Column {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Its type as written here.
        wanted: &'static str,
        /// Its type there; empty where it is missing.
        found: String,
    },
    /// Rows inserted twice do not count once, or are not both stored (fault 84).
    #[error("after a repeated insert of {rows} rows the engine counts {distinct} with FINAL and {stored} without; {rows} and {} are right", 2 * rows)]
    Count {
        /// Rows in one insert.
        rows: u64,
        /// Counted with FINAL.
        distinct: u64,
        /// Counted without.
        stored: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32) -> EngineError {
        EngineError::from(clickhouse::error::Error::BadResponse(format!("Code: {code}. DB::Exception: x")))
    }

    #[test]
    fn an_exceptions_number_says_what_to_do() {
        let cases = [
            ("memory limit", 241, Remedy::Smaller),
            ("too many parts", 252, Remedy::Again),
            ("too many simultaneous queries", 202, Remedy::Again),
            ("the table was dropped", 60, Remedy::Again),
            ("a column is missing", 16, Remedy::Again),
            ("access denied", 497, Remedy::Again),
            ("a value out of range", 321, Remedy::Never),
            ("a constraint", 469, Remedy::Never),
        ];
        for (name, code, want) in cases {
            assert_eq!(refused(code).remedy(), want, "{name}");
            assert_eq!(refused(code).code(), Some(code), "{name}");
        }
    }

    #[test]
    fn no_answer_is_tried_again() {
        let error = EngineError::from(clickhouse::error::Error::TimedOut);
        assert_eq!((error.code(), error.remedy()), (None, Remedy::Again));
        let error = EngineError::from(clickhouse::error::Error::BadResponse("<html>proxy</html>".to_owned()));
        assert_eq!((error.code(), error.remedy()), (None, Remedy::Again));
    }
}
