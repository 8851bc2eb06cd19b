//! The machine: folder, disk, memory, processor, files, clock, ports, the engine's library.
//!
//! In: settings. Out: findings. Nothing is made or kept open: a port is tried and given back. Start at [`look`].

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use chdb::fetch;
use rustix::{
    fs::{Access, access, statvfs},
    process::{Resource, getrlimit},
};

use super::{Finding, Place};
use crate::{clock, commands::spool::bytes, settings::Settings};

/// Disk below which a program is about to stop, and below which it should be watched.
const DISK_BYTES_MIN: u64 = 1 << 30;
const DISK_BYTES_WATCH: u64 = 10 << 30;
/// Open files: a connection is one, a part of a table several.
const FILES_MIN: u64 = 4096;
/// 2026-01-01: a clock before it is not set.
const CLOCK_MIN_MS: u64 = 1_767_225_600_000;
/// A record this much later than now says that the clock went back.
const CLOCK_BACK_MS: u64 = 60_000;
/// How long a neighbour may take to say who it is.
const ANSWER: Duration = Duration::from_secs(2);

/// Looks at everything that needs no server.
pub(super) fn look(settings: &Settings, place: Place<'_>) -> Vec<Finding> {
    let embedded = place.is_embedded();
    let mut findings = vec![folder(place.data()), disk(place.data()), files(), clock_of(place)];
    findings.push(memory(if embedded { settings.number("engine.memory_max_mib") << 20 } else { 0 }));
    if embedded {
        findings.push(processor());
        findings.push(library(settings));
    }
    // The port of visitors has no page of its own for this, so its admin port answers for it.
    let roles = [
        ("edge.listen", "edge.admin", "/livez"),
        ("edge.admin", "edge.admin", "/livez"),
        ("pipeline.admin", "pipeline.admin", "/livez"),
        ("warehouse.admin", "warehouse.admin", "/livez"),
        ("engine.listen", "engine.listen", "/ping"),
    ];
    for (key, asked, path) in roles.into_iter().filter(|it| embedded || it.0 != "engine.listen") {
        findings.push(port(key, settings.text(key), settings.text(asked), path));
    }
    findings
}

/// The folder, or the nearest one above it that is there.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|it| it.exists()).map_or(absolute.clone(), Path::to_owned)
}

fn folder(data: &Path) -> Finding {
    let what = "data folder";
    let there = existing(data);
    let shown = data.display();
    if !there.is_dir() {
        return Finding::fail(
            what,
            format!("{} is a file", there.display()),
            "name another folder with --data",
        );
    }
    if access(&there, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let advice = "give this user the folder, or name another with --data";
        return Finding::fail(what, format!("{} cannot be written", there.display()), advice);
    }
    let state = if data.exists() { "can be written" } else { "will be made at the first start" };
    Finding::fine(what, format!("{shown} {state}"))
}

fn disk(data: &Path) -> Finding {
    let what = "disk";
    let Ok(stat) = statvfs(existing(data)) else {
        return Finding::watch(what, "free space cannot be read", "look with df");
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{} free", bytes(free));
    let advice = "free some, or lower edge.spool_max_mib; when it is full, redirects go on and clicks are counted unrecorded";
    match free {
        0..DISK_BYTES_MIN => Finding::fail(what, found, advice),
        DISK_BYTES_MIN..DISK_BYTES_WATCH => Finding::watch(what, found, advice),
        _ => Finding::fine(what, found),
    }
}

fn files() -> Finding {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let found = if limit == u64::MAX { "no limit".to_owned() } else { format!("{limit} at once") };
    if limit < FILES_MIN {
        return Finding::watch("open files", found, format!("ulimit -n {FILES_MIN}, or more"));
    }
    Finding::fine("open files", found)
}

fn memory(engine_bytes: u64) -> Finding {
    let what = "memory";
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    let Some(free) = kib.map(|it| it.saturating_mul(1024)) else {
        return Finding::watch(what, "free memory cannot be read", "look with free");
    };
    let found = format!("{} available", bytes(free));
    // The edge and the pipeline take tens of megabytes each before there are visitors.
    if free < engine_bytes + (256 << 20) {
        let advice = "lower engine.memory_max_mib, or name a ClickHouse server with --clickhouse-url";
        return Finding::watch(what, found, advice);
    }
    Finding::fine(what, found)
}

fn processor() -> Finding {
    #[cfg(target_arch = "x86_64")]
    let has_avx2 = std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let has_avx2 = false;
    if has_avx2 {
        return Finding::fine("processor", "AVX2, as the embedded ClickHouse wants");
    }
    let advice = "name a ClickHouse server with --clickhouse-url";
    Finding::fail("processor", "no AVX2: the embedded ClickHouse cannot run", advice)
}

fn library(settings: &Settings) -> Finding {
    let what = "ClickHouse library";
    let variable = |name: &str| std::env::vars_os().find(|(known, _)| known == name).map(|(_, value)| value);
    let named = settings.optional("engine.library").map(PathBuf::from);
    if let Some(path) = named.or_else(|| variable("TRIBUTARY_CHDB_LIB").map(PathBuf::from)) {
        let found = path.display().to_string();
        return if path.is_file() {
            Finding::fine(what, found)
        } else {
            Finding::fail(what, format!("{found} is not there"), "correct engine.library, or leave it out")
        };
    }
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| variable("HOME").map(|it| Path::new(&it).join(".cache")));
    let path = cache.map(|it| fetch::library_path(&it.join("tributary")));
    if let Some(path) = path.filter(|it| it.is_file()) {
        return Finding::fine(what, path.display().to_string());
    }
    let size = bytes(fetch::PACKAGE_BYTES);
    let paths = variable("PATH").unwrap_or_default();
    if std::env::split_paths(&paths).any(|it| it.join("npm").is_file()) {
        return Finding::fine(what, format!("fetched with npm at the first start ({size})"));
    }
    let advice = "install npm (Debian, Ubuntu: apt-get install npm), or name a ClickHouse server with --clickhouse-url";
    Finding::fail(what, "not here, and no npm client to fetch it with", advice)
}

/// A clock that was set back makes nothing wrong (sequences order the spool), but orders and windows are by it.
fn clock_of(place: Place<'_>) -> Finding {
    let (what, now) = ("clock", clock::now());
    let advice = "set it, and keep it set with an NTP client: windows and order times are by it";
    if now.0 < CLOCK_MIN_MS {
        return Finding::fail(what, now.to_string(), advice);
    }
    // Incarnations are numbered by the second they began in.
    let newest = newest_incarnation(&place.spool());
    if newest.is_some_and(|seconds| now.0 + CLOCK_BACK_MS < seconds * 1_000) {
        return Finding::watch(what, format!("{now}, which is before the edge's last start"), advice);
    }
    Finding::fine(what, now.to_string())
}

fn newest_incarnation(spool: &Path) -> Option<u64> {
    let names = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().filter_map(|it| Some(it.ok()?.path())).collect()
    };
    let incarnations = names(spool).into_iter().flat_map(|writer| names(&writer));
    incarnations.filter_map(|it| it.file_name()?.to_str()?.parse().ok()).max()
}

fn port(key: &'static str, address: &str, asked: &str, path: &str) -> Finding {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return Finding::fail(key, address.to_owned(), "an address and port is wanted");
    };
    match TcpListener::bind(address) {
        Ok(_) => Finding::fine(key, format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if asked.parse().is_ok_and(|asked| is_ours(asked, path)) {
                return Finding::fine(key, format!("{address} answers: the role runs"));
            }
            let advice =
                format!("stop what listens there, or choose another port: {key} = \"127.0.0.1:PORT\"");
            Finding::fail(key, format!("{address} is in use by something else"), advice)
        }
        Err(error) => Finding::fail(
            key,
            format!("{address}: {error}"),
            "choose an address of this machine, and a port above 1023",
        ),
    }
}

/// Whether a role of ours answers there.
fn is_ours(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut head = vec![0; 512];
        let count = stream.read(&mut head)?;
        head.truncate(count);
        Ok(head)
    };
    ask().is_ok_and(|head| head.starts_with(b"HTTP/1.1 200 "))
}
