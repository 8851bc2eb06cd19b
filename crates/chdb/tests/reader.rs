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

// fault 123
#[test]
fn the_reader_gets_past_no_guard_of_a_table_and_sees_nobodys_queries() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32, PROJECTION p (SELECT a ORDER BY a)) ENGINE = MergeTree ORDER BY a");
    client.run("INSERT INTO t VALUES (1), (2)");
    let reader = client.reader();
    let of =
        |function: &str, more: &str| format!("SELECT * FROM {function}('{}', 't'{more})", client.database);
    for statement in [
        "SELECT * FROM loop(t) LIMIT 1",
        &of("loop", ""),
        &of("mergeTreeIndex", ""),
        &of("mergeTreeProjection", ", 'p'"),
        &of("merge", ""),
        "SELECT * FROM merge('system', 'processes')",
        "SELECT * FROM cluster('default', system.processes)",
        "SELECT * FROM clusterAllReplicas('default', system.one)",
        "SELECT * FROM remoteSecure('127.0.0.1', system.one)",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT query FROM system.processes",
        "SELECT query FROM `system`.`processes`",
        "SELECT query FROM \"system\" . /* */ \"processes\"",
        "SELECT query FROM `sys\\x74em`.processes",
        "SELECT query FROM system.`process\\x65s`",
        "SELECT 1 FROM t WHERE 'x' IN (SELECT query FROM system.processes)",
        "SELECT * FROM system.query_log",
        "SELECT * FROM system.query_cache",
        "SELECT * FROM system.query_condition_cache",
        "SELECT * FROM system.named_collections",
        "SELECT * FROM system.users",
        "SELECT * FROM system.dictionaries",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM system.stack_trace",
        "SELECT * FROM system.a_table_of_tomorrow",
        "SHOW PROCESSLIST",
        "DESCRIBE TABLE system.processes",
        "EXPLAIN SELECT * FROM system.processes",
    ] {
        let seen = reader.post(statement);
        assert_eq!(code(&seen), Some(497), "{statement}: {}", seen.text());
        assert!(!seen.text().contains("readonly = "), "{statement}: {}", seen.text());
    }
    // A view that would be read with its maker's rights, or one that tells by its errors what nobody may see, has to be made first.
    for statement in [
        "CREATE VIEW v SQL SECURITY DEFINER AS SELECT query FROM system.processes",
        "CREATE VIEW v DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT throwIf(a = 1) FROM t",
        "ALTER TABLE t MODIFY SQL SECURITY NONE",
        "CREATE ROW POLICY p ON t USING 1 TO ALL",
        "CREATE FUNCTION f AS (x) -> x",
    ] {
        let seen = reader.post(statement);
        assert_eq!(code(&seen), Some(164), "{statement}: {}", seen.text());
    }
    for (keys, statement) in [
        ("param_t=processes", "SELECT query FROM system.{t:Identifier}"),
        ("param_t=system.processes", "SELECT query FROM {t:Identifier}"),
        ("param_d=system&param_t=processes", "SELECT query FROM {d:Identifier}.{t:Identifier}"),
    ] {
        let seen = reader.send(keys, &[], statement.as_bytes());
        assert_eq!(code(&seen), Some(497), "{statement}: {}", seen.text());
    }
    let of_system = common::Client { database: "system".to_owned(), user: reader.user.clone() };
    assert_eq!(code(&of_system.post("SELECT query FROM processes")), Some(497));
    for statement in [
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SELECT name, value FROM system.settings WHERE name = 'max_threads'",
        "SELECT 'system.processes', a AS system FROM t -- system.processes",
        "SELECT name FROM system.columns WHERE table = 't'",
    ] {
        let seen = reader.post(statement);
        assert_eq!(seen.status, 200, "{statement}: {}", seen.text());
    }
}

#[test]
fn the_administrator_sees_no_files_as_tables_either() {
    assert_eq!(code(&admin().post("SELECT * FROM `/etc/hostname`")), Some(60));
}
