//! `tributary up`: every role of one machine, for real.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::atomic::Ordering,
};

use anyhow::{Context as _, bail};

use crate::{commands, output::Output, roles, settings::Settings, shutdown, supervisor::Supervisor};

/// Shows every value with its source, secrets masked.
pub(crate) fn print_config(settings: &Settings, output: Output) {
    let rows: Vec<_> = settings.rows().into_iter().map(|it| it.to_vec()).collect();
    output.table(&["key", "value", "source"], &rows);
}

/// Fills in what the first start makes, starts the roles and keeps them alive until a signal asks to end.
pub(crate) fn run(mut settings: Settings, choice: commands::Choice, output: Output) -> anyhow::Result<()> {
    let stop = shutdown::flag()?;
    roles::complete(&mut settings)?;
    // Before anything is changed: a second `up` on the same data must not even apply its catalog.
    let _lock = lock(&roles::data(&settings))?;
    if let Some(path) = settings.optional("catalog") {
        commands::at_start(&settings, Path::new(path), choice, output)?;
    }
    let embedded = roles::is_embedded(&settings);
    if embedded {
        // Here and not in the engine's process, so that people see one bar and the roles start when it is done.
        roles::engine::library(&settings, output)?;
    }
    let names: &[&'static str] = if embedded {
        &["edge", "engine", "warehouse", "pipeline"]
    } else {
        &["edge", "warehouse", "pipeline"]
    };
    let supervisor = Supervisor::start(names, &settings, output)?;
    output.say(&format!(
        "links and reports on http://{}, health on http://{}/readyz?verbose, {} on {}",
        settings.text("edge.listen"),
        settings.text("edge.admin"),
        if embedded { "the embedded ClickHouse" } else { "ClickHouse" },
        roles::warehouse_options(&settings)?.url,
    ));
    supervisor.run(|| stop.load(Ordering::Acquire))
}

/// Held while this process runs; the kernel lets go of it however the process ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("up.lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another `tributary up` runs on {}; stop it first, or choose another --data folder",
                data.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
