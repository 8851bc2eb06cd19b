//! A row of the table: ours, the peer's, their ratio and the bound it must hold.

use std::io::Write;

use anyhow::Result;
use comfy_table::Table;

/// What the ratio must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// Ours over the peer's, or more: rates.
    AtLeast(f64),
    /// Ours over the peer's, or less: costs.
    AtMost(f64),
}

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Stable, for those who keep the JSON.
    pub(crate) name: &'static str,
    /// In [`Row::unit`].
    pub(crate) ours: f64,
    /// In [`Row::unit`], measured in the same run.
    pub(crate) peer: f64,
    /// Of both.
    pub(crate) unit: &'static str,
    /// Of the ratio.
    pub(crate) bound: Bound,
}

impl Row {
    pub(crate) fn ratio(&self) -> f64 {
        self.ours / self.peer
    }

    pub(crate) fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.ratio() >= bound,
            Bound::AtMost(bound) => self.ratio() <= bound,
        }
    }
}

/// Three digits at least.
fn figure(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// A table for people, or a JSON line a row.
pub(crate) fn print(rows: &[Row], json: bool) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    if !json {
        let mut table = Table::new();
        table.set_header(["name", "ours", "peer", "unit", "ratio", "bound", "holds"]);
        for row in rows {
            table.add_row([
                row.name.to_owned(),
                figure(row.ours),
                figure(row.peer),
                row.unit.to_owned(),
                format!("{:.2}", row.ratio()),
                match row.bound {
                    Bound::AtLeast(bound) => format!(">= {bound}"),
                    Bound::AtMost(bound) => format!("<= {bound}"),
                },
                if row.holds() { "yes" } else { "NO" }.to_owned(),
            ]);
        }
        writeln!(stdout, "{table}")?;
        return Ok(());
    }
    for row in rows {
        let (Bound::AtLeast(bound) | Bound::AtMost(bound)) = row.bound;
        let line = serde_json::json!({
            "name": row.name, "ours": row.ours, "peer": row.peer, "unit": row.unit,
            "ratio": row.ratio(), "bound": bound, "holds": row.holds(),
        });
        writeln!(stdout, "{line}")?;
    }
    Ok(())
}
