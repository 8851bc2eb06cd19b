//! The connection: where the engine is, and how statements reach it.
//!
//! Not here: which statements. Start at [`Options`] and [`Warehouse`].

use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use clickhouse::{Client, Compression};

use crate::{
    error::EngineError,
    metrics::Metrics,
    sabotage::{Planted, Sabotage},
};

/// Where the engine is.
#[derive(Clone)]
pub struct Options {
    /// `http://HOST:PORT`.
    pub url: String,
    /// Who writes.
    pub user: String,
    /// His password.
    pub password: String,
    /// The database that holds everything; made by `migrate`. Letters, digits and underscores.
    pub database: String,
    /// Settings for every request, such as limits of memory and threads. The ones that exactness hangs on are pinned on each statement.
    pub settings: BTreeMap<String, String>,
    /// One error planted on purpose. Only for the demo's check of itself.
    pub sabotage: Option<Sabotage>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            database: "tributary".to_owned(),
            settings: BTreeMap::new(),
            sabotage: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("settings", &self.settings)
            .field("sabotage", &self.sabotage)
            .finish_non_exhaustive()
    }
}

/// A handle on one database. Cheap to clone; clones share connections and counters.
#[derive(Clone)]
pub struct Warehouse {
    client: Client,
    pub(crate) shared: Arc<Shared>,
}

/// What all clones of a [`Warehouse`] have in common.
pub(crate) struct Shared {
    pub(crate) database: String,
    /// Tells the marks of two batches apart.
    nonce: AtomicU64,
    pub(crate) refused_rows: AtomicU64,
    pub(crate) planted: Option<Mutex<Planted>>,
    pub(crate) metrics: OnceLock<Metrics>,
}

impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warehouse").field("database", &self.shared.database).finish_non_exhaustive()
    }
}

impl Warehouse {
    /// Connects on first use.
    #[must_use]
    pub fn new(options: Options) -> Self {
        // The answers we read are small and the batches go to this machine or its neighbours.
        let mut client = Client::default()
            .with_url(options.url)
            .with_user(options.user)
            .with_password(options.password)
            .with_database(&options.database)
            .with_compression(Compression::None)
            .with_product_info("tributary", env!("CARGO_PKG_VERSION"));
        for (name, value) in options.settings {
            client = client.with_setting(name, value);
        }
        let shared = Shared {
            database: options.database,
            nonce: AtomicU64::new(RandomState::new().hash_one(0)),
            refused_rows: AtomicU64::new(0),
            planted: options.sabotage.map(|it| Mutex::new(Planted::new(it))),
            metrics: OnceLock::new(),
        };
        Self { client, shared: Arc::new(shared) }
    }

    /// The client underneath, set to this database.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.shared.database
    }

    /// Rows that the engine refused for their values since the start; each is in `quarantine_log`.
    #[must_use]
    pub fn refused_rows(&self) -> u64 {
        self.shared.refused_rows.load(Ordering::Relaxed)
    }

    /// Whether the engine answers.
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.client.clone().with_database("").query_raw("SELECT 1").execute().await.map_err(Into::into)
    }

    pub(crate) fn next_nonce(&self) -> u64 {
        self.shared.nonce.fetch_add(1, Ordering::Relaxed)
    }

    /// A statement without an answer.
    pub(crate) async fn execute(&self, statement: &str) -> Result<(), EngineError> {
        self.client.query_raw(statement).execute().await.map_err(Into::into)
    }

    /// All rows of an answer.
    pub(crate) async fn rows<T>(&self, statement: &str) -> Result<Vec<T>, EngineError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.client.query_raw(statement).fetch_all::<T>().await.map_err(Into::into)
    }
    /// The same, of a statement that takes the place `{NAME:String}` for what somebody gave.
    pub(crate) async fn rows_with<T>(
        &self,
        statement: &str,
        (name, given): (&str, &str),
    ) -> Result<Vec<T>, EngineError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.client.query_raw(statement).param(name, given).fetch_all::<T>().await.map_err(Into::into)
    }
}
