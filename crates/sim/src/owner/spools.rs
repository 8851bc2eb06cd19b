//! An owner whose log are the spools themselves: where it begins, and what it reads.
//!
//! In: a folder and what was kept. Out: records, or that what is needed is gone. Start at [`begin_spool`].

use std::{path::Path, time::Duration};

use journal::{PollError, Position, Record, spool};

use super::{Kept, Refused, Road};

/// Claims by a number of its own, and looks how far the spools reach.
pub(super) fn begin_spool(
    root: &Path,
    kept: &Kept,
    source: u64,
) -> Result<(Road, u64, Vec<Position>), Refused> {
    for Position { stream, next } in spool::beginnings(root).map_err(|_| Refused)? {
        if kept.positions.get(&stream).copied().unwrap_or(1) < next {
            return Err(Refused);
        }
    }
    let mut reader = spool::Reader::open(root);
    let positions =
        kept.positions.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next });
    reader.seek(&positions.collect::<Vec<_>>());
    let barrier = reader.ends().map_err(|_| Refused)?;
    Ok((Road::Spool(Box::new(reader)), source, barrier))
}

pub(super) fn read_spool(reader: &mut spool::Reader, records_max: usize) -> Result<Vec<Record>, Refused> {
    // By itself the reader looks for new files by the clock; a world has none.
    match reader.ends().and_then(|_| reader.poll(records_max, Duration::ZERO)) {
        Ok(records) => Ok(records),
        Err(PollError::OutOfRange { .. }) => Err(Refused),
        Err(error) => panic!("the spool cannot be read on: {error}"),
    }
}
