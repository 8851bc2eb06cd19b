//! A program whose roles are processes of a test: several pipelines share the partitions of one broker's topics.
//!
//! In: the real binary, a real broker, the real engine. Out: what visitors and the shop noted down themselves, to compare with orders, credits
//! and cells.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Stdio},
};

use chdb::testing::Shared;

use super::support::{
    PATIENCE, eventually, eventually_within, folder, tributary,
    web::{BROWSER, curl},
};

pub(crate) const TOKEN: &str = "the-token";
pub(crate) const PARTNERS: u32 = 5;
pub(crate) const CLICKS_EACH: u32 = 3;
pub(crate) const PARTITIONS: &str = "6";
/// Orders that a group under change decides in [`PATIENCE`] on a busy machine.
const ORDERS_PER_PATIENCE: usize = 5_000;
/// Rows of a difference that are named.
const SHOWN_MAX: usize = 20;

/// A program whose roles are processes of this test.
pub(crate) struct Program {
    pub(crate) folder: PathBuf,
    pub(crate) prefix: String,
    pub(crate) database: String,
    pub(crate) engine: &'static Shared,
    pub(crate) brokers: &'static str,
}

/// A role's process, killed when it is dropped.
pub(crate) struct Role {
    pub(crate) child: Child,
    pub(crate) admin: SocketAddr,
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Program {
    /// One of a name of its own.
    pub(crate) fn new(name: &str) -> Self {
        let engine = chdb::testing::shared();
        let folder = folder(name);
        fs::write(folder.join("catalog.toml"), catalog()).unwrap();
        let prefix = format!("{name}-{}", std::process::id());
        Self { folder, prefix, database: engine.fresh_database(), engine, brokers: xtask::kafka::shared() }
    }

    /// The binary with this program's settings; `data` is a machine of its own.
    pub(crate) fn command(&self, data: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = tributary(arguments);
        command
            .env("TRIBUTARY_DATA", self.folder.join(data))
            .env("TRIBUTARY_KAFKA__BROKERS", self.brokers)
            .env("TRIBUTARY_KAFKA__PREFIX", &self.prefix)
            .env("TRIBUTARY_KAFKA__PARTITIONS", PARTITIONS)
            // A member that is killed keeps its partitions for as long; brokers allow no less.
            .env("TRIBUTARY_KAFKA__PROPERTIES__session.timeout.ms", "6000")
            // One that stands still for as long has lost them, too.
            .env("TRIBUTARY_KAFKA__PROPERTIES__max.poll.interval.ms", "6000")
            .env("TRIBUTARY_CLICKHOUSE__URL", &self.engine.url)
            .env("TRIBUTARY_CLICKHOUSE__USER", &self.engine.user)
            .env("TRIBUTARY_CLICKHOUSE__PASSWORD", &self.engine.password)
            .env("TRIBUTARY_CLICKHOUSE__DATABASE", &self.database);
        command
    }

    pub(crate) fn role(&self, role: &str, data: &str, flags: &[&str]) -> Role {
        let admin = free();
        let log = fs::File::create(self.folder.join(format!("{data}.log"))).unwrap();
        let child = self
            .command(data, &[role])
            .args([format!("--{role}-admin"), admin.to_string()])
            .args(flags)
            .env("TRIBUTARY_CHILD", "1")
            .stdin(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Role { child, admin }
    }

    pub(crate) fn pipeline(&self, name: &str) -> Role {
        self.role("pipeline", name, &["--pipeline-instance", name])
    }

    pub(crate) fn log(&self, data: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{data}.log"))).unwrap_or_default()
    }

    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<String>, String> {
        let url = format!("{}/?database={}", self.engine.url, self.database);
        let user = format!("{}:{}", self.engine.user, self.engine.password);
        let seen = curl(&["--user", &user, &url], Some(sql.as_bytes()));
        match seen.status {
            200 => Ok(seen.text().lines().map(|line| line.replace('\t', " ")).collect()),
            status => Err(format!("{sql}: {status} {}", seen.text())),
        }
    }

    #[track_caller]
    pub(crate) fn shows(&self, sql: &str, wanted: &Vec<String>) {
        // Members that come and go are behind by what they have to read again.
        let patience = PATIENCE * (2 + u32::try_from(wanted.len() / ORDERS_PER_PATIENCE).unwrap());
        eventually_within(patience, "ClickHouse shows the wanted rows", || {
            let rows = self.rows(sql)?;
            if rows == *wanted {
                return Ok(());
            }
            let [seen, meant] = [&rows, wanted].map(|it| it.iter().collect::<BTreeSet<_>>());
            let missing: Vec<_> = meant.difference(&seen).take(SHOWN_MAX).collect();
            let strange: Vec<_> = seen.difference(&meant).take(SHOWN_MAX).collect();
            Err(format!("{sql}\n wanted {} rows, missing {missing:?}\n strange {strange:?}", wanted.len()))
        });
    }
}

pub(crate) fn catalog() -> String {
    let rows = (1..=PARTNERS).map(|id| {
        format!(
            "[[partner]]\nid = {id}\nname = \"Partner {id}\"\ntype = \"content\"\n\n[[link]]\nid = {id}\ncode = \"l{id}\"\npartner = {id}\noffer = 10\n\n"
        )
    });
    format!(
        "[[advertiser]]\nid = 1\nname = \"Shop\"\ncurrency = \"EUR\"\ntokens = [\"{TOKEN}\"]\n\n[[offer]]\nid = 10\nadvertiser = 1\nname = \"Tea\"\n\
         destination = \"https://shop.example/?click_id={{click_id}}\"\n\n{}",
        rows.collect::<String>()
    )
}

/// One connection to the edge, kept open.
pub(crate) struct Http(TcpStream);

impl Http {
    pub(crate) fn new(edge: SocketAddr) -> Self {
        let stream = TcpStream::connect(edge).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Head and body of the answer.
    pub(crate) fn get(&mut self, target: &str, cookie: &str) -> String {
        let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: {BROWSER}\r\n{cookie}\r\n");
        self.0.write_all(request.as_bytes()).unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
        loop {
            let read = self.0.read(&mut buffer).unwrap();
            assert!(read > 0, "closed");
            bytes.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = value(head, "content-length: ").map_or(0, |it| it.parse().unwrap());
            if body.len() >= length {
                return text.into_owned();
            }
        }
    }
}

pub(crate) fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name))
}

/// What visitors and the shop noted down themselves.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Whose: orders are named by it.
    pub(crate) shop: u32,
    pub(crate) visitors: u32,
    /// Order, the partner whose link its visitor followed last, and how often the shop reported it.
    pub(crate) orders: BTreeMap<String, (u32, u32)>,
    pub(crate) clicks: BTreeMap<u32, u32>,
}

impl Notes {
    /// A visitor follows three links and orders; the shop names the first click, sends twice, and the last click has earned it.
    pub(crate) fn visit(&mut self, edge: SocketAddr) {
        // The edge closes a connection that is idle, and members may take their time.
        let mut http = Http::new(edge);
        let report = self.click_and_order(&mut http);
        self.post(&mut http, &report, 2);
    }

    /// A visitor follows three links and orders. The request by which the shop reports it, with the order's name.
    pub(crate) fn click_and_order(&mut self, http: &mut Http) -> (String, String) {
        self.visitors += 1;
        let (mut cookie, mut first) = (String::new(), String::new());
        let mut partner = 0;
        for step in 0..CLICKS_EACH {
            partner = (self.visitors + step * 2) % PARTNERS + 1;
            let answer = http.get(&format!("/c/l{partner}"), &cookie);
            let location = value(&answer, "location: ").unwrap_or_else(|| panic!("{answer}"));
            if first.is_empty() {
                location.rsplit_once("click_id=").unwrap().1.clone_into(&mut first);
                let set = value(&answer, "set-cookie: ").unwrap();
                set.split(';').next().unwrap().clone_into(&mut cookie);
            }
            *self.clicks.entry(partner).or_default() += 1;
        }
        let order = format!("o{}-{:06}", self.shop, self.visitors);
        let target =
            format!("/postback?token={TOKEN}&order_id={order}&amount=10.25&currency=EUR&click_id={first}");
        self.orders.insert(order.clone(), (partner, 0));
        (order, target)
    }

    /// The shop reports an order so many times.
    pub(crate) fn post(&mut self, http: &mut Http, (order, target): &(String, String), times: u32) {
        for _ in 0..times {
            let answer = http.get(target, "");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        self.orders.get_mut(order).unwrap().1 += times;
    }

    /// Both shops' notes in one.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.orders.extend(other.orders);
        for (partner, clicks) in other.clicks {
            *self.clicks.entry(partner).or_default() += clicks;
        }
        self
    }

    pub(crate) fn orders(&self) -> Vec<String> {
        let line = |(order, (partner, reports)): (&String, &(u32, u32))| {
            format!("{order} {partner} 10.25 {reports}")
        };
        self.orders.iter().map(line).collect()
    }

    pub(crate) fn credits(&self) -> Vec<String> {
        self.orders.iter().map(|(order, (partner, _))| format!("{order} {partner} 1 10.25")).collect()
    }

    pub(crate) fn cells(&self) -> Vec<String> {
        let row = |(partner, clicks): (&u32, &u32)| {
            let orders = u32::try_from(self.orders.values().filter(|(it, _)| it == partner).count()).unwrap();
            let cents = orders * 1_025;
            let revenue = format!("{}.{:02}", cents / 100, cents % 100);
            let revenue = revenue.trim_end_matches('0').trim_end_matches('.').to_owned();
            format!("{partner} {clicks} {clicks} {orders} {revenue}")
        };
        self.clicks.iter().map(row).collect()
    }
}

/// Partitions a pipeline speaks for.
pub(crate) fn partitions_of(admin: SocketAddr) -> usize {
    let page = curl(&[&format!("http://{admin}/metrics")], None).text();
    page.lines().filter(|it| it.starts_with("tributary_pipeline_live{") && it.ends_with(" 1")).count()
}

/// Received is the sum of fates, as the role's own page says.
pub(crate) fn balanced(role: &Role) {
    eventually("received is the sum of fates", || {
        let page = curl(&[&format!("http://{}/metrics", role.admin)], None).text();
        let sum = |name: &str| -> u64 {
            let lines = page.lines().filter(|it| it.starts_with(name));
            lines.map(|it| it.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
        };
        let (received, fates) = (sum("tributary_received_total{"), sum("tributary_fates_total{"));
        if received == fates && received > 0 { Ok(()) } else { Err(format!("{received} of {fates}\n{page}")) }
    });
}

pub(crate) fn all_shared(program: &Program, members: &[(&str, &Role)]) {
    eventually("the members share all partitions", || {
        let counts: Vec<usize> = members.iter().map(|(_, role)| partitions_of(role.admin)).collect();
        if counts.iter().sum::<usize>() == 6 && counts.iter().all(|it| *it > 0) {
            return Ok(());
        }
        let logs: Vec<String> = members.iter().map(|(name, _)| program.log(name)).collect();
        Err(format!("{counts:?}\n{}", logs.concat()))
    });
}

pub(crate) fn ready(program: &Program, name: &str, role: &Role) {
    eventually("it is ready", || {
        let seen = curl(&[&format!("http://{}/readyz?verbose", role.admin)], None);
        if seen.status == 200 { Ok(()) } else { Err(format!("{}\n{}", seen.text(), program.log(name))) }
    });
}

impl Program {
    /// Catalog, warehouse role and edge; where visitors go.
    pub(crate) fn serve(&self) -> ([Role; 2], SocketAddr) {
        let path = self.folder.join("catalog.toml");
        let applied = self.command("edge", &["catalog", "apply"]).arg(&path).output().unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let warehouse = self.role("warehouse", "warehouse", &["--warehouse-roll-ms", "300"]);
        ready(self, "warehouse", &warehouse);
        let listen = free();
        let address = listen.to_string();
        let edge = self.role("edge", "edge", &["--edge-listen", &address, "--edge-threads", "1"]);
        ready(self, "edge", &edge);
        ([warehouse, edge], listen)
    }

    /// Orders, credits and cells are what visitors and the shop noted.
    #[track_caller]
    pub(crate) fn is_exact(&self, notes: &Notes) {
        let orders = "SELECT order_id, partner_id, revenue, report_count FROM orders ORDER BY order_id";
        self.shows(orders, &notes.orders());
        let credits = "SELECT order_id, partner_id, share, revenue FROM credits WHERE share > 0 ORDER BY 1";
        self.shows(credits, &notes.credits());
        let cells = "SELECT partner_id, sum(clicks), sum(clicks_valid), sum(orders), sum(revenue) FROM rollup_quarter \
                     GROUP BY 1 ORDER BY 1";
        self.shows(cells, &notes.cells());
    }

    /// Nothing is missing anywhere, as the product itself finds. The edge must have ended.
    #[track_caller]
    pub(crate) fn audit(&self) {
        let audit = self.command("edge", &["audit"]).output().unwrap();
        let said = String::from_utf8_lossy(&audit.stdout);
        assert!(audit.status.success(), "{said}\n{}", String::from_utf8_lossy(&audit.stderr));
    }
}
