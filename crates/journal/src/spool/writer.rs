//! Appends records to a spool: one writer per thread, one incarnation per run.
//!
//! In: payloads. Out: frames in preallocated segments, each with the next sequence; an error leaves nothing half visible
//! and the next append tries again. Nothing is allocated per append. Not here: bytes (`frame`, `segment`), the counting
//! of records that could not be written (the caller's). Start at [`Writer::append_with`].

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use units::{
    EpochMs, WriterId,
    planted::{Bug, planted},
};

use super::{
    frame::{self, Kind, Parsed, Seed},
    layout,
    note::{Ending, Note},
    power,
    recover::recover,
    segment::{self, Header},
    settings::{AppendError, BATCH_BYTES_MAX, Durability, OpenError, Options},
};

/// Appends to one spool. Belongs to one thread.
#[derive(Debug)]
pub struct Writer {
    id: WriterId,
    incarnation: u32,
    boot: [u8; 16],
    seed: Seed,
    dir: PathBuf,
    /// The folder is there and survives what it must; made with the first segment that the disk takes.
    has_dir: bool,
    options: Options,
    /// Released by the kernel when the process ends, however it ends.
    _lock: File,
    /// `None` after the disk refused; the next append tries a new segment.
    active: Option<Active>,
    /// Sequence of the next record to be staged.
    next_sequence: u64,
    /// Frames of the batch, and behind [`Self::staged_whole`] what a payload left behind that panicked half-way.
    staged: Vec<u8>,
    /// Bytes of whole frames in `staged`.
    staged_whole: usize,
    /// Sequence of the first record in `staged`.
    staged_first: u64,
    /// Frames written and not synced; empty in [`Durability::Process`].
    unsynced: Vec<u8>,
    /// Sequence of the first record in `unsynced`.
    unsynced_first: u64,
    endings: Vec<Ending>,
}

#[derive(Debug)]
struct Active {
    file: File,
    offset: u64,
    capacity: u64,
}

impl Writer {
    /// Opens the spool of `writer` below `root` and begins a new incarnation in it.
    ///
    /// A disk that is full or read-only does not prevent it once the writer's folder exists: appends fail until it is well.
    pub fn open(root: &Path, writer: WriterId, now: EpochMs, options: Options) -> Result<Self, OpenError> {
        let dir = layout::writer_dir(root, writer);
        let io_error = |source| OpenError::Io { dir: dir.clone(), source };
        options.check()?;
        fs::create_dir_all(&dir).map_err(io_error)?;
        let lock = lock(&dir)?;
        if options.durability == Durability::Power
            && !options.disk.keeps_by_script()
            && let Some(name) = power::forgetful_file_system(&lock).map_err(io_error)?
        {
            return Err(OpenError::CannotSync { dir, name });
        }
        let last = layout::incarnations(&dir).map_err(io_error)?.last().copied();
        let incarnation =
            layout::next_incarnation(last, now).ok_or_else(|| OpenError::Exhausted { dir: dir.clone() })?;
        let boot = options.boot.unwrap_or_else(power::boot_id);
        let endings = recover(&dir, boot);
        let incarnation_dir = dir.join(incarnation.to_string());
        let mut opened = Self {
            id: writer,
            incarnation,
            boot,
            seed: Seed::of(writer, incarnation, boot),
            dir: incarnation_dir,
            has_dir: false,
            _lock: lock,
            active: None,
            next_sequence: 1,
            staged: Vec::with_capacity(BATCH_BYTES_MAX),
            staged_whole: 0,
            staged_first: 1,
            unsynced: Vec::new(),
            unsynced_first: 1,
            endings,
            options,
        };
        // Failing here would take redirects down with the disk (fault 45); `is_writable` tells.
        opened.active = opened.new_segment(1, 0).ok();
        Ok(opened)
    }

    /// The writer's number.
    #[must_use]
    pub fn id(&self) -> WriterId {
        self.id
    }

    /// The number of this run.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Where older incarnations ended, as far as no earlier run noted it.
    #[must_use]
    pub fn endings(&self) -> &[Ending] {
        &self.endings
    }

    /// The last sequence that is recorded; 0 before the first.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.staged_first - 1
    }

    /// Whether the last call to the disk succeeded.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.active.is_some()
    }

    /// Appends one record and returns its sequence. It survives what [`Durability`] says.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, AppendError> {
        self.append_with(|_, out| out.extend_from_slice(payload))
    }

    /// Like [`Self::append`], for payloads that contain their own sequence: `fill` pushes the payload.
    pub fn append_with(&mut self, fill: impl FnOnce(u64, &mut Vec<u8>)) -> Result<u64, AppendError> {
        let sequence = self.stage_with(fill)?;
        self.commit()?;
        Ok(sequence)
    }

    /// Adds a record to the batch. It is recorded when [`Self::commit`] has returned.
    ///
    /// # Panics
    ///
    /// After 2^64 records, which take longer than any disk lasts.
    pub fn stage_with(&mut self, fill: impl FnOnce(u64, &mut Vec<u8>)) -> Result<u64, AppendError> {
        let waiting = self.unsynced.len() + self.staged.len();
        if self.options.durability == Durability::Power && self.options.unsynced_bytes_max() <= waiting {
            return Err(AppendError::Unsynced { unsynced_bytes: waiting });
        }
        let sequence = self.next_sequence;
        self.staged.truncate(self.staged_whole);
        let start = frame::begin(&mut self.staged);
        fill(sequence, &mut self.staged);
        let payload_bytes = self.staged.len() - start - frame::HEADER_BYTES;
        let payload_bytes_max = self.options.payload_bytes_max;
        if payload_bytes_max < payload_bytes {
            self.staged.truncate(start);
            return Err(AppendError::TooLong { payload_bytes, payload_bytes_max });
        }
        if 0 < start && self.options.batch_bytes_max() < start + frame::padded(payload_bytes) {
            self.staged.truncate(start);
            return Err(AppendError::BatchFull);
        }
        frame::finish(&mut self.staged, start, self.seed, sequence, Kind::Data)
            .expect("the writer's limit is not above the format's");
        self.staged_whole = self.staged.len();
        self.next_sequence = sequence.checked_add(1).expect("2^64 records take longer than any disk lasts");
        Ok(sequence)
    }

    /// Writes the batch with one call. On error some of its first records may be recorded: the error says which.
    pub fn commit(&mut self) -> Result<u64, AppendError> {
        self.staged.truncate(self.staged_whole);
        let result = self.write_staged();
        let recorded_bytes = match &result {
            Ok(()) => self.staged.len(),
            Err((written, _)) => self.whole_frames(*written),
        };
        if self.options.durability == Durability::Power {
            if self.unsynced.is_empty() {
                self.unsynced_first = self.staged_first;
            }
            self.unsynced.extend_from_slice(self.staged.get(..recorded_bytes).unwrap_or_default());
        }
        self.staged.clear();
        self.staged_whole = 0;
        self.staged_first = self.next_sequence;
        let recorded_through = self.next_sequence - 1;
        result
            .map(|()| recorded_through)
            .map_err(|(_, source)| AppendError::Write { recorded_through, source })
    }

    /// Makes everything committed survive the loss of power. On error it may not, and a later call tries again.
    pub fn sync(&mut self) -> io::Result<()> {
        if planted(Bug::SkipSync) {
            return Ok(());
        }
        if let Some(active) = self.active.take() {
            match self.options.disk.sync_data(&active.file) {
                Ok(()) => {
                    self.active = Some(active);
                    self.unsynced.clear();
                    return Ok(());
                }
                // The kernel may have dropped the pages and marked them clean: a second sync of this file would
                // succeed and mean nothing (fault 43). What it holds is written again elsewhere, where we still have it.
                Err(error) if self.unsynced.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        if self.unsynced.is_empty() {
            return Ok(());
        }
        let active = self.new_segment(self.unsynced_first, 0)?;
        self.options.disk.sync_data(&active.file)?;
        self.active = Some(active);
        self.unsynced.clear();
        Ok(())
    }

    /// Ends the incarnation in order: its readers then know that nothing is missing behind the last record.
    ///
    /// # Panics
    ///
    /// Never: a closing note is shorter than the format's limit.
    pub fn close(mut self) -> Result<(), AppendError> {
        self.commit()?;
        let recorded_through = self.next_sequence - 1;
        let mut note = Vec::new();
        Note::Closing.encode(&mut note);
        frame::encode(&mut self.staged, self.seed, recorded_through, Kind::Control, &note)
            .expect("a note is short");
        self.write_staged().map_err(|(_, source)| AppendError::Write { recorded_through, source })?;
        self.sync()
            .and_then(|()| self.give_back())
            .map_err(|source| AppendError::Write { recorded_through, source })
    }

    fn write_staged(&mut self) -> Result<(), (usize, io::Error)> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let staged_bytes = self.staged.len() as u64;
        let has_room = |active: &Active| active.offset + staged_bytes <= active.capacity;
        if !self.active.as_ref().is_some_and(has_room) {
            self.roll().map_err(|error| (0, error))?;
        }
        let Some(active) = self.active.as_mut() else {
            return Err((0, io::ErrorKind::NotFound.into()));
        };
        match self.options.disk.write_all_at(&active.file, &self.staged, active.offset) {
            Ok(()) => active.offset += staged_bytes,
            Err(failure) => {
                // A half frame may lie behind the last whole one; the next record goes to another file.
                self.active = None;
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Length of the staged frames that are wholly in the first `written` bytes; the others lose their sequence again.
    fn whole_frames(&mut self, written: usize) -> usize {
        let mut whole_bytes = 0;
        self.next_sequence = self.staged_first;
        while let Some(rest) = self.staged.get(whole_bytes..written)
            && let Parsed::Frame(frame) = frame::parse(self.seed, rest)
        {
            whole_bytes += frame.frame_bytes;
            self.next_sequence = frame.sequence + u64::from(!planted(Bug::ReuseSequence));
        }
        whole_bytes
    }

    fn roll(&mut self) -> io::Result<()> {
        if let Some(active) = &self.active
            && self.options.durability == Durability::Power
            // When it fails, the new segment begins with what this one may have lost.
            && self.options.disk.sync_data(&active.file).is_ok()
        {
            self.unsynced.clear();
        }
        drop(self.give_back());
        self.active = None;
        let first = if self.unsynced.is_empty() { self.staged_first } else { self.unsynced_first };
        self.active = Some(self.new_segment(first, self.staged.len() as u64)?);
        Ok(())
    }

    /// Frees what the active segment does not use.
    fn give_back(&self) -> io::Result<()> {
        self.active.as_ref().map_or(Ok(()), |active| active.file.set_len(active.offset))
    }

    /// Makes the segment that begins with record `first`, with what is not synced in it and room for more.
    fn new_segment(&mut self, first: u64, room_bytes: u64) -> io::Result<Active> {
        self.make_dir()?;
        let path = layout::segment_path(&self.dir, first);
        // By a file abandoned before its first synced record. Readers use what it holds: it stays until all of that is here.
        let is_taken = path.try_exists()?;
        let making = if is_taken { path.with_extension("new") } else { path.clone() };
        let file = self.options.disk.create(&making)?;
        let filled = self.fill_new(&file, first, room_bytes).and_then(|active_bytes| {
            is_taken.then(|| self.replace(&file, &making, &path)).transpose()?;
            self.options.disk.sync_dir(&self.dir)?;
            Ok(active_bytes)
        });
        match filled {
            Ok((offset, capacity)) => Ok(Active { file, offset, capacity }),
            Err(error) => {
                // Nothing in it is recorded; were it to stay, only its name would be in the way.
                drop(fs::remove_file(&making));
                Err(error)
            }
        }
    }

    fn replace(&self, file: &File, making: &Path, path: &Path) -> io::Result<()> {
        if self.options.durability == Durability::Power {
            self.options.disk.sync_data(file)?;
        }
        self.options.disk.rename(making, path)
    }

    /// Makes the incarnation's folder, unless an earlier call has.
    fn make_dir(&mut self) -> io::Result<()> {
        if self.has_dir {
            return Ok(());
        }
        match self.options.disk.make_dir(&self.dir) {
            // By a call that failed behind it. Nobody else makes it: we hold the lock.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        for parent in self.dir.ancestors().skip(1).take(2) {
            self.options.disk.sync_dir(parent)?;
        }
        self.has_dir = true;
        Ok(())
    }

    fn fill_new(&self, file: &File, first: u64, room_bytes: u64) -> io::Result<(u64, u64)> {
        let mut front = Vec::with_capacity(segment::HEADER_BYTES + self.unsynced.len());
        let header =
            Header { writer: self.id, incarnation: self.incarnation, boot: self.boot, first_sequence: first };
        header.encode(&mut front);
        if first == 1 {
            let mut note = Vec::new();
            Note::Opening(self.endings.clone()).encode(&mut note);
            frame::encode(&mut front, self.seed, 0, Kind::Control, &note).expect("a note is short");
        }
        front.extend_from_slice(&self.unsynced);
        let front_bytes = front.len() as u64;
        let capacity = self.allocate(file, front_bytes + room_bytes)?;
        self.options.disk.write_all_at(file, &front, 0).map_err(|(_, error)| error)?;
        Ok((front_bytes, capacity))
    }

    /// Reserves a whole segment, or on a nearly full disk a smaller one that still holds `needed_bytes`.
    fn allocate(&self, file: &File, needed_bytes: u64) -> io::Result<u64> {
        let mut capacity = self.options.segment_bytes;
        loop {
            match self.options.disk.allocate(file, capacity) {
                Ok(()) => return Ok(capacity),
                Err(error) if error.kind() == io::ErrorKind::StorageFull && needed_bytes <= capacity / 4 => {
                    capacity /= 4;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
    let lock = File::open(dir).map_err(io_error)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(errno) => Err(io_error(errno.into())),
    }
}

#[cfg(test)]
mod tests;
