//! Files as they are, files as they should not be, and any files written by the `csv` crate.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Rows as `LINE: cell|cell`, or the code of the fault.
fn rows(bytes: &[u8], delimiter: u8) -> Vec<String> {
    let mut table = Table::new(bytes, delimiter);
    let mut rows = Vec::new();
    while let Some(row) = table.next().unwrap() {
        let cells = row.cells.map(|it| {
            it.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Vec<_>>().join("|")
        });
        rows.push(match cells {
            Ok(cells) => format!("{}: {cells}", row.line),
            Err(fault) => format!("{}: !{}", row.line, fault.code()),
        });
    }
    rows
}

#[test]
fn rows_end_where_they_end_and_a_bad_one_harms_no_other() {
    let cases: [(&str, &str, &[&str]); 17] = [
        ("nothing", "", &[]),
        ("one line without an end", "a,b", &["1: a|b"]),
        ("every kind of line end", "a\nb\r\nc\rd\n", &["1: a", "2: b", "3: c", "4: d"]),
        ("blank lines count and say nothing", "a\n\r\n  \n\nb\n", &["1: a", "5: b"]),
        ("empty cells are cells", ",\na,\n", &["1: |", "2: a|"]),
        ("quotes", "\"a,b\",\"c\"\"d\",\"\"\n", &["1: a,b|c\"d|"]),
        ("line ends in quotes", "\"a\r\nb\",c\nd,e\n", &["1: a\r\nb|c", "3: d|e"]),
        ("quotes in a plain cell are its own", "5\" pipe,b\n", &["1: 5\" pipe|b"]),
        ("a quote too many", "\"5\" pipe\",b\nc,d\n", &["1: !quote_misplaced", "2: c|d"]),
        ("a quote too many at the very end", "a,b\n\"c\"d", &["1: a|b", "2: !quote_misplaced"]),
        ("a blank behind a quote", "\"a\" ,b\nc,d\n", &["1: !quote_misplaced", "2: c|d"]),
        ("a quote that is never closed", "a,b\nc,\"d\ne,f\n", &["1: a|b", "2: !quote_open"]),
        ("the same, with quotes further down", "a,b\nc,\"d\ne,\"f\"\ng,h\n", &["1: a|b", "2: !quote_open"]),
        ("the same in the last byte", "a,b\nc,\"", &["1: a|b", "2: !quote_open"]),
        ("a closed quote at the very end", "a,\"b\"", &["1: a|b"]),
        ("NUL is a character", "a\0,b\n", &["1: a\0|b"]),
        ("another separator", "a;b\n", &["1: a;b"]),
    ];
    for (name, text, want) in cases {
        assert_eq!(rows(text.as_bytes(), b','), want, "{name}");
    }
    assert_eq!(rows(b"a;\"b;c\"\n\xff;d\n", b';'), ["1: a|b;c", "2: \u{fffd}|d"]);
}

#[test]
fn a_row_beyond_its_limits_is_read_past_and_the_next_one_is_read() {
    let row = |bytes: usize| format!("{}\nb\n", "x".repeat(bytes));
    assert_eq!(rows(row(ROW_BYTES_MAX).as_bytes(), b',').len(), 2);
    assert_eq!(rows(row(ROW_BYTES_MAX + 1).as_bytes(), b','), ["1: !row_too_long", "2: b"]);
    let cells = |count: usize| format!("{}\nb\n", ",".repeat(count - 1));
    assert_eq!(rows(cells(CELLS_MAX).as_bytes(), b',').len(), 2);
    assert_eq!(rows(cells(CELLS_MAX + 1).as_bytes(), b','), ["1: !too_many_columns", "2: b"]);
    // A note that is too long and looks like rows is a note.
    let note = format!("a,\"{}\"\nb,c\n", "x\nforged,1\n".repeat(10_000));
    assert_eq!(rows(note.as_bytes(), b','), ["1: !row_too_long", "20002: b|c"]);
    // Memory is bounded by the limits, whatever comes.
    let mut table = Table::new(std::io::repeat(b'x').take(10_000_000), b',');
    assert!(table.next().unwrap().is_some());
    assert_eq!(table.cells.bytes.len(), ROW_BYTES_MAX);
    assert!(table.cells.bytes.capacity() <= 4 * ROW_BYTES_MAX, "{}", table.cells.bytes.capacity());
}

#[test]
fn the_first_line_says_what_separates() {
    let known = |cells: &Cells| {
        cells.iter().filter(|it| edge::report_parameter(&String::from_utf8_lossy(it)).is_some()).count()
    };
    let cases = [
        ("order_id,time\n", b','),
        ("\u{feff}order_id;time;note, long\n", b';'),
        ("order_id\ttime\n", b'\t'),
        ("\"order_id\"|\"time\"\n", b'|'),
        ("order_id\n", b','),
        ("", b','),
    ];
    for (text, want) in cases {
        let mut table = open(text.as_bytes(), known).unwrap().unwrap();
        assert_eq!(table.delimiter, want, "{text}");
        let first = table.next().unwrap().map(|row| row.cells.unwrap().get(0).unwrap().to_vec());
        assert_eq!(first.as_deref(), (!text.is_empty()).then_some(b"order_id".as_slice()), "{text}");
    }
    for mark in MARKS_16 {
        assert!(matches!(open(mark, known), Ok(Err(Fault::Utf16))));
    }
}

proptest! {
    #[test]
    fn whatever_the_csv_crate_writes_is_read_as_it_reads_it(
        rows in vec(vec("[ab \"',;\r\n\u{e9}]{0,6}", 1..5), 0..8), is_quoted: bool, is_long: bool, delimiter in prop::sample::select(vec![b',', b';', b'\t']),
    ) {
        let mut writer = csv::WriterBuilder::new();
        writer.flexible(true).delimiter(delimiter);
        writer.quote_style(if is_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary });
        writer.terminator(if is_long { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') });
        let mut writer = writer.from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();

        let mut judge = csv::ReaderBuilder::new().flexible(true).has_headers(false).delimiter(delimiter).from_reader(&bytes[..]);
        let is_blank = |row: &Vec<Vec<u8>>| row.len() == 1 && row.iter().all(|cell| cell.trim_ascii().is_empty());
        let wanted = judge.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let wanted: Vec<_> = wanted.filter(|row| !is_blank(row)).collect();
        let mut table = Table::new(&bytes[..], delimiter);
        let mut found = Vec::new();
        while let Some(row) = table.next().unwrap() {
            found.push(row.cells.unwrap().iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn any_bytes_end_in_rows_and_faults(bytes in vec(prop::sample::select(b"\",;\r\na\0\xff".to_vec()), 0..200)) {
        let lines = bytes.iter().filter(|it| matches!(it, b'\n' | b'\r')).count() as u64 + 1;
        let mut table = Table::new(&bytes[..], b',');
        let mut before = 0;
        while let Some(row) = table.next().unwrap() {
            prop_assert!(before < row.line && row.line <= lines, "lines only grow");
            before = row.line;
        }
        prop_assert!(table.next().unwrap().is_none());
    }
}
