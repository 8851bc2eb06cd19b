//! Python's unmodified clickhouse-connect against the engine. Makes its virtual environment once, in the cache; no Python
//! is a failure.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Pinned, so that a new release cannot fail a build.
const PACKAGE: &str = "clickhouse-connect==1.12.0";

#[test]
fn clickhouse_connect_reads_writes_and_sees_errors() {
    let server = chdb::testing::shared();
    let port = server.url.rsplit(':').next().expect("a URL with a port");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("analyst.py");
    let mut python = Command::new(environment().join("bin").join("python"));
    python.arg(script).args([port, &server.user, &server.password, &server.reader, &server.reader_password]);
    let ended = python.arg(server.fresh_database()).output().expect("the environment's Python runs");
    let (out, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && out.trim().ends_with("done"), "{out}\n{error}");
}

/// The folder of the virtual environment, made if it is not whole.
fn environment() -> PathBuf {
    let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
    let cache = home.join(".cache").join("tributary");
    fs::create_dir_all(&cache).expect("a cache");
    // Two test runs must not build it at once.
    let lock = fs::File::create(cache.join("python.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    let folder = cache.join("python-1");
    let whole = folder.join("whole");
    if whole.exists() {
        return folder;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(folder.join("bin").join("pip")).args(["install", "--quiet", PACKAGE]));
    fs::write(whole, PACKAGE).expect("a file");
    folder
}

fn run(command: &mut Command) {
    let ended =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; the tests need Python 3"));
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
}
