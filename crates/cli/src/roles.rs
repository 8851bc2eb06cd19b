//! One role, one process: what each is made of, and the few values they share.

pub(crate) mod edge;
pub(crate) mod engine;
mod keeper;
pub(crate) mod pipeline;
pub(crate) mod warehouse;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    commands::{Mirror, Place},
    logs,
    settings::{Settings, Source},
    shutdown,
};

/// Starts the log, fills in what the first start makes, and runs a role on a runtime of one thread until it is asked to end.
pub(crate) fn run<F>(settings: &Settings, role: impl FnOnce(Settings) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut settings = settings.clone();
    complete(&mut settings)?;
    logs::install(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(role(settings))
}

/// The data folder, and without `clickhouse.url` the address and passwords of the embedded engine.
pub(crate) fn complete(settings: &mut Settings) -> anyhow::Result<()> {
    let data = data(settings);
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    // Children may run in another folder one day; what they are handed must mean the same there.
    let data = data.canonicalize().with_context(|| format!("cannot find {}", data.display()))?;
    settings.set("data", data.display().to_string(), Source::Default)?;
    if is_embedded(settings) {
        for (key, name) in [("clickhouse.password", "clickhouse"), ("engine.reader_password", "reader")] {
            if settings.optional(key).is_none() {
                settings.set(key, password(&data, name)?, Source::Default)?;
            }
        }
    }
    Ok(())
}

/// A password of the embedded engine, in the data folder, made at its first use.
pub(crate) fn password(data: &Path, name: &str) -> anyhow::Result<String> {
    let path = data.join("keys").join(format!("{name}.key"));
    ::edge::keys::load_or_create_password(&path).context("cannot use the engine's passwords")
}

/// Whether `ClickHouse` is the engine of this machine.
pub(crate) fn is_embedded(settings: &Settings) -> bool {
    settings.optional("clickhouse.url").is_none()
}

pub(crate) fn data(settings: &Settings) -> PathBuf {
    PathBuf::from(settings.text("data"))
}

/// Where facts go.
pub(crate) fn warehouse_options(settings: &Settings) -> anyhow::Result<::warehouse::Options> {
    let embedded = || format!("http://{}", settings.text("engine.listen"));
    Ok(::warehouse::Options {
        url: settings.optional("clickhouse.url").map_or_else(embedded, str::to_owned),
        user: settings.text("clickhouse.user").to_owned(),
        password: settings.text("clickhouse.password").to_owned(),
        database: settings.text("clickhouse.database").to_owned(),
        settings: settings.passed_on("clickhouse.settings."),
        sabotage: match settings.text("demo.sabotage") {
            "" => None,
            "drop" => Some(::warehouse::Sabotage::Drop),
            "double" => Some(::warehouse::Sabotage::Double),
            "shift" => Some(::warehouse::Sabotage::Shift),
            "overpay" => Some(::warehouse::Sabotage::Overpay),
            other => anyhow::bail!("demo.sabotage = {other:?}: drop, double, shift or overpay is wanted"),
        },
    })
}

/// Between two looks for new versions of the catalog in Kafka: an edge takes a new one within a second.
const CATALOG_EVERY: Duration = Duration::from_millis(500);
/// After Kafka could not be asked.
const CATALOG_RETRY: Duration = Duration::from_secs(2);

/// With Kafka, keeps this machine's copy of the catalog's versions up to date, on a thread of its own that ends with the process. While the
/// broker is down the copy is what there is, and nobody waits.
pub(crate) fn follow_catalog(settings: &Settings) {
    let settings = settings.clone();
    std::thread::spawn(move || {
        loop {
            match follow(&settings) {
                Ok(()) => return,
                Err(error) => tracing::warn!(error = format!("{error:#}"), "catalog not read from kafka"),
            }
            std::thread::park_timeout(CATALOG_RETRY);
        }
    });
}

/// `Ok` where Kafka is not the log.
fn follow(settings: &Settings) -> anyhow::Result<()> {
    let Some(mut mirror) = Mirror::open(Place::new(settings))? else { return Ok(()) };
    loop {
        mirror.catch_up()?;
        std::thread::park_timeout(CATALOG_EVERY);
    }
}

/// A signal to end, or that signals cannot be heard, which ends the role too.
async fn asked_to_end() {
    if let Err(error) = shutdown::requested().await {
        tracing::error!(%error, "ends");
    }
}
