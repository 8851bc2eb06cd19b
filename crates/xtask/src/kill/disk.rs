//! A disk that refuses under the real edge: redirects go on, what was not recorded is counted, and it recovers by itself.
//!
//! In: `tributary edge` on a folder of its own, its calls made to fail by strace. Out: a row for each weather, or an error.
//! Recorded and counted as unrecorded together are what was sent, exactly (faults 43 to 46). Start at [`WEATHERS`].

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    PATIENCE, say,
    stage::{beside_us, end},
};
use crate::host;

/// For `--target` and the table.
pub(super) const NAME: &str = "disk";
/// What holds when every weather passes.
pub(super) const CLAIM: &str = "a disk that refuses stops no redirect, and what was not recorded is counted";

/// Clicks before the weather, in it and until it must be over, and after it.
const BEFORE: u64 = 5;
const DURING: u64 = 60;
const AFTER: u64 = 15;
const ANSWER: Duration = Duration::from_secs(10);
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// A way for a disk to refuse.
struct Weather {
    name: &'static str,
    durability: &'static str,
    /// It reigns already when the edge starts, on folders of an earlier life.
    from_start: bool,
    /// As strace takes them; each ends by itself.
    inject: &'static [&'static str],
}

const WEATHERS: &[Weather] = &[
    Weather {
        name: "writes find the disk full",
        durability: "process",
        from_start: false,
        inject: &["pwrite64:error=ENOSPC:when=3..30"],
    },
    Weather {
        name: "writes fail",
        durability: "process",
        from_start: false,
        inject: &["pwrite64:error=EIO:when=3..30"],
    },
    Weather {
        name: "writes are interrupted",
        durability: "process",
        from_start: false,
        inject: &["pwrite64:error=EINTR:when=2..30+2"],
    },
    Weather {
        name: "no room for a segment",
        durability: "process",
        from_start: false,
        inject: &["pwrite64:error=ENOSPC:when=3", "fallocate:error=ENOSPC:when=1..40"],
    },
    Weather {
        name: "the disk turns read-only",
        durability: "process",
        from_start: false,
        inject: &["pwrite64:error=EROFS:when=3", "openat:error=EROFS:when=1..30"],
    },
    Weather {
        name: "no room at the start",
        durability: "process",
        from_start: true,
        // The fourth makes this life's folder; the ones before find theirs, which a full disk does not prevent.
        inject: &["mkdir:error=ENOSPC:when=4..30", "fallocate:error=ENOSPC:when=1..10"],
    },
    Weather {
        name: "syncs fail",
        durability: "power",
        from_start: false,
        inject: &["fdatasync:error=EIO:when=2..12"],
    },
];

/// Tries every weather. Returns how many calls were made to fail.
pub(super) fn run(scratch: &Path) -> Result<usize> {
    let mut failed = 0;
    for (index, weather) in WEATHERS.iter().enumerate() {
        let folder = scratch.join(index.to_string());
        fs::create_dir(&folder)?;
        let hits = endure(weather, &folder).with_context(|| format!("{NAME}: {}", weather.name))?;
        failed += hits;
        say(&format!("{:28} {:8} {hits:>4} calls failed", weather.name, weather.durability))?;
    }
    Ok(failed)
}

fn endure(weather: &Weather, folder: &Path) -> Result<usize> {
    let path = folder.display().to_string();
    let victim = |action: &str| {
        let program = beside_us("victim")?.display().to_string();
        host::run_quietly(&program, &[NAME, action, &path], "run the step `build` before")
    };
    victim("prepare")?;
    let program = beside_us("tributary")?.display().to_string();
    let (catalog, data) = (format!("{path}/catalog.toml"), format!("{path}/data"));
    host::run_quietly(&program, &["catalog", "apply", &catalog, "--data", &data], "it is the product")?;

    let mut edge = Edge::start(folder, weather.durability, Command::new(beside_us("tributary")?))?;
    edge.clicks(BEFORE)?;
    let log = folder.join("strace.log");
    let mut tracer = None;
    if weather.from_start {
        edge.stop()?;
        let mut under = strace(&log, weather.inject);
        under.arg("--").arg(beside_us("tributary")?);
        edge = Edge::start(folder, weather.durability, under)?;
    } else {
        tracer = Some(attach(&log, edge.child.id(), weather.inject, folder)?);
    }
    edge.clicks(DURING)?;
    let during = edge.unrecorded()?;
    edge.clicks(AFTER)?;
    let unrecorded = edge.unrecorded()?;
    ensure!(unrecorded == during, "it does not record again: {during} unrecorded, then {unrecorded}");
    edge.stop()?;
    if let Some(tracer) = &mut tracer {
        end(tracer, "strace")?;
    }

    let hits = fs::read_to_string(&log)?.matches("(INJECTED)").count();
    ensure!(hits > 0, "no call was hit");
    fs::write(folder.join("said"), format!("sent {} {unrecorded}\n", BEFORE + DURING + AFTER))?;
    victim("judge")?;
    Ok(hits)
}

/// Makes calls fail, and logs those of their names.
fn strace(log: &Path, inject: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "signal=none", "-o"]).arg(log);
    let calls: Vec<&str> = inject.iter().filter_map(|it| Some(it.split_once(':')?.0)).collect();
    command.args(["-e", &format!("trace={}", calls.join(","))]);
    for it in inject {
        command.args(["-e", &format!("inject={it}")]);
    }
    command
}

fn attach(log: &Path, pid: u32, inject: &[&str], folder: &Path) -> Result<Child> {
    let errors = folder.join("strace.errors");
    let mut command = strace(log, inject);
    command.args(["-p", &pid.to_string()]);
    let mut tracer = command.stdin(Stdio::null()).stderr(File::create(&errors)?).spawn()?;
    host::wait_for("strace to attach (may you trace your own processes?)", PATIENCE, || {
        let said = fs::read_to_string(&errors)?;
        ensure!(tracer.try_wait()?.is_none(), "strace ends: {said}");
        Ok(said.contains("attached").then_some(()))
    })?;
    Ok(tracer)
}

/// `tributary edge`, one thread. Ends with its standard input, so also with us.
struct Edge {
    child: Child,
    stdin: Option<ChildStdin>,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Edge {
    /// By `command`, which is the program or runs it.
    fn start(folder: &Path, durability: &str, mut command: Command) -> Result<Self> {
        // Both are held while they are looked for, so that they differ.
        let held = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [listen, admin] = [held[0].local_addr()?, held[1].local_addr()?];
        drop(held);
        command.args(["edge", "--edge-threads", "1", "--edge-durability", durability, "--data"]);
        command.arg(folder.join("data"));
        command.args(["--edge-listen", &listen.to_string(), "--edge-admin", &admin.to_string()]);
        let errors = File::create(folder.join("edge.log"))?;
        command.env("TRIBUTARY_CHILD", "1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
        let mut child = command.spawn().context("cannot run the edge")?;
        let stdin = child.stdin.take();
        let mut edge = Self { child, stdin, listen, admin };
        host::wait_for("the edge to be ready", PATIENCE, || {
            if let Some(status) = edge.child.try_wait()? {
                bail!("it ends with {status}: {}", fs::read_to_string(folder.join("edge.log"))?);
            }
            Ok(get(admin, "/readyz").is_ok_and(|it| it.starts_with("HTTP/1.1 200")).then_some(()))
        })?;
        Ok(edge)
    }

    /// Each must be redirected.
    fn clicks(&self, count: u64) -> Result<()> {
        for number in 0..count {
            let answer = get(self.listen, "/c/link-1")?;
            let first = answer.lines().next().unwrap_or_default();
            ensure!(first.starts_with("HTTP/1.1 302"), "click {number} is answered {first:?}");
        }
        Ok(())
    }

    /// As it counts them itself.
    fn unrecorded(&self) -> Result<u64> {
        let page = get(self.admin, "/metrics")?;
        let lines = page.lines().filter(|it| it.starts_with("tributary_edge_unrecorded_total{"));
        let values: Option<Vec<u64>> = lines.map(|it| it.rsplit_once(' ')?.1.parse().ok()).collect();
        let values = values.filter(|it| !it.is_empty()).context("the metric is not there")?;
        Ok(values.iter().sum())
    }

    fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = end(&mut self.child, "the edge")?;
        ensure!(status.success(), "the edge ended with {status}");
        Ok(())
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // Gone already unless something failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A whole answer as text.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: go.example\r\nUser-Agent: {BROWSER}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
