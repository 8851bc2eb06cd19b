//! `tributary engine`: the embedded ClickHouse in a process of its own, so that its crash never stops a redirect.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chdb::{Engine, EngineOptions, User, Users, fetch};
use indicatif::{ProgressBar, ProgressStyle};

use super::asked_to_end;
use crate::{output::Output, settings::Settings};

/// The engine's file: the one named, else the cache's, fetched first where it is missing.
pub(crate) fn library(settings: &Settings, output: Output) -> anyhow::Result<PathBuf> {
    let named = settings.optional("engine.library").map(PathBuf::from);
    let named = named.or_else(|| std::env::var_os("TRIBUTARY_CHDB_LIB").map(PathBuf::from));
    let bar = Bar::new(output);
    let found = fetch::library(named.as_deref(), &cache_root()?, |progress| bar.show(&progress));
    bar.end();
    found.context("the embedded ClickHouse is not at hand")
}

/// `$XDG_CACHE_HOME/tributary`, or `~/.cache/tributary`.
pub(crate) fn cache_root() -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache
        .or_else(home)
        .context("neither XDG_CACHE_HOME nor HOME is set; name the engine with --engine-library")?;
    Ok(cache.join("tributary"))
}

/// Serves until asked to end. Ends the process itself: libchdb does not survive an ordinary return.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let library = library(&settings, Output::People)?;
    let options = EngineOptions {
        library,
        data: super::data(&settings).join("clickhouse"),
        memory_bytes_max: settings.number("engine.memory_max_mib") << 20,
    };
    let engine = Engine::open(&options).context("the embedded ClickHouse does not start")?;
    let user = |name: &str, password: &str| User {
        name: settings.text(name).to_owned(),
        password: settings.text(password).to_owned(),
    };
    let users = Users {
        admin: user("clickhouse.user", "clickhouse.password"),
        reader: Some(user("engine.reader", "engine.reader_password")),
    };
    let address: std::net::SocketAddr = settings.text("engine.listen").parse().context("engine.listen")?;
    anyhow::ensure!(
        address.ip().is_loopback(),
        "engine.listen = {address}: the embedded engine serves this machine only"
    );
    let server = chdb::bind(engine, users, address.port())
        .await
        .with_context(|| format!("cannot listen on {address} (engine.listen)"))?;
    tracing::info!(%address, "engine serves");
    let ended_in_time = server.run(asked_to_end()).await;
    std::process::exit(i32::from(!ended_in_time));
}

/// A progress bar while the engine is fetched.
struct Bar(ProgressBar);

impl Bar {
    fn new(output: Output) -> Self {
        let bar = if output == Output::People { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Self(bar)
    }

    fn show(&self, progress: &fetch::Progress) {
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let (text, done) = match progress {
            fetch::Progress::Waiting => ("waiting for another process that fetches the engine", None),
            fetch::Progress::Downloading { bytes } => {
                ("fetching the embedded ClickHouse", Some((*bytes, fetch::PACKAGE_BYTES)))
            }
            fetch::Progress::Checking => ("checking its checksum", None),
            fetch::Progress::Unpacking { bytes } => ("unpacking it", Some((*bytes, fetch::LIBRARY_BYTES))),
        };
        if let Some((bytes, total)) = done {
            self.0.set_style(style("{msg} {wide_bar} {bytes}/{total_bytes}"));
            self.0.set_length(total);
            self.0.set_position(bytes);
        } else {
            self.0.set_style(style("{spinner} {msg}"));
            self.0.enable_steady_tick(Duration::from_millis(200));
        }
        self.0.set_message(text);
    }

    fn end(self) {
        self.0.finish_and_clear();
    }
}
