//! What the read-only user may do, and what nobody may: read the machine's files through the engine.

mod common;

use common::{admin, code};

#[test]
fn the_reader_reads_tables_and_nothing_else() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    client.run("INSERT INTO t VALUES (1), (2)");
    let reader = client.reader();
    for statement in [
        "SELECT count() FROM t",
        "WITH 1 AS x SELECT x",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SHOW TABLES",
        "DESCRIBE TABLE t",
        "EXPLAIN SELECT * FROM t",
        "EXISTS TABLE t",
        "SELECT number FROM numbers(3) SETTINGS max_threads = 1",
        "SELECT formatReadableSize(1), 'file(1)' AS file -- url(",
    ] {
        let seen = reader.post(statement);
        assert_eq!(seen.status, 200, "{statement}: {}", seen.text());
    }
    for (statement, number) in [
        ("INSERT INTO t VALUES (3)", 164),
        ("DROP TABLE t", 164),
        ("CREATE TEMPORARY TABLE z (a UInt8)", 164),
        ("KILL QUERY WHERE 1", 164),
        ("SYSTEM FLUSH LOGS", 164),
        ("SET readonly = 0", 164),
        ("SELECT 1 SETTINGS readonly = 0", 164),
        ("SELECT 1; DROP TABLE t", 62),
        ("SELECT 1 INTO OUTFILE 'x'", 358),
        ("SELECT * FROM file('/etc/hostname', 'LineAsString')", 497),
        ("SELECT file('/etc/hostname')", 497),
        ("SELECT * FROM `file`('/etc/hostname', 'LineAsString')", 497),
        ("SELECT * FROM \"fil\\x65\"('/etc/hostname', 'LineAsString')", 497),
        ("SELECT * FROM file\u{a0}('/etc/hostname', 'LineAsString')", 497),
        ("SELECT \u{2018}'\u{2019}, file('/etc/hostname')", 497),
        ("SELECT 1 // '\n, file('/etc/hostname') // '", 497),
        ("SELECT 1 /* /* */ ' */, file('/etc/hostname') -- '", 497),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", 497),
        ("SELECT * FROM remote('127.0.0.1', system.one)", 497),
        ("SELECT * FROM loop(file('/etc/hostname'))", 497),
        ("SELECT * FROM s3('http://127.0.0.1:1/x')", 497),
        ("SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')", 497),
        ("SELECT * FROM executable('x', 'TSV', 'a UInt8')", 497),
        ("DESCRIBE TABLE file('/etc/hostname', 'LineAsString')", 497),
        ("EXPLAIN SELECT * FROM filesystem('/etc')", 497),
        // The embedded engine would take a file's name for a table.
        ("SELECT * FROM `/etc/hostname`", 60),
        ("SELECT * FROM '/etc/hostname'", 60),
        ("SELECT * FROM default.`/etc/hostname`", 60),
    ] {
        let seen = reader.post(statement);
        assert_eq!(code(&seen), Some(number), "{statement}: {}", seen.text());
    }
    let by_name = reader.send("param_t=/etc/hostname", &[], b"SELECT * FROM {t:Identifier}");
    assert_eq!(code(&by_name), Some(60), "{}", by_name.text());
    let raised = reader.send("readonly=0", &[], b"DROP TABLE t");
    assert_ne!(raised.status, 200, "{}", raised.text());
    assert_eq!(client.run("SELECT count() FROM t"), "2\n");
}

#[test]
fn the_administrator_sees_no_files_as_tables_either() {
    assert_eq!(code(&admin().post("SELECT * FROM `/etc/hostname`")), Some(60));
}
