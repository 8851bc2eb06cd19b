//! Free local ports for brokers that must come back on the same port after a kill.
//!
//! In: how many. Out: (client port, controller port) for each. Chosen below the kernel's ephemeral range, because an
//! outgoing connection could otherwise sit on a dead broker's port when it restarts.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Context, Result, bail};

/// Linux hands out 32768 and up, macOS 49152 and up.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Ports tried before giving up.
const TRIES_MAX: u64 = 1_000;

/// The ports of one broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) controller: u16,
}

pub(super) fn choose(brokers: u16, first: Option<u16>) -> Result<Vec<Ports>> {
    // Held together until all are chosen, so that none is chosen twice.
    let mut held = Vec::new();
    let mut ports = Vec::new();
    for index in 0..brokers {
        let client = match first {
            None => free(&mut held)?,
            Some(first) => {
                let port = first.checked_add(index).context("--port is too high for that many brokers")?;
                let listener =
                    bind(port).with_context(|| format!("port {port} is taken: choose another --port"))?;
                held.push(listener);
                port
            }
        };
        ports.push(Ports { client, controller: free(&mut held)? });
    }
    Ok(ports)
}

fn free(held: &mut Vec<TcpListener>) -> Result<u16> {
    let span = u64::from(PORTS.end - PORTS.start);
    let first = random() % span;
    for step in 0..TRIES_MAX {
        let offset = u16::try_from((first + step) % span).expect("the span is a u16");
        if let Ok(listener) = bind(PORTS.start + offset) {
            held.push(listener);
            return Ok(PORTS.start + offset);
        }
    }
    bail!("no free port in {PORTS:?}")
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// The standard library's hash keys are random, which is all that is wanted here: no two runs alike.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
