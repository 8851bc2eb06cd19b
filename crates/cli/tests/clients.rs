//! What analysts connect with, all unmodified: curl, the `clickhouse` crate and Python's clickhouse-connect, reading a click and an order that
//! came in over HTTP. The user they are given reads and cannot change anything.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use clickhouse::{Client, Row};
use serde::Deserialize;

mod support;

use self::support::{
    Up, folder,
    shop::postback,
    web::{Followed, Seen, curl, follow},
};

/// Pinned, so that a new release cannot fail a build.
const PYTHON_PACKAGE: &str = "clickhouse-connect==1.12.0";

/// A product with one click and its order, both to be read already.
static PLAYED: LazyLock<(Up, Followed)> = LazyLock::new(|| {
    let folder = folder("clients");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/catalog.toml");
    fs::copy(example, folder.join("catalog.toml")).unwrap();
    let up = Up::start(&folder, &["--catalog", "catalog.toml", "--edge-threads", "1"]);
    let click = follow(&up.edge("/c/tea?sub1=it%27s&sub2=%E8%8C%B6"), &[]);
    let answer =
        postback(&up, &format!("click_id={}&order_id=C-1&amount=49.95&currency=EUR", click.click_id));
    assert_eq!(answer.status, 200, "{}", answer.text());
    up.shows("SELECT sum(orders), sum(clicks) FROM partner_daily WHERE partner_id = 100", &["1 1"]);
    (up, click)
});

/// A request as the reader, with further arguments for curl.
fn as_reader(arguments: &[&str], query: &str, body: Option<&str>) -> Seen {
    let (up, _) = &*PLAYED;
    let user = format!("reader:{}", up.password("reader"));
    let url = format!("{}/?database=tributary&{query}", up.clickhouse());
    let mut all = vec!["--user", user.as_str(), "--compressed"];
    all.extend(arguments);
    all.push(&url);
    curl(&all, body.map(str::as_bytes))
}

#[test]
fn curl_reads_by_get_and_by_post_in_any_format() {
    let (_, click) = &*PLAYED;
    let sql = "SELECT sub1, sub2, click_id, partner_id FROM clicks";
    let by_post = as_reader(&[], "default_format=JSONEachRow", Some(sql)).json();
    let wanted =
        serde_json::json!({"sub1": "it's", "sub2": "茶", "click_id": click.click_id, "partner_id": 100});
    assert_eq!(by_post, wanted);
    let by_get = as_reader(&["--get", "--data-urlencode", &format!("query={sql} FORMAT CSV")], "", None);
    assert_eq!(by_get.text(), format!("\"it's\",\"茶\",\"{}\",100\n", click.click_id));
    let parameter = as_reader(
        &[],
        "param_order=C-1",
        Some("SELECT revenue, currency FROM orders WHERE order_id = {order:String}"),
    );
    assert_eq!(parameter.text(), "49.95\tEUR\n");
}

/// The view's columns under their own types.
#[derive(Debug, PartialEq, Row, Deserialize)]
struct Touch {
    click_id: String,
    sub1: String,
    partner_id: u32,
    partner_name: String,
    offer_id: u32,
    link_id: u32,
    is_valid: bool,
}

#[derive(Debug, PartialEq, Row, Deserialize)]
struct Credit {
    order_id: String,
    partner_id: u32,
    share_ppm: u32,
    revenue_minor: i64,
    currency: String,
}

#[test]
fn the_clickhouse_crate_reads_typed_rows() {
    let (up, click) = &*PLAYED;
    let client = Client::default()
        .with_url(up.clickhouse())
        .with_user("reader")
        .with_password(up.password("reader"))
        .with_database("tributary");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (clicks, credits) = runtime.block_on(async {
        let clicks = client.query("SELECT ?fields FROM clicks WHERE sub1 = ?").bind("it's");
        let credits = client.query("SELECT order_id, partner_id, toUInt32(share_ppm) AS share_ppm, toInt64(revenue_minor) AS revenue_minor, toString(currency) AS currency FROM credits");
        (clicks.fetch_all::<Touch>().await.unwrap(), credits.fetch_all::<Credit>().await.unwrap())
    });
    let wanted = Touch {
        click_id: click.click_id.clone(),
        sub1: "it's".to_owned(),
        partner_id: 100,
        partner_name: "The Tea Blog".to_owned(),
        offer_id: 10,
        link_id: 1000,
        is_valid: true,
    };
    assert_eq!(clicks, [wanted]);
    let wanted = Credit {
        order_id: "C-1".to_owned(),
        partner_id: 100,
        share_ppm: 1_000_000,
        revenue_minor: 4_995,
        currency: "EUR".to_owned(),
    };
    assert_eq!(credits, [wanted]);
}

#[test]
fn clickhouse_connect_reads_the_same() {
    let (up, click) = &*PLAYED;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/analyst.py");
    let port = up.ports.engine.port().to_string();
    let mut python = Command::new(python().join("bin/python"));
    python.arg(script).args([port, up.password("reader"), click.click_id.clone()]);
    let ended = python.output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && out.trim().ends_with("done"), "{out}\n{error}");
}

#[test]
fn the_reader_changes_nothing_and_a_stranger_reads_nothing() {
    for statement in [
        "INSERT INTO clicks_log (click_id) VALUES ('forged')",
        "DROP TABLE clicks_log",
        "DROP VIEW clicks",
        "ALTER TABLE credits_log DELETE WHERE 1",
        "TRUNCATE TABLE orders_log",
        "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    ] {
        let seen = as_reader(&[], "", Some(statement));
        assert!(
            seen.status >= 400 && seen.text().contains("164"),
            "{statement}: {} {}",
            seen.status,
            seen.text()
        );
    }
    let (up, _) = &*PLAYED;
    let seen = curl(
        &["--user", "reader:guessed", &format!("{}/?database=tributary", up.clickhouse())],
        Some(b"SELECT 1"),
    );
    assert!(seen.status >= 400 && seen.text().contains("516"), "{} {}", seen.status, seen.text());
    up.shows("SELECT count(), countIf(click_id = 'forged') FROM clicks", &["1 0"]);
}

/// The folder of a virtual environment in the cache, made if it is not whole; the engine's own tests use the same one.
fn python() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let cache = home.join(".cache/tributary");
    fs::create_dir_all(&cache).unwrap();
    // Two test runs must not build it at once.
    let lock = fs::File::create(cache.join("python.lock")).unwrap();
    lock.lock().unwrap();
    let folder = cache.join("python-1");
    let whole = folder.join("whole");
    if whole.exists() {
        return folder;
    }
    let run = |command: &mut Command| {
        let ended = command.output().expect("the tests need Python 3");
        assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", PYTHON_PACKAGE]));
    fs::write(whole, PYTHON_PACKAGE).unwrap();
    folder
}
