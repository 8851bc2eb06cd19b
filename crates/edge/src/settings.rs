//! What an edge is told at its start, and the limits it works by.
//!
//! Every value comes from `cli`; nothing here reads a file or the environment but [`crate::keys`], when asked.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use journal::spool::{Disk, Durability};

use crate::network::Network;

/// Longest request line, in bytes (fault 15).
pub(crate) const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;
/// Longest head of a request, in bytes (fault 16).
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request (fault 16).
pub(crate) const HEADERS_MAX: usize = 64;
/// Bytes hyper keeps per connection: a head and a body's piece.
pub(crate) const CONNECTION_BYTES_MAX: usize = 32 * 1024;
/// For a body to arrive, in ms.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// For open connections to end after the shutdown began (fault 32). With the shipper's last flush it stays below the ten seconds in which a process
/// has to end (reliability.md P22).
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(6);
/// For a connection to send a last request, whose answer says that it was the last; a silent one is closed then.
pub(crate) const DRAIN_IDLE: Duration = Duration::from_secs(1);
/// Connections that one peer may hold per thread, where nothing else is set: hundreds of subscribers may share an address of their carrier, each
/// for a few seconds, and a tenth of all is what one attacker gets.
pub(crate) const CONNECTIONS_PER_PEER_MAX: usize = 1_000;
/// Threads of one edge: their numbers have 16 bits in a writer's id, and nobody has more cores.
pub const THREADS_MAX: u16 = 1024;

/// Where spooled records are shipped to.
#[derive(Clone)]
pub struct KafkaOptions {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// Further properties of librdkafka, as they are.
    pub properties: BTreeMap<String, String>,
    /// First part of every topic's name.
    pub prefix: String,
    /// Most records a second, so that draining a backlog leaves the machine to visitors; `None` is no limit.
    pub records_per_second_max: Option<u32>,
}

impl std::fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            // Their values may be passwords.
            .field("properties", &self.properties.keys())
            .field("prefix", &self.prefix)
            .field("records_per_second_max", &self.records_per_second_max)
            .finish()
    }
}

/// A secret's bytes, which reach no log.
#[derive(Clone, Default)]
pub struct Hidden(pub Vec<u8>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(***)")
    }
}

/// An edge's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of this edge among all that share a log; upper half of its writers' ids.
    pub edge: u16,
    /// Where visitors and shops reach it. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
    /// `spool`, `catalog` and `edge` lie in it.
    pub data: PathBuf,
    /// Threads that serve; 0 takes one per core.
    pub threads: u16,
    /// What an answered click or report survives.
    pub durability: Durability,
    /// Hosts that are ours, without port; empty takes any.
    pub hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Network>,
    /// Header in which a trusted proxy names the visitor's country, such as `CF-IPCountry`; `None` leaves it unknown.
    pub country_header: Option<String>,
    /// Visitors reach us by https even where no proxy says so.
    pub https: bool,
    /// `X-Tributary-At: <ms>` overrides the clock for one request. For the demo and replays of logs, on loopback only.
    pub trust_time_header: bool,
    /// Secrets of click ids, 1 or 2, each with its number (0 to 15); ids are minted under the first.
    pub click_keys: Vec<ClickSecret>,
    /// Secret of visitor cookies and customer hashes. The same on every edge of an installation.
    pub identity_secret: Hidden,
    /// What who posts scores to the admin port says; empty takes scores from this machine alone.
    pub scores_token: Hidden,
    /// For a request's head to arrive, counted from its first byte; a connection that has said nothing is closed after one to two of it.
    pub header_timeout: Duration,
    /// Connections per thread; one more is closed at once (counted).
    pub connections_max: usize,
    /// Connections per thread and peer (an IPv4 address, an IPv6 /64); one more is closed at once (counted). 0 is no limit; trusted proxies have none.
    pub connections_per_peer_max: usize,
    /// From the shutdown's beginning, while `/readyz` says no already, until no more connections are taken: a load balancer's lag.
    pub drain_delay: Duration,
    /// Where to ship to; `None` is the embedded log, which reads the spool itself.
    pub kafka: Option<KafkaOptions>,
    /// Size of a spool segment, in bytes.
    pub segment_bytes: u64,
    /// Where the spool's system calls go; tests let some of them fail.
    pub disk: Disk,
}

/// A secret under which click ids are signed.
#[derive(Clone)]
pub struct ClickSecret {
    /// 0 to 15.
    pub number: u8,
    /// 32 random bytes are right.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for ClickSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClickSecret").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Options {
    /// Settings for this machine alone, with everything at its default.
    #[must_use]
    pub fn local(data: PathBuf, keys: crate::keys::Keys) -> Self {
        Self {
            edge: 1,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            data,
            threads: 0,
            durability: Durability::Process,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            country_header: None,
            https: false,
            trust_time_header: false,
            click_keys: keys.click,
            identity_secret: Hidden(keys.identity),
            scores_token: Hidden::default(),
            header_timeout: Duration::from_secs(5),
            connections_max: 10_000,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            drain_delay: Duration::ZERO,
            kafka: None,
            segment_bytes: journal::spool::SEGMENT_BYTES,
            disk: Disk::Real,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    // fault 125
    #[test]
    fn settings_are_printed_without_their_secrets() {
        let keys = || Keys {
            click: vec![ClickSecret { number: 1, secret: b"click-secret".to_vec() }],
            identity: b"identity-secret".to_vec(),
        };
        let mut options = Options::local(PathBuf::from("data"), keys());
        let password = ("sasl.password".to_owned(), "kafka-secret".to_owned());
        options.kafka = Some(KafkaOptions {
            brokers: "broker:9092".to_owned(),
            properties: BTreeMap::from([password]),
            prefix: "tributary".to_owned(),
            records_per_second_max: None,
        });
        let said = format!("{options:?} {:#?} {:?}", options, keys());
        assert!(said.contains("broker:9092") && said.contains("sasl.password"), "{said}");
        for secret in [b"click-secret".as_slice(), b"identity-secret", b"kafka-secret"] {
            let text = String::from_utf8_lossy(secret);
            assert!(!said.contains(&*text) && !said.contains(&format!("{secret:?}")), "{text}: {said}");
        }
    }
}
