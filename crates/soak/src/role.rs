//! One process of the product, and its admin port.
//!
//! In: a command and an address. Out: [`Role`], which dies with us. Start at [`Role::start`].

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For an admin port or `ClickHouse` to answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A running process.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Role {
    /// It ends when its input closes.
    pub(crate) fn start(name: &str, admin: SocketAddr, mut command: Command) -> Result<Self> {
        let child = command
            .env("TRIBUTARY_CHILD", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), admin, child })
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a pid")?;
        kill_process(pid, signal).with_context(|| format!("{} takes no signal", self.name))
    }

    /// Whether it ended although nobody asked it to.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().context("cannot look at a process")?.is_some())
    }

    /// SIGKILL, and its end.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill a process")?;
        self.child.wait().context("cannot wait for a process")?;
        Ok(())
    }

    /// SIGTERM, and how long its end took.
    pub(crate) fn terminate(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.signal(Signal::TERM)?;
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().context("cannot look at a process")? {
                ensure!(status.success(), "{} ended with {status} after SIGTERM", self.name);
                return Ok(begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("{} has not ended {PATIENCE:?} after SIGTERM", self.name)
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            ensure!(!self.has_ended()?, "{} ended at its start", self.name);
            let said = get(self.admin, "/readyz?verbose");
            match said {
                Ok((200, _)) => return Ok(()),
                said if PATIENCE < begun.elapsed() => bail!("{} does not get ready: {said:?}", self.name),
                _ => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// What its readiness page says, for an error.
    pub(crate) fn readiness(&self) -> String {
        get(self.admin, "/readyz?verbose").map_or_else(|error| format!("{error:#}"), |(_, said)| said)
    }

    /// The sum of all series of a metric whose labels hold `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> Result<u64> {
        let (status, page) = get(self.admin, "/metrics")?;
        ensure!(status == 200, "{}: /metrics says {status}", self.name);
        sum(&page, name, label)
    }

    /// Whether received is the sum of fates.
    pub(crate) fn is_balanced(&self) -> Result<bool> {
        let (_, page) = get(self.admin, "/metrics")?;
        let received = sum(&page, "tributary_received_total", "")?;
        Ok(received == sum(&page, "tributary_fates_total", "")?)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // Also where it stands still; gone is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn sum(page: &str, name: &str, label: &str) -> Result<u64> {
    let mut sum = 0;
    for line in page.lines() {
        let Some(rest) = line.strip_prefix(name).filter(|it| it.starts_with(['{', ' '])) else { continue };
        let Some((labels, value)) = rest.rsplit_once(' ') else { continue };
        if labels.contains(label) {
            sum += value.parse::<u64>().with_context(|| format!("not a count: {line}"))?;
        }
    }
    Ok(sum)
}

fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n");
    let (status, mut body) = exchange(address, request.as_bytes())?;
    let mut text = String::new();
    body.read_to_string(&mut text).context("an answer breaks off")?;
    Ok((status, text))
}

/// A request of HTTP/1.0, whose answer ends with its connection: the status, and the body to be read.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Result<(u16, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).context("no connection")?;
    stream.set_read_timeout(Some(ANSWER_MAX)).context("no timeout")?;
    stream.write_all(request).context("cannot send")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).context("no answer")?;
    let status = line.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status = status.with_context(|| format!("not HTTP: {line:?}"))?;
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line).context("an answer breaks off")?;
        ensure!(!line.to_ascii_lowercase().starts_with("transfer-encoding:"), "HTTP/1.0 has no chunks");
    }
    Ok((status, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_sum_of_its_series_with_a_label() {
        let page = "a_total{topic=\"x\",result=\"d\"} 3\na_total{topic=\"y\",result=\"d\"} 4\na_total_b 9\nb_total 5\n";
        assert_eq!(sum(page, "a_total", "").unwrap(), 7);
        assert_eq!(sum(page, "a_total", "topic=\"y\"").unwrap(), 4);
        assert_eq!(sum(page, "b_total", "").unwrap(), 5);
        assert!(sum("b_total x\n", "b_total", "").is_err());
    }
}
