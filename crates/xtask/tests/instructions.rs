//! That `cargo xtask instructions` can fail: two real programs, one of them a little slower, are counted and compared.
//!
//! Not here: the workspace's own paths, which take an optimised build (the step `instructions`).

use std::{path::Path, process::Command};

use xtask::instructions::{Programs, judge, rows};

/// As the counted programs of `benches` speak. `EXTRA` is the planted slowness: rounds on top of a hundred.
const PROGRAM: &str = r#"
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.len() < 3 {
        println!("path 500");
        return;
    }
    let mut sum = 1_u64;
    for _ in 0..args[2].parse::<u64>().unwrap() {
        for n in 0..std::hint::black_box(100 + EXTRA) {
            sum = std::hint::black_box(sum.rotate_left(7) ^ n);
        }
    }
    assert!(sum != 0);
}
"#;

fn compiled(folder: &Path, name: &str, extra: u64) -> Programs {
    let (source, program) = (folder.join(format!("{name}.rs")), folder.join(name));
    std::fs::write(&source, PROGRAM.replace("EXTRA", &extra.to_string())).expect("a source");
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let status = Command::new(rustc)
        .args(["-O", "-C", "strip=symbols", "-o"])
        .arg(&program)
        .arg(&source)
        .status()
        .expect("a compiler");
    assert!(status.success());
    Programs::from([("count_it".to_owned(), program)])
}

// fault 129
#[test]
fn a_path_that_became_slower_fails_and_one_that_did_not_passes() {
    let folder = tempfile::tempdir().unwrap();
    let [base, same, slow] =
        [("base", 0), ("same", 0), ("slow", 5)].map(|(name, extra)| compiled(folder.path(), name, extra));
    let alike = rows(&same, &base).unwrap();
    assert!(alike.iter().all(|it| it.ratio() == Some(1.0)), "the same program counts the same: {alike:?}");
    judge(&alike).unwrap();
    let worse = rows(&slow, &base).unwrap();
    let error = judge(&worse).unwrap_err().to_string();
    assert!(error.contains("path +"), "{error}");
    assert!(judge(&rows(&base, &slow).unwrap()).is_ok(), "faster is fine");
    assert!(rows(&base, &Programs::new()).unwrap().iter().all(|it| it.base.is_none()), "and new is new");
}
