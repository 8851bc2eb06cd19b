//! `tributary orders import`, against an edge of the test's own: what reaches its spool, and what is told of the rest.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    net::TcpListener,
    path::Path,
    time::Duration,
};

use edge::{ClickSecret, Edge, Options, keys::Keys};
use events::{CatalogRecord, Event, Report, Statement};
use journal::{spool::Reader, versions};
use telemetry::Telemetry;
use units::{CatalogVersion, EpochMs};

use super::stage::NOON;
use crate::{Said, path, tributary};

const CATALOG: &str = "[[advertiser]]\nid = 1\nname = \"Tea\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\ntokens = [\"the-token\"]\n\n\
                       [[advertiser]]\nid = 2\nname = \"Open\"\norder_identity = \"event_click\"\n";

/// Bytes, flags, and the line and code of what is wrong.
type File<'a> = (&'a [u8], &'a [&'a str], (u64, &'a str));

/// A shop's edge, and the files it is sent.
pub(super) struct Shop {
    pub(super) data: tempfile::TempDir,
    pub(super) edge: Edge,
    url: String,
}

impl Shop {
    fn new() -> Self {
        Self::with(CATALOG)
    }

    pub(super) fn with(text: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        catalog::parse(&[("test.toml", text)]).unwrap();
        let record = CatalogRecord {
            version: CatalogVersion(1),
            effective_at: EpochMs(1),
            applied_at: NOON,
            text: catalog::merge_text(&[("test.toml", text)]).into(),
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        versions::append(&data.path().join("catalog"), 1, &bytes).unwrap();
        let keys = Keys {
            click: vec![ClickSecret { number: 3, secret: b"a secret of the tests".to_vec() }],
            identity: b"another".to_vec(),
        };
        let mut options = Options::local(data.path().to_owned(), keys);
        options.threads = 1;
        options.segment_bytes = 1024 * 1024;
        let edge = Edge::start(options, || NOON, Telemetry::new("test")).unwrap();
        let url = format!("http://{}", edge.address());
        Self { data, edge, url }
    }

    fn write(&self, name: &str, text: &[u8]) -> String {
        let file = self.data.path().join(name);
        fs::write(&file, text).unwrap();
        path(&file).to_owned()
    }

    pub(super) fn import(&self, file: &str, flags: &[&str]) -> Said {
        let fixed = ["orders", "import", file, "--url", &self.url, "--token", "the-token"];
        tributary(&[&fixed, flags].concat())
    }

    /// Imports a text and tells what became of its lines: a code, or nothing where it was taken.
    fn lines(&self, text: &[u8], flags: &[&str]) -> (Vec<(u64, String)>, i32) {
        let file = self.write("orders.txt", text);
        let said = self.import(&file, &[&["--json"], flags].concat());
        let code = |it: &serde_json::Value| {
            (it["line"].as_u64().unwrap(), it["error"].as_str().unwrap_or_default().to_owned())
        };
        (said.events("line").iter().map(code).collect(), said.status)
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        reports(self.data.path())
    }

    /// Order ids that were recorded, and how often.
    fn orders(&self) -> BTreeMap<String, usize> {
        let mut orders = BTreeMap::new();
        for report in self.reports() {
            *orders.entry(report.key.order.to_string()).or_default() += 1;
        }
        orders
    }
}

fn reports(data: &Path) -> Vec<Report> {
    let mut reader = Reader::open(&data.join("spool"));
    let mut reports = Vec::new();
    loop {
        let found = reader.poll(10_000, Duration::from_millis(1)).unwrap();
        if found.is_empty() {
            return reports;
        }
        for record in found {
            if let Ok(Event::Report(report)) = Event::decode(&record.bytes) {
                reports.push(*report);
            }
        }
    }
}

fn told(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
    lines.iter().map(|(line, code)| (*line, (*code).to_owned())).collect()
}

#[test]
fn each_line_is_a_report_at_the_time_it_states_and_other_columns_stay_at_home() {
    let shop = Shop::new();
    let text = "\u{feff}Order number;Customer name;time;amount;coupon;status\r\n\
                H-1;\"Ann; Example\";2025-03-04 12:00:00;1.234,50;ЧАЙ;approved\r\n\
                H-2;Bob;1741089600;5;;\r\n";
    let file = shop.write("history", text.as_bytes());
    let said = shop.import(&file, &["--column", "order_id=order NUMBER"]).expect(0);
    let told = shop.reports();
    let told: Vec<_> =
        told.iter().zip(2..).map(|(it, line)| format!("history:{line}: recorded {}\n", it.origin)).collect();
    assert!(said.out.starts_with(&told.concat()), "{told:?} {}", said.out);
    assert!(
        said.err.contains(
            "columns that are read: order_id, time, amount, coupon, status; not sent: Customer name"
        ),
        "{}",
        said.err
    );
    let reports = shop.reports();
    let [first, second] = reports.as_slice() else { panic!("{reports:?}") };
    let amount = |it: &Report| match &it.statement {
        Statement::Order { amount } => amount.map(|it| it.to_string()),
        refund @ Statement::Refund { .. } => panic!("{refund:?}"),
    };
    assert_eq!((&*first.key.order, amount(first).as_deref()), ("H-1", Some("1234.50 EUR")));
    assert_eq!(first.order_time().to_string(), "2025-03-04T11:00:00.000Z", "in the shop's zone");
    assert_eq!((first.coupons.first().map(|it| &**it), first.received_at), (Some("ЧАЙ"), NOON));
    assert_eq!(
        (&*second.key.order, amount(second).as_deref(), second.coupons.len()),
        ("H-2", Some("5.00 EUR"), 0)
    );
    assert_eq!(second.order_time().to_string(), "2025-03-04T12:00:00.000Z");
    shop.edge.stop();
}

#[test]
fn a_hostile_line_is_refused_by_name_and_harms_no_other() {
    let shop = Shop::new();
    let mut text = b"order_id,time,note,amount\n".to_vec();
    let long = "x".repeat(70_000);
    let value = "x".repeat(1_025);
    let rows: [&[u8]; 22] = [
        b"A-1,2025-01-01,,1",
        b"A-2,2025-01-01,1",
        b"A-3,2025-01-01,,1,1",
        b"A-4\0,2025-01-01,,1",
        b"A-5\xff,2025-01-01,,1",
        b"A-6,2025-01-01,\xff\0,1",
        b"\"A-7\" ,2025-01-01,,1",
        b"A-8,2025-01-01,\"a\n\"\"b\"\"\",1",
        b"",
        b"A-9,2025-01-01,5\" pipe,1\r",
        long.as_bytes(),
        b"A-10,2025-01-01,,1",
        b"A-11,,,1",
        b"A-12,yesterday,,1",
        b"A-13,2025-01-01,,much",
        b"{order_id},2025-01-01,,1",
        b",2025-01-01,,1",
        &[value.as_bytes(), b",2025-01-01,,1"].concat(),
        &[b"A-14,2025-01-01,", value.as_bytes(), b",1"].concat(),
        b"=HYPERLINK(1),2025-01-01,,1",
        b"\"A-15\n\",2025-01-01,,1",
        b"A-16,2025-01-01,,\"1,50\"",
    ];
    for row in rows {
        text.extend_from_slice(row);
        text.push(b'\n');
    }
    let (lines, status) = shop.lines(&text, &[]);
    let want = [
        (2, ""),
        (3, "column_count"),
        (4, "column_count"),
        (5, "control_character"),
        (6, "not_utf8"),
        (7, ""),
        (8, "quote_misplaced"),
        (9, ""),
        (12, ""),
        (13, "row_too_long"),
        (14, ""),
        (15, "time_missing"),
        (16, "time_invalid"),
        (17, "amount_invalid"),
        (18, "order_id_unfilled"),
        (19, "order_id_missing"),
        (20, "value_too_long"),
        (21, ""),
        (22, ""),
        // The line break at its end is a blank there.
        (23, ""),
        (25, ""),
    ];
    assert_eq!((lines, status), (told(&want), 1));
    let orders: Vec<String> = shop.orders().into_keys().collect();
    let taken = ["=HYPERLINK(1)", "A-1", "A-10", "A-14", "A-15", "A-16", "A-6", "A-8", "A-9"];
    assert_eq!(orders, taken);
    shop.edge.stop();
}

#[test]
fn where_rows_cannot_be_told_apart_the_file_ends_and_nothing_of_it_is_guessed() {
    let shop = Shop::new();
    let text = b"order_id,time,note\nA-1,2025-01-01,\nA-2,2025-01-01,\"never closed\nA-3,2025-01-01,\nA-4,2025-01-01,\"b\"\n";
    assert_eq!(shop.lines(text, &[]), (told(&[(2, ""), (3, "quote_open")]), 1));
    assert_eq!(shop.orders().into_keys().collect::<Vec<_>>(), ["A-1"]);
    let files: [File<'_>; 9] = [
        (b"", &[], (1, "file_empty")),
        (b"\n\n", &[], (1, "file_empty")),
        (b"\xff\xfeo\0r\0", &[], (1, "file_utf16")),
        (b"A-1,2025-01-01,5\n", &[], (1, "header_unknown")),
        (b"order_id,time,Order_ID\n", &[], (1, "header_duplicate")),
        (b"\norder_id,amount\nA-1,5\n", &[], (2, "time_column_missing")),
        (b"order_id,time\nA-1,2025-01-01\n", &["--column", "amount=Total"], (1, "column_missing")),
        (b"\"order_id\" x,time\n", &[], (1, "quote_misplaced")),
        (b"order_id,time,\"note\n", &[], (1, "quote_open")),
    ];
    for (text, flags, want) in files {
        assert_eq!(shop.lines(text, flags), (told(&[want]), 1), "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(shop.orders().len(), 1, "nothing more was recorded");
    // Without times the orders are of now, if that is meant.
    assert_eq!(shop.lines(b"order_id\nB-1\n", &["--without-time"]), (told(&[(2, "")]), 0));
    assert_eq!(shop.reports().last().unwrap().order_time(), NOON);
    shop.edge.stop();
}

#[test]
fn a_line_of_a_hundred_megabytes_is_one_refused_line() {
    let shop = Shop::new();
    let file = shop.data.path().join("large");
    let mut large = fs::File::create(&file).unwrap();
    large.write_all(b"order_id,time\nA-1,2025-01-01\nA-2,").unwrap();
    // A hole: bytes of zero that take no space.
    large.seek(SeekFrom::Current(100_000_000)).unwrap();
    large.write_all(b"\nA-3,2025-01-01\n").unwrap();
    let said = shop.import(path(&file), &[]).expect(1);
    assert!(said.out.contains("large:3: row_too_long: "), "{}", said.out);
    assert_eq!(shop.orders().into_keys().collect::<Vec<_>>(), ["A-1", "A-3"]);
    shop.edge.stop();
}

#[test]
fn a_dry_run_tells_the_same_and_records_nothing_and_a_second_import_the_same_orders() {
    let shop = Shop::new();
    let row = |it: u32| format!("A-{it};2025-01-01;{}", if it % 10 == 3 { "x" } else { "7,5" });
    let rows: Vec<String> =
        ["order_id;time;amount".to_owned()].into_iter().chain((0..450).map(row)).collect();
    let file = shop.write("many", rows.join("\n").as_bytes());
    let sums = |said: &Said| {
        let event = &said.events("imported")[0];
        ["lines", "recorded", "would_record", "refused"].map(|it| event[it].as_u64().unwrap())
    };
    let dry = shop.import(&file, &["--dry-run", "--json"]).expect(1);
    assert_eq!(sums(&dry), [450, 0, 405, 45], "{}", dry.out);
    let first = &dry.events("line")[0];
    assert_eq!((first["line"].as_u64(), first["understood"]["amount"].as_str()), (Some(2), Some("7.50 EUR")));
    assert_eq!(shop.orders().len(), 0);
    let people = shop.import(&file, &["--dry-run"]).expect(1);
    assert!(
        people.out.contains("many:2: would be recorded: sale A-0 7.50 EUR 2024-12-31T23:00:00.000Z\n"),
        "{}",
        people.out
    );
    for times in 1..=2 {
        let said = shop.import(&file, &["--json"]).expect(1);
        assert_eq!(sums(&said), [450, 405, 0, 45]);
        assert_eq!(said.events("imported")[0]["codes"]["amount_invalid"], 45);
        let orders = shop.orders();
        assert_eq!(orders.len(), 405);
        assert!(orders.values().all(|count| *count == times), "the same orders, reported {times} times");
    }
    let said = shop.import(&file, &["--only-refused"]).expect(1);
    assert!(
        said.out.contains("refused: amount_invalid") && !said.out.contains(": recorded "),
        "{}",
        said.out
    );
    shop.edge.stop();
}

#[test]
fn who_may_not_send_is_told_at_once_and_an_edge_that_is_away_is_named() {
    let shop = Shop::new();
    let file = shop.write("many", b"order_id,time\nA-1,2025-01-01\nA-2,2025-01-01\n");
    let wrong = tributary(&["orders", "import", &file, "--url", &shop.url, "--token", "guess"]).expect(1);
    assert!(
        wrong.err.contains("token_wrong: ") && wrong.err.contains("nothing was recorded"),
        "{}",
        wrong.err
    );
    let unknown = shop.import(&file, &["--advertiser", "9"]).expect(1);
    assert!(unknown.err.contains("advertiser_unknown: "), "{}", unknown.err);
    assert_eq!(shop.orders().len(), 0);
    let token = shop.write("token", b"the-token\n");
    tributary(&["orders", "import", &file, "--url", &shop.url, "--token-file", &token]).expect(0);
    assert_eq!(shop.reports().len(), 2);

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let away =
        tributary(&["orders", "import", &file, "--edge-listen", &free, "--token", "the-token"]).expect(1);
    assert!(
        away.err.contains("of line 2 and those behind it nothing is known") && away.err.contains(&free),
        "{}",
        away.err
    );
    let remote =
        tributary(&["orders", "import", &file, "--url", "http://192.0.2.1", "--token", "t"]).expect(1);
    assert!(remote.err.contains("--allow-remote"), "{}", remote.err);
    let missing = tributary(&["orders", "import", "no-such-file", "--url", &shop.url]).expect(1);
    assert!(missing.err.contains("no-such-file"), "{}", missing.err);
    tributary(&["orders", "import", &file, "--column", "colour=red"]).expect(2);
    tributary(&["orders", "import", &file, "--event", "a b"]).expect(2);
    shop.edge.stop();
}

/// Answers one request after another as told; nothing is a connection that is closed instead. The bodies it was sent.
fn edge_that_says(answers: [&'static str; 3]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let body = |answer: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut reader, mut line, mut length) =
                (BufReader::new(stream.try_clone().unwrap()), String::new(), 0);
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                let value = line.to_ascii_lowercase();
                length =
                    value.strip_prefix("content-length:").map_or(length, |it| it.trim().parse().unwrap());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(body).unwrap()
        };
        answers.map(body).to_vec()
    });
    (url, serving)
}

#[test]
fn a_batch_is_sent_again_as_it_was_until_the_edge_takes_it() {
    let (url, serving) = edge_that_says([
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 40\r\n\r\n{\"error\":\"no_catalog\",\"message\":\"later\"}",
        "",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 37\r\n\r\n{\"lines\":[{\"line\":1,\"report\":\"1-2\"}]}",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = crate::write(folder.path(), "one", "order_id,time\nA-1,2025-01-01\n");
    let said = tributary(&["orders", "import", &file, "--url", &url]).expect(0);
    assert!(said.out.starts_with("one:2: recorded 1-2\n"), "{}", said.out);
    let sent = serving.join().unwrap();
    let line = "{\"order_id\":\"A-1\",\"time\":\"2025-01-01\"}\n";
    assert_eq!(sent, [line; 3]);
}
