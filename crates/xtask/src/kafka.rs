//! Real Apache Kafka on this machine's JVM: one broker or three, KRaft, no container engine.
//!
//! In: how many brokers, on which port, in which folder. Out: a bootstrap address that answers.
//! Brokers end with the process that started them, even by SIGKILL; a temporary folder goes with them.
//! Not here: topics, records, clients (`journal`). Start at [`Broker`] in tests, at [`Cluster`] for three.

use std::{path::PathBuf, sync::OnceLock};

use anyhow::{Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::host;

mod jars;
mod node;
mod ports;
mod probe;

use node::Node;

/// Names the broker that `cargo xtask test` started, so that a test run starts one and not one a process.
pub const SHARED_VARIABLE: &str = "TRIBUTARY_TEST_KAFKA";

/// Starts in all, when another process took a port between our look and the broker's.
const STARTS_MAX: usize = 3;

/// What to start. [`Options::default`]: one broker, a free port, a folder that vanishes.
#[derive(Debug, Clone)]
pub struct Options {
    /// 1 or 3; with three, topics are replicated three times and an append needs two.
    pub brokers: u16,
    /// The first broker's port; the others take the next ones. `None` picks free ports.
    pub port: Option<u16>,
    /// Kept, and gone on with at the next start. `None` is a temporary folder.
    pub data: Option<PathBuf>,
    /// Further properties of each broker.
    pub properties: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, port: None, data: None, properties: Vec::new() }
    }
}

/// Running brokers that know one another.
#[derive(Debug)]
pub struct Cluster {
    /// Before `folder`: fields drop in this order, and a folder goes after its brokers.
    nodes: Vec<Node>,
    bootstrap: String,
    id: String,
    _folder: Option<TempDir>,
}

impl Cluster {
    /// Fetches the jars where needed, formats new storage, starts, and returns once every broker answers.
    pub fn start(options: &Options) -> Result<Self> {
        if !matches!(options.brokers, 1 | 3) {
            bail!("brokers must be 1 or 3, not {}: two can lose no more than one can", options.brokers);
        }
        let jars = jars::prepare()?;
        let mut tries = if options.port.is_some() { 1 } else { STARTS_MAX };
        loop {
            tries -= 1;
            match Self::start_once(options, &jars) {
                Err(_) if tries > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn start_once(options: &Options, jars: &std::path::Path) -> Result<Self> {
        let (folder, temporary) = if let Some(data) = &options.data {
            (std::path::absolute(data)?, None)
        } else {
            let temporary = tempfile::Builder::new().prefix("tributary-kafka-").tempdir()?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let layout = node::Layout {
            jars: jars.to_owned(),
            folder: folder.clone(),
            vanishes: temporary.is_some(),
            cluster_id: node::cluster_id(&folder),
            ports: ports::choose(options.brokers, options.port)?,
            properties: options.properties.clone(),
        };
        let nodes =
            (0..layout.ports.len()).map(|index| Node::prepare(&layout, index)).collect::<Result<Vec<_>>>()?;
        let bootstrap = layout.bootstrap();
        let mut cluster = Self { nodes, bootstrap, id: layout.cluster_id, _folder: temporary };
        for node in &mut cluster.nodes {
            node.start()?;
        }
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// `127.0.0.1:PORT`, comma separated with three brokers.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// SIGKILL; returns once the process is gone. Its data and its port stay its own. Killing a dead broker does nothing.
    ///
    /// # Panics
    /// When there is no such broker: they count from 0.
    pub fn kill9(&mut self, index: usize) {
        self.nodes.get_mut(index).expect("brokers count from 0").kill();
    }

    /// Starts a killed broker again on its data and port, and returns once it answers.
    ///
    /// # Panics
    /// When there is no such broker: they count from 0.
    pub fn restart(&mut self, index: usize) -> Result<()> {
        let node = self.nodes.get_mut(index).expect("brokers count from 0");
        node.kill();
        node.start()?;
        self.wait_until_ready()
    }

    /// SIGSTOP: connections stay open and nothing is answered, as behind a network that swallows everything.
    ///
    /// # Panics
    /// When there is no such broker: they count from 0.
    pub fn suspend(&self, index: usize) -> Result<()> {
        self.nodes.get(index).expect("brokers count from 0").signal(Signal::STOP)
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Panics
    /// When there is no such broker: they count from 0.
    pub fn resume(&self, index: usize) -> Result<()> {
        self.nodes.get(index).expect("brokers count from 0").signal(Signal::CONT)
    }

    /// Fails with the end of its log if a broker has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::check)
    }

    /// Ready: each running broker lists every running broker, under our own cluster's id.
    fn wait_until_ready(&mut self) -> Result<()> {
        let running: Vec<i32> = self.nodes.iter().filter(|node| node.is_started()).map(Node::id).collect();
        for node in self.nodes.iter_mut().filter(|node| node.is_started()) {
            node.wait_until_it_lists(&running, &self.id)?;
        }
        Ok(())
    }
}

/// One broker for a test: [`Cluster`] with nothing to choose.
#[derive(Debug)]
pub struct Broker {
    /// `127.0.0.1:PORT`, for `bootstrap.servers`.
    pub bootstrap: String,
    cluster: Cluster,
}

impl Broker {
    /// A fresh broker on a free port. Takes two to four seconds and some 370 MB; share one where a test can.
    pub fn start() -> Result<Self> {
        let cluster = Cluster::start(&Options::default())?;
        Ok(Self { bootstrap: cluster.bootstrap().to_owned(), cluster })
    }

    /// SIGKILL; returns once the process is gone.
    pub fn kill9(&mut self) {
        self.cluster.kill9(0);
    }

    /// On the same data and port. Takes about six seconds: the dead broker's session has to end first.
    pub fn restart(&mut self) -> Result<()> {
        self.cluster.restart(0)
    }
}

/// The bootstrap address of a broker that tests share: the one named by [`SHARED_VARIABLE`], else one that this process
/// starts at the first call and that ends with it. Use topic names of your own; kill only a [`Broker`] of your own.
///
/// # Panics
/// When no broker can be started: a missing broker is a failure, never a skipped test.
#[must_use]
pub fn shared() -> &'static str {
    static SHARED: OnceLock<(String, Option<Broker>)> = OnceLock::new();
    let (bootstrap, _) = SHARED.get_or_init(|| match host::variable(SHARED_VARIABLE) {
        Some(bootstrap) => (bootstrap, None),
        None => match Broker::start() {
            Ok(broker) => (broker.bootstrap.clone(), Some(broker)),
            Err(error) => panic!("this test needs Kafka: {error:#}"),
        },
    });
    bootstrap
}
