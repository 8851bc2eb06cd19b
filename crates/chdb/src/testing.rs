//! One engine for all tests of a test binary, over HTTP, on a port of its own.
//!
//! ```no_run
//! let server = chdb::testing::shared(); // starts once, panics with the reason if the engine is missing
//! let database = server.fresh_database(); // empty, this test's own: tests may run at the same time
//! println!("{} {} {} {}", server.url, server.user, server.password, database);
//! ```
//!
//! `server.reader` and `server.reader_password` are the read-only user's. The engine lives in the test's process (libchdb
//! works on one directory per process), in a temporary folder, and ends with the process. The library comes from
//! `TRIBUTARY_CHDB_LIB`, else from `~/.cache/tributary`, else it is fetched there with npm.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use crate::{Engine, EngineOptions, User, Users, bind, call, fetch};

/// Memory for the engine of a test.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// A running engine and how to reach it.
#[derive(Debug)]
pub struct Shared {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// The administrator.
    pub user: String,
    /// The administrator's password.
    pub password: String,
    /// The read-only user.
    pub reader: String,
    /// The read-only user's password.
    pub reader_password: String,
    engine: Engine,
    databases: AtomicU32,
}

/// The engine of this process, started on first use.
///
/// # Panics
/// If the engine cannot be fetched or opened: a missing engine is a failed test.
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(start)
}

/// The engine's library for tests.
///
/// # Panics
/// If it can neither be found nor fetched.
#[must_use]
pub fn library() -> PathBuf {
    let explicit = env::var_os("TRIBUTARY_CHDB_LIB").map(PathBuf::from);
    let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
    let cache = home.join(".cache").join("tributary");
    let found = fetch::library(explicit.as_deref(), &cache, |_| {});
    found.unwrap_or_else(|error| panic!("tests need the engine: {error}"))
}

impl Shared {
    /// Makes an empty database with a name of its own.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn fresh_database(&self) -> String {
        Engine::prepare_exit();
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        call::testing_query(self.engine.core(), &format!("CREATE DATABASE {name} ENGINE = Atomic"));
        name
    }
}

/// Has `folder` removed when this process is gone, however it goes: a shell waits for the end of its standard input, which this process
/// holds open. Not earlier: the engine works in the background until the very end, and crashes when its files vanish under it.
fn remove_after_exit(folder: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > /dev/null; rm -rf -- \"$0\""]).arg(folder).stdin(Stdio::piped());
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    match shell.spawn() {
        Ok(mut waiting) => std::mem::forget(waiting.stdin.take()),
        Err(error) => panic!("tests need a shell to clean up after them: {error}"),
    }
}

fn start() -> Shared {
    // Kept for the life of the process, and gone with it: this one folder, and no other test's.
    let folder = tempfile::Builder::new().prefix("chdb-test-").tempdir().expect("a temporary folder");
    let data = folder.keep();
    remove_after_exit(&data);
    let options = EngineOptions { library: library(), data, memory_bytes_max: MEMORY_BYTES_MAX };
    let engine = Engine::open(&options).unwrap_or_else(|error| panic!("cannot open the engine: {error}"));
    let user = |name: &str| User { name: name.to_owned(), password: format!("{name}-secret") };
    let (admin, reader) = (user("tributary"), user("reader"));
    let users = Users { admin: admin.clone(), reader: Some(reader.clone()) };
    let (sender, address) = mpsc::channel();
    let serving = engine.clone();
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = bind(serving, users, 0).await.expect("a free port");
            sender.send(server.address()).expect("the starter waits");
            server.run(std::future::pending()).await
        })
    };
    thread::Builder::new().name("chdb-http".to_owned()).spawn(serve).expect("a thread");
    let address = address.recv().expect("the server starts");
    Shared {
        url: format!("http://{address}"),
        user: admin.name,
        password: admin.password,
        reader: reader.name,
        reader_password: reader.password,
        engine,
        databases: AtomicU32::new(0),
    }
}
