//! An engine of its own on a port: `serve DATA_FOLDER [PORT]`. Prints its URL, ends when standard input closes.
//!
//! The tests start it to kill it; people may use it to look into a data folder. Users: `tributary`, `reader`, with
//! `NAME-secret` as passwords.
#![expect(clippy::print_stdout, reason = "the URL is what it is for")]

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use chdb::{Engine, EngineOptions, User, Users};

const MEMORY_BYTES_MAX: u64 = 4 << 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = PathBuf::from(arguments.next().ok_or("usage: serve DATA_FOLDER [PORT]")?);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let library = chdb::testing::library();
    let engine = Engine::open(&EngineOptions { library, data, memory_bytes_max: MEMORY_BYTES_MAX })?;
    let user = |name: &str| User { name: name.to_owned(), password: format!("{name}-secret") };
    let users = Users { admin: user("tributary"), reader: Some(user("reader")) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (closed, close) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut ignored = Vec::new();
        drop(std::io::stdin().read_to_end(&mut ignored));
        drop(closed);
    });
    let in_time = runtime.block_on(async {
        let server = chdb::bind(engine, users, port).await?;
        println!("http://{}", server.address());
        std::io::stdout().flush()?;
        let in_time = server.run(async { drop(close.await) }).await;
        Ok::<_, std::io::Error>(in_time)
    })?;
    std::process::exit(i32::from(!in_time))
}
