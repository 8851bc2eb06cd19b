//! One thread of an edge without sockets and without chance: requests are handed to it as bytes.
//!
//! In: a head as a browser sends it. Out: the answer's bytes, and the click in a real spool. The same functions as behind a socket, so that
//! instructions of a click can be counted and answers judged without a network. Not here: anything but plain clicks. Start at [`Direct::click`].

use std::{
    net::IpAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use telemetry::Telemetry;
use units::Clock;

use crate::{
    edge::{EdgeError, check, shared, worker},
    lane,
    recorder::Seeds,
    settings::Options,
    snapshots::Follower,
    worker::Worker,
};

/// A thread's hands, without the thread.
#[derive(Debug)]
pub struct Direct {
    worker: Arc<Worker>,
}

impl Direct {
    /// Opens the spool and takes the catalog into force. What is drawn by lot elsewhere follows from `seed` here: ids are not for real visitors.
    pub fn open(options: Options, clock: Clock, seed: u32) -> Result<Self, EdgeError> {
        check(&options)?;
        let mut catalog = Follower::new(options.data.join("catalog"));
        let shared = Arc::new(shared(options, clock)?);
        catalog.step(&shared, clock());
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&seed.to_be_bytes());
        let seeds = Seeds { mint: seed, visitors: bytes, addresses: bytes };
        Ok(Self { worker: worker(&shared, &Telemetry::new("direct"), 0, seeds)? })
    }

    /// Bytes of the plain click at the front of `heard`; `None` where it is anything else, which is hyper's.
    #[must_use]
    pub fn reads(&self, heard: &[u8]) -> Option<usize> {
        lane::plain(&self.worker, heard).map(|it| it.head_bytes)
    }

    /// Answers the plain click at the front of `heard` and says how many bytes it had; `None` as in [`Direct::reads`].
    pub fn click(&self, peer: IpAddr, heard: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let plain = lane::plain(&self.worker, heard)?;
        let answering = pin!(lane::answer_one(&self.worker, peer, &plain, plain.is_last, out));
        match answering.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(_) => Some(plain.head_bytes),
            // Only mode `power` waits, for a sync that nobody here would make.
            Poll::Pending => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn a_click_is_answered_without_a_socket_and_always_alike() {
        let answer = || {
            let data = tempfile::tempdir().unwrap();
            let keys = Keys { click: vec![key()], identity: b"identity".to_vec() };
            let direct =
                Direct::open(Options::local(data.path().into(), keys), || units::EpochMs(1), 7).unwrap();
            let head = b"GET /c/tea HTTP/1.1\r\nHost: a\r\n\r\nGET";
            let mut out = Vec::new();
            assert_eq!(direct.reads(head), Some(head.len() - 3));
            assert_eq!(direct.click([127, 0, 0, 1].into(), head, &mut out), Some(head.len() - 3));
            assert_eq!(direct.click([127, 0, 0, 1].into(), b"POST /c/tea", &mut out), None);
            String::from_utf8(out).unwrap()
        };
        let first = answer();
        // There is no catalog.
        assert!(first.starts_with("HTTP/1.1 503 "), "{first}");
        assert_eq!(first, answer());
    }

    fn key() -> crate::ClickSecret {
        crate::ClickSecret { number: 1, secret: b"secret".to_vec() }
    }
}
