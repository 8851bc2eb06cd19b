//! `tributary quarantine`: what could not be understood or stored, why, and once more after the cause is mended.
//!
//! In: `quarantine_log`, and where Kafka is the log the topic that edges' shippers write. Out: counts by reason, a record with its bytes, and what a replay
//! put where it belongs. Not here: the table (`warehouse`), the replay (`replay`), what a reason means (`words`). Start at [`QuarantineCommand`].

mod belongs;
mod held;
mod replay;
mod words;

use clap::Subcommand;
use serde_json::json;
use units::{EpochMs, SECOND_MS};
use warehouse::QuarantinedRow;

use self::held::Held;
use super::{
    Common, only_where,
    place::{self, Place},
    spool,
};
use crate::output::Output;

/// Records of one reason that are listed.
const LISTED_MAX: usize = 100;
/// Bytes of a record that are shown to people; programs get all.
const SHOWN_BYTES_MAX: usize = 1_024;
const LINE_BYTES: usize = 16;

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Count what is in quarantine by reason, or list the records of one
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary quarantine list\n  tributary quarantine list --reason unknown_version\n  tributary quarantine list --config tributary.toml --json"
    )]
    List {
        /// Only this reason, record by record
        #[arg(long, value_name = "REASON")]
        reason: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Show the record of one place: what this build makes of it, and its bytes
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary quarantine show spool:65536:1763812800@17\n  tributary quarantine show topic:tributary.reports.v1:3@4711 --json\n\n\
        Exit status 1 where nothing is in quarantine at that place."
    )]
    Show {
        /// As `list` names it
        place: String,
        #[command(flatten)]
        common: Common,
    },
    /// Put what can be understood by now where it belongs: facts, topics, orders
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary quarantine replay --dry-run\n  tributary quarantine replay\n  tributary quarantine replay --reason unknown_version --config tributary.toml --json\n\n\
        For after the cause is mended: this program was brought up to date, or a table takes a value again. A record keeps the identity it was born \
        with, so it counts once, however often it is replayed; a replay may be killed at any moment and begun again, while everything runs. \
        What cannot be understood yet stays. Exit status 1 if the pipeline has not taken up in time what was put back; it does when it runs."
    )]
    Replay {
        /// Only this reason
        #[arg(long, value_name = "REASON")]
        reason: Option<String>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// How long the pipeline may take to decide orders anew
        #[arg(long, value_name = "S", default_value_t = 60)]
        wait_seconds: u32,
        #[command(flatten)]
        common: Common,
    },
}

impl QuarantineCommand {
    /// `false`: nothing is there, or it is not done yet.
    pub(super) fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::List { reason, common } => list(reason.as_deref(), &common),
            Self::Show { place, common } => show(&place, &common),
            Self::Replay { reason, dry_run, wait_seconds, common } => {
                let settings = common.settings()?;
                replay::Replay::new(&settings, common.output(), wait_seconds).run(reason.as_deref(), dry_run)
            }
        }
    }
}

fn list(reason: Option<&str>, common: &Common) -> anyhow::Result<bool> {
    let (settings, output) = (common.settings()?, common.output());
    let held = Held::open(&settings, output)?;
    let sums = held.sums(reason)?;
    if sums.is_empty() {
        let of = reason.map_or_else(String::new, |it| format!(" for the reason {it}"));
        output.say(&format!("nothing is in quarantine{of}"));
        return Ok(true);
    }
    for it in &sums {
        output.event(&json!({
            "event": "quarantine", "reason": it.reason, "waiting": it.waiting, "replayed": it.replayed, "oldest": at(it.oldest),
            "newest": at(it.newest), "example": it.example, "meaning": words::meaning(&it.reason), "to_do": words::to_do(&it.reason),
        }));
    }
    if output == Output::People && reason.is_none() {
        let row = |it: &warehouse::QuarantineSum| {
            vec![
                it.reason.clone(),
                words::meaning(&it.reason).to_owned(),
                it.waiting.to_string(),
                it.replayed.to_string(),
                at(it.newest),
                it.example.clone(),
                words::to_do(&it.reason).to_owned(),
            ]
        };
        let heads = ["reason", "which is", "waiting", "replayed", "newest", "for example", "what to do"];
        output.table(&heads, &sums.iter().map(row).collect::<Vec<_>>());
    }
    if let Some(reason) = reason {
        list_records(&held, reason, output)?;
    }
    Ok(true)
}

fn list_records(held: &Held<'_>, reason: &str, output: Output) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    held.each_waiting(Some(reason), |page| {
        rows.extend(page.iter().take(LISTED_MAX - rows.len()).cloned());
        Ok(rows.len() < LISTED_MAX)
    })?;
    let mut table = Vec::new();
    for it in &rows {
        let (kind, made_at, what) = spool::told(&it.bytes);
        output.event(&json!({
            "event": "quarantined", "place": it.key.place, "reason": it.key.reason, "written_at": at(it.written_at), "kind": kind, "at": made_at,
            "what": what, "bytes": it.bytes.len(),
        }));
        table.push(vec![it.key.place.clone(), at(it.written_at), kind, made_at, what]);
    }
    if output == Output::People {
        output.table(&["place", "came", "kind", "at", "what this build makes of it"], &table);
    }
    if rows.len() == LISTED_MAX {
        output.say(&format!("the first {LISTED_MAX} are listed; all of them: SELECT * FROM quarantine"));
    }
    Ok(())
}

fn show(place: &str, common: &Common) -> anyhow::Result<bool> {
    let (settings, output) = (common.settings()?, common.output());
    let rows = Held::open(&settings, output)?.at(place)?;
    for it in &rows {
        show_one(it, output);
    }
    if rows.is_empty() {
        output.event(&json!({"event": "quarantined", "place": place, "known": false}));
        output.say(&format!(
            "nothing is in quarantine at {place}; places: tributary quarantine list --reason REASON"
        ));
    }
    Ok(!rows.is_empty())
}

fn show_one(it: &QuarantinedRow, output: Output) {
    let (kind, made_at, what) = spool::told(&it.bytes);
    let belongs = belongs::told(it);
    let replayed = at(it.replayed_at);
    output.event(&json!({
        "event": "quarantined", "place": it.key.place, "known": true, "reason": it.key.reason, "written_at": at(it.written_at),
        "replayed_at": replayed, "kind": kind, "at": made_at, "what": what, "replay": belongs, "bytes": it.bytes.len(), "hex": hex(&it.bytes),
    }));
    let rows = [
        ("place", it.key.place.clone()),
        ("reason", format!("{}: {}", it.key.reason, words::meaning(&it.key.reason))),
        ("came", at(it.written_at)),
        ("replayed", if replayed.is_empty() { "never".to_owned() } else { replayed }),
        ("kind", format!("{kind} {made_at}").trim().to_owned()),
        ("what", what),
        ("a replay", belongs),
        ("bytes", it.bytes.len().to_string()),
    ];
    output.table(&["", ""], &rows.map(|(name, text)| vec![name.to_owned(), text]));
    let shown = it.bytes.get(..SHOWN_BYTES_MAX).unwrap_or(&it.bytes);
    for (index, line) in shown.chunks(LINE_BYTES).enumerate() {
        output.text(&dumped(index * LINE_BYTES, line));
    }
    if shown.len() < it.bytes.len() {
        output.text(&format!("... {} more bytes; --json shows all", it.bytes.len() - shown.len()));
    }
}

/// Offset, bytes, and what of them is text.
fn dumped(offset: usize, bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|it| format!("{it:02x}")).collect();
    let visible = |it: &u8| if it.is_ascii_graphic() || *it == b' ' { char::from(*it) } else { '.' };
    let text: String = bytes.iter().map(visible).collect();
    format!("{offset:08x}  {:47}  {text}", pairs.join(" "))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|it| [it >> 4, it & 15]);
    digits.filter_map(|it| char::from_digit(it.into(), 16)).collect()
}

/// Empty where it is not known.
fn at(seconds: u32) -> String {
    if seconds == 0 { String::new() } else { EpochMs(u64::from(seconds) * SECOND_MS).to_string() }
}

/// With what to say where it cannot be asked.
fn ask<T>(place: Place<'_>, question: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    use anyhow::Context as _;
    place::block_on(question).with_context(|| place.no_answer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_their_text() {
        let line = dumped(16, b"\xC7\x02 order-1 \n");
        assert_eq!(line, "00000010  c7 02 20 6f 72 64 65 72 2d 31 20 0a              .. order-1 .");
        assert_eq!(dumped(0, &[0; LINE_BYTES]).len(), 8 + 2 + 47 + 2 + LINE_BYTES);
    }
}
