//! The other peer: nginx, answering 302 with the same fields and writing its access log, as installed.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{answers::Recorded, server::Server};
use crate::process;

/// `None` where it is not installed.
pub(super) fn start(folder: &Path, recorded: &[Recorded]) -> Result<Option<Server>> {
    // A port that was free a moment ago: nginx takes no socket by number.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let first = recorded.first().context("no answer was recorded")?;
    let folder = folder.join("nginx");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration(&folder, address, first)?)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // On the core of the other servers: `worker_cpu_affinity` says nothing to a single process, but a child keeps the cores of the thread that starts it.
    let spawned = process::on_core(0, || command.spawn());
    match spawned {
        Ok(child) => Server::adopt("nginx", child, address).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("redirect: nginx is not installed, so it is not compared with");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn configuration(folder: &Path, address: SocketAddr, recorded: &Recorded) -> Result<String> {
    let (mut fields, mut location) = (String::new(), "");
    for (name, value) in recorded {
        if name == "location" {
            location = value;
        } else {
            writeln!(fields, "      add_header {name} \"{value}\";")?;
        }
    }
    let log = folder.join("access.log");
    Ok(format!(
        "daemon off;\nmaster_process off;\npid {pid};\nevents {{ worker_connections 1024; }}\n\
         http {{\n  client_body_temp_path {temporary};\n  proxy_temp_path {temporary};\n  fastcgi_temp_path {temporary};\n  \
         uwsgi_temp_path {temporary};\n  scgi_temp_path {temporary};\n  access_log {log} combined;\n  keepalive_requests 1000000000;\n  server {{\n    \
         listen {address};\n    location /c/ {{\n{fields}      return 302 \"{location}\";\n    }}\n  }}\n}}\n",
        pid = folder.join("nginx.pid").display(),
        temporary = folder.join("temporary").display(),
        log = log.display(),
    ))
}
