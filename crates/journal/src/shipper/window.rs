//! Which of the records in flight are acknowledged, so that the cursor moves over whole prefixes only.
//!
//! In: records as they are sent, acknowledgements in any order. Out: positions, in the order of sending. Bounded by its
//! user. Start at [`Window::push`].

use std::collections::VecDeque;

use units::planted::{Bug, planted};

use crate::StreamId;

/// Records sent and not yet passed by the cursor.
#[derive(Debug, Default)]
pub struct Window {
    /// Ticket of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    stream: StreamId,
    position: u64,
    is_done: bool,
}

impl Window {
    /// Adds a record and returns its ticket.
    pub fn push(&mut self, stream: StreamId, position: u64) -> u64 {
        self.entries.push_back(Entry { stream, position, is_done: false });
        self.first + self.entries.len() as u64 - 1
    }

    /// Marks a record as acknowledged.
    pub fn done(&mut self, ticket: u64) {
        if let Some(entry) = self.entry(ticket) {
            entry.is_done = true;
        }
    }

    /// Where the record with this ticket lies in the spool.
    #[must_use]
    pub fn place(&mut self, ticket: u64) -> Option<(StreamId, u64)> {
        self.entry(ticket).map(|entry| (entry.stream.clone(), entry.position))
    }

    /// Takes the acknowledged prefix out and returns its length.
    pub fn advance(&mut self, mut passed: impl FnMut(&StreamId, u64)) -> u64 {
        let before = self.first;
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.is_done || planted(Bug::CursorFirst))
        {
            passed(&entry.stream, entry.position + 1);
            self.first += 1;
        }
        self.first - before
    }

    /// Records sent and not passed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&mut self, ticket: u64) -> Option<&mut Entry> {
        let index = usize::try_from(ticket.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_never_passes_a_record_that_is_not_acknowledged() {
        let mut window = Window::default();
        let stream = StreamId::Memory(1);
        let tickets: Vec<u64> = (10..15).map(|position| window.push(stream.clone(), position)).collect();
        let advanced = |window: &mut Window| {
            let mut passed = Vec::new();
            let count = window.advance(|_, next| passed.push(next));
            assert_eq!(count, passed.len() as u64);
            passed
        };
        window.done(tickets[1]);
        assert!(advanced(&mut window).is_empty());
        window.done(tickets[0]);
        assert_eq!(advanced(&mut window), [11, 12]);
        window.done(tickets[0]);
        window.done(tickets[4]);
        assert!(advanced(&mut window).is_empty());
        assert_eq!(window.place(tickets[2]), Some((stream, 12)));
        window.done(tickets[2]);
        window.done(tickets[3]);
        assert_eq!(advanced(&mut window), [13, 14, 15]);
        assert_eq!(window.len(), 0);
    }
}
