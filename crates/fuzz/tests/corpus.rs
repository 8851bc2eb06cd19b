//! Every input that the tree keeps, without coverage: what fuzzing found once stays found. `cargo xtask fuzz` looks for more.
#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use fuzz::{TARGETS, corpus};

/// The tree keeps what is worth a reader's time.
const CORPUS_BYTES_MAX: u64 = 1024 * 1024;

fn replay(name: &str) {
    let target = TARGETS.iter().find(|it| it.name == name).unwrap();
    let inputs = corpus::inputs(target).unwrap();
    assert!(!inputs.is_empty(), "a target without inputs shows nothing");
    for input in inputs {
        let tried = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(tried.is_ok(), "{name} fails on the input above:\n{}", corpus::escaped(&input));
    }
}

macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<&str> = TARGETS.iter().map(|it| it.name).collect();
            assert_eq!(names, [$(stringify!($target)),*]);
        }
    };
}

replays! {
    request query redirect dialect postback webhook batch frame segment spool envelope click_id catalog destination
    engine_request engine_sql engine_blocks engine_form
}

#[test]
fn the_corpus_is_small_and_has_no_file_too_many() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    for path in &files {
        assert!(
            TARGETS.iter().any(|it| corpus::file(it) == *path),
            "{} belongs to no target",
            path.display()
        );
    }
    let bytes: u64 = files.iter().map(|it| fs::metadata(it).unwrap().len()).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}
