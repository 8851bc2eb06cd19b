//! A server as a child process: its start, its address, the processor's time it has used, its end.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// For a server to take connections.
const START_MAX: Duration = Duration::from_secs(20);

/// Ended when dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts this program again, to serve what `arguments` say.
    pub(super) fn start(name: &'static str, arguments: &[&OsStr]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{name} did not start"))?;
        Ok(Self { name, child, address })
    }

    /// A process that was started otherwise, once it takes connections.
    pub(super) fn adopt(name: &'static str, child: Child, address: SocketAddr) -> Result<Self> {
        let mut server = Self { name, child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("it ended: {status}");
            }
            anyhow::ensure!(begun.elapsed() < START_MAX, "nobody listens on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        process::cpu_seconds_of(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Tells the parent where we serve and waits until it closes our standard input.
pub(super) fn serve_until_closed(address: SocketAddr) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
