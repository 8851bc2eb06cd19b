//! Where the parts of a program are, as the settings and the data folder say: for commands that only look, so nothing is made here.
//!
//! In: settings. Out: folders, and how to reach `ClickHouse` and Kafka. Start at [`Place`].

use std::path::{Path, PathBuf};

use journal::kafka::KafkaSettings;

use crate::settings::Settings;

/// Largest record of a catalog version with its envelope and key, as brokers and clients count it.
pub(crate) const CATALOG_MESSAGE_BYTES_MAX: u64 = journal::versions::VALUE_BYTES_MAX + 64 * 1024;

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
