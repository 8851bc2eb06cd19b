//! The product under load: a broker, the embedded engine, warehouse and pipeline, and two edges that share a port.
//!
//! In: the binary beside us. Out: roles that can be stopped, killed and started again. Every process dies with us, stopped ones too, since we are
//! the first of a namespace of our own. Not here: what is done to them when (`script`). Start at [`Stage::set_up`].

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use xtask::kafka::{Cluster, Options as KafkaOptions};

use crate::{
    disk::Disk,
    role::{LOOK_EVERY, PATIENCE, Role, exchange},
    world,
};

/// Edges that share the port.
pub(crate) const EDGES: usize = 2;
/// The writing user's password.
const PASSWORD: &str = "a-password-of-the-soak";
/// Bytes of a record in the spool, about.
pub(crate) const RECORD_BYTES: u64 = 400;
/// Seconds of load that a spool's disk has free while all is well: segments are as small, so that a full disk is met within seconds.
const FREE_SECONDS: u64 = 3;
/// Least free space, in bytes: a segment takes a quarter of it or more.
const FREE_BYTES_MIN: u64 = 512 << 10;

/// What to start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) rate: u32,
    /// Of each spool's disk.
    pub(crate) spool_mib: u64,
    /// Of the engine's disk.
    pub(crate) engine_mib: u64,
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) listen: SocketAddr,
    engine_address: SocketAddr,
    folder: tempfile::TempDir,
    sizes: Sizes,
    pub(crate) edges: Vec<Role>,
    pub(crate) pipeline: Option<Role>,
    warehouse: Option<Role>,
    pub(crate) engine: Option<Role>,
    pub(crate) spools: Vec<Disk>,
    /// Whether the spools' disks are kept nearly full.
    pub(crate) is_spare: bool,
    pub(crate) engine_disk: Disk,
    pub(crate) kafka: Cluster,
    /// Processes that ended by themselves and were started again, as `tributary up` does.
    pub(crate) restarts: Vec<String>,
}

fn free() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    listener.local_addr().context("no free port")
}

impl Stage {
    /// Starts everything and waits until it is ready.
    pub(crate) fn set_up(sizes: Sizes) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tributary-soak-").tempdir()?;
        let kafka = Cluster::start(&KafkaOptions::default())?;
        let spools = (0..EDGES)
            .map(|edge| Disk::mount(&folder.path().join(edge_name(edge)).join("spool"), sizes.spool_mib))
            .collect::<Result<_>>()?;
        let engine_disk = Disk::mount(&folder.path().join("engine/clickhouse"), sizes.engine_mib)?;
        let mut stage = Self {
            listen: free()?,
            engine_address: free()?,
            folder,
            sizes,
            edges: Vec::new(),
            pipeline: None,
            warehouse: None,
            engine: None,
            spools,
            is_spare: true,
            engine_disk,
            kafka,
            restarts: Vec::new(),
        };
        stage.start_all()?;
        Ok(stage)
    }

    fn start_all(&mut self) -> Result<()> {
        self.start_engine()?;
        let catalog = self.folder.path().join("catalog.toml");
        fs::write(&catalog, world::catalog()).context("cannot write the catalog")?;
        let mut apply = self.command(&edge_name(0), &["catalog", "apply"])?;
        let output = apply.arg(&catalog).output().context("cannot run the product")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the catalog is not applied: {said}");
        let mut warehouse = self.start("warehouse", "warehouse", &[])?;
        let mut pipeline = self.start("pipeline", "pipeline", &[])?;
        self.keep_spare()?;
        for edge in 0..EDGES {
            let edge = self.start_edge(edge)?;
            self.edges.push(edge);
        }
        warehouse.wait_until_ready()?;
        pipeline.wait_until_ready()?;
        (self.warehouse, self.pipeline) = (Some(warehouse), Some(pipeline));
        Ok(())
    }

    /// The binary with this run's settings; `data` is a machine of its own.
    fn command(&self, data: &str, arguments: &[&str]) -> Result<Command> {
        let program = std::env::current_exe().context("cannot find this program's folder")?;
        let program = program.with_file_name("tributary");
        ensure!(program.exists(), "{} is missing: build the workspace's binaries", program.display());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log(data))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stderr(log);
        for name in ["PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR", "TRIBUTARY_CHDB_LIB"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("TRIBUTARY_DATA", self.folder.path().join(data))
            .env("TRIBUTARY_EDGE__CLICK_KEY", "a click key of the soak, the same for every edge")
            .env("TRIBUTARY_KAFKA__BROKERS", self.kafka.bootstrap())
            .env("TRIBUTARY_CLICKHOUSE__URL", format!("http://{}", self.engine_address))
            .env("TRIBUTARY_CLICKHOUSE__PASSWORD", PASSWORD)
            .env("TRIBUTARY_ENGINE__READER_PASSWORD", PASSWORD)
            .env("TRIBUTARY_ENGINE__LISTEN", self.engine_address.to_string());
        Ok(command)
    }

    fn log(&self, data: &str) -> PathBuf {
        self.folder.path().join(format!("{data}.log"))
    }

    /// The last lines of all logs, for an error.
    pub(crate) fn logs(&self) -> String {
        let names = ["edge-1", "edge-2", "pipeline", "warehouse", "engine"];
        let ends = names.map(|name| {
            let log = fs::read_to_string(self.log(name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.get(lines.len().saturating_sub(8)..).unwrap_or_default();
            format!("-- {name}\n{}\n", end.join("\n"))
        });
        let roles =
            [self.pipeline.as_ref(), self.warehouse.as_ref()].into_iter().flatten().chain(&self.edges);
        let said = roles.map(|it| format!("-- {} says {}\n", it.name, it.readiness()));
        ends.into_iter().chain(said).collect()
    }

    fn start(&self, role: &str, data: &str, flags: &[&str]) -> Result<Role> {
        let admin = free()?;
        let mut command = self.command(data, &[role])?;
        command.args([format!("--{role}-admin"), admin.to_string()]).args(flags);
        Role::start(data, admin, command)
    }

    /// One of the two, ready.
    pub(crate) fn start_edge(&self, edge: usize) -> Result<Role> {
        let (number, listen) = ((edge + 1).to_string(), self.listen.to_string());
        let flags = ["--edge-number", &number, "--edge-listen", &listen, "--edge-threads", "1"];
        let mut role = self.start("edge", &edge_name(edge), &flags)?;
        role.wait_until_ready()?;
        Ok(role)
    }

    /// Starts the engine and waits until it answers.
    pub(crate) fn start_engine(&mut self) -> Result<()> {
        let command = self.command("engine", &["engine"])?;
        self.engine = Some(Role::start("engine", self.engine_address, command)?);
        let begun = Instant::now();
        while let Err(error) = self.query("SELECT 1", |_| Ok(())) {
            let has_ended = self.engine.as_mut().map_or(Ok(true), Role::has_ended)?;
            ensure!(!has_ended && begun.elapsed() < PATIENCE, "the engine does not start: {error:#}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Keeps the spools' disks nearly full while they shall be, and starts again what has ended by itself behind the edges.
    pub(crate) fn tick(&mut self) -> Result<()> {
        if self.is_spare {
            self.keep_spare()?;
        }
        if let Some(edge) = self.edges.iter_mut().find_map(|it| match it.has_ended() {
            Ok(false) => None,
            _ => Some(it.name.clone()),
        }) {
            bail!("{edge} ended by itself");
        }
        if self.engine.as_mut().is_some_and(|it| it.has_ended().unwrap_or(true)) {
            self.restarts.push("engine".to_owned());
            let command = self.command("engine", &["engine"])?;
            self.engine = Some(Role::start("engine", self.engine_address, command)?);
        }
        for name in ["pipeline", "warehouse"] {
            let role = if name == "pipeline" { &mut self.pipeline } else { &mut self.warehouse };
            if role.as_mut().is_some_and(|it| it.has_ended().unwrap_or(true)) {
                self.restarts.push(name.to_owned());
                let started = self.start(name, name, &[])?;
                *(if name == "pipeline" { &mut self.pipeline } else { &mut self.warehouse }) = Some(started);
            }
        }
        Ok(())
    }

    fn keep_spare(&mut self) -> Result<()> {
        let seconds_bytes = u64::from(self.sizes.rate) * RECORD_BYTES * FREE_SECONDS;
        let leave_bytes = seconds_bytes.max(FREE_BYTES_MIN);
        self.spools.iter_mut().try_for_each(|it| it.leave(leave_bytes))
    }

    /// The answer to a statement, line by line.
    pub(crate) fn query(&self, sql: &str, mut line: impl FnMut(&str) -> Result<()>) -> Result<()> {
        use std::io::{BufRead as _, Read as _};
        let request = format!(
            "POST /?database=tributary&user=tributary&password={PASSWORD} HTTP/1.0\r\nHost: a\r\nContent-Length: {}\r\n\r\n{sql}",
            sql.len()
        );
        // Before the tables are there, so is the database.
        let request = if sql == "SELECT 1" { request.replace("database=tributary&", "") } else { request };
        let (status, mut body) = exchange(self.engine_address, request.as_bytes())?;
        if status != 200 {
            let mut said = String::new();
            body.take(1_000).read_to_string(&mut said)?;
            bail!("{sql}: {status} {said}");
        }
        let mut text = String::new();
        while 0 < body.read_line(&mut text)? {
            line(text.trim_end_matches('\n'))?;
            text.clear();
        }
        Ok(())
    }

    /// The one number that a statement gives.
    pub(crate) fn count(&self, sql: &str) -> Result<u64> {
        let mut found = None;
        self.query(sql, |line| {
            found = Some(line.parse().with_context(|| format!("{sql}: {line}"))?);
            Ok(())
        })?;
        found.with_context(|| format!("{sql}: no row"))
    }

    /// Records that the brokers have acknowledged to an edge's present life.
    pub(crate) fn delivered(&self, edge: usize) -> Result<u64> {
        let edge = self.edges.get(edge).context("such an edge")?;
        edge.metric("tributary_shipped_records_total", "result=\"delivered\"")
    }

    /// Clicks that were answered and not recorded, as each edge wrote it down at its end.
    pub(crate) fn unrecorded(&self) -> Result<u64> {
        (0..EDGES)
            .map(|edge| {
                let path =
                    self.folder.path().join(edge_name(edge)).join(format!("edge/unrecorded.{}", edge + 1));
                match fs::read_to_string(&path) {
                    Ok(text) => text.trim().parse().with_context(|| format!("{}", path.display())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
                    Err(error) => Err(error).with_context(|| format!("{}", path.display())),
                }
            })
            .sum()
    }

    /// `tributary audit` where an edge runs; what it says, if it does not pass.
    pub(crate) fn audit(&self, edge: usize) -> Result<()> {
        let output =
            self.command(&edge_name(edge), &["audit"])?.output().context("cannot run the product")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "`tributary audit` of {} says\n{said}", edge_name(edge));
        Ok(())
    }

    /// SIGSTOP or SIGCONT to all edges.
    pub(crate) fn signal_edges(&self, signal: Signal) -> Result<()> {
        self.edges.iter().try_for_each(|it| it.signal(signal))
    }

    /// Goes on with the run for a while.
    pub(crate) fn hold(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.tick()?;
            std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}

fn edge_name(edge: usize) -> String {
    format!("edge-{}", edge + 1)
}
