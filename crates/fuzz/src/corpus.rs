//! The corpus as it lies in the tree: one file a target, one line an input.
//!
//! In: text. Out: inputs, and back. Printable ASCII stands as it is but for the backslash; `\n`, `\r`, `\t`, `\\` and `\xHH` stand for the rest, so
//! that a diff shows what changed. Lines that begin with `#` say what follows. Below [`FOUND`] is what fuzzing found, written anew by
//! `cargo xtask fuzz --minimise`; above it what people chose. Start at [`read`].

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};

use crate::Target;

/// The line before what fuzzing found.
pub const FOUND: &str = "# Found by fuzzing, each for code that no other reaches.";

/// The file of a target.
#[must_use]
pub fn file(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{}.txt", target.name))
}

/// All inputs of a target, its seeds included.
///
/// # Errors
///
/// Where its file cannot be read.
pub fn inputs(target: &Target) -> Result<Vec<Vec<u8>>> {
    let path = file(target);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let kept = read(&text).map_err(|line| anyhow!("{}:{line}: no input", path.display()))?;
    Ok((target.seeds)().into_iter().chain(kept).collect())
}

/// Writes each input of a target into a file of `folder/NAME`, as libFuzzer wants them.
///
/// # Errors
///
/// Of the disk, and as [`inputs`].
pub fn unpack(target: &Target, folder: &Path) -> Result<()> {
    let folder = folder.join(target.name);
    fs::create_dir_all(&folder)?;
    for (number, input) in inputs(target)?.iter().enumerate() {
        fs::write(folder.join(format!("kept-{number:04}")), input)?;
    }
    Ok(())
}

/// Takes the files of `folder` for what fuzzing found of a target. Seeds of the code stay there alone.
///
/// # Errors
///
/// Of the disk.
pub fn pack(target: &Target, folder: &Path) -> Result<()> {
    let seeds = (target.seeds)();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(fs::read(entry?.path())?);
    }
    found.retain(|it| !seeds.contains(it));
    let path = file(target);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let text = replace_found(&text, &found).map_err(|line| anyhow!("{}:{line}: no input", path.display()))?;
    fs::write(&path, text).with_context(|| path.display().to_string())
}

/// The inputs of a file.
///
/// # Errors
///
/// The number of a line that is none.
pub fn read(text: &str) -> Result<Vec<Vec<u8>>, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| unescaped(line).ok_or(index + 1)).collect()
}

/// `text` with what stands below [`FOUND`] replaced by `inputs`, without those that stand above it.
///
/// # Errors
///
/// As [`read`].
pub fn replace_found(text: &str, inputs: &[Vec<u8>]) -> Result<String, usize> {
    let chosen = text.split_once(FOUND).map_or(text, |(chosen, _)| chosen);
    let known = read(chosen)?;
    let mut lines: Vec<String> =
        inputs.iter().filter(|it| !it.is_empty() && !known.contains(it)).map(|it| escaped(it)).collect();
    // Short ones first: whoever reads begins with what is readable.
    lines.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    lines.dedup();
    let mut whole = chosen.trim_end().to_owned();
    whole.extend(["\n\n", FOUND, "\n"]);
    for line in lines {
        whole.extend([line.as_str(), "\n"]);
    }
    Ok(whole)
}

/// One line.
#[must_use]
pub fn escaped(input: &[u8]) -> String {
    let mut line = String::with_capacity(input.len());
    for (index, byte) in input.iter().enumerate() {
        // A comment's sign in front and a blank at the end would be lost.
        let is_lost = (index == 0 && *byte == b'#') || (index + 1 == input.len() && *byte == b' ');
        match byte {
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            b'\\' => line.push_str("\\\\"),
            b' '..=b'~' if !is_lost => line.push(char::from(*byte)),
            _ => write!(line, "\\x{byte:02x}").expect("a String takes any text"),
        }
    }
    line
}

fn unescaped(line: &str) -> Option<Vec<u8>> {
    let (mut input, mut rest) = (Vec::with_capacity(line.len()), line.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            input.push(*first);
            continue;
        }
        let (kind, behind) = rest.split_first()?;
        rest = behind;
        input.push(match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                rest = behind;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_read() {
        let all: Vec<u8> = (0..=255).collect();
        for input in [all, b"# no comment".to_vec(), b"ends in a blank ".to_vec(), b"\\x41".to_vec()] {
            let line = escaped(&input);
            assert!(line.is_ascii() && !line.contains('\n'), "{line}");
            assert_eq!(read(&line), Ok(vec![input]));
        }
        assert_eq!(read("fine\n\\q"), Err(2));
    }

    #[test]
    fn what_people_chose_stays_when_what_was_found_is_replaced() {
        let text = format!("# fault 9\nchosen\n\n{FOUND}\nold\n");
        let replaced = replace_found(&text, &[b"newer one".to_vec(), b"new".to_vec(), b"chosen".to_vec()]);
        assert_eq!(replaced, Ok(format!("# fault 9\nchosen\n\n{FOUND}\nnew\nnewer one\n")));
    }
}
