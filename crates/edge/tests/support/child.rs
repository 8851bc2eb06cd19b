//! An edge in a process of its own, which may be killed: the test's own program, started again.
//!
//! In: the child's environment names its data; lines on its input arm one fault each. Out: [`Child`], and the addresses it serves at. Start at
//! [`serve_if_child`] in the test that is also the child, at [`Child::start`] in the others.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::Arc,
};

use edge::Edge;
use journal::spool::{Call, Disk, Fault, Script};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use telemetry::Telemetry;

const DATA: &str = "EDGE_CHILD_DATA";
/// Faults that are armed before it starts, parted by commas.
const ARMED: &str = "EDGE_CHILD_ARMED";
/// Descriptors it may have.
const FILES: &str = "EDGE_CHILD_FILES";
/// Small, so that a few dozen long clicks fill one: four of the longest records must fit.
const SEGMENT_BYTES: u64 = 160 * 1024;

#[expect(clippy::disallowed_methods, reason = "the parent names the child's data in the environment")]
fn given(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// `write 100`: the next write of the spool ends after 100 bytes, and the process with it.
fn arm(script: &Script, line: &str) {
    let (call, bytes) = line.trim().split_once(' ').unwrap();
    let call = match call {
        "write" => Call::Write,
        "create" => Call::Create,
        "allocate" => Call::Allocate,
        "syncdir" => Call::SyncDir,
        "makedir" => Call::MakeDir,
        other => panic!("{other}"),
    };
    script.push(call, Fault::Kill(bytes.parse().unwrap()));
}

fn say(line: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).unwrap();
}

/// In a child: serves until its input ends, and never returns `false`.
pub fn serve_if_child() -> bool {
    let Some(data) = given(DATA) else { return false };
    if let Some(files) = given(FILES) {
        let current = Some(files.parse().unwrap());
        setrlimit(Resource::Nofile, Rlimit { current, ..getrlimit(Resource::Nofile) }).unwrap();
    }
    let script = Arc::new(Script::default());
    given(ARMED).iter().flat_map(|it| it.split(',')).for_each(|it| arm(&script, it));
    let mut options = super::options(Path::new(&data));
    options.segment_bytes = SEGMENT_BYTES;
    // Its visitors are one peer.
    options.connections_max = 20_000;
    options.connections_per_peer_max = 0;
    options.disk = Disk::scripted(&script);
    let edge = Edge::start(options, super::clock, Telemetry::new("test")).unwrap();
    say(&format!("serves {} {}", edge.address(), edge.admin_address()));
    let lines = std::io::stdin().lines().map_while(Result::ok);
    for line in lines {
        arm(&script, &line);
        say("armed");
    }
    edge.stop();
    true
}

pub struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

/// What a child is started with.
#[derive(Debug, Default)]
pub struct Start<'a> {
    /// The test that calls [`serve_if_child`].
    pub test: &'a str,
    pub armed: &'a str,
    pub files: &'a str,
}

impl Child {
    /// `Err` where it died before it served.
    pub fn start(data: &Path, start: &Start<'_>) -> Result<Self, ExitStatus> {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", start.test, "--nocapture"]).env(DATA, data);
        for (name, value) in [(ARMED, start.armed), (FILES, start.files)] {
            if !value.is_empty() {
                command.env(name, value);
            }
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                return Err(process.wait().unwrap());
            }
            // The test harness says something too, and without a line's end before the test's own.
            let Some((_, said)) = line.split_once("serves ") else { continue };
            let (address, admin) = said.trim().split_once(' ').unwrap();
            let (address, admin) = (address.parse().unwrap(), admin.parse().unwrap());
            return Ok(Self { process, input, output, address, admin });
        }
    }

    /// The fault is armed when this returns.
    pub fn arm(&mut self, fault: &str) {
        writeln!(self.input, "{fault}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "armed\n");
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    pub fn wait(mut self) -> ExitStatus {
        drop(self.input);
        self.process.wait().unwrap()
    }
}
