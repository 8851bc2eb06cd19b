//! Finds the engine's library, or fetches it once: a pinned npm package, checked, unpacked into a cache.
//!
//! In: a path or a cache folder. Out: the path of `libchdb.so`. The file appears under its name only when it is whole and
//! its package's checksum was right; a kill at any moment leaves nothing that looks like it. Two fetchers at once: the
//! second waits and finds the first one's file. Not here: where the cache is, and the progress bar (`cli`).
//! Start at [`library`].

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use base64::Engine as _;
use sha2::{Digest, Sha512};

/// The npm package. Its `latest` tag is older; the version is pinned.
pub const PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
/// SHA-512 of the package's tarball, as in npm's `integrity`.
pub const PACKAGE_SHA512_BASE64: &str =
    "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==";
/// Bytes of the tarball.
pub const PACKAGE_BYTES: u64 = 177_817_999;
/// Bytes of the library inside.
pub const LIBRARY_BYTES: u64 = 566_330_096;

/// The library's place in the tarball.
const MEMBER: &str = "package/libchdb.so";
/// How often a running download is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(200);

/// How far a fetch is. Bytes are of [`PACKAGE_BYTES`] or [`LIBRARY_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process fetches; this one waits for it.
    Waiting,
    /// Bytes of the package on this machine so far.
    Downloading {
        /// Out of [`PACKAGE_BYTES`].
        bytes: u64,
    },
    /// The checksum is being computed.
    Checking,
    /// Bytes of the library written so far.
    Unpacking {
        /// Out of [`LIBRARY_BYTES`].
        bytes: u64,
    },
}

/// Why there is no engine, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The path that was named holds no file.
    #[error(
        "there is no engine library at {0}; correct TRIBUTARY_CHDB_LIB, or unset it to fetch the library"
    )]
    Missing(String),
    /// No package for this machine.
    #[error(
        "the embedded ClickHouse runs on 64-bit x86 Linux only; name a ClickHouse server with --clickhouse-url instead"
    )]
    Platform,
    /// The processor is too old for the package.
    #[error(
        "the embedded ClickHouse needs a processor with AVX2; name a ClickHouse server with --clickhouse-url instead"
    )]
    Processor,
    /// No npm client.
    #[error(
        "fetching the embedded ClickHouse needs the npm client; install it (Debian, Ubuntu: apt-get install npm), or \
         name the library with TRIBUTARY_CHDB_LIB, or a ClickHouse server with --clickhouse-url"
    )]
    NoNpm,
    /// npm ran and failed.
    #[error(
        "npm cannot fetch {PACKAGE}: {0}; check the network and the registry of `npm config get registry`"
    )]
    Npm(String),
    /// Not the bytes that were pinned.
    #[error(
        "the package {PACKAGE} has the checksum {found} instead of the pinned one, so it was not used; try again, and \
         if it stays so, do not trust the registry in use"
    )]
    Checksum {
        /// What the tarball's bytes give.
        found: String,
    },
    /// The tarball lacks the library.
    #[error("the package {PACKAGE} holds no {MEMBER}")]
    NoLibrary,
    /// The disk, usually.
    #[error("cannot {doing} in {folder}; 1 GB must be free there")]
    Io {
        /// What failed.
        doing: &'static str,
        /// The cache folder.
        folder: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Where the library is kept below `cache_root`.
#[must_use]
pub fn library_path(cache_root: &Path) -> PathBuf {
    cache_root.join("chdb-26.7.3").join("libchdb.so")
}

/// The library's path: `explicit` if named, else the cache's, fetched first if need be.
pub fn library(
    explicit: Option<&Path>,
    cache_root: &Path,
    progress: impl FnMut(Progress),
) -> Result<PathBuf, FetchError> {
    if let Some(path) = explicit {
        let found = path.is_file();
        return found
            .then(|| path.to_path_buf())
            .ok_or_else(|| FetchError::Missing(path.display().to_string()));
    }
    check_machine()?;
    let place = Place { path: library_path(cache_root) };
    if place.is_whole() {
        return Ok(place.path);
    }
    place.fetch(progress)?;
    Ok(place.path)
}

fn check_machine() -> Result<(), FetchError> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    return if std::is_x86_feature_detected!("avx2") { Ok(()) } else { Err(FetchError::Processor) };
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    return Err(FetchError::Platform);
}

struct Place {
    path: PathBuf,
}

impl Place {
    fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == LIBRARY_BYTES)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn io(&self, doing: &'static str) -> impl FnOnce(io::Error) -> FetchError {
        let folder = self.folder().display().to_string();
        move |source| FetchError::Io { doing, folder, source }
    }

    fn fetch(&self, mut progress: impl FnMut(Progress)) -> Result<(), FetchError> {
        fs::create_dir_all(self.folder()).map_err(self.io("make the cache folder"))?;
        let _lock = self.lock(&mut progress)?;
        if self.is_whole() {
            return Ok(());
        }
        // Under the lock, so a left-over is nobody's any more.
        let work = self.folder().join(".fetching");
        self.remove(&work)?;
        fs::create_dir(&work).map_err(self.io("make a work folder"))?;
        let tarball = self.download(&work, &mut progress)?;
        progress(Progress::Checking);
        let found = checksum(&tarball).map_err(self.io("read the package"))?;
        if found != PACKAGE_SHA512_BASE64 {
            self.remove(&work)?;
            return Err(FetchError::Checksum { found });
        }
        let unpacked = work.join("libchdb.so");
        self.unpack(&tarball, &unpacked, &mut progress)?;
        fs::rename(&unpacked, &self.path).map_err(self.io("put the library in place"))?;
        self.remove(&work)
    }

    fn lock(&self, progress: &mut impl FnMut(Progress)) -> Result<File, FetchError> {
        let lock = File::create(self.folder().join(".lock")).map_err(self.io("make a lock file"))?;
        if lock.try_lock().is_err() {
            progress(Progress::Waiting);
            lock.lock().map_err(self.io("wait for another fetch"))?;
        }
        Ok(lock)
    }

    fn remove(&self, folder: &Path) -> Result<(), FetchError> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.io("clear the work folder")(error))
            }
            _ => Ok(()),
        }
    }

    fn download(&self, work: &Path, progress: &mut impl FnMut(Progress)) -> Result<PathBuf, FetchError> {
        let out = work.join("out");
        fs::create_dir(&out).map_err(self.io("make a work folder"))?;
        let mut npm = Command::new("npm");
        npm.args(["pack", PACKAGE, "--silent", "--pack-destination"]).arg(&out).current_dir(work);
        // A cache of its own: its growth is the download's progress.
        npm.arg("--cache").arg(work.join("npm"));
        npm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = npm.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FetchError::NoNpm,
            _ => FetchError::Npm(error.to_string()),
        })?;
        watch(child, work, progress)?;
        let entries = fs::read_dir(&out).map_err(self.io("read the work folder"))?;
        let tarball = entries.filter_map(Result::ok).map(|entry| entry.path()).next();
        tarball.ok_or_else(|| FetchError::Npm("it made no file".to_owned()))
    }

    fn unpack(
        &self,
        tarball: &Path,
        to: &Path,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), FetchError> {
        let packed = File::open(tarball).map_err(self.io("read the package"))?;
        let mut tar = flate2::read::GzDecoder::new(io::BufReader::new(packed));
        let bytes =
            find_member(&mut tar).map_err(self.io("read the package"))?.ok_or(FetchError::NoLibrary)?;
        let mut library = File::create(to).map_err(self.io("write the library"))?;
        let mut buffer = vec![0; 1 << 20];
        let mut member = tar.take(bytes);
        let mut written = 0;
        loop {
            let read = member.read(&mut buffer).map_err(self.io("read the package"))?;
            if read == 0 {
                break;
            }
            library
                .write_all(buffer.get(..read).unwrap_or_default())
                .map_err(self.io("write the library"))?;
            written += read as u64;
            progress(Progress::Unpacking { bytes: written });
        }
        if written != LIBRARY_BYTES {
            return Err(FetchError::NoLibrary);
        }
        // Before the rename: else a power cut could leave the name without the bytes.
        library.sync_all().map_err(self.io("write the library"))
    }
}

/// Waits for npm, telling how much it has written.
fn watch(mut npm: Child, work: &Path, progress: &mut impl FnMut(Progress)) -> Result<(), FetchError> {
    let failed = |error: io::Error| FetchError::Npm(error.to_string());
    let stderr = npm.stderr.take();
    // Read beside the waiting, so that a talkative npm never blocks on a full pipe.
    let reader = thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stderr) = stderr {
            drop(stderr.read_to_string(&mut text));
        }
        text
    });
    let status = loop {
        if let Some(status) = npm.try_wait().map_err(failed)? {
            break status;
        }
        progress(Progress::Downloading { bytes: folder_bytes(work).min(PACKAGE_BYTES) });
        thread::sleep(MEASURE_EVERY);
    };
    let said = reader.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").to_owned();
    Err(FetchError::Npm(format!("{status}, {last}")))
}

/// Bytes of all files below `folder`, as far as they can be seen.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => folder_bytes(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn checksum(tarball: &Path) -> io::Result<String> {
    let mut file = File::open(tarball)?;
    let mut hash = Sha512::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(base64::engine::general_purpose::STANDARD.encode(hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Reads a tar stream up to the library and returns its size. The names in this package are short, so the plain header
/// of 512 bytes is all of the format that is needed: name at 0, size in octal at 124.
fn find_member(tar: &mut impl Read) -> io::Result<Option<u64>> {
    loop {
        let mut header = [0_u8; 512];
        match tar.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let field = |from: usize, bytes: usize| {
            let field = header.get(from..from + bytes).unwrap_or_default();
            let end = field.iter().position(|byte| *byte == 0 || *byte == b' ').unwrap_or(bytes);
            String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
        };
        let name = field(0, 100);
        if name.is_empty() {
            return Ok(None);
        }
        let size = u64::from_str_radix(&field(124, 12), 8).map_err(io::Error::other)?;
        if name == MEMBER {
            return Ok(Some(size));
        }
        let padded = size.div_ceil(512) * 512;
        io::copy(&mut tar.by_ref().take(padded), &mut io::sink())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_must_exist() {
        let error = library(Some(Path::new("/nonexistent/libchdb.so")), Path::new("/nonexistent"), |_| {});
        let text = error.expect_err("nothing there").to_string();
        assert!(text.contains("/nonexistent/libchdb.so") && text.contains("TRIBUTARY_CHDB_LIB"), "{text}");
    }

    #[test]
    fn a_library_of_the_wrong_size_is_not_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place { path: library_path(folder.path()) };
        fs::create_dir_all(place.folder()).expect("a cache");
        fs::write(&place.path, b"half a library").expect("a file");
        assert!(!place.is_whole());
    }

    #[test]
    fn the_library_is_found_behind_other_members() {
        let mut tar = Vec::new();
        for (name, content) in [("package/index.js", "x".repeat(700)), (MEMBER, "engine".to_owned())] {
            let mut header = [0_u8; 512];
            for (target, byte) in header.iter_mut().zip(name.bytes()) {
                *target = byte;
            }
            for (target, byte) in header.iter_mut().skip(124).zip(format!("{:011o}", content.len()).bytes()) {
                *target = byte;
            }
            tar.extend(header);
            tar.extend(content.as_bytes());
            tar.resize(tar.len().div_ceil(512) * 512, 0);
        }
        let mut input = tar.as_slice();
        assert_eq!(find_member(&mut input).expect("a tar"), Some(6));
        assert!(input.starts_with(b"engine"));
        assert_eq!(find_member(&mut [0_u8; 1024].as_slice()).expect("an empty tar"), None);
    }

    #[test]
    fn the_pinned_checksum_is_a_sha_512() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(PACKAGE_SHA512_BASE64);
        assert_eq!(bytes.map(|bytes| bytes.len()), Ok(64));
    }
}
