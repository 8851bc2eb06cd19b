//! An owner whose log are the spools themselves: where it begins, and what it reads.
//!
//! In: a folder and what was kept. Out: records, or that what is needed is gone. Start at [`begin_spool`].

use std::{path::Path, time::Duration};

use journal::{PollError, Record, spool};
use pipeline::resume::Beginning;

use super::{Begun, Kept, Refused, Road, logs::resumed};
use crate::clickhouse::Note;

/// Claims by a number of its own, and looks how far the spools reach.
pub(super) fn begin_spool(root: &Path, kept: &Kept, source: u64, noted: Note) -> Result<Begun, Refused> {
    let beginnings = spool::beginnings(root).map_err(|_| Refused)?.into_iter().map(|it| Beginning {
        stream: it.stream,
        oldest: it.next,
        first: 1,
        is_inner: false,
    });
    let resume = resumed(kept, &beginnings.collect::<Vec<_>>(), noted)?;
    let mut reader = spool::Reader::open(root);
    reader.seek(&resume.positions);
    let barrier = reader.ends().map_err(|_| Refused)?;
    Ok(Begun { road: Road::Spool(Box::new(reader)), number: source, barrier, resume })
}

pub(super) fn read_spool(reader: &mut spool::Reader, records_max: usize) -> Result<Vec<Record>, Refused> {
    // By itself the reader looks for new files by the clock; a world has none.
    match reader.ends().and_then(|_| reader.poll(records_max, Duration::ZERO)) {
        Ok(records) => Ok(records),
        Err(PollError::OutOfRange { .. }) => Err(Refused),
        Err(error) => panic!("the spool cannot be read on: {error}"),
    }
}
