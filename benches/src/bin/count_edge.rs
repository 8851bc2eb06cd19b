//! Instructions of a click at the edge: its head read, and the whole way from the head's bytes to the answer's, spool included. Run by
//! `cargo xtask instructions`.

use std::{
    hint::black_box,
    path::Path as FilePath,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result, ensure};
use edge::{ClickSecret, Direct, Options, keys::Keys};
use events::CatalogRecord;
use units::{CatalogVersion, EpochMs};

#[path = "../counted.rs"]
mod counted;

use counted::{Path, run};

/// The clock behind the metrics is calibrated by real time at every start, some four million instructions more or less: turns enough to drown that.
const CLICK_TURNS: usize = 50_000;
const PARSE_TURNS: usize = 600_000;

const PATHS: &[Path] = &[
    Path { name: "redirect_parse", turns: PARSE_TURNS, work: parse },
    Path { name: "redirect_new_visitor", turns: CLICK_TURNS, work: new_visitors },
    Path { name: "redirect_known_visitor", turns: CLICK_TURNS, work: known_visitor },
];

const CATALOG: &str = "[[advertiser]]\nid = 1\nname = \"Shop\"\ntime_zone = \"Europe/Berlin\"\ncurrency = \"EUR\"\n\
    [[offer]]\nid = 10\nadvertiser = 1\nname = \"Offer\"\n\
    destination = \"https://shop.example/landing/page?click={click_id}&src={partner_id}&s={sub1}\"\n\
    click_id_parameter = \"click\"\nallowed_hosts = [\"shop.example\"]\nduplicate_window = \"1h\"\n\
    [[partner]]\nid = 100\nname = \"Blog\"\ntype = \"content\"\n\
    [[link]]\nid = 1000\ncode = \"tea\"\npartner = 100\noffer = 10\n";

fn main() -> Result<ExitCode> {
    run(PATHS)
}

/// One millisecond a call.
fn clock() -> EpochMs {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    EpochMs(counted::START + CALLS.fetch_add(1, Ordering::Relaxed))
}

fn open(data: &FilePath) -> Result<Direct> {
    let record = CatalogRecord {
        version: CatalogVersion(1),
        effective_at: EpochMs(1),
        applied_at: EpochMs(1),
        text: CATALOG.into(),
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes)?;
    journal::versions::append(&data.join("catalog"), 1, &bytes)?;
    let click = vec![ClickSecret { number: 0, secret: b"counted".to_vec() }];
    let mut options = Options::local(data.to_owned(), Keys { click, identity: b"counted".to_vec() });
    options.trusted_proxies = vec!["127.0.0.0/8".parse().context("a block")?];
    Ok(Direct::open(options, clock, 7)?)
}

/// As a browser behind a proxy sends it; `n` is in the address.
fn head(n: usize, more: &str) -> String {
    format!(
        "GET /c/tea?sub1=campaign-spring&sub2=banner%203&utm_source=blog HTTP/1.1\r\nHost: go.example.com\r\n\
         User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
         Version/18.5 Mobile/15E148 Safari/604.1\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
         Accept-Language: de-DE,de;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://blog.example.com/tea/green\r\n\
         X-Forwarded-For: 198.51.{}.{}\r\nX-Forwarded-Proto: https\r\n{more}Connection: keep-alive\r\n\r\n",
        n / 256 % 256,
        n % 256
    )
}

fn parse(turns: usize) -> Result<()> {
    let data = tempfile::tempdir()?;
    let direct = open(data.path())?;
    let head = head(1, "");
    for _ in 0..turns {
        ensure!(direct.reads(black_box(head.as_bytes())) == Some(head.len()), "it is not plain");
    }
    Ok(())
}

fn new_visitors(turns: usize) -> Result<()> {
    let heads: Vec<String> = (0..2 * CLICK_TURNS).map(|n| head(n, "")).collect();
    click(&heads, turns)
}

fn known_visitor(turns: usize) -> Result<()> {
    let data = tempfile::tempdir()?;
    let answer = answered(&open(data.path())?, &head(0, ""))?;
    let (_, cookie) = answer.split_once("set-cookie: ").context("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    click(&[head(1, &format!("Cookie: _ga=GA1.1.1.1; {cookie}\r\n"))], turns)
}

fn answered(direct: &Direct, head: &str) -> Result<String> {
    let mut out = Vec::new();
    direct.click([127, 0, 0, 1].into(), head.as_bytes(), &mut out).context("it is not plain")?;
    Ok(String::from_utf8(out)?)
}

fn click(heads: &[String], turns: usize) -> Result<()> {
    let data = tempfile::tempdir()?;
    let direct = open(data.path())?;
    let mut out = Vec::with_capacity(16 * 1024);
    for head in heads.iter().cycle().take(turns) {
        out.clear();
        direct.click([127, 0, 0, 1].into(), head.as_bytes(), &mut out);
        ensure!(out.starts_with(b"HTTP/1.1 302 Found\r\n"), "{}", String::from_utf8_lossy(&out));
    }
    Ok(())
}
