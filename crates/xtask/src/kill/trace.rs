//! What strace saw: the calls that change files, in the order of its log, each with the thread's own count of it.
//!
//! In: a log written with `-f -y`, and the folder that matters. Out: [`Call`]s, with the part of the cycle they fall in.
//! strace counts a call per thread and per name, whatever its arguments; so does [`read`]. Start at [`CALLS`].

use std::{collections::HashMap, path::Path};

/// What changes files. `openat` counts only where it makes one.
pub(super) const CALLS: &[&str] = &[
    "write",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "rename",
    "renameat",
    "renameat2",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "fallocate",
    "ftruncate",
    "openat",
    "open",
    "sendto",
    "sendmsg",
    SAYS,
];

/// The kind of what is written to a socket.
pub(super) const SOCKET: &str = "socket";

/// By which victims say what they promise, and write to sockets. What is said is never aimed at; some of it names the part that begins.
pub(super) const SAYS: &str = "writev";

/// One call that changes a file below the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Its name.
    pub(super) name: String,
    /// Which of this thread's calls of this name it is, from 1.
    pub(super) count: usize,
    /// The same, among the thread's calls of this name on this path.
    pub(super) count_on_path: usize,
    /// From the folder on.
    pub(super) path: String,
    /// The path with its numbers and random parts left out.
    pub(super) kind: String,
    /// The part of the cycle.
    pub(super) phase: String,
}

/// What random parts of paths stand for: a table's number and its name.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// From lines `table NUMBER NAME`.
    pub(super) fn said(text: &str) -> Self {
        let words = text.lines().filter_map(|line| line.strip_prefix("table ")?.split_once(' '));
        Self(words.map(|(number, name)| (number.to_owned(), name.to_owned())).collect())
    }
}

/// A file by which the engine tries the file system, at some time and under a random name: no row that every run has.
const PROBE: &str = "clickhouse_case_sensitivity_check";

/// Reads a log. Calls on other files are counted, since strace does, and left out; so is what goes to sockets but for its kind.
pub(super) fn read(log: &str, folder: &Path, names: &Names) -> Vec<Call> {
    let root = format!("{}/", folder.display());
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut on_path: HashMap<(&str, &str, String), usize> = HashMap::new();
    let mut calls = Vec::new();
    let mut phase = String::new();
    for line in log.lines() {
        let Some((thread, name, arguments)) = parse(line) else { continue };
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        let count = *count;
        if name == SAYS
            && let Some(begins) = said_phase(arguments)
        {
            begins.clone_into(&mut phase);
        }
        let Some(path) = path(name, arguments).and_then(|it| below(&it, &root)) else { continue };
        let count_on_path = on_path.entry((thread, name, path.clone())).or_default();
        *count_on_path += 1;
        let makes_a_file = !name.starts_with("open") || arguments.contains("O_CREAT");
        if makes_a_file && path != "said" && !path.contains(PROBE) {
            calls.push(Call {
                name: name.to_owned(),
                count,
                count_on_path: *count_on_path,
                kind: kind(&path, names),
                // What a client library's threads send falls into another part in every run.
                phase: if path == SOCKET { String::new() } else { phase.clone() },
                path,
            });
        }
    }
    calls
}

/// The path from `root` on; sockets have none.
fn below(path: &str, root: &str) -> Option<String> {
    if path.starts_with("socket:[") || path.starts_with("TCP:[") {
        return Some(SOCKET.to_owned());
    }
    Some(path.strip_prefix(root)?.trim_end_matches(" (deleted)").to_owned())
}

/// `1234  fsync(5</a/b>) = 0` as thread, name and what follows; `None` for signals, ends and second halves.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, arguments) = rest.trim_start().split_once('(')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && CALLS.contains(&name)).then_some((thread, name, arguments))
}

/// `3</a/b>, ...`, `"/a/b", ...`, or of calls on a name in a folder `AT_FDCWD</a>, "/a/b", ...` and `5</a>, "b", ...`.
fn path(name: &str, arguments: &str) -> Option<String> {
    if let Some(rest) = arguments.strip_prefix('"') {
        return Some(rest.split_once('"')?.0.to_owned());
    }
    let (_, rest) = arguments.split_once('<')?;
    let (of_descriptor, rest) = rest.split_once('>')?;
    if !name.ends_with("at") && !name.ends_with("at2") {
        return Some(of_descriptor.to_owned());
    }
    let (named, _) = rest.strip_prefix(", \"")?.split_once('"')?;
    let folder = if named.starts_with('/') { String::new() } else { format!("{of_descriptor}/") };
    Some(folder + named)
}

fn said_phase(arguments: &str) -> Option<&str> {
    let (_, said) = arguments.split_once("iov_base=\"phase ")?;
    Some(said.split_once("\\n\"")?.0)
}

/// A path's kind: numbers and random parts do not matter, what they stand in does.
fn kind(path: &str, names: &Names) -> String {
    let parts: Vec<String> = path.split('/').map(|part| kind_of_part(part, names)).collect();
    parts.join("/")
}

fn kind_of_part(part: &str, names: &Names) -> String {
    if let Some(name) = names.0.get(part) {
        return name.clone();
    }
    if part.starts_with(".tmp") {
        return ".tmp*".to_owned();
    }
    let is_uuid = part.len() == 36 && part.bytes().filter(|it| *it == b'-').count() == 4;
    let is_hex = 3 <= part.len() && part.bytes().all(|it| it.is_ascii_hexdigit());
    if is_uuid || is_hex {
        return "*".to_owned();
    }
    let mut kind = String::new();
    for digit_or_not in part.chars() {
        match digit_or_not {
            '0'..='9' if kind.ends_with('#') => {}
            '0'..='9' => kind.push('#'),
            other => kind.push(other),
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"7  writev(1</t/d/said>, [{iov_base="phase open it\n", iov_len=14}], 1) = 14
7  mkdir("/t/d/spool/1", 0777) = 0
7  openat(AT_FDCWD</t>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>
7  openat(AT_FDCWD</t>, "/t/d/spool/1/007.seg", O_RDWR|O_CREAT|O_EXCL, 0666) = 3</t/d/spool/1/007.seg>
8  pwrite64(3</t/d/spool/1/007.seg>, "a, \"b\", 0", 9, 0 <unfinished ...>
7  pwrite64(3</t/d/spool/1/007.seg>, "x", 1, 9) = 1
8  <... pwrite64 resumed>) = 9
7  unlinkat(5</t/d/spool>, "1", AT_REMOVEDIR) = 0
7  writev(9<socket:[4711]>, [{iov_base="POST", iov_len=4}], 1) = 4
7  --- SIGCHLD {si_signo=SIGCHLD} ---
7  fsync(4</t/d/spool/1 (deleted)>) = ?
7  +++ killed by SIGKILL +++
"#;

    #[test]
    fn calls_are_counted_per_thread_and_named_by_their_file() {
        let calls = read(LOG, Path::new("/t/d"), &Names::default());
        let shown: Vec<String> =
            calls.iter().map(|it| format!("{} {} {} {}", it.name, it.count, it.path, it.phase)).collect();
        let want = [
            "mkdir 1 spool/1 open it",
            "openat 2 spool/1/007.seg open it",
            "pwrite64 1 spool/1/007.seg open it",
            "pwrite64 1 spool/1/007.seg open it",
            "unlinkat 1 spool/1 open it",
            "writev 2 socket ",
            "fsync 1 spool/1 open it",
        ];
        assert_eq!(shown, want);
    }

    #[test]
    fn numbers_and_random_names_are_one_kind() {
        let names = Names::said("table 0ab1c2d3-0000-4000-8000-0123456789ac marks\nphase x");
        let cases = [
            ("store/0ab/0ab1c2d3-0000-4000-8000-0123456789ac/all_1_1_0", "store/*/marks/all_#_#_#"),
            ("spool/65536/1763812800/00000000000000000001.seg", "spool/*/*/#.seg"),
            (
                "store/0ab/0ab1c2d3-0000-4000-8000-0123456789ab/tmp_insert_20251122_7_7_0",
                "store/*/*/tmp_insert_#_#_#_#",
            ),
            ("state/journals/12", "state/journals/#"),
        ];
        for (path, want) in cases {
            assert_eq!(kind(path, &names), want, "{path}");
        }
    }
}
