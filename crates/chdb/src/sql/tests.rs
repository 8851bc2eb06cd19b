//! Claims about taking statements apart.

use super::*;

fn taken_apart(sql: &str) -> Option<(String, Option<String>, String)> {
    let found = insert(sql.as_bytes())?;
    let rows = sql.get(found.rows_at..).unwrap_or_default().to_owned();
    Some((String::from_utf8(found.statement).expect("text in, text out"), found.format, rows))
}

#[test]
fn rows_of_an_insert_leave_the_statement() {
    let cases: [(&str, &str, Option<&str>, &str); 12] = [
        ("INSERT INTO t FORMAT CSV\n1,2\n\n3;4", "INSERT INTO t ", Some("CSV"), "1,2\n\n3;4"),
        ("insert into t format TSV \r\n1", "insert into t ", Some("TSV"), "1"),
        ("INSERT INTO t FORMAT TSV\n\n1", "INSERT INTO t ", Some("TSV"), "\n1"),
        ("INSERT INTO db.t (a, b) VALUES (1, ';')", "INSERT INTO db.t (a, b) ", Some("Values"), " (1, ';')"),
        ("INSERT INTO values VALUES (1)", "INSERT INTO values ", Some("Values"), " (1)"),
        ("INSERT INTO `format` FORMAT Native", "INSERT INTO `format` ", Some("Native"), ""),
        ("INSERT INTO t", "INSERT INTO t", None, ""),
        ("INSERT INTO t SETTINGS a=1 FORMAT CSV", "INSERT INTO t SETTINGS a=1 ", Some("CSV"), ""),
        (
            "INSERT INTO t FORMAT CSV SETTINGS a=1, b='x;'\n1",
            "INSERT INTO t  SETTINGS a=1, b='x;'",
            Some("CSV"),
            "1",
        ),
        ("/* VALUES */ INSERT INTO t -- FORMAT X\n FORMAT CSV\n1", "", Some("CSV"), "1"),
        ("INSERT INTO {db:Identifier}.{t:Identifier} FORMAT CSV\n1", "", Some("CSV"), "1"),
        ("INSERT INTO FUNCTION null('a Int8') VALUES (1)", "", Some("Values"), " (1)"),
    ];
    for (sql, statement, format, rows) in cases {
        let found = taken_apart(sql).unwrap_or_else(|| panic!("no rows seen in {sql}"));
        if !statement.is_empty() {
            assert_eq!(found.0, statement, "{sql}");
        }
        assert_eq!((found.1.as_deref(), found.2.as_str()), (format, rows), "{sql}");
    }
}

#[test]
fn statements_without_rows_of_ours_are_left_whole() {
    for sql in [
        "SELECT 1 FORMAT CSV",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (a) WITH 1 AS x SELECT x",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "",
    ] {
        assert_eq!(taken_apart(sql), None, "{sql}");
    }
}

#[test]
fn a_cut_insert_is_known_to_be_open() {
    for (sql, open) in [
        ("INSERT INTO t (a", true),
        ("INSERT INTO t FORM", true),
        ("INSERT INTO t FORMAT", true),
        ("INSERT INTO t FORMAT Row", true),
        ("INSERT INTO t FORMAT RowBinary\n", true),
        ("INSERT INTO t FORMAT RowBinary\n\x01", false),
        // What stands behind the format's name may be settings, which must not be cut in two.
        ("INSERT INTO t FORMAT CSV sett", true),
        ("INSERT INTO t FORMAT CSV SETTINGS a = 1", true),
        ("INSERT INTO t FORMAT CSV SETTINGS a = 1,", true),
        ("INSERT INTO t FORMAT CSV SETTINGS a = 'x\n1,2", true),
        ("INSERT INTO t FORMAT CSV SETTINGS a = 'x'\n1,2", false),
        ("INSERT INTO t FORMAT CSV /* SETTINGS", true),
        ("INSERT INTO t FORMAT CSV\n1,2", false),
        // A heredoc that may still end.
        ("INSERT INTO t $x FORMAT CSV\n1", true),
    ] {
        assert_eq!(insert(sql.as_bytes()).map(|found| found.open), Some(open), "{sql}");
    }
}

#[test]
fn only_a_semicolon_outside_quotes_and_comments_separates_statements() {
    for (sql, single) in [
        ("SELECT 1", true),
        ("SELECT 1; -- done\n", true),
        ("SELECT 1;;", true),
        ("SELECT ';' AS `;`, \"a;b\" /* ; */", true),
        ("SELECT $x$ ; $x$", true),
        ("SELECT 'it''s;\\';'", true),
        ("SELECT 1; SELECT 2", false),
        ("SELECT 1 /* /* */ ; */ // ;", true),
        ("SELECT 1 /* */ ; DROP TABLE t", false),
    ] {
        assert_eq!(is_single(sql.as_bytes()), single, "{sql}");
    }
}

#[test]
fn the_format_is_the_one_at_the_end() {
    for (sql, format) in [
        ("SELECT 1 FORMAT JSON", Some("JSON")),
        ("SELECT 1 format TSV;", Some("TSV")),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Some("CSV")),
        ("SELECT format FROM t", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT 1 -- FORMAT JSON", None),
    ] {
        assert_eq!(format_of(sql.as_bytes()).as_deref(), format, "{sql}");
    }
}

#[test]
fn calls_are_seen_through_quotes_and_comments() {
    let names = |sql: &str| called_names(sql.as_bytes()).collect::<Vec<_>>();
    assert_eq!(names("SELECT FILE ('x'), a FROM `url`/**/('y')"), [Some("file".into()), Some("url".into())]);
    assert_eq!(names("SELECT * FROM `fi\\x6ce`('x')"), [None]);
    assert_eq!(names("SELECT * FROM file\u{a0}('x')"), [Some("file".into())]);
    assert_eq!(names("SELECT \u{2018}'\u{2019}, file('x')").first(), Some(&None));
    assert_eq!(names("SELECT 1 // '\n, file('x') //'"), [Some("file".into())]);
    assert_eq!(names("SELECT '\u{2018}file(1)', file"), [] as [Option<String>; 0]);
}
