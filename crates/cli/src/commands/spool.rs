//! `tributary spool inspect`: what lies in a spool, and what of it is damaged.
//!
//! In: a spool's folder, which may be written meanwhile. Out: its streams, damage and, where asked for, the last records. It changes nothing.
//! Not here: reading the files (`journal::spool`). Start at [`SpoolCommand`].

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::ensure;
use clap::Subcommand;
use events::Event;
use journal::{
    Position, Record, StreamId,
    spool::{self, DamageKind, EndState, Reader, StreamReport},
};
use serde_json::json;

use crate::output::Output;

/// Most records that are shown.
const RECORDS_SHOWN_MAX: u32 = 10_000;
/// Records read at once.
const RECORDS_AT_ONCE: usize = 4096;

/// What to do with a spool.
#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// Show its streams, records, damage and ends
    #[command(
        after_help = "Examples:\n  tributary spool inspect tributary-data\n  tributary spool inspect tributary-data/spool --records 20\n  \
        tributary spool inspect /mnt/old-disk/spool --json\n\nExit status 1 if records are damaged. It may run while the edge writes."
    )]
    Inspect {
        /// The spool's folder, or the data folder that holds it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Also show the last N records of each stream
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(RECORDS_SHOWN_MAX)))]
        records: u32,
        /// JSON lines instead of tables and sentences
        #[arg(long)]
        json: bool,
    },
}

impl SpoolCommand {
    /// `false`: records are damaged.
    pub(super) fn run(self) -> anyhow::Result<bool> {
        let Self::Inspect { folder, records, json } = self;
        inspect(&folder, records, Output::new(json))
    }
}

fn inspect(folder: &Path, records: u32, output: Output) -> anyhow::Result<bool> {
    ensure!(folder.is_dir(), "{} is not a folder; give data/spool of an edge", folder.display());
    let inside = folder.join("spool");
    let root = if inside.is_dir() { inside } else { folder.to_owned() };
    let report = spool::inspect(&root)?;
    if report.streams.is_empty() {
        output.say(&format!("{} holds no spool: nothing was written there yet", root.display()));
    }
    if output == Output::People && !report.streams.is_empty() {
        let heads = [
            "writer",
            "edge",
            "incarnation",
            "segments",
            "records",
            "first",
            "last",
            "payload",
            "files",
            "end",
        ];
        output.table(&heads, &report.streams.iter().map(row).collect::<Vec<_>>());
    }
    for it in &report.streams {
        output.event(&json!({
            "event": "stream", "writer": it.writer.0, "edge": it.writer.edge(), "incarnation": it.incarnation, "segments": it.segments,
            "records": it.records, "first": it.first_sequence, "last": it.last_sequence, "payload_bytes": it.payload_bytes,
            "file_bytes": it.file_bytes, "end": end_code(it.end), "end_sequence": it.end_sequence,
        }));
    }
    show_damage(&report, output);
    if records > 0 {
        show_records(&root, &report.streams, records, output)?;
    }
    let total: u64 = report.streams.iter().map(|it| it.records).sum();
    let unread = unread(&report);
    for it in &unread {
        output.say(&format!(
            "writer {} incarnation {}: records {} to {} lie at or behind damage; they can be read once this edge has started again",
            it.writer,
            it.incarnation,
            it.last_sequence + 1,
            it.end_sequence.unwrap_or_default()
        ));
    }
    output.say(&format!(
        "{} streams, {total} records, {} records lost to damage",
        report.streams.len(),
        report.records_damaged
    ));
    let records_unread: u64 =
        unread.iter().filter_map(|it| it.end_sequence?.checked_sub(it.last_sequence)).sum();
    output.event(&json!({
        "event": "spool", "streams": report.streams.len(), "records": total, "damaged": report.damage.len(),
        "records_damaged": report.records_damaged, "records_unread": records_unread,
    }));
    Ok(report.records_damaged == 0 && unread.is_empty())
}

/// Streams that were closed in order and are damaged since: a reader waits there.
fn unread(report: &spool::Report) -> Vec<&StreamReport> {
    report.streams.iter().filter(|it| it.end_sequence.is_some_and(|end| it.last_sequence < end)).collect()
}

fn row(it: &StreamReport) -> Vec<String> {
    vec![
        it.writer.to_string(),
        it.writer.edge().to_string(),
        it.incarnation.to_string(),
        it.segments.to_string(),
        it.records.to_string(),
        it.first_sequence.to_string(),
        it.last_sequence.to_string(),
        bytes(it.payload_bytes),
        bytes(it.file_bytes),
        end_words(it.end).to_owned(),
    ]
}

/// How an incarnation ended, by a stable word.
pub(super) const fn end_code(end: Option<EndState>) -> &'static str {
    match end {
        None => "open",
        Some(EndState::Clean) => "clean",
        Some(EndState::ProcessDied) => "process_died",
        Some(EndState::MachineDied) => "machine_died",
    }
}

const fn end_words(end: Option<EndState>) -> &'static str {
    match end {
        None => "still written, or killed",
        Some(EndState::Clean) => "in order",
        Some(EndState::ProcessDied) => "process died",
        Some(EndState::MachineDied) => "machine died",
    }
}

const fn damage_words(kind: DamageKind) -> &'static str {
    match kind {
        DamageKind::HeaderCopy => "one copy of the header is damaged; nothing is lost",
        DamageKind::Header => "both copies of the header are damaged",
        DamageKind::Frames => "damaged frames",
        DamageKind::TornTail => "half a frame of a record that was never answered",
        DamageKind::Foreign => "the file belongs to another writer or place",
    }
}

fn show_damage(report: &spool::Report, output: Output) {
    let mut rows = Vec::new();
    for it in &report.damage {
        let sequences = if it.sequences.is_empty() {
            "none".to_owned()
        } else {
            format!("{}..={}", it.sequences.start, it.sequences.end - 1)
        };
        output.event(&json!({
            "event": "damage", "stream": it.stream.to_string(), "file": it.path.display().to_string(), "kind": format!("{:?}", it.kind),
            "from_byte": it.bytes.start, "to_byte": it.bytes.end, "from_sequence": it.sequences.start, "to_sequence": it.sequences.end,
        }));
        let place = format!("{} bytes {}..{}", it.path.display(), it.bytes.start, it.bytes.end);
        rows.push(vec![it.stream.to_string(), place, sequences, damage_words(it.kind).to_owned()]);
    }
    if output == Output::People && !rows.is_empty() {
        output.table(&["stream", "where", "lost sequences", "what"], &rows);
    }
}

fn show_records(root: &Path, streams: &[StreamReport], count: u32, output: Output) -> anyhow::Result<()> {
    let position = |it: &StreamReport| Position {
        stream: StreamId::Spool { writer: it.writer, incarnation: it.incarnation },
        next: (it.last_sequence + 1).saturating_sub(u64::from(count)).max(it.first_sequence.max(1)),
    };
    let mut reader = Reader::open(root);
    reader.seek(&streams.iter().map(position).collect::<Vec<_>>());
    let shown_max = count as usize * streams.len();
    let mut last: VecDeque<Record> = VecDeque::new();
    loop {
        let records = reader.poll(RECORDS_AT_ONCE, Duration::ZERO)?;
        if records.is_empty() {
            break;
        }
        // A live writer may have added more since.
        last.extend(records);
        let extra = last.len().saturating_sub(shown_max);
        last.drain(..extra);
    }
    let mut rows = Vec::new();
    for record in &last {
        let (kind, at, what) = told(&record.bytes);
        let place = format!("{}:{}", record.stream, record.position);
        output.event(&json!({
            "event": "record", "stream": record.stream.to_string(), "sequence": record.position, "kind": kind, "at": at, "what": what,
            "bytes": record.bytes.len(),
        }));
        rows.push(vec![place, kind, at, what]);
    }
    if output == Output::People && !rows.is_empty() {
        output.table(&["record", "kind", "at", "what"], &rows);
    }
    Ok(())
}

/// Kind, time and a few words about a record.
pub(super) fn told(bytes: &[u8]) -> (String, String, String) {
    let texts = |kind: &str, at: String, what: String| (kind.to_owned(), at, what);
    match Event::decode(bytes) {
        Ok(Event::Click(it)) => texts(
            it.head.kind.as_str(),
            it.head.at().to_string(),
            format!(
                "{} link {} partner {} offer {} {}",
                it.head.id,
                it.head.link(),
                it.head.partner,
                it.head.offer,
                it.head.verdict.as_str()
            ),
        ),
        Ok(Event::Report(it)) => texts(
            "report",
            it.received_at.to_string(),
            format!("{} {} of order {}", it.channel.as_str(), it.event, it.key),
        ),
        Ok(_) => texts(
            events::kind_of(bytes).map_or("unknown", events::Kind::as_str),
            String::new(),
            "not a record of an edge".to_owned(),
        ),
        Err(error) => texts("unreadable", String::new(), error.to_string()),
    }
}

/// A size as people read it.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", count as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", count as f64 / 1_073_741_824.0),
    }
}
