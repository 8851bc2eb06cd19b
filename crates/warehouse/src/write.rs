//! Facts, then marks: the one way rows reach the engine.
//!
//! In: a batch. Out: every row of it stored, or an error after which the same batch is sent again. A block that is too large for the engine's
//! memory goes in halves; so does one that holds a value it cannot store, down to the row, which goes to quarantine with the reason.
//! Not here: when to try again (`pipeline`). Start at [`Warehouse::write`].

use std::{
    borrow::Cow,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use units::{
    Origin,
    planted::{Bug, planted},
};

use crate::{
    batch::Batch,
    client::Warehouse,
    error::{EngineError, Remedy, WriteError},
    native::Columns,
    rows,
    schema::WRITE_SETTINGS,
    tables::Table,
};

/// Rows of one block that may go to quarantine because the engine refuses them. With more, it is not the rows that are wrong.
pub const REFUSED_ROWS_MAX: usize = 100;

/// A block of this many rows or fewer is not cut further for want of memory: the engine must recover first.
const SMALL_ROWS: usize = 1_000;

/// How long one piece may wait for the socket, and how long for the answer. Afterwards it is sent again, which is harmless.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// Bytes handed to the socket at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Rows go into the part sorted and otherwise as they are. By its default the engine first replaces older versions inside the block, row by row
/// and column by column, which cost as much as all the rest of an insert; FINAL and merges do that anyway, and a batch hardly repeats itself.
const AS_THEY_ARE: &str = "optimize_on_insert = 0";

/// A row that the engine refused, alone in its block.
struct Refused {
    row: Columns,
    error: EngineError,
}

impl Warehouse {
    /// Stores all rows, then one mark per quarter touched under the name of `source`. Doing it again changes no count: facts have their
    /// identity, and a mark too many is a roll too many.
    pub async fn write(&self, source: &str, batch: &Batch) -> Result<(), WriteError> {
        if planted(Bug::MarksFirst) {
            self.write_marks(source, batch).await?;
            return self.write_facts(batch).await;
        }
        self.write_facts(batch).await?;
        self.write_marks(source, batch).await
    }

    pub(crate) async fn write_facts(&self, batch: &Batch) -> Result<(), WriteError> {
        for (table, block) in batch.blocks() {
            let block = self.with_planted_error(table, block);
            let mut refused = Vec::new();
            self.store(table, &block, &mut refused).await?;
            self.quarantine(table, block.rows(), refused).await?;
        }
        Ok(())
    }

    /// Only after the facts are stored: a mark says that there is something to be read.
    pub(crate) async fn write_marks(&self, source: &str, batch: &Batch) -> Result<(), WriteError> {
        let mut marks = batch.marks(source, self.next_nonce());
        if let Some(quarter) = self.quarters_of_planted_error(batch.quarters()) {
            rows::mark(&mut marks, quarter, source, self.next_nonce());
        }
        if marks.rows() == 0 {
            return Ok(());
        }
        let failed = |source| WriteError::Transient { table: Table::Marks, source };
        self.insert(Table::Marks.name(), Table::Marks.columns_list(), &marks).await.map_err(failed)
    }

    /// Stores a block, whole or in pieces. A list instead of recursion: its depth is bounded by the logarithm of the rows.
    async fn store(
        &self,
        table: Table,
        block: &Columns,
        refused: &mut Vec<Refused>,
    ) -> Result<(), WriteError> {
        let mut pieces = vec![Cow::Borrowed(block)];
        while let Some(piece) = pieces.pop() {
            let Err(source) = self.insert(table.name(), table.columns_list(), &piece).await else { continue };
            let count = piece.rows();
            match source.remedy() {
                Remedy::Smaller if count > SMALL_ROWS => halve(&piece, &mut pieces),
                Remedy::Again | Remedy::Smaller => return Err(WriteError::Transient { table, source }),
                Remedy::Never if count > 1 => halve(&piece, &mut pieces),
                Remedy::Never => refused.push(Refused { row: piece.into_owned(), error: source }),
            }
            if refused.len() > REFUSED_ROWS_MAX {
                return Err(permanent(table, block.rows(), refused));
            }
        }
        Ok(())
    }

    /// Puts refused rows aside, unless it is the table that is wrong.
    async fn quarantine(&self, table: Table, of: usize, mut refused: Vec<Refused>) -> Result<(), WriteError> {
        if refused.is_empty() {
            return Ok(());
        }
        if self.check_columns(table).await.is_err() || table == Table::Quarantine {
            let error = refused.pop().expect("checked above").error;
            return Err(WriteError::Transient { table, source: error });
        }
        let mut rows = Columns::new(Table::Quarantine.columns());
        for Refused { row, error } in &refused {
            let origin = row
                .fixed_values::<16>("event_id")
                .first()
                .map_or_else(Origin::default, |it| Origin::from_bytes(*it));
            let bytes = row.encode();
            let place = format!("{} {origin} {:016x}", table.name(), fingerprint(&bytes));
            let reason = format!("refused_{}", error.code().unwrap_or_default());
            rows::quarantine(&mut rows, &place, &reason, origin, &bytes);
        }
        let failed = |source| WriteError::Transient { table: Table::Quarantine, source };
        self.insert(Table::Quarantine.name(), Table::Quarantine.columns_list(), &rows)
            .await
            .map_err(failed)?;
        debug_assert!(refused.len() <= of);
        self.shared.refused_rows.fetch_add(refused.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// One statement, one block.
    pub(crate) async fn insert(
        &self,
        table: &str,
        columns: String,
        block: &Columns,
    ) -> Result<(), EngineError> {
        let started = Instant::now();
        let sent = self.send(table, &columns, block).await;
        let failed = sent.as_ref().err().map(EngineError::remedy);
        self.note_insert(table, block.rows(), started.elapsed(), failed);
        sent
    }

    async fn send(&self, table: &str, columns: &str, block: &Columns) -> Result<(), EngineError> {
        self.send_native(table, &format!("({columns})"), block.encode()).await
    }

    /// `columns` in brackets; empty for those that the block names.
    pub(crate) async fn send_native(
        &self,
        table: &str,
        columns: &str,
        mut bytes: Bytes,
    ) -> Result<(), EngineError> {
        let statement =
            format!("INSERT INTO {table} {columns} SETTINGS {WRITE_SETTINGS}, {AS_THEY_ARE} FORMAT Native");
        let mut insert = self
            .client()
            .insert_formatted_with(statement)
            .with_timeouts(Some(SEND_TIMEOUT), Some(ANSWER_TIMEOUT));
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES));
            insert.send(chunk).await?;
        }
        insert.end().await.map_err(Into::into)
    }

    fn with_planted_error<'a>(&self, table: Table, block: &'a Columns) -> Cow<'a, Columns> {
        match &self.shared.planted {
            None => Cow::Borrowed(block),
            Some(planted) => planted.lock().unwrap_or_else(PoisonError::into_inner).apply(table, block),
        }
    }

    fn quarters_of_planted_error(&self, touched: &std::collections::BTreeSet<u32>) -> Option<u32> {
        let planted = self.shared.planted.as_ref()?;
        planted.lock().unwrap_or_else(PoisonError::into_inner).quarter().filter(|it| !touched.contains(it))
    }
}

impl Table {
    /// The columns of an insert, by name: others keep their defaults (fault 86).
    pub(crate) fn columns_list(self) -> String {
        self.columns().iter().map(|it| it.name).collect::<Vec<_>>().join(", ")
    }
}

/// Puts the halves of `piece` on the list, the first one on top.
fn halve(piece: &Columns, pieces: &mut Vec<Cow<'_, Columns>>) {
    let (left, right) = piece.split(piece.rows() / 2);
    pieces.push(Cow::Owned(right));
    pieces.push(Cow::Owned(left));
}

fn permanent(table: Table, of: usize, refused: &mut Vec<Refused>) -> WriteError {
    let rows = refused.len();
    let source = refused.pop().expect("there are too many").error;
    WriteError::Permanent { table, rows, of, source }
}

/// FNV-1a: two refused rows of one origin keep apart, and a repeated one replaces itself.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
