//! What the machine under a spool can promise: its file system and its boot.
//!
//! In: an open folder. Out: the name of a file system whose sync means nothing, and the kernel's boot id. Not here: what
//! a writer does with it.

use std::{
    fs::{self, File},
    io,
};

/// Numbers of `statfs(2)`: file systems that lose synced data with the machine, or that answer a sync at once.
const FORGETFUL: [(u64, &str); 5] = [
    (0x6969, "nfs"),
    (0x794c_7630, "overlayfs"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x6573_5546, "fuse"),
];

/// The name of the file system under `dir` if a sync on it promises nothing (fault 51).
pub(super) fn forgetful_file_system(dir: &File) -> io::Result<Option<&'static str>> {
    Ok(forgetful(rustix::fs::fstatfs(dir)?.f_type.cast_unsigned()))
}

fn forgetful(kind: u64) -> Option<&'static str> {
    // Sign extension on some platforms: only 32 bits carry the number.
    let kind = kind & 0xFFFF_FFFF;
    FORGETFUL.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

/// The kernel's boot id; zeros where the kernel has none, which only makes unclean ends look harmless less often.
pub(super) fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut digits = text.chars().filter_map(|digit| digit.to_digit(16));
    let mut id = [0; 16];
    for byte in &mut id {
        let high = digits.next().unwrap_or_default();
        let low = digits.next().unwrap_or_default();
        *byte = u8::try_from(high * 16 + low).unwrap_or_default();
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    // fault 51
    #[test]
    fn file_systems_that_forget_are_known_by_their_numbers() {
        // As <linux/magic.h> has them, and as a 32-bit field extends them; the last three keep what they sync.
        let cases: [(u64, Option<&str>); 8] = [
            (0x6969, Some("nfs")),
            (0x794c_7630, Some("overlayfs")),
            (0x8584_58f6, Some("ramfs")),
            (0xffff_ffff_8584_58f6, Some("ramfs")),
            (0x6573_5546, Some("fuse")),
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
        ];
        for (kind, name) in cases {
            assert_eq!(forgetful(kind), name, "{kind:#x}");
        }
    }
}
