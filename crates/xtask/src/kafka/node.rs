//! One broker: its properties, its formatted storage, its process.
//!
//! In: the cluster's layout. Out: a process that ends by [`Node::kill`], by drop, or with its parent, whatever ends that.
//! Not here: how many there are and when all are ready (`Cluster`).

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{ports, ports::Ports, probe};
use crate::host;

/// A first start takes 2 s and one after SIGKILL 6 s on two idle cores; a busy build machine may be ten times slower.
const READY_MAX: Duration = Duration::from_mins(2);

/// Holds the JVM as its child and waits on standard input. `keep` there, or its end (the parent died, however), kills the
/// JVM by SIGKILL; an end without `keep` also removes the folder, which nobody else is left to do. The first argument is
/// that folder, empty when it is the user's. Not `PR_SET_PDEATHSIG`: it fires when the *thread* that forked ends.
const GUARD: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
    read -r word <&3
    if [ "$word" != keep ] && [ -n "$folder" ]; then : >"$folder/.remove"; fi
    kill -9 "$server"
} 2>/dev/null &
guard=$!
wait "$server"
status=$?
kill "$guard" 2>/dev/null
if [ -n "$folder" ] && [ -e "$folder/.remove" ]; then
    rm -rf "$folder"
    rmdir "$(dirname "$folder")" 2>/dev/null
fi
exit "$status"
"#;

/// What the brokers of one cluster share.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) jars: PathBuf,
    pub(super) folder: PathBuf,
    /// The folder is temporary and goes with the brokers.
    pub(super) vanishes: bool,
    pub(super) cluster_id: String,
    /// One entry a broker.
    pub(super) ports: Vec<Ports>,
    /// Beyond what every cluster has.
    pub(super) properties: Vec<(String, String)>,
}

impl Layout {
    pub(super) fn bootstrap(&self) -> String {
        self.joined(|_, ports| format!("127.0.0.1:{}", ports.client))
    }

    fn joined(&self, entry: impl Fn(usize, &Ports) -> String) -> String {
        let entries = self.ports.iter().enumerate().map(|(index, ports)| entry(index, ports));
        entries.collect::<Vec<_>>().join(",")
    }

    fn properties(&self, id: i32, ports: Ports) -> String {
        let Ports { client, controller } = ports;
        let voters = self.joined(|index, ports| format!("{}@127.0.0.1:{}", index + 1, ports.controller));
        let replicas = self.ports.len();
        let in_sync_min = replicas.div_ceil(2);
        let storage = storage(&self.folder, id);
        let storage = storage.display();
        let more = self.properties.iter().map(|(name, value)| format!("{name}={value}\n"));
        let more: String = more.collect();
        format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={storage}
# A misspelt topic must fail, not appear.
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync_min}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync_min}
transaction.state.log.num.partitions={replicas}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync_min}
# Groups form at once, and a killed broker may return before the default 9 s of its old session are over.
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
{more}"
        )
    }
}

/// The id of the cluster whose data is in `folder`, or a new one.
pub(super) fn cluster_id(folder: &Path) -> String {
    let known = fs::read_to_string(storage(folder, 1).join("meta.properties")).unwrap_or_default();
    match known.lines().find_map(|line| line.strip_prefix("cluster.id=")) {
        Some(known) => known.to_owned(),
        // Kafka wants 16 bytes in URL-safe base64: 22 characters, the last of which carries two bits only.
        None => format!("{:016x}{:05x}A", ports::random(), ports::random() & 0xf_ffff),
    }
}

/// Where one broker keeps its records.
fn storage(folder: &Path, id: i32) -> PathBuf {
    folder.join(format!("broker-{id}")).join("log")
}

/// One broker, running or not.
#[derive(Debug)]
pub(super) struct Node {
    id: i32,
    port: u16,
    jars: PathBuf,
    folder: PathBuf,
    vanishes: bool,
    /// `None` before the start and after a kill.
    guard: Option<Child>,
}

impl Node {
    /// Writes the properties, and formats the storage unless it is there.
    pub(super) fn prepare(layout: &Layout, index: usize) -> Result<Self> {
        let ports = *layout.ports.get(index).context("the layout has no such broker")?;
        let id = i32::try_from(index + 1)?;
        let node = Self {
            id,
            port: ports.client,
            jars: layout.jars.clone(),
            folder: layout.folder.join(format!("broker-{id}")),
            vanishes: layout.vanishes,
            guard: None,
        };
        fs::create_dir_all(&node.folder)
            .with_context(|| format!("cannot create {}", node.folder.display()))?;
        fs::write(node.config(), layout.properties(id, ports))?;
        if !storage(&layout.folder, id).join("meta.properties").exists() {
            node.format(&layout.cluster_id)?;
        }
        Ok(node)
    }

    fn format(&self, cluster_id: &str) -> Result<()> {
        let config = self.config().display().to_string();
        let classes = self.classes();
        let args = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", &classes, "kafka.tools.StorageTool"];
        let args = [args.as_slice(), &["format", "-t", cluster_id, "-c", &config]].concat();
        host::run_quietly("java", &args, "Kafka needs a Java runtime, 17 or newer")
            .context("cannot format the storage")?;
        Ok(())
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let removable = if self.vanishes { self.folder.as_path() } else { Path::new("") };
        // Its own process group: Ctrl-C reaches us alone, and the guard sees our end.
        let guard = Command::new("sh")
            .args(["-c", GUARD, "kafka-guard"])
            .arg(removable)
            .args(["java", "-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData"])
            .args(["-Dorg.apache.logging.log4j.level=WARN", "-cp", &self.classes(), "kafka.Kafka"])
            .arg(self.config())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("cannot run `sh`")?;
        self.guard = Some(guard);
        Ok(())
    }

    pub(super) fn is_started(&self) -> bool {
        self.guard.is_some()
    }

    pub(super) fn id(&self) -> i32 {
        self.id
    }

    pub(super) fn wait_until_it_lists(&mut self, wanted: &[i32], cluster_id: &str) -> Result<()> {
        let what = format!("Kafka's broker {} on port {} is not ready", self.id, self.port);
        host::wait_for(&what, READY_MAX, || {
            self.check()?;
            let Ok(seen) = probe::metadata(self.port) else { return Ok(None) };
            if seen.cluster_id != cluster_id {
                bail!("port {} answers for another cluster, {}", self.port, seen.cluster_id);
            }
            Ok(wanted.iter().all(|id| seen.nodes.contains(id)).then_some(()))
        })
    }

    /// Fails if the process has ended although nobody killed it.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(guard) = &mut self.guard
            && let Some(status) = guard.try_wait()?
        {
            self.guard = None;
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            bail!(
                "Kafka's broker {} ended ({status}); the end of its log:\n{}",
                self.id,
                host::last_lines(&log)
            );
        }
        Ok(())
    }

    /// Stops the JVM's threads, or lets them go on: a broker that takes connections and answers nothing. The guard goes on, so that a stopped JVM
    /// ends with us as well.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let guard = self.guard.as_ref().context("the broker runs not")?.id();
        let children = format!("/proc/{guard}/task/{guard}/children");
        let children = fs::read_to_string(&children).with_context(|| format!("cannot read {children}"))?;
        let is_jvm = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "java")
        };
        let jvm = children.split_whitespace().filter_map(|it| it.parse::<i32>().ok()).find(is_jvm);
        let jvm = jvm.and_then(Pid::from_raw).context("the broker's JVM is not found")?;
        kill_process(jvm, signal).context("the broker's JVM takes no signal")
    }

    /// SIGKILL, and waits for the end. The data stays.
    pub(super) fn kill(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        if let Some(mut orders) = guard.stdin.take() {
            // A guard that is gone cannot be told anything, and need not be.
            drop(orders.write_all(b"keep\n"));
        }
        drop(guard.wait());
    }

    fn classes(&self) -> String {
        self.jars.join("*").display().to_string()
    }

    fn config(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
