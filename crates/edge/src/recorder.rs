//! One thread's pen: its clock, its ids and the one append on the path of a click or report.
//!
//! In: a click or report without identity. Out: its origin, once it is in the spool. Not here: what to do when the disk refuses (`click`
//! redirects anyway, `report` answers 503). Start at [`Recorder::click`].

use std::path::Path;

use events::{Click, ClickKey, ClickMint, Report};
use journal::spool::{self, AppendError, OpenError, Writer};
use units::{EpochMs, Origin, WriterId};

use crate::{network::AddressHasher, visitor::VisitorIds};

/// Belongs to one thread.
#[derive(Debug)]
pub(crate) struct Recorder {
    writer: Writer,
    pub(crate) mint: ClickMint,
    pub(crate) visitors: VisitorIds,
    pub(crate) addresses: AddressHasher,
    /// The latest instant shown. Ids of a thread never run backwards, whatever the system's clock does (fault 33).
    floor: EpochMs,
}

/// Randomness for one thread, and what all threads share.
#[derive(Clone, Copy)]
pub(crate) struct Seeds {
    pub(crate) mint: u32,
    pub(crate) visitors: [u8; 32],
    /// The same for all threads, so that a repeat is seen whichever thread it meets.
    pub(crate) addresses: [u8; 32],
}

impl std::fmt::Debug for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seeds(***)")
    }
}

impl Recorder {
    pub(crate) fn open(
        root: &Path,
        writer: WriterId,
        now: EpochMs,
        key: ClickKey,
        seeds: Seeds,
        options: spool::Options,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            writer: Writer::open(root, writer, now, options)?,
            mint: ClickMint::new(key, seeds.mint),
            visitors: VisitorIds::new(seeds.visitors),
            addresses: AddressHasher::new(seeds.addresses),
            floor: EpochMs(0),
        })
    }

    /// The instant to use when the system's clock shows `clock`, and whether that ran backwards.
    pub(crate) fn now(&mut self, clock: EpochMs) -> (EpochMs, bool) {
        let is_backwards = clock < self.floor;
        self.floor = self.floor.max(clock);
        (self.floor, is_backwards)
    }

    /// Appends a click. Its origin is set here, since its sequence is the frame's.
    pub(crate) fn click(&mut self, mut click: Click<'_>) -> Result<Origin, AppendError> {
        let mut origin = self.origin();
        self.writer.append_with(|sequence, out| {
            origin.sequence = sequence;
            click.head.origin = origin;
            click.encode(out).expect("the texts of a click are cut so that it fits");
        })?;
        Ok(origin)
    }

    /// Appends a report.
    pub(crate) fn report(&mut self, mut report: Report) -> Result<Origin, AppendError> {
        let mut origin = self.origin();
        self.writer.append_with(|sequence, out| {
            origin.sequence = sequence;
            report.origin = origin;
            report.encode(out).expect("the texts of a report are limited so that it fits");
        })?;
        Ok(origin)
    }

    fn origin(&self) -> Origin {
        Origin { writer: self.writer.id(), incarnation: self.writer.incarnation(), sequence: 0 }
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.writer.last_sequence()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writer.is_writable()
    }

    /// Mode `power`: what was appended so far survives the loss of power.
    pub(crate) fn sync(&mut self) -> std::io::Result<()> {
        self.writer.sync()
    }

    pub(crate) fn close(self) -> Result<(), AppendError> {
        self.writer.close()
    }
}
