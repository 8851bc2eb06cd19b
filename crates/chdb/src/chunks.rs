//! Joins the blocks of a streamed SELECT into one document.
//!
//! The engine formats each fetched block as a document of its own, so names and types come again with every block; all
//! but the first are cut off here. In: a format's name, documents. Out: the bytes to send.
//! Not here: formats with a frame around all rows (JSON, Parquet, Pretty): those answers are fetched whole.

/// How a format's documents begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// Rows only, or blocks that stand alone.
    None,
    /// So many lines; names in them escape their line ends.
    Lines(usize),
    /// So many lines of CSV, whose quoted names may hold line ends.
    CsvLines(usize),
    /// A count, names, and, if so said, types, as `RowBinaryWithNamesAndTypes` has them.
    Binary { types: bool },
}

/// The head of `format` if its documents can be joined; `None` if not.
pub(crate) fn head_of(format: &str) -> Option<Head> {
    Some(match format.to_ascii_lowercase().as_str() {
        "rowbinary" | "native" | "tabseparated" | "tsv" | "tabseparatedraw" | "tsvraw" | "raw" | "csv"
        | "jsoneachrow" | "jsonlines" | "ndjson" | "jsoncompacteachrow" | "lineasstring" | "null" => {
            Head::None
        }
        "tabseparatedwithnames" | "tsvwithnames" | "jsoncompacteachrowwithnames" => Head::Lines(1),
        "tabseparatedwithnamesandtypes" | "tsvwithnamesandtypes" | "jsoncompacteachrowwithnamesandtypes" => {
            Head::Lines(2)
        }
        "csvwithnames" => Head::CsvLines(1),
        "csvwithnamesandtypes" => Head::CsvLines(2),
        "rowbinarywithnames" => Head::Binary { types: false },
        "rowbinarywithnamesandtypes" => Head::Binary { types: true },
        _ => return None,
    })
}

impl Head {
    /// Bytes of the head at the front of `document`; all of it if the head does not end there.
    pub(crate) fn bytes(self, document: &[u8]) -> usize {
        let end = match self {
            Self::None => Some(0),
            Self::Lines(lines) => line_end(document, lines, false),
            Self::CsvLines(lines) => line_end(document, lines, true),
            Self::Binary { types } => binary_end(document, types),
        };
        end.unwrap_or(document.len())
    }
}

fn line_end(document: &[u8], lines: usize, quotes: bool) -> Option<usize> {
    let (mut left, mut in_name) = (lines, false);
    for (at, byte) in document.iter().enumerate() {
        match byte {
            // A doubled quote inside a name switches twice, so the count stays right.
            b'"' if quotes => in_name = !in_name,
            b'\n' if !in_name => {
                left -= 1;
                if left == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn binary_end(document: &[u8], types: bool) -> Option<usize> {
    let mut at = 0;
    let columns = varint(document, &mut at)?;
    let strings = if types { columns.checked_mul(2)? } else { columns };
    for _ in 0..strings {
        let bytes = varint(document, &mut at)?;
        at = at.checked_add(bytes).filter(|end| *end <= document.len())?;
    }
    Some(at)
}

fn varint(document: &[u8], at: &mut usize) -> Option<usize> {
    let (mut value, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = *document.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_is_measured() {
        let cases: [(&str, &[u8], usize); 6] = [
            ("TSV", b"1\n2\n", 0),
            ("TSVWithNames", b"a\\nb\n1\n", 5),
            ("JSONCompactEachRowWithNamesAndTypes", b"[\"a\"]\n[\"UInt8\"]\n[1]\n", 16),
            ("CSVWithNames", b"\"a\nb\",\"c\"\"\n\"\n1,2\n", 13),
            ("RowBinaryWithNames", b"\x02\x01a\x01bXY", 5),
            ("RowBinaryWithNamesAndTypes", b"\x01\x01a\x05UInt8\x07", 9),
        ];
        for (format, document, bytes) in cases {
            assert_eq!(head_of(format).map(|head| head.bytes(document)), Some(bytes), "{format}");
        }
    }

    #[test]
    fn framed_formats_are_not_joined() {
        for format in ["JSON", "JSONCompact", "Parquet", "Pretty", "Arrow", "XML", "Values", "nonsense"] {
            assert_eq!(head_of(format), None, "{format}");
        }
    }
}
