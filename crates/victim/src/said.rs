//! What a victim promises before it dies: lines that no later kill can take back.
//!
//! In: a line. Out: the same line in the file behind standard output, by a call (`writev`) that is never the one killed, so
//! that counting the others is not disturbed. Start at [`say`].

use std::{
    fs::File,
    io::{self, IoSlice, Write as _},
    os::fd::AsFd as _,
};

/// Says a line at once.
///
/// # Panics
/// When standard output is gone: then nothing can be judged.
pub(crate) fn say(line: &str) {
    let stdout = io::stdout().as_fd().try_clone_to_owned().expect("standard output is open");
    let line = format!("{line}\n");
    // One call for the whole line; the standard library's own output would be `write`, which is killed.
    let written =
        File::from(stdout).write_vectored(&[IoSlice::new(line.as_bytes())]).expect("it takes lines");
    assert_eq!(written, line.len(), "a line is short");
}

/// Names the part of the cycle that begins.
pub(crate) fn phase(name: &str) {
    say(&format!("phase {name}"));
}

/// The words of each line that begins with `verb`, as numbers.
pub(crate) fn numbers<const N: usize>(said: &str, verb: &str) -> Vec<[u64; N]> {
    let lines = said.lines().filter_map(|line| line.strip_prefix(verb)?.strip_prefix(' '));
    lines.filter_map(parse).collect()
}

fn parse<const N: usize>(words: &str) -> Option<[u64; N]> {
    let numbers: Option<Vec<u64>> = words.split(' ').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_says_nothing() {
        let said = "opened 5\nanswered 5 1\nphase answered 5 7\nanswered 5 12\nanswered 5";
        assert_eq!(numbers::<2>(said, "answered"), [[5, 1], [5, 12]]);
        assert_eq!(numbers::<1>(said, "opened"), [[5]]);
    }
}
