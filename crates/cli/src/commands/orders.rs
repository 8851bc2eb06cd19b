//! `tributary orders import`: orders of before, from a file, by the way that shops report theirs.
//!
//! In: a file of separated values whose first line names them. Out: a report for each line, recorded by the edge as `POST /v1/reports` records it;
//! one line of what became of each, and a table. Lines are judged one by one: a bad one is refused with its code and harms no other. Importing
//! again is harmless, since a repeated report changes no order. Not here: reading rows (`table`), naming values (`columns`), other systems' words (`dialect`),
//! sending (`send`).
//! Start at [`OrdersCommand`].

mod columns;
mod dialect;
mod fault;
mod send;
mod table;
mod told;

pub(crate) use self::send::{BYTES_MAX, Edge, Fate, LINES_MAX};

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand};

use self::{
    columns::{Columns, Renamed},
    dialect::Speech,
    fault::Fault,
    table::Table,
    told::Told,
};
use super::{Common, only, place::block_on};
use crate::settings::Settings;

/// Longest file of a token, in bytes.
const TOKEN_BYTES_MAX: u64 = 1_024;

/// What to do with orders.
#[derive(Debug, Subcommand)]
pub(crate) enum OrdersCommand {
    /// Report the orders of a file, line by line
    #[command(
        mut_args(|arg| only(&["edge.listen", "data", "catalog", "kafka.brokers", "kafka.prefix"], arg)),
        after_help = "Examples:\n  tributary orders import history.csv --token-file token --dry-run\n  tributary orders import history.csv --token-file token --only-refused\n  \
        tributary orders import leads.csv --advertiser 1 --token T --event lead --column order_id='Lead number' --column time=Created\n  \
        tributary orders import conversions.csv --config tributary.toml --token-file token --dialect tune --column time=Datetime\n\n\
        The first line names the columns as a postback names its parameters: order_id, time, amount, currency, status, click_id, coupon, customer_id, partner_id...; \
        columns with other names are not sent. --dialect NAME takes another system's names, as its postbacks have them (README: From another system), \
        and the catalog's aliases for its ids. Values are parted by comma, semicolon, tab or bar. Times without a zone are in the advertiser's.\n\
        An order is decided by its own time: by the catalog then in force and the clicks before it. Importing a file again records no order twice.\n\
        Each line is told as FILE:LINE: CODE: what is wrong; what to do. Exit status 1 if any was refused.\n\
        Limits: 64 KiB and 1,000 values a line, 1 KiB a value; a file may be of any length."
    )]
    Import(ImportFlags),
}

impl OrdersCommand {
    /// `false`: lines were refused.
    pub(super) fn run(self) -> anyhow::Result<bool> {
        let Self::Import(flags) = self;
        flags.run()
    }
}

/// Which file, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct ImportFlags {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the lines are that do not say it: sale, lead, registration or the advertiser's own word
    #[arg(long, value_name = "EVENT", value_parser = event)]
    event: Option<String>,
    /// Which column is which, by its name in the first line; may be given again
    #[arg(long = "column", value_name = "FIELD=NAME")]
    columns: Vec<Renamed>,
    /// The file speaks another system's dialect: names of columns, status words, minor units, old ids; a built-in one or one of the catalog's own
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Take lines that do not say when: their orders count as made now
    #[arg(long)]
    without_time: bool,
    /// Ask the edge what it would do with each line; nothing is recorded
    #[arg(long)]
    dry_run: bool,
    /// Tell nothing of lines that were recorded
    #[arg(long)]
    only_refused: bool,
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    common: Common,
}

/// As whom, and where to.
#[derive(Debug, Args)]
struct Sender {
    /// The advertiser's number, where neither token nor file says it
    #[arg(long, value_name = "N")]
    advertiser: Option<u32>,
    /// The advertiser's token; other users of this machine can see it while this runs
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The edge, by http; without it the one that the settings name
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Send to another machine than this one; whoever sees the network between sees the token
    #[arg(long)]
    allow_remote: bool,
}

/// Lines that wait to be sent.
#[derive(Debug, Default)]
struct Batch {
    body: Vec<u8>,
    /// Of each, its number in the file.
    lines: Vec<u64>,
}

impl ImportFlags {
    fn run(&self) -> anyhow::Result<bool> {
        let token = self.sender.token()?;
        let url =
            self.sender.url.clone().map_or_else(|| Ok(edge_url(&self.common.settings()?)), anyhow::Ok)?;
        let mut edge = Edge::new(&url, self.sender.allow_remote, &self.target(), token.as_deref())?;
        let file = File::open(&self.file).with_context(|| self.file.display().to_string())?;
        let bytes = file.metadata().map_or(0, |it| it.len());
        let speech =
            self.dialect.as_deref().map(|it| Speech::open(&self.common.settings()?, it)).transpose()?;
        let speech = speech.as_ref();
        let mut told = Told::new(&self.file, self.common.output(), bytes, self.only_refused);
        match table::open(file, |cells| columns::known(cells, &self.columns, speech))
            .with_context(|| self.unread())?
        {
            Ok(mut table) => block_on(self.import(&mut table, speech, &mut edge, &mut told))?,
            Err(fault) => told.refused(1, fault.code(), &fault.to_string()),
        }
        Ok(told.finish(self.dry_run))
    }

    /// Reads, sends and tells, to the end of the file or the first thing that ends it.
    async fn import<R: Read>(
        &self,
        table: &mut Table<R>,
        speech: Option<&Speech>,
        edge: &mut Edge,
        told: &mut Told,
    ) -> anyhow::Result<()> {
        let columns = match self.header(table, speech)? {
            Ok(columns) => columns,
            Err((line, fault)) => {
                told.refused(line, fault.code(), &fault.to_string());
                return Ok(());
            }
        };
        told.columns(&columns);
        let mut batch = Batch::default();
        while let Some(row) = table.next().with_context(|| self.unread())? {
            let line = row.line;
            match row.cells.and_then(|cells| columns.line(cells, speech)) {
                Ok(json) => batch.push(line, &json),
                Err(fault) => {
                    // What came before it is told before it.
                    self.flush(&mut batch, edge, told).await?;
                    told.refused(line, fault.code(), &fault.to_string());
                }
            }
            if batch.is_full() {
                self.flush(&mut batch, edge, told).await?;
            }
            told.has_read(table.bytes_read);
        }
        self.flush(&mut batch, edge, told).await
    }

    fn header<R: Read>(
        &self,
        table: &mut Table<R>,
        speech: Option<&Speech>,
    ) -> anyhow::Result<Result<Columns, (u64, Fault)>> {
        let Some(row) = table.next().with_context(|| self.unread())? else {
            return Ok(Err((1, Fault::FileEmpty)));
        };
        let columns = row.cells.and_then(|it| Columns::of(it, &self.columns, speech, !self.without_time));
        Ok(columns.map_err(|fault| (row.line, fault)))
    }

    async fn flush(&self, batch: &mut Batch, edge: &mut Edge, told: &mut Told) -> anyhow::Result<()> {
        let Batch { body, lines } = std::mem::take(batch);
        let Some(first) = lines.first() else { return Ok(()) };
        let fates = edge.send(&Bytes::from(body), lines.len()).await.with_context(|| {
            format!(
                "{} recorded, {} refused; of line {first} and those behind it nothing is known: import the file again, no order is recorded twice",
                told.recorded(),
                told.refused_count()
            )
        })?;
        let codes =
            fates.iter().map(|it| if let Fate::Refused(code, _) = it { Some(code.as_str()) } else { None });
        if let Some(Some(code)) =
            codes.clone().next().filter(|code| told.recorded() == 0 && is_about_sender(*code))
            && codes.clone().all(|it| it == Some(code))
        {
            let Some(Fate::Refused(_, message)) = fates.first() else { bail!("no fate") };
            bail!("{code}: {message}; nothing was recorded");
        }
        for (line, fate) in lines.iter().zip(&fates) {
            told.fate(*line, fate);
        }
        Ok(())
    }

    /// Path and query.
    fn target(&self) -> String {
        let path = if self.dry_run { "/v1/reports/check" } else { "/v1/reports" };
        let advertiser = self.sender.advertiser.map(|it| format!("advertiser={it}"));
        let event = self.event.as_ref().map(|it| format!("event={it}"));
        let query = advertiser.into_iter().chain(event).collect::<Vec<_>>().join("&");
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    fn unread(&self) -> String {
        format!("{} cannot be read", self.file.display())
    }
}

impl Sender {
    fn token(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let context = || format!("--token-file {}", path.display());
        ensure!(
            fs::metadata(path).with_context(context)?.len() <= TOKEN_BYTES_MAX,
            "{}: a token is shorter",
            context()
        );
        Ok(Some(fs::read_to_string(path).with_context(context)?.trim().to_owned()))
    }
}

impl Batch {
    fn push(&mut self, line: u64, json: &str) {
        self.body.extend_from_slice(json.as_bytes());
        self.body.push(b'\n');
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= send::LINES_MAX || self.body.len() >= send::BYTES_MAX
    }
}

/// Codes of the edge that say the same of every line: who sends is not who may.
fn is_about_sender(code: Option<&str>) -> bool {
    const CODES: [&str; 5] =
        ["token_missing", "token_wrong", "advertiser_missing", "advertiser_unknown", "advertiser_inactive"];
    code.is_some_and(|it| CODES.contains(&it))
}

/// Where the edge of this machine listens.
fn edge_url(settings: &Settings) -> String {
    let listen = settings.text("edge.listen");
    let local = listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    format!("http://{local}")
}

fn event(text: &str) -> Result<String, String> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_fit) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, _ - . are wanted, 64 at most".to_owned())
    }
}

/// A name for messages.
fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |it| it.to_string_lossy().into_owned())
}
