//! The edge and its shipper, down to the bytes of the spool: one writer, its runs, and a cursor that is only a hint.
//!
//! In: inputs. Out: records in the log, repeated where the cursor fell back. A crash in the middle of a frame leaves a part of it behind; nobody was
//! answered for it. Frames and segments are the journal's own functions. Start at [`Edge::take`].

use events::{ClickHead, Event, Report};
use journal::spool::{
    frame::{self, Kind},
    segment::{HEADER_BYTES, Header, Scanner},
};
use units::{Origin, WriterId};

use crate::{
    bugs::Bug,
    log::{Log, Topic},
    rng::Rng,
    world::{Input, record},
};

/// One thread of an edge.
#[derive(Debug)]
pub(crate) struct Edge {
    writer: WriterId,
    /// One a run, oldest first; the last one is written to.
    segments: Vec<Segment>,
    /// Where the shipper goes on: segment and offset behind its header.
    cursor: (usize, usize),
}

#[derive(Debug)]
struct Segment {
    header: Header,
    bytes: Vec<u8>,
    next_sequence: u64,
}

impl Segment {
    fn new(writer: WriterId, incarnation: u32) -> Self {
        let header = Header { writer, incarnation, boot: [7; 16], first_sequence: 1 };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        Self { header, bytes, next_sequence: 1 }
    }
}

/// What was answered, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) clicks: Vec<ClickHead>,
    pub(crate) reports: Vec<Report>,
}

impl Edge {
    pub(crate) fn new(number: u16) -> Self {
        let writer = WriterId::new(number, 0);
        Self { writer, segments: vec![Segment::new(writer, 100)], cursor: (0, 0) }
    }

    /// Gives an input its origin, appends its frame and answers.
    pub(crate) fn take(&mut self, input: Input, answered: &mut Answered) {
        let (origin, payload, input) = self.payload(input);
        let segment = self.segments.last_mut().expect("there is always a run");
        let (seed, sequence) = (segment.header.seed(), origin.sequence);
        frame::encode(&mut segment.bytes, seed, sequence, Kind::Data, &payload).expect("inputs fit a frame");
        segment.next_sequence += 1;
        match input {
            Input::Click(head) => answered.clicks.push(*head),
            Input::Report(report) => answered.reports.push(*report),
        }
    }

    /// The process dies, perhaps in the middle of a frame for which nobody is answered, and comes back as a new run.
    pub(crate) fn crash(&mut self, unanswered: Option<Input>, rng: &mut Rng) {
        if let Some(input) = unanswered {
            let (origin, payload, _) = self.payload(input);
            let segment = self.segments.last_mut().expect("there is always a run");
            let start = segment.bytes.len();
            let seed = segment.header.seed();
            frame::encode(&mut segment.bytes, seed, origin.sequence, Kind::Data, &payload)
                .expect("inputs fit a frame");
            let written = rng.index(segment.bytes.len() - start);
            segment.bytes.truncate(start + written);
        }
        let last = self.segments.last().map_or(100, |it| it.header.incarnation);
        self.segments.push(Segment::new(self.writer, last + 1));
    }

    fn payload(&self, input: Input) -> (Origin, Vec<u8>, Input) {
        let segment = self.segments.last().expect("there is always a run");
        let incarnation = segment.header.incarnation;
        let origin = Origin { writer: self.writer, incarnation, sequence: segment.next_sequence };
        let mut payload = Vec::new();
        let input = match input {
            Input::Click(head) => {
                let head = ClickHead { origin, ..*head };
                record(head).encode(&mut payload).expect("a click fits its limit");
                Input::Click(Box::new(head))
            }
            Input::Report(report) => {
                let report = Report { origin, ..*report };
                report.clone().encode(&mut payload).expect("a report fits its limit");
                Input::Report(Box::new(report))
            }
        };
        (origin, payload, input)
    }

    /// The shipper restarts with the hint it has on disk, which may be old.
    pub(crate) fn forget_cursor(&mut self, rng: &mut Rng) {
        let segment = rng.index(self.cursor.0 + 1);
        self.cursor = (segment, 0);
    }

    /// Ships one frame; false when there is none. With `is_lost`, the process dies before the log has it.
    pub(crate) fn ship(&mut self, log: &mut Log, is_lost: bool, bug: Option<Bug>) -> bool {
        let (index, offset) = self.cursor;
        let Some(segment) = self.segments.get(index) else { return false };
        let frames = segment.bytes.get(HEADER_BYTES..).unwrap_or_default();
        // The offset alone does not say which sequence comes next: the valid prefix is walked again, as after a restart.
        let mut scanner = Scanner::new(frames, segment.header.seed(), segment.header.first_sequence);
        while scanner.offset() < offset && scanner.prefix().is_ok() {}
        let Ok(frame) = scanner.prefix() else {
            return self.next_segment(bug);
        };
        if !is_lost {
            match Event::decode(frame.payload).expect("a whole frame holds what was written") {
                Event::Click(click) => {
                    let key = click.head.visitor().0.to_be_bytes();
                    log.append(Topic::Clicks, &key, frame.payload.to_vec());
                }
                Event::Report(report) => {
                    log.append(Topic::Reports, &report.key.log_key(), frame.payload.to_vec());
                }
                _ => unreachable!("an edge writes clicks and reports"),
            }
        }
        if !is_lost || bug == Some(Bug::CursorFirst) {
            self.cursor.1 = scanner.offset();
        }
        true
    }

    /// In the open segment, what is not a frame is not one yet. In a closed one it is what a crash left behind.
    fn next_segment(&mut self, bug: Option<Bug>) -> bool {
        let is_closed = self.cursor.0 + 1 < self.segments.len();
        // The planted bug takes the end of the open segment for the end of the run.
        if is_closed || bug == Some(Bug::SkipTorn) {
            self.cursor = (self.cursor.0 + 1, 0);
        }
        is_closed
    }
}
