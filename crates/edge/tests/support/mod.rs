//! An edge of the tests' own, raw sockets to it, and what it has spooled.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    unreachable_pub,
    reason = "helpers of tests fail loudly and are not fast"
)]

pub mod child;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use edge::{ClickSecret, Edge, Options, keys::Keys};
use events::{CatalogRecord, Click, ClickKey, ClickKeyring, ClickMint, Event, Report};
use journal::{spool::Reader, versions};
use telemetry::Telemetry;
use units::{CatalogVersion, EpochMs, LinkId, VisitorId};

pub const NOW: EpochMs = EpochMs(1_763_818_571_042);
const SECRET: &[u8] = b"a click secret of the tests";
/// How long anything may take on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

pub const CATALOG: &str = r#"
[[advertiser]]
id = 1
name = "Tea"
time_zone = "Europe/Berlin"
currency = "EUR"
pixels = "report"
tokens = ["first-token", "second-token"]
shopify_secrets = ["old-secret", "hush-hush"]
woocommerce_secrets = ["a&amp;b&quot;c&lt;d"]
webhook_secrets = ["whsec_YW4gb2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
deep_link_secrets = ["a deep secret"]

[[advertiser]]
id = 2
name = "Open"
currency = "USD"
order_identity = "event_click"

[[offer]]
id = 10
advertiser = 1
name = "Tea"
destination = "https://shop.example/tea?from=net&click={click_id}&s={sub1}#top"
click_id_parameter = "click"
allowed_hosts = ["shop.example", ".wide.example"]
duplicate_window = "1h"

[[offer]]
id = 20
advertiser = 2
name = "Pots"
destination = "https://pots.example/"

[[partner]]
id = 100
name = "Blog"
type = "content"

[[partner]]
id = 101
name = "Gone"
type = "content"
status = "paused"

[[link]]
id = 1000
code = "tea"
partner = 100
offer = 10

[[link]]
id = 1001
code = "gone"
partner = 101
offer = 10

[[link]]
id = 1002
code = "pots"
partner = 100
offer = 20
"#;

/// Steps one millisecond a call, so that no two events share an instant by chance of the machine.
pub fn clock() -> EpochMs {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NOW.forth(NEXT.fetch_add(1, Ordering::Relaxed))
}

pub struct Running {
    pub data: tempfile::TempDir,
    edge: Option<Edge>,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub telemetry: Telemetry,
}

pub fn apply(data: &Path, version: u32, text: &str) {
    catalog::parse(&[("test.toml", text)]).unwrap_or_else(|errors| panic!("{errors:?}"));
    let text = catalog::merge_text(&[("test.toml", text)]);
    apply_raw(data, version, &text);
}

pub fn apply_raw(data: &Path, version: u32, text: &str) {
    let record = CatalogRecord {
        version: CatalogVersion(version),
        effective_at: EpochMs(1),
        applied_at: NOW,
        text: text.into(),
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes).unwrap();
    versions::append(&data.join("catalog"), version, &bytes).unwrap();
}

pub fn options(data: &Path) -> Options {
    let keys = Keys {
        click: vec![ClickSecret { number: 3, secret: SECRET.to_vec() }],
        identity: b"an identity secret of the tests".to_vec(),
    };
    let mut options = Options::local(data.to_owned(), keys);
    options.threads = 1;
    options.segment_bytes = 1024 * 1024;
    options
}

pub fn keyring() -> ClickKeyring {
    ClickKeyring::new(vec![ClickKey::new(3, SECRET)])
}

pub fn mint(at: EpochMs, link: u32, visitor: u64) -> String {
    ClickMint::new(ClickKey::new(3, SECRET), 7).mint(at, LinkId(link), VisitorId(visitor)).to_string()
}

pub fn start() -> Running {
    start_with(|_| {})
}

pub fn start_with(change: impl FnOnce(&mut Options)) -> Running {
    let data = tempfile::tempdir().unwrap();
    apply(data.path(), 1, CATALOG);
    start_in(data, change)
}

pub fn start_in(data: tempfile::TempDir, change: impl FnOnce(&mut Options)) -> Running {
    let mut options = options(data.path());
    change(&mut options);
    let telemetry = Telemetry::new("test");
    let edge = Edge::start(options, clock, telemetry.clone()).unwrap();
    Running::of(edge, data, telemetry)
}

impl Running {
    pub fn of(edge: Edge, data: tempfile::TempDir, telemetry: Telemetry) -> Self {
        let (address, admin) = (edge.address(), edge.admin_address());
        Self { data, edge: Some(edge), address, admin, telemetry }
    }

    pub fn stop(&mut self) {
        if let Some(edge) = self.edge.take() {
            edge.stop();
        }
    }

    /// Ends the edge and gives its folder back.
    pub fn into_data(mut self) -> tempfile::TempDir {
        self.stop();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }

    /// Sends bytes on a connection of their own and reads until it closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        raw(self.address, bytes)
    }

    /// A request with the headers a browser sends, and more.
    pub fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", target, headers, b"")
    }

    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n");
        let gives_agent = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        if !gives_agent {
            head.push_str(&format!("User-Agent: {BROWSER}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Answer::parse(&self.raw(&bytes))
    }

    pub fn admin(&self, target: &str) -> Answer {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Answer::parse(&raw(self.admin, head.as_bytes()))
    }

    pub fn spooled(&self) -> Spooled {
        spooled(self.data.path())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The edge may refuse and close before it has read everything.
    drop(stream.write_all(bytes));
    read_to_end(&mut stream)
}

/// All that comes until the connection ends; a reset ends it too.
pub fn read_to_end(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self { status, headers: lines.map(pair).collect(), body: body.to_owned() }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn location(&self) -> &str {
        let found = self.all("location");
        assert_eq!(found.len(), 1, "one location: {self:?}");
        found[0]
    }

    /// `name=value` of the cookie it sets.
    pub fn cookie(&self) -> Option<&str> {
        self.header("set-cookie").and_then(|it| it.split(';').next())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Records as bytes, oldest first within a writer.
#[derive(Debug, Default)]
pub struct Spooled {
    pub records: Vec<Vec<u8>>,
}

impl Spooled {
    pub fn clicks(&self) -> Vec<Click<'_>> {
        self.records
            .iter()
            .filter_map(|bytes| if let Ok(Event::Click(it)) = Event::decode(bytes) { Some(it) } else { None })
            .collect()
    }

    pub fn reports(&self) -> Vec<Report> {
        self.records
            .iter()
            .filter_map(
                |bytes| if let Ok(Event::Report(it)) = Event::decode(bytes) { Some(*it) } else { None },
            )
            .collect()
    }
}

pub fn spooled(data: &Path) -> Spooled {
    let mut reader = Reader::open(&data.join("spool"));
    let mut spooled = Spooled::default();
    loop {
        let found = reader.poll(10_000, Duration::from_millis(1)).unwrap();
        if found.is_empty() {
            return spooled;
        }
        spooled.records.extend(found.into_iter().map(|it| it.bytes.to_vec()));
    }
}

/// Polls until it is so.
pub fn until(claim: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {claim}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
