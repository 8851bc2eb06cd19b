//! Structured logs to standard error: text on a terminal, JSON lines elsewhere.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::settings::Settings;

/// Installs the subscriber of this process.
pub(crate) fn install(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(settings.text("log.level"))
        .context("log.level: a level or a filter such as info,edge=debug is wanted")?;
    let json = match settings.text("log.format") {
        "json" => true,
        "text" => false,
        _ => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that cannot be written, since its reader died, must not end the process.
        .log_internal_errors(false);
    let installed = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    installed.map_err(|error| anyhow::anyhow!("cannot install the log: {error}"))
}
