//! The HTTP interface as curl sees it: statements, inserts, formats, compression, errors, users, attacks.

mod common;

use std::io::{Read, Write};

use common::{admin, code, curl};

#[test]
fn a_query_may_come_by_get_by_post_or_in_two_parts() {
    let client = admin();
    let url = chdb::testing::shared().url.clone();
    let get = curl(&["--user", &client.user, &format!("{url}/?query=SELECT%201%2B1")], None);
    assert_eq!((get.status, get.text().as_str()), (200, "2\n"));
    assert_eq!(client.run("SELECT 1 + 2;\n"), "3\n");
    assert_eq!(client.send("query=SELECT%204", &[], b"+ 5 AS x FORMAT JSONEachRow").text(), "{\"x\":9}\n");
}

#[test]
fn health_checks_need_no_user() {
    let url = &chdb::testing::shared().url;
    for path in ["/ping", "/", "/replicas_status"] {
        let seen = curl(&[&format!("{url}{path}")], None);
        assert_eq!((seen.status, seen.text().as_str()), (200, "Ok.\n"), "{path}");
    }
    assert_eq!(curl(&[&format!("{url}/nowhere")], None).status, 404);
}

#[test]
fn credentials_come_in_three_ways_but_not_in_two_at_once() {
    let server = chdb::testing::shared();
    let (user, key) = (&server.user, &server.password);
    let headers = [format!("X-ClickHouse-User: {user}"), format!("X-ClickHouse-Key: {key}")];
    let plain = format!("{}/?query=SELECT%201", server.url);
    let in_url = format!("{plain}&user={user}&password={key}");
    let by_header = ["--header", &headers[0], "--header", &headers[1], &plain];
    assert_eq!(curl(&by_header, None).status, 200);
    assert_eq!(curl(&[&in_url], None).status, 200);
    let both = curl(&["--header", &headers[0], "--header", &headers[1], &in_url], None);
    assert_eq!((both.status, code(&both)), (401, Some(516)));
    let nobody = curl(&[&plain], None);
    assert_eq!((nobody.status, code(&nobody)), (401, Some(516)));
}

#[test]
fn an_answer_tells_its_format_id_zone_and_counts() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let written = client.send("query=INSERT%20INTO%20t%20FORMAT%20TSV&query_id=my-own", &[], b"1\n2\n3\n");
    let summary = written.header("X-ClickHouse-Summary").unwrap_or_default();
    assert!(summary.contains("\"written_rows\":\"3\""), "{summary}");
    assert_eq!(written.header("X-ClickHouse-Query-Id").as_deref(), Some("my-own"));
    let read = client.send("default_format=JSONCompact", &[], b"SELECT count() FROM t");
    assert_eq!(read.header("X-ClickHouse-Format").as_deref(), Some("JSONCompact"));
    assert_eq!(read.header("Content-Type").as_deref(), Some("application/json; charset=UTF-8"));
    assert!(read.header("X-ClickHouse-Timezone").is_some());
    let by_header = client.send("", &["--header", "X-ClickHouse-Format: CSV"], b"SELECT 'a'");
    assert_eq!(by_header.text(), "\"a\"\n");
}

#[test]
fn exceptions_have_the_servers_codes_and_statuses() {
    let client = admin();
    for (statement, status, number) in [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELEC 1", 400, 62),
        ("", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT nothing", 404, 47),
        ("SELECT toDate('x')", 400, 38),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT Nonsense", 404, 73),
        ("SELECT 1 INTO OUTFILE '/dev/null'", 500, 358),
        ("INSERT INTO nowhere VALUES (1)", 404, 60),
        ("SELECT 1 SETTINGS no_such_setting = 1", 404, 115),
    ] {
        let seen = client.post(statement);
        assert_eq!((seen.status, code(&seen)), (status, Some(number)), "{statement}: {}", seen.text());
        assert!(seen.text().starts_with(&format!("Code: {number}. ")), "{statement}: {}", seen.text());
    }
    let database = curl(
        &[
            "--user",
            &client.user,
            &format!("{}/?query=SELECT%201&database=nowhere", chdb::testing::shared().url),
        ],
        None,
    );
    assert_eq!((database.status, code(&database)), (404, Some(81)));
}

/// The rows of an INSERT never become SQL. In the engine's own text interface each of these cut the data at the blank line
/// and ran the rest.
#[test]
fn rows_never_run_as_statements() {
    let client = admin();
    client.run("CREATE TABLE keep (a String) ENGINE = MergeTree ORDER BY a");
    client.run("CREATE TABLE t (id UInt32, a String) ENGINE = MergeTree ORDER BY id");
    let hostile = "\n\n; DROP TABLE keep;\n\nDROP TABLE keep";
    let json: Vec<String> =
        (0..5_000).map(|id| serde_json::json!({"id": id, "a": hostile}).to_string()).collect();
    let json = json.join("\n\n");
    let csv: Vec<String> = (0..5_000).map(|id| format!("{id},\"{hostile}\"")).collect();
    let csv = csv.join("\n");
    let values: Vec<String> = (0..5_000).map(|id| format!("({id}, '{hostile}')")).collect();
    let values = values.join(",\n\n");
    for (format, rows) in [("JSONEachRow", &json), ("CSV", &csv), ("Values", &values)] {
        let statement = format!("INSERT INTO t FORMAT {format}");
        for in_url in [true, false] {
            let seen = if in_url {
                client.send(&format!("query={}", statement.replace(' ', "%20")), &[], rows.as_bytes())
            } else {
                client.send("", &[], format!("{statement}\n{rows}").as_bytes())
            };
            assert_eq!(seen.status, 200, "{format}: {}", seen.text());
            let kept = client
                .run(&format!("SELECT count(), uniqExact(id), countIf(a = {}) FROM t", quoted(hostile)));
            assert_eq!(kept, "5000\t5000\t5000\n", "{format}, in the URL: {in_url}");
            client.run("TRUNCATE TABLE t");
        }
    }
    client.post("INSERT INTO t VALUES (1, 'x'); DROP TABLE keep");
    assert_eq!(client.run("EXISTS TABLE keep"), "1\n");
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[test]
fn a_bad_row_is_an_error_and_nothing_is_kept() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let seen = client.send("query=INSERT%20INTO%20t%20FORMAT%20TSV", &[], b"1\n2\nthree\n");
    assert_eq!((seen.status, code(&seen)), (400, Some(27)), "{}", seen.text());
    assert_eq!(client.run("SELECT count() FROM t"), "0\n");
    let unnamed = client.send("query=INSERT%20INTO%20t", &[], b"");
    assert_eq!(code(&unnamed), Some(62), "{}", unnamed.text());
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let server = chdb::testing::shared();
    let address = server.url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
    let head = format!(
        "POST /?query=INSERT%20INTO%20t%20FORMAT%20TSV&database={}&user={}&password={} HTTP/1.1\r\nHost: x\r\n\
         Content-Length: 1000\r\n\r\n1\n2\n",
        client.database, server.user, server.password
    );
    stream.write_all(head.as_bytes()).expect("the server reads");
    stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(client.run("SELECT count() FROM t"), "0\n");
}

#[test]
fn bodies_may_come_packed() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let rows: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let rows = rows.join("\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(rows.as_bytes()).expect("memory");
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(rows.as_bytes()).expect("memory");
    let zstd = zstd::encode_all(rows.as_bytes(), 3).expect("memory");
    let (gzip, lz4) = (gzip.finish().expect("memory"), lz4.finish().expect("memory"));
    for (name, body) in [("gzip", gzip), ("lz4", lz4), ("zstd", zstd)] {
        let encoding = format!("Content-Encoding: {name}");
        let keys = "query=INSERT%20INTO%20t%20FORMAT%20TSV";
        let seen = client.send(keys, &["--header", &encoding], &body);
        assert_eq!(seen.status, 200, "{name}: {}", seen.text());
        assert_eq!(client.run("SELECT count(), uniqExact(a) FROM t"), "20000\t20000\n", "{name}");
        client.run("TRUNCATE TABLE t");
        // A cut body must not count as a whole one.
        let cut = body.get(..body.len() - 9).unwrap_or_default();
        let seen = client.send(keys, &["--header", &encoding], cut);
        assert_eq!(code(&seen), Some(271), "{name}: {}", seen.text());
        client.run("TRUNCATE TABLE t");
    }
    let unknown = client.send("", &["--header", "Content-Encoding: br"], b"x");
    assert_eq!((unknown.status, code(&unknown)), (501, Some(48)));
}

#[test]
fn answers_are_packed_as_asked() {
    let client = admin();
    let statement = b"SELECT intDiv(number, 100) FROM numbers(500000)";
    let plain = client.send("", &[], statement).body;
    let unpack = |name: &str, body: &[u8]| {
        let mut out = Vec::new();
        match name {
            "gzip" => flate2::read::MultiGzDecoder::new(body).read_to_end(&mut out).map(|_| ()),
            "lz4" => lz4_flex::frame::FrameDecoder::new(body).read_to_end(&mut out).map(|_| ()),
            _ => zstd::stream::copy_decode(body, &mut out),
        }
        .expect("a whole packed answer");
        out
    };
    for name in ["gzip", "lz4", "zstd"] {
        let accept = format!("Accept-Encoding: {name}");
        let seen = client.send("", &["--header", &accept], statement);
        assert_eq!(seen.header("Content-Encoding").as_deref(), Some(name));
        assert!(seen.body.len() < plain.len() / 2, "{name} packed nothing");
        assert!(unpack(name, &seen.body) == plain, "{name} changed the answer");
        let off = client.send("enable_http_compression=0", &["--header", &accept], statement);
        assert_eq!((off.header("Content-Encoding"), off.body == plain), (None, true));
    }
}

#[test]
fn an_answer_that_fails_half_way_breaks_off_and_says_why() {
    let client = admin();
    let seen = client.post("SELECT number, throwIf(number = 2500000) FROM numbers(3000000)");
    assert_eq!((seen.status, seen.curl), (200, 18), "a broken answer must not look whole");
    let tag = seen.header("X-ClickHouse-Exception-Tag").expect("a tag");
    let tail = seen.text();
    assert!(
        tail.ends_with(&format!("{tag}\r\n__exception__\r\n")) && tail.contains("Code: 395."),
        "no reason given"
    );
}

#[test]
fn every_streamed_format_has_one_head() {
    let client = admin();
    for (format, head) in [
        ("TSVWithNames", "number\n"),
        ("CSVWithNamesAndTypes", "\"number\"\n\"UInt64\"\n"),
        ("JSONCompactEachRowWithNames", "[\"number\"]\n"),
        ("JSONEachRow", ""),
    ] {
        let text = client.run(&format!("SELECT number FROM numbers(200000) FORMAT {format}"));
        let heads = if head.is_empty() { 0 } else { head.lines().count() };
        assert!(text.starts_with(head), "{format}");
        assert_eq!(text.lines().count(), 200_000 + heads, "{format}");
    }
    let totals = client
        .run("SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k FORMAT TSV");
    assert_eq!(totals, "0\t5\n1\t5\n\n0\t10\n");
}

#[test]
fn parameters_come_in_the_url_and_settings_do_not_stay() {
    let client = admin();
    let seen = client.send(
        "param_x=a%27b&max_block_size=77",
        &[],
        b"SELECT {x:String}, getSetting('max_block_size') FORMAT TSVRaw",
    );
    assert_eq!(seen.text(), "a'b\t77\n");
    let changed = "SELECT groupArray(name) FROM system.settings WHERE changed";
    let before = client.run(changed);
    for _ in 0..20 {
        client.send("max_block_size=78&max_threads=1", &[], b"SELECT 1");
        client.run("SET max_block_size = 79");
        assert_eq!(client.run(changed), before);
    }
    let unknown = client.send("no_such_setting=1", &[], b"SELECT 1");
    assert_eq!((unknown.status, code(&unknown)), (404, Some(115)));
    let injected = client.send("max_threads%3D1%2Creadonly=0", &[], b"SELECT 1");
    assert_eq!(code(&injected), Some(115));
}

#[test]
fn settings_reach_inserts_too() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let insert = "query=INSERT%20INTO%20t%20FORMAT%20CSV";
    let strict = client.send(&format!("{insert}&input_format_allow_errors_num=0"), &[], b"1\nx\n2\n");
    assert_eq!(strict.status, 400, "{}", strict.text());
    let lenient = client.send(&format!("{insert}&input_format_allow_errors_num=1"), &[], b"1\nx\n2\n");
    assert_eq!(lenient.status, 200, "{}", lenient.text());
    assert_eq!(client.run("SELECT count() FROM t"), "2\n");
}

#[test]
fn get_never_writes() {
    let client = admin();
    client.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a");
    let url = chdb::testing::shared().url.clone();
    for statement in ["DROP%20TABLE%20t", "INSERT%20INTO%20t%20VALUES%20(1)", "KILL%20QUERY%20WHERE%200"] {
        let path = format!("{url}/?database={}&query={statement}", client.database);
        let seen = curl(&["--user", &client.user, &path], None);
        assert_eq!((seen.status, code(&seen)), (500, Some(164)), "{statement}: {}", seen.text());
    }
    assert_eq!(client.run("SELECT count() FROM t"), "0\n");
}

#[test]
fn a_statement_beyond_the_limit_is_refused() {
    let client = admin();
    let long = format!("SELECT '{}'", "x".repeat(17 << 20));
    let seen = client.post(&long);
    assert_eq!((seen.status, code(&seen)), (413, Some(229)));
}
