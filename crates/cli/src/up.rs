//! `tributary up`: every role of one machine, for real.

use std::sync::atomic::Ordering;

use crate::{commands, output::Output, roles, settings::Settings, shutdown, supervisor::Supervisor};

/// Shows every value with its source, secrets masked.
pub(crate) fn print_config(settings: &Settings, output: Output) {
    let rows: Vec<_> = settings.rows().into_iter().map(|it| it.to_vec()).collect();
    output.table(&["key", "value", "source"], &rows);
}

/// Fills in what the first start makes, starts the roles and keeps them alive until a signal asks to end.
pub(crate) fn run(mut settings: Settings, output: Output) -> anyhow::Result<()> {
    let stop = shutdown::flag()?;
    roles::complete(&mut settings)?;
    if let Some(path) = settings.optional("catalog") {
        commands::apply_at_start(&settings, std::path::Path::new(path), output)?;
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
    supervisor.run(|| stop.load(Ordering::Acquire))
}
