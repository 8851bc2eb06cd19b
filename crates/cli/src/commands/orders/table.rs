//! Rows of a file of separated values (RFC 4180), strictly: where a row ends is never guessed.
//!
//! In: bytes. Out: rows of cells with the line each begins at, or why one is none. Memory is bounded by one row. A quote that is closed nowhere
//! ends the reading, since from there on rows cannot be told apart: what looks like a row may be part of a customer's note, and would be
//! somebody's order. The `csv` crate reads on there and takes the next rows into the open cell; here it is the judge of the tests, where a file
//! is as it should be. Not here: what cells mean (`columns`). Start at [`Table::next`].

use std::io::{self, BufRead as _, BufReader, Cursor, Read};

use super::fault::Fault;

/// Longest row, all cells together, in bytes. A longer one is refused and read past.
pub(super) const ROW_BYTES_MAX: usize = 64 * 1024;
/// Most cells of a row: exports of shop systems have up to a hundred. A row of more is refused and read past.
pub(super) const CELLS_MAX: usize = 1_000;
/// Read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// What a byte order mark is, in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// And in UTF-16.
const MARKS_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Cells of one row, without their quotes.
#[derive(Debug, Default)]
pub(super) struct Cells {
    bytes: Vec<u8>,
    /// Where each cell ends in `bytes`.
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let start =
            index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.bytes.get(start..*self.ends.get(index)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// A line with nothing on it.
    fn is_blank(&self) -> bool {
        self.len() == 1 && self.bytes.trim_ascii().is_empty()
    }
}

/// A row that was read, or a line that is none.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The line it begins at, from 1.
    pub(super) line: u64,
    /// Its cells, or why it is refused; a fault with [`Fault::ends_the_file`] is the last row.
    pub(super) cells: Result<&'a Cells, Fault>,
}

/// Where the reader stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or the first half of an escaped one.
    QuoteSeen,
    /// A fault is known; the rest of the line is passed over.
    Skipping,
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Table<R> {
    input: BufReader<R>,
    delimiter: u8,
    /// The line the next byte is on.
    line: u64,
    /// The last byte was a carriage return: a line feed behind it is the same line's end.
    is_after_return: bool,
    is_over: bool,
    /// Bytes taken so far, for the progress.
    pub(super) bytes_read: u64,
    cells: Cells,
}

/// Tells by the first line what separates values, and takes a byte order mark off. `known` says how many of a row's cells are names that mean
/// something. The whole file is in the answer's reader.
pub(super) fn open<R: Read>(
    mut file: R,
    known: impl Fn(&Cells) -> usize,
) -> io::Result<Result<Table<impl Read>, Fault>> {
    let mut head = Vec::with_capacity(BUFFER_BYTES);
    file.by_ref().take(BUFFER_BYTES as u64).read_to_end(&mut head)?;
    if MARKS_16.iter().any(|mark| head.starts_with(mark)) {
        return Ok(Err(Fault::Utf16));
    }
    let start = if head.starts_with(MARK) { MARK.len() } else { 0 };
    let names = |delimiter: u8| {
        let mut table = Table::new(head.get(start..).unwrap_or_default(), delimiter);
        let row = table.next().ok().flatten();
        row.and_then(|row| row.cells.ok().map(&known)).unwrap_or_default()
    };
    // Of equals the last one wins, so the usual one stands last.
    let delimiter = [b'|', b'\t', b';', b','].into_iter().max_by_key(|it| names(*it)).unwrap_or(b',');
    let mut head = Cursor::new(head);
    head.set_position(start as u64);
    Ok(Ok(Table::new(head.chain(file), delimiter)))
}

impl<R: Read> Table<R> {
    fn new(input: R, delimiter: u8) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self {
            input,
            delimiter,
            line: 1,
            is_after_return: false,
            is_over: false,
            bytes_read: 0,
            cells: Cells::default(),
        }
    }

    /// The next row that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        while !self.is_over {
            let (line, fault) = self.row()?;
            if fault.is_some() || !(self.cells.is_blank() || self.cells.len() == 0) {
                self.is_over |= fault.as_ref().is_some_and(Fault::ends_the_file);
                return Ok(Some(Row { line, cells: fault.map_or(Ok(&self.cells), Err) }));
            }
        }
        Ok(None)
    }

    /// Reads one row into `cells`; the line it began at, and what is wrong with it.
    fn row(&mut self) -> io::Result<(u64, Option<Fault>)> {
        self.cells.bytes.clear();
        self.cells.ends.clear();
        let (mut begin, mut state, mut fault) = (self.line, State::CellStart, None);
        let mut is_empty = true;
        loop {
            if matches!(state, State::Plain | State::Quoted | State::Skipping) {
                self.run(state != State::Skipping, &mut fault)?;
            }
            let Some(byte) = self.byte()? else { break };
            if byte == b'\n' && std::mem::take(&mut self.is_after_return) {
                // The second half of the last line's end, which may stand in a quoted cell.
                if state == State::Quoted {
                    self.keep(byte, &mut fault);
                }
                continue;
            }
            self.is_after_return = byte == b'\r';
            let is_line_end = matches!(byte, b'\n' | b'\r');
            if is_empty {
                (begin, is_empty) = (self.line, false);
            }
            self.line += u64::from(is_line_end);
            if is_line_end && state != State::Quoted {
                self.end_cell(&mut fault);
                return Ok((begin, fault));
            }
            state = match (state, byte) {
                (State::Skipping, _) => State::Skipping,
                (State::Quoted, b'"') => State::QuoteSeen,
                (State::CellStart, b'"') => State::Quoted,
                (State::QuoteSeen, b'"') | (State::Quoted, _) => {
                    self.keep(byte, &mut fault);
                    State::Quoted
                }
                (_, byte) if byte == self.delimiter => {
                    self.end_cell(&mut fault);
                    State::CellStart
                }
                // On its own line a quote too many harms that line alone. Further down it is the next cell's: the first one was never closed.
                (State::QuoteSeen, _) if self.line == begin => {
                    fault = Some(Fault::QuoteMisplaced);
                    State::Skipping
                }
                (State::QuoteSeen, _) => return Ok((begin, Some(Fault::QuoteOpen))),
                (State::CellStart | State::Plain, byte) => {
                    self.keep(byte, &mut fault);
                    State::Plain
                }
            };
        }
        self.is_over = true;
        if state == State::Quoted {
            return Ok((begin, Some(Fault::QuoteOpen)));
        }
        if !is_empty {
            self.end_cell(&mut fault);
        }
        Ok((begin, fault))
    }

    /// Takes all bytes up to the next that may end something.
    fn run(&mut self, is_kept: bool, fault: &mut Option<Fault>) -> io::Result<()> {
        loop {
            let delimiter = self.delimiter;
            let buffer = self.input.fill_buf()?;
            let is_sign = |byte: &u8| matches!(*byte, b'"' | b'\n' | b'\r') || *byte == delimiter;
            let length = buffer.iter().position(is_sign).unwrap_or(buffer.len());
            let is_all = length == buffer.len();
            let room = ROW_BYTES_MAX - self.cells.bytes.len();
            if is_kept {
                self.cells.bytes.extend(buffer.iter().take(length.min(room)));
                if length > room {
                    fault.get_or_insert(Fault::RowTooLong);
                }
            }
            self.input.consume(length);
            self.bytes_read += length as u64;
            self.is_after_return &= length == 0;
            if length == 0 || !is_all {
                return Ok(());
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let read = self.input.read(&mut byte)?;
        self.bytes_read += read as u64;
        Ok((read == 1).then_some(byte).map(|[byte]| byte))
    }

    fn keep(&mut self, byte: u8, fault: &mut Option<Fault>) {
        if self.cells.bytes.len() < ROW_BYTES_MAX {
            self.cells.bytes.push(byte);
        } else {
            fault.get_or_insert(Fault::RowTooLong);
        }
    }

    fn end_cell(&mut self, fault: &mut Option<Fault>) {
        if self.cells.ends.len() < CELLS_MAX {
            self.cells.ends.push(self.cells.bytes.len());
        } else {
            fault.get_or_insert(Fault::TooManyColumns);
        }
    }
}

#[cfg(test)]
mod tests;
