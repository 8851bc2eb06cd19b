//! Where the parts of a program are, as the settings and the data folder say: for commands that only look, so nothing is made here.
//!
//! In: settings. Out: folders, and how to reach `ClickHouse` and Kafka. Start at [`Place`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use journal::kafka::KafkaSettings;
use warehouse::Warehouse;

use crate::settings::Settings;

/// The parts of one program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    settings: &'a Settings,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(settings: &'a Settings) -> Self {
        Self { settings }
    }

    /// The folder that holds everything.
    pub(crate) fn data(self) -> &'a Path {
        Path::new(self.settings.text("data"))
    }

    /// Versions of the catalog, as files.
    pub(crate) fn catalog(self) -> PathBuf {
        self.data().join("catalog")
    }

    /// Kafka, if it is the log.
    pub(crate) fn kafka(self, client_id: &str) -> Option<KafkaSettings> {
        let brokers = self.settings.list("kafka.brokers");
        if brokers.is_empty() {
            return None;
        }
        let mut kafka = KafkaSettings::new(&brokers.join(","), client_id);
        kafka.extra = self.settings.passed_on("kafka.properties.");
        Some(kafka)
    }

    /// A topic's name.
    pub(crate) fn topic(self, name: &str) -> String {
        format!("{}.{name}", self.settings.text("kafka.prefix"))
    }

    /// Copies of each partition.
    pub(crate) fn replicas(self) -> i32 {
        i32::try_from(self.settings.number("kafka.replication")).unwrap_or(i32::MAX)
    }
}

impl Place<'_> {
    /// The edges' spools on this machine.
    pub(crate) fn spool(self) -> PathBuf {
        self.data().join("spool")
    }

    /// Whether `ClickHouse` is the engine that `up` runs on this machine.
    pub(crate) fn is_embedded(self) -> bool {
        self.settings.optional("clickhouse.url").is_none()
    }

    /// Where `ClickHouse` answers.
    pub(crate) fn clickhouse_url(self) -> String {
        let embedded = || format!("http://{}", self.settings.text("engine.listen"));
        self.settings.optional("clickhouse.url").map_or_else(embedded, str::to_owned)
    }

    /// A connection to `ClickHouse`. The embedded engine's password is the one that `up` made; it is read, never made here.
    pub(crate) fn warehouse(self) -> Warehouse {
        let made = || fs::read_to_string(self.data().join("keys").join("clickhouse.key")).unwrap_or_default();
        let given = self.settings.optional("clickhouse.password").map(str::to_owned);
        Warehouse::new(warehouse::Options {
            url: self.clickhouse_url(),
            user: self.settings.text("clickhouse.user").to_owned(),
            password: given.unwrap_or_else(|| made().trim().to_owned()),
            database: self.settings.text("clickhouse.database").to_owned(),
            settings: self.settings.passed_on("clickhouse.settings."),
            sabotage: None,
        })
    }

    /// What to say when it does not answer.
    pub(crate) fn no_answer(self) -> String {
        let url = self.clickhouse_url();
        if self.is_embedded() {
            format!(
                "ClickHouse at {url} cannot be asked; is `tributary up` running with this data folder? One with settings of its own \
                 is found by the same --config FILE, or by --data DIR and --engine-listen HOST:PORT"
            )
        } else {
            format!("ClickHouse at {url} cannot be asked; is it running, and are user and password right?")
        }
    }
}

/// Runs a command's questions to servers.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?
        .block_on(future)
}
