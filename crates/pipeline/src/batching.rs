//! When a batch is full: pure arithmetic over rows, bytes and age, so that it can be read as a table.
//!
//! In: how much is gathered, since when, and whether the sink is busy. Out: what to do next. Not here: doing it (`worker`).
//! Start at [`Limits::next`].

/// When to give the sink what has been gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of one batch. Above it the worker stops reading until the sink has taken the one before.
    pub rows_max: usize,
    /// Bytes of input behind one batch: a row of a click may take 8 KiB, so rows alone do not bound memory.
    pub input_bytes_max: usize,
    /// Milliseconds that a row waits for company. Each batch makes parts in ClickHouse that must be merged again.
    pub linger_ms: u64,
    /// Records of one poll, so that acknowledgements and stops are seen in between.
    pub poll_records_max: usize,
}

impl Default for Limits {
    /// 50,000 rows are half of what the sink puts into one insert; 400 ms leave 1.6 s of the promised two for insert and query.
    fn default() -> Self {
        Self { rows_max: 50_000, input_bytes_max: 32 * 1024 * 1024, linger_ms: 400, poll_records_max: 8_192 }
    }
}

/// What is gathered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Records read since the last cut, with or without rows.
    pub records: usize,
    /// Rows for the sink.
    pub rows: usize,
    /// Bytes of those records.
    pub input_bytes: usize,
    /// Milliseconds since the first of them.
    pub age_ms: u64,
}

/// What the worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Read on, for at most so many milliseconds.
    Read {
        /// How long the poll may wait for records.
        wait_ms: u64,
    },
    /// Give the sink this batch.
    Cut,
    /// Full, and the sink is busy: wait for it.
    AwaitSink,
}

/// The longest poll: what an idle worker takes to notice a stop, an acknowledgement or a new catalog.
const IDLE_WAIT_MS: u64 = 50;

impl Limits {
    /// Decides the next turn.
    #[must_use]
    pub fn next(&self, gathered: Gathered, sink_busy: bool) -> Turn {
        let full = gathered.rows >= self.rows_max || gathered.input_bytes >= self.input_bytes_max;
        let due = gathered.records > 0 && gathered.age_ms >= self.linger_ms;
        match (full, due, sink_busy) {
            (true, _, true) => Turn::AwaitSink,
            (true, _, false) | (false, true, false) => Turn::Cut,
            (false, true, true) => Turn::Read { wait_ms: IDLE_WAIT_MS },
            (false, false, _) if gathered.records == 0 => Turn::Read { wait_ms: IDLE_WAIT_MS },
            (false, false, _) => Turn::Read { wait_ms: (self.linger_ms - gathered.age_ms).min(IDLE_WAIT_MS) },
        }
    }
}

/// The wait before try number `tries` (from 1) of the same batch, in ms: doubling from 50 to 5,000. Without jitter: one sink waits
/// for one server, there is no herd to spread.
#[must_use]
pub fn backoff_ms(tries: u32) -> u64 {
    const FIRST_MS: u64 = 50;
    const LAST_MS: u64 = 5_000;
    FIRST_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LAST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_when_full_or_old() {
        let limits = Limits { rows_max: 10, input_bytes_max: 1_000, linger_ms: 400, poll_records_max: 5 };
        let gathered = |records, rows, input_bytes, age_ms| Gathered { records, rows, input_bytes, age_ms };
        let cases = [
            ("nothing read", gathered(0, 0, 0, 0), false, Turn::Read { wait_ms: 50 }),
            ("young", gathered(1, 1, 10, 10), false, Turn::Read { wait_ms: 50 }),
            ("nearly due", gathered(1, 1, 10, 390), false, Turn::Read { wait_ms: 10 }),
            ("due", gathered(1, 1, 10, 400), false, Turn::Cut),
            ("due without rows", gathered(1, 0, 10, 400), false, Turn::Cut),
            ("due, sink busy", gathered(1, 1, 10, 400), true, Turn::Read { wait_ms: 50 }),
            ("full of rows", gathered(9, 10, 10, 0), false, Turn::Cut),
            ("full of bytes", gathered(9, 1, 1_000, 0), false, Turn::Cut),
            ("full, sink busy", gathered(9, 10, 10, 900), true, Turn::AwaitSink),
        ];
        for (name, gathered, busy, want) in cases {
            assert_eq!(limits.next(gathered, busy), want, "{name}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_end() {
        let waits: Vec<u64> = [1, 2, 3, 7, 8, 9, u32::MAX].into_iter().map(backoff_ms).collect();
        assert_eq!(waits, [50, 100, 200, 3_200, 5_000, 5_000, 5_000]);
    }
}
