//! `tributary up`: every role of one machine, for real.

use std::{path::Path, sync::atomic::Ordering};

use anyhow::Context as _;

use crate::{
    commands,
    output::Output,
    secrets,
    settings::{Settings, Source},
    shutdown,
    supervisor::Supervisor,
};

/// Shows every value with its source, secrets masked.
pub(crate) fn print_config(settings: &Settings, output: Output) {
    let rows: Vec<_> = settings.rows().into_iter().map(|it| it.to_vec()).collect();
    output.table(&["key", "value", "source"], &rows);
}

/// Fills in what the first start makes, starts the roles and keeps them alive until a signal asks to end.
pub(crate) fn run(mut settings: Settings, output: Output) -> anyhow::Result<()> {
    let data = Path::new(settings.text("data")).to_owned();
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    // Children may run in another folder one day; what they are handed must mean the same there.
    let data = data.canonicalize().with_context(|| format!("cannot find {}", data.display()))?;
    settings.set("data", data.display().to_string(), Source::Default)?;
    let embedded = settings.optional("clickhouse.url").is_none();
    complete(&mut settings, &data, embedded)?;
    if let Some(path) = settings.optional("catalog") {
        commands::apply_at_start(&settings, Path::new(path), output)?;
    }
    let roles: &[&'static str] = if embedded {
        &["engine", "edge", "warehouse", "pipeline"]
    } else {
        &["edge", "warehouse", "pipeline"]
    };
    let stop = shutdown::flag()?;
    let supervisor = Supervisor::start(roles, &settings, output)?;
    supervisor.run(|| stop.load(Ordering::Acquire))
}

/// Secrets and addresses that follow from others.
fn complete(settings: &mut Settings, data: &Path, embedded: bool) -> anyhow::Result<()> {
    if settings.optional("edge.click_key").is_none() {
        settings.set("edge.click_key", secrets::keep(data, "click")?, Source::Default)?;
    }
    if !embedded {
        return Ok(());
    }
    settings.set("clickhouse.url", format!("http://{}", settings.text("engine.listen")), Source::Default)?;
    for (key, name) in [("clickhouse.password", "clickhouse"), ("engine.reader_password", "reader")] {
        if settings.optional(key).is_none() {
            settings.set(key, secrets::keep(data, name)?, Source::Default)?;
        }
    }
    Ok(())
}
