//! What must reach no disk: whole addresses, user agents, cookies, tokens, other sites' paths. Canaries go in by every door of the real roles, the roles are
//! killed, and every file they left is searched (promise P18). What may be stored is searched for as well, or finding nothing would prove nothing.
//!
//! `TRIBUTARY_TEST_CANARIES=1000000` sends so many requests instead of ten thousand.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail by panicking")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

mod support;

use self::support::{
    PATIENCE, Up, eventually, folder, tributary,
    web::{BROWSER, curl},
};

/// Requests of one kind that are sent before their answers are read.
const AT_ONCE: usize = 100;

/// Texts that may be in no file. Each is unlike anything else, so that a compressed file shows its first appearance as it is.
const CANARIES: [(&str, &str); 12] = [
    ("an IPv4 address", "203.0.113.20"),
    ("an IPv6 address", "2001:db8:5a17:9c3e:71d4:b80f:26ce:93a5"),
    ("an IPv4 address mapped into IPv6", "198.51.100.21"),
    ("a user agent's mail address", "kv8Qz2.mailbox@agent-canary.example"),
    ("a referring page's path", "Xw7referrer-path-canary"),
    ("a referring page's query", "Jp3referrer-query-canary"),
    ("a parameter nobody asked for", "Tn5query-canary"),
    ("a cookie of somebody else", "Bq9cookie-canary"),
    ("an Authorization header", "Fd4authorization-canary"),
    ("a shop's token", "Lz6shop-token-canary"),
    ("a wrong token", "Ry2wrong-token-canary"),
    ("a customer's mail address", "Hc1.customer@customer-canary.example"),
];

/// The same addresses as bytes. The last one of four may be found by chance, since a hash follows the three that may be stored: for one address in 256,
/// in every click. So there are ten of each kind.
const IPV6_BYTES: [u8; 16] =
    [0x20, 0x01, 0x0d, 0xb8, 0x5a, 0x17, 0x9c, 0x3e, 0x71, 0xd4, 0xb8, 0x0f, 0x26, 0xce, 0x93, 0xa5];
const IPV4_BYTES: [[u8; 4]; 2] = [[203, 0, 113, 200], [198, 51, 100, 210]];
const ADDRESSES_EACH: u8 = 10;
/// Of the twenty; more are no chance.
const BY_CHANCE_MAX: usize = 3;

/// A partner's own mark, which is stored: the search has to find it.
const STORED: &str = "Mk7stored-sub-value";

const CATALOG: &str = r#"
[[advertiser]]
id = 1
name = "Tea"
time_zone = "UTC"
currency = "EUR"
tokens = ["Lz6shop-token-canary"]

[[offer]]
id = 10
advertiser = 1
name = "Tea"
destination = "https://shop.example/tea"
click_id_parameter = "click_id"
allowed_hosts = ["shop.example"]

[[partner]]
id = 100
name = "Blog"
type = "content"

[[link]]
id = 1000
code = "tea"
partner = 100
offer = 10
"#;

fn requests() -> usize {
    std::env::var_os("TRIBUTARY_TEST_CANARIES").map_or(10_000, |it| it.to_str().unwrap().parse().unwrap())
}

/// The three kinds of address, one after the other, and every fourth time a header nobody trusts.
fn click(number: usize) -> String {
    let digit = number / 4 % usize::from(ADDRESSES_EACH);
    let v4 = format!("203.0.113.20{digit}");
    let address = match number % 4 {
        0 => format!("X-Forwarded-For: {v4}"),
        1 => "X-Forwarded-For: 2001:db8:5a17:9c3e:71d4:b80f:26ce:93a5".to_owned(),
        2 => format!("X-Forwarded-For: ::ffff:198.51.100.21{digit}"),
        _ => format!("Forwarded: for={v4}\r\nX-Real-IP: {v4}\r\nTrue-Client-IP: {v4}"),
    };
    let sub = if number == 0 { STORED } else { "plain" };
    format!(
        "GET /c/tea?sub1={sub}&email=Tn5query-canary HTTP/1.1\r\nHost: go.example\r\n{address}\r\n\
         User-Agent: {BROWSER} (kv8Qz2.mailbox@agent-canary.example)\r\n\
         Referer: https://blog.example/Xw7referrer-path-canary?q=Jp3referrer-query-canary\r\n\
         Cookie: session=Bq9cookie-canary; tvid=Bq9cookie-canary\r\nAuthorization: Bearer Fd4authorization-canary\r\n\r\n"
    )
}

fn report(number: usize, token: &str) -> String {
    format!(
        "GET /postback?order_id=A-{number}&amount=1&customer_id=Hc1.customer%40customer-canary.example HTTP/1.1\r\n\
         Host: go.example\r\nX-Api-Key: {token}\r\nX-Forwarded-For: 203.0.113.205\r\n\
         User-Agent: shop (kv8Qz2.mailbox@agent-canary.example)\r\n\r\n"
    )
}

/// Sends requests on one connection, many at a time, and counts answers by their status.
fn send(edge: SocketAddr, texts: &[String], wanted: &str) {
    let mut stream = TcpStream::connect(edge).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for some in texts.chunks(AT_ONCE) {
        stream.write_all(some.concat().as_bytes()).unwrap();
        let (mut answered, mut seen, mut buffer) = (0, Vec::new(), vec![0; 64 * 1024]);
        while answered < some.len() {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "closed after {answered}: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..read]);
            answered = count(&seen, b"HTTP/1.1 ");
        }
        assert_eq!(count(&seen, wanted.as_bytes()), answered, "{}", String::from_utf8_lossy(&seen));
    }
}

fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).filter(|it| it[0] == wanted[0] && *it == wanted).count()
}

/// All that is sent: clicks, reports with a good token, and some with a wrong one.
fn send_all(edge: SocketAddr, clicks: usize) {
    let texts: Vec<String> = (0..clicks).map(click).collect();
    send(edge, &texts, "HTTP/1.1 302 ");
    let texts: Vec<String> = (0..clicks / 100).map(|it| report(it, "Lz6shop-token-canary")).collect();
    send(edge, &texts, "HTTP/1.1 200 ");
    let texts: Vec<String> = (0..20).map(|it| report(it, "Ry2wrong-token-canary")).collect();
    send(edge, &texts, "HTTP/1.1 401 ");
}

/// What grep finds in all files below, by its options.
fn grep(options: &[&str], folder: &Path) -> Vec<String> {
    let output = Command::new("grep").env("LC_ALL", "C").args(options).arg(folder).output().unwrap();
    // A broker that runs renames files meanwhile; of those that are dead no file goes away.
    let said = String::from_utf8_lossy(&output.stderr);
    let is_fine = |line: &str| line.ends_with("No such file or directory");
    assert!(output.status.code().is_some_and(|it| it < 2) || said.lines().all(is_fine), "{said}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| ["\\x".to_owned(), format!("{byte:02x}")]).collect::<Vec<_>>().concat()
}

/// What is in a file that may not be there. The catalog holds the shops' tokens: they come from there.
fn leaks(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (what, text) in CANARIES {
        for path in grep(&["-rlaF", "-e", text], folder) {
            let is_catalog = path.contains("/catalog/") || path.ends_with("/catalog.toml");
            if !(is_catalog && what == "a shop's token") {
                found.push(format!("{what} in {path}"));
            }
        }
    }
    found.extend(grep(&["-rlaP", "-e", &escaped(&IPV6_BYTES)], folder));
    let addresses =
        IPV4_BYTES.into_iter().flat_map(|[a, b, c, d]| (0..ADDRESSES_EACH).map(move |it| [a, b, c, d + it]));
    // Thousands of clicks would each have left one.
    let is_stored = |bytes: &[u8; 4]| grep(&["-raobP", "-e", &escaped(bytes)], folder).len() > 20;
    let stored: Vec<[u8; 4]> = addresses.filter(is_stored).collect();
    if stored.len() > BY_CHANCE_MAX {
        found.push(format!("IPv4 addresses as bytes: {stored:?}"));
    }
    found
}

/// Files in which what may be stored is found.
fn stored(folder: &Path) -> Vec<String> {
    grep(&["-rlaF", "-e", STORED], folder)
}

fn kill(pid: i32) {
    // A role that has just ended by itself is as dead.
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).ok();
}

#[test]
fn no_address_agent_cookie_token_or_foreign_page_is_on_disk_when_all_are_killed() {
    let folder = folder("canaries");
    fs::write(folder.join("catalog.toml"), CATALOG).unwrap();
    let flags = ["--catalog", "catalog.toml", "--edge-threads", "1", "--log-level", "debug"];
    fs::write(folder.join("t.toml"), "edge.trusted_proxies = [\"127.0.0.0/8\"]\n").unwrap();
    let up = Up::start(&folder, &[["--config", "t.toml"].as_slice(), &flags].concat());
    no_role_can_be_dumped(&up);
    let clicks = requests();
    send_all(up.ports.edge, clicks);
    up.shows("SELECT count() FROM clicks", &[&clicks.to_string()]);
    up.shows("SELECT count() FROM orders", &[&(clicks / 100).to_string()]);
    // What visitors see of the admin pages neither.
    let page = curl(&[&format!("http://{}/metrics", up.ports.admin)], None).text();
    assert!(CANARIES.iter().all(|(_, text)| !page.contains(text)), "{page}");
    dump_tables(&up, &folder.join("tables"));
    for role in ["edge", "pipeline", "warehouse", "engine"] {
        kill(up.pid(role).unwrap());
    }
    drop(up);
    let (leaks, stored) = (leaks(&folder), stored(&folder));
    assert!(leaks.is_empty(), "{leaks:#?}");
    let is_in = |part: &str| stored.iter().any(|it| it.contains(part));
    assert!(is_in("/spool/") && is_in("/tables/clicks"), "the search finds what is stored: {stored:?}");
    eprintln!("{clicks} clicks; {} files hold what may be stored, none what may not", stored.len());
}

/// Every table as text beside the engine's files, whose compression may hide what they hold.
fn dump_tables(up: &Up, into: &Path) {
    fs::create_dir_all(into).unwrap();
    let tables = up.rows("SELECT name FROM system.tables WHERE database = 'tributary'").unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let seen = up.ask(&format!("SELECT * FROM `{table}` FORMAT JSONEachRow"));
        // Those that a dictionary or a join is made of cannot be read as rows.
        if seen.status == 200 {
            fs::write(into.join(table), seen.body).unwrap();
        }
    }
}

/// The limit, and the kernel's word when a process dies by a signal that dumps.
// fault 125
fn no_role_can_be_dumped(up: &Up) {
    for role in ["edge", "pipeline", "warehouse", "engine"] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", up.pid(role).unwrap())).unwrap();
        let line = limits.lines().find(|it| it.starts_with("Max core file size")).unwrap();
        let words: Vec<&str> = line.split_whitespace().skip(4).collect();
        assert_eq!(words[..2], ["0", "0"], "{role}: {line}");
    }
}

/// A role's process with Kafka as its log, ended with this test.
struct Role {
    child: Child,
    log: PathBuf,
}

impl Role {
    fn start(role: &str, folder: &Path, brokers: &str, flags: &[&str]) -> Self {
        let log = folder.join(format!("{role}.log"));
        let child = tributary(&[role])
            .args(flags)
            .env("TRIBUTARY_DATA", folder.join(role))
            .env("TRIBUTARY_EDGE__TRUSTED_PROXIES", "127.0.0.0/8")
            .env("TRIBUTARY_LOG__LEVEL", "debug")
            .env("TRIBUTARY_KAFKA__BROKERS", brokers)
            .env("TRIBUTARY_KAFKA__PARTITIONS", "1")
            // Compressed, the broker's files would not show what they hold.
            .env("TRIBUTARY_KAFKA__PROPERTIES__compression.codec", "none")
            // Nobody listens there: what the pipeline reads goes on to the other topics alone.
            .env("TRIBUTARY_CLICKHOUSE__URL", "http://127.0.0.1:9")
            .env("TRIBUTARY_CHILD", "1")
            .stdin(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// By a signal that would dump, so that the kernel says whether it did.
    // fault 125
    fn abort(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::ABORT).unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false), "{ended:?}");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn nothing_of_it_is_in_the_brokers_files_or_a_dump_when_records_go_to_kafka() {
    let folder = folder("brokers-canaries");
    fs::write(folder.join("catalog.toml"), CATALOG).unwrap();
    let applied = tributary(&["catalog", "apply", "catalog.toml", "--data", "edge"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let broker = folder.join("broker");
    let options = xtask::kafka::Options { data: Some(broker.clone()), ..Default::default() };
    let cluster = xtask::kafka::Cluster::start(&options).unwrap();
    let ports = support::Ports::free();
    let [listen, admin, other] = [ports.edge, ports.admin, ports.pipeline].map(|it| it.to_string());
    // It makes the topics.
    let pipeline = Role::start("pipeline", &folder, cluster.bootstrap(), &["--pipeline-admin", &other]);
    let flags = ["--edge-threads", "1", "--edge-listen", &listen, "--edge-admin", &admin];
    let edge = Role::start("edge", &folder, cluster.bootstrap(), &flags);
    eventually("the edge gets ready", || match curl(&[&format!("http://{admin}/readyz")], None).status {
        200 => Ok(()),
        status => Err(format!("{status} {}", fs::read_to_string(&edge.log).unwrap_or_default())),
    });
    send_all(ports.edge, 1_000);
    eventually("the broker has what may be stored", || {
        let said = || fs::read_to_string(&edge.log).unwrap_or_default();
        if stored(&broker).is_empty() { Err(said()) } else { Ok(()) }
    });
    edge.abort();
    pipeline.abort();
    drop(cluster);
    let leaks = leaks(&folder);
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(!stored(&broker).is_empty());
}
