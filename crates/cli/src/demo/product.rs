//! The product under the demo: `tributary up` as a process group of its own, so that it can be killed whole or child by child.
//!
//! Everything else of the demo knows the product only by its addresses.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// Role to process.
type Roles = Arc<Mutex<BTreeMap<String, i32>>>;

/// The running product.
#[derive(Debug)]
pub(crate) struct Product {
    environment: Vec<(String, String)>,
    child: Child,
    roles: Roles,
}

/// Free ports of this machine, all held while they are looked for, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let held: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().context("no free port")?;
    let addresses: Vec<SocketAddr> = held.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    addresses.try_into().map_err(|_| anyhow::anyhow!("as many addresses as listeners"))
}

impl Product {
    pub(crate) fn start(environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let roles = Roles::default();
        let child = spawn(&environment, &roles)?;
        Ok(Self { environment, child, roles })
    }

    /// SIGKILLs one child, chosen by `choice`. `None` while there is none to kill.
    pub(crate) fn kill_one(&self, choice: u64) -> Option<String> {
        let mut roles = self.roles.lock().expect("no holder panics");
        let index = usize::try_from(choice % u64::try_from(roles.len()).ok()?.max(1)).ok()?;
        let (role, pid) = roles.iter().nth(index).map(|(role, pid)| (role.clone(), *pid))?;
        // Gone from the list until the supervisor names its successor.
        roles.remove(&role);
        kill_process(Pid::from_raw(pid)?, Signal::KILL).ok()?;
        Some(role)
    }

    /// SIGKILLs the supervisor and everything below it, and starts it again.
    pub(crate) fn kill_all(&mut self) -> anyhow::Result<()> {
        self.kill_group();
        self.child.wait().context("waiting for the killed supervisor")?;
        self.roles.lock().expect("no holder panics").clear();
        self.child = spawn(&self.environment, &self.roles)?;
        Ok(())
    }

    fn kill_group(&self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Already gone is as good as killed.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }

    /// Whether it ended by itself, which it never should.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait().context("cannot look at the supervisor")?.is_some())
    }

    /// Lets it drain and end, as an operator would.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("cannot stop the supervisor")?;
        }
        self.child.wait().context("waiting for the supervisor")?;
        Ok(())
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_group();
            drop(self.child.wait());
        }
    }
}

fn spawn(environment: &[(String, String)], roles: &Roles) -> anyhow::Result<Child> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(binary)
        .args(["up", "--json", "--catalog-from-file"])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // It ends when its input closes: when this process dies, however.
        .env("TRIBUTARY_CHILD", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cannot start `tributary up`")?;
    let output = child.stdout.take().context("the supervisor has no output")?;
    let roles = Arc::clone(roles);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            let role = event.get("role").and_then(Value::as_str);
            let pid = event.get("pid").and_then(Value::as_i64).and_then(|it| i32::try_from(it).ok());
            if let (Some(role), Some(pid)) = (role, pid) {
                roles.lock().expect("no holder panics").insert(role.to_owned(), pid);
            }
        }
    });
    Ok(child)
}
