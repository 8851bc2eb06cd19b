//! Fetches the engine once and prints where its library is: `fetch CACHE_FOLDER`.
//!
//! `cargo xtask test` runs it before the tests, so that no test's time holds a download. `TRIBUTARY_CHDB_LIB` names a
//! library to use instead.
#![expect(clippy::print_stdout, reason = "the path is what it is for")]

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: fetch CACHE_FOLDER")?);
    let explicit = std::env::var_os("TRIBUTARY_CHDB_LIB").map(PathBuf::from);
    let library = chdb::fetch::library(explicit.as_deref(), &cache, |_| {})?;
    println!("{}", library.display());
    Ok(())
}
