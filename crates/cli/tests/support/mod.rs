//! A whole product of the tests' own: the built binary under `tributary up`, spoken to over HTTP as its users do.
//!
//! In: settings as flags. Out: [`Up`], which ends with the test process however that ends, since its children end with its input. Each test
//! binary starts one and shares it. Not here: what is expected of it. Start at [`Up::start`].

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

pub(crate) mod shop;
pub(crate) mod web;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use self::web::{Seen, curl};

/// How long anything may take on a machine that is busy with other tests. The issue wants four seconds on an idle one.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(100);

/// The binary in an environment that holds nothing of ours, but what finding the engine needs.
pub(crate) fn tributary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(arguments).env_clear();
    for name in ["PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // A missing engine is a failed test, and it is fetched once rather than by every child.
    command.env("TRIBUTARY_CHDB_LIB", chdb::testing::library());
    command
}

/// Asks until the answer is `Ok`; fails with the last complaint when patience ends.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// The same with another patience.
#[track_caller]
pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match ask() {
            Ok(found) => return found,
            Err(said) => assert!(Instant::now() < deadline, "{what}, but after {patience:?}: {said}"),
        }
        std::thread::sleep(POLL);
    }
}

/// A folder of this test process below cargo's own, empty. What dead test processes left there is removed.
pub(crate) fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(root).unwrap();
    for entry in fs::read_dir(root).unwrap().flatten() {
        let path = entry.path();
        let of = path.file_name().and_then(|it| it.to_str()).and_then(|it| it.rsplit_once('-'));
        if let Some((_, pid)) = of
            && pid.parse::<u32>().is_ok()
            && !Path::new("/proc").join(pid).exists()
        {
            drop(fs::remove_dir_all(&path));
        }
    }
    let folder = root.join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Five addresses nobody listens at: edge, its admin port, engine, pipeline, warehouse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) edge: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) engine: SocketAddr,
    pub(crate) pipeline: SocketAddr,
    pub(crate) warehouse: SocketAddr,
}

impl Ports {
    /// All are held while they are looked for, so that they differ.
    pub(crate) fn free() -> Self {
        let held: Vec<TcpListener> = (0..5).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let port = |index: usize| held[index].local_addr().unwrap();
        Self { edge: port(0), admin: port(1), engine: port(2), pipeline: port(3), warehouse: port(4) }
    }

    fn flags(&self) -> Vec<String> {
        [
            ("--edge-listen", self.edge),
            ("--edge-admin", self.admin),
            ("--engine-listen", self.engine),
            ("--pipeline-admin", self.pipeline),
            ("--warehouse-admin", self.warehouse),
        ]
        .into_iter()
        .flat_map(|(flag, address)| [flag.to_owned(), address.to_string()])
        .collect()
    }
}

/// A running product.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) ports: Ports,
    pub(crate) data: PathBuf,
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Up {
    /// Starts it in `folder`, whose `catalog` it applies, and waits until every role is ready.
    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Self {
        Self::start_at(Ports::free(), folder, flags)
    }

    pub(crate) fn start_at(ports: Ports, folder: &Path, flags: &[&str]) -> Self {
        let data = folder.join("data");
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut child = tributary(&["up", "--json", "--data"])
            .arg(&data)
            .args(ports.flags())
            .args(flags)
            .current_dir(folder)
            // It ends when its input closes: when this process ends, however it does.
            .env("TRIBUTARY_CHILD", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let (lines, kept) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&events));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().unwrap().push(event);
            }
        });
        let mut up = Self { ports, data, child, events };
        up.wait_until_ready();
        up
    }

    pub(crate) fn wait_until_ready(&mut self) {
        for address in [self.ports.admin, self.ports.pipeline, self.ports.warehouse] {
            eventually("every role gets ready", || {
                assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself\n{}", self.log());
                let seen = curl(&[&format!("http://{address}/readyz?verbose")], None);
                let said = || format!("{address} says {}: {}\n{}", seen.status, seen.text(), self.log());
                if seen.status == 200 { Ok(()) } else { Err(said()) }
            });
        }
    }

    /// The last lines the roles logged.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.data.with_file_name("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// What it said on its standard output so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The process of a role as last started.
    pub(crate) fn pid(&self, role: &str) -> Option<i32> {
        let events = self.events.lock().unwrap();
        let started = events.iter().rev().find(|it| it["event"] == "child" && it["role"] == role)?;
        i32::try_from(started["pid"].as_i64()?).ok()
    }

    /// SIGKILLs a role and waits until its successor has started.
    pub(crate) fn kill(&self, role: &str) {
        let pid = self.pid(role).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        eventually("a killed role starts again", || match self.pid(role) {
            Some(next) if next != pid => Ok(()),
            _ => Err(format!("{role} {pid} has no successor\n{}", self.log())),
        });
    }

    /// SIGTERM, and its end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        eventually("it ends after SIGTERM", || {
            self.child.try_wait().unwrap().ok_or_else(|| format!("it runs\n{}", self.log()))
        })
    }

    /// SIGKILLs the supervisor; its roles end by themselves when it is gone.
    pub(crate) fn kill_all(mut self) -> Ports {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let addresses = [self.ports.edge, self.ports.engine, self.ports.pipeline, self.ports.warehouse];
        eventually("every role ends with its supervisor", || {
            let held = addresses.iter().find(|it| TcpListener::bind(it).is_err());
            held.map_or(Ok(()), |it| Err(format!("{it} is still held\n{}", self.log())))
        });
        self.ports
    }

    pub(crate) fn edge(&self, path: &str) -> String {
        format!("http://{}{path}", self.ports.edge)
    }

    pub(crate) fn clickhouse(&self) -> String {
        format!("http://{}", self.ports.engine)
    }

    /// `reader:PASSWORD`, or `tributary:PASSWORD` for `clickhouse`, as the first start wrote it.
    pub(crate) fn password(&self, name: &str) -> String {
        fs::read_to_string(self.data.join("keys").join(format!("{name}.key"))).unwrap().trim().to_owned()
    }

    /// A statement as the read-only user sends it with curl.
    pub(crate) fn ask(&self, sql: &str) -> Seen {
        let url = format!("{}/?database=tributary", self.clickhouse());
        let user = format!("reader:{}", self.password("reader"));
        curl(&["--user", &user, &url], Some(sql.as_bytes()))
    }

    /// The rows of a statement, fields parted by blanks for a test to read.
    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<String>, String> {
        let seen = self.ask(sql);
        if seen.status != 200 {
            return Err(format!("{sql}: {} {}", seen.status, seen.text()));
        }
        Ok(seen.text().lines().map(|line| line.replace('\t', " ")).collect())
    }

    /// Waits until a statement gives exactly these rows.
    #[track_caller]
    pub(crate) fn shows(&self, sql: &str, wanted: &[&str]) {
        eventually("ClickHouse shows the wanted rows", || {
            let rows = self.rows(sql)?;
            if rows == wanted { Ok(()) } else { Err(format!("{sql}\n wanted {wanted:?}\n  found {rows:?}")) }
        });
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
