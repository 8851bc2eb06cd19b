//! Why a line of a file, or the file, is not imported: codes that programs may rely on, and what to do.
//!
//! What the edge refuses has the edge's codes; these are of what never gets there.

use super::table::{CELLS_MAX, ROW_BYTES_MAX};

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error(
        "the file has no lines; write the names of its columns into the first one, such as order_id,time,amount"
    )]
    FileEmpty,
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    #[error(
        "the first line names nothing that a report has, it names {names}; write such a line as order_id,time,amount, or say which column is which by --column order_id=NAME"
    )]
    HeaderUnknown { names: String },
    #[error("two columns are called {name}; rename one")]
    HeaderDuplicate { name: String },
    #[error("no column is called {name}; the first line names {names}")]
    ColumnMissing { name: String, names: String },
    #[error(
        "no column says when the orders were made, by which they are decided; add `time`, name it by --column time=NAME, or let them count as made now by --without-time"
    )]
    TimeColumnMissing,
    #[error(
        "the quote that opens here is closed nowhere, so nothing from here on was read; close it and import the file again, which records no order twice"
    )]
    QuoteOpen,
    #[error("a quote stands behind the end of a quoted value; write quotes in a value twice")]
    QuoteMisplaced,
    #[error("the line is longer than {ROW_BYTES_MAX} bytes; leave columns out that are not needed")]
    RowTooLong,
    #[error("the line has more than {CELLS_MAX} values; leave columns out that are not needed")]
    TooManyColumns,
    #[error(
        "the line has {found} values and the first line {wanted} names; quote values that hold the separator"
    )]
    Columns { found: usize, wanted: usize },
    #[error("{name} is not UTF-8; save the file as UTF-8")]
    NotUtf8 { name: String },
    #[error("{name} has a control character; remove it")]
    ControlCharacter { name: String },
    #[error(
        "the line does not say when the order was made; fill it in, or let such orders count as made now by --without-time"
    )]
    TimeMissing,
    #[error(
        "no {what} is called {old} in this dialect; add an [[alias]] for it to the catalog, or leave the column out"
    )]
    OldIdUnknown { what: &'static str, old: String },
    #[error("{value}, or its quantity, is not an amount of a line; write it as the dialect does")]
    ItemUnread { value: String },
    #[error("amounts of lines need their currency beside them; add a column with it")]
    CurrencyMissing,
}

impl Fault {
    /// Stable.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::FileEmpty => "file_empty",
            Self::Utf16 => "file_utf16",
            Self::HeaderUnknown { .. } => "header_unknown",
            Self::HeaderDuplicate { .. } => "header_duplicate",
            Self::ColumnMissing { .. } => "column_missing",
            Self::TimeColumnMissing => "time_column_missing",
            Self::QuoteOpen => "quote_open",
            Self::QuoteMisplaced => "quote_misplaced",
            Self::RowTooLong => "row_too_long",
            Self::TooManyColumns => "too_many_columns",
            Self::Columns { .. } => "column_count",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::ControlCharacter { .. } => "control_character",
            Self::TimeMissing => "time_missing",
            Self::OldIdUnknown { .. } => "old_id_unknown",
            Self::ItemUnread { .. } => "item_unread",
            Self::CurrencyMissing => "currency_missing",
        }
    }

    /// Whether nothing behind it was read.
    pub(super) const fn ends_the_file(&self) -> bool {
        matches!(
            self,
            Self::FileEmpty
                | Self::Utf16
                | Self::HeaderUnknown { .. }
                | Self::HeaderDuplicate { .. }
                | Self::ColumnMissing { .. }
                | Self::TimeColumnMissing
                | Self::QuoteOpen
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts read them. Add, never change.
    #[test]
    fn codes_are_frozen() {
        let name = || "x".to_owned();
        let codes = [
            (Fault::FileEmpty, "file_empty"),
            (Fault::Utf16, "file_utf16"),
            (Fault::HeaderUnknown { names: name() }, "header_unknown"),
            (Fault::HeaderDuplicate { name: name() }, "header_duplicate"),
            (Fault::ColumnMissing { name: name(), names: name() }, "column_missing"),
            (Fault::TimeColumnMissing, "time_column_missing"),
            (Fault::QuoteOpen, "quote_open"),
            (Fault::QuoteMisplaced, "quote_misplaced"),
            (Fault::RowTooLong, "row_too_long"),
            (Fault::TooManyColumns, "too_many_columns"),
            (Fault::Columns { found: 1, wanted: 2 }, "column_count"),
            (Fault::NotUtf8 { name: name() }, "not_utf8"),
            (Fault::ControlCharacter { name: name() }, "control_character"),
            (Fault::TimeMissing, "time_missing"),
            (Fault::OldIdUnknown { what: "partner", old: name() }, "old_id_unknown"),
            (Fault::ItemUnread { value: name() }, "item_unread"),
            (Fault::CurrencyMissing, "currency_missing"),
        ];
        for (fault, code) in codes {
            assert_eq!(fault.code(), code);
            assert!(fault.to_string().contains("; "), "{code} says what to do: {fault}");
        }
    }
}
