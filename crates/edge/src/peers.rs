//! How many connections each peer holds, so that one address cannot take all of a thread's.
//!
//! In: a peer's address. Out: a [`Place`] that is given back when it is dropped, or none. Proxies we trust have no limit: all visitors come through
//! them, and telling visitors apart is the proxy's work there. Not here: the thread's own limit (`server`). Start at [`Peers::take`].

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::network::{self, Network};

/// One thread's. Never contended: the lock lets connection futures be `Send`, as in `worker`.
#[derive(Debug)]
pub(crate) struct Peers {
    /// 0 is no limit.
    each_max: usize,
    /// Invariant: no entry is 0, so it is never longer than the thread has connections.
    held: Mutex<HashMap<u128, usize>>,
}

/// A peer's right to one connection.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` for a peer without limit.
    of: Option<(Arc<Peers>, u128)>,
}

impl Peers {
    pub(crate) fn new(each_max: usize) -> Self {
        Self { each_max, held: Mutex::default() }
    }

    /// `None`: this peer has its full number.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr, trusted: &[Network]) -> Option<Place> {
        if self.each_max == 0 || trusted.iter().any(|it| it.contains(peer)) {
            return Some(Place { of: None });
        }
        let key = network::household(peer);
        let mut held = self.held();
        let count = held.entry(key).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Place { of: Some((Arc::clone(self), key)) })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u128, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((peers, key)) = &self.of else { return };
        let mut held = peers.held();
        if let Some(count) = held.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                held.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(peers: &Arc<Peers>, peer: &str) -> Option<Place> {
        peers.take(peer.parse().unwrap(), &["10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn a_peer_gets_its_number_and_not_one_more() {
        let peers = Arc::new(Peers::new(2));
        let first = take(&peers, "203.0.113.7");
        let second = take(&peers, "::ffff:203.0.113.7");
        assert!(first.is_some() && second.is_some());
        assert!(take(&peers, "203.0.113.7").is_none(), "the same address, written in two ways");
        assert!(take(&peers, "203.0.113.8").is_some(), "its neighbour is another");
        drop(first);
        assert!(take(&peers, "203.0.113.7").is_some(), "a place given back is taken again");
    }

    #[test]
    fn a_household_of_ipv6_is_one_peer() {
        let peers = Arc::new(Peers::new(1));
        let _held = take(&peers, "2001:db8:1:2::1");
        assert!(take(&peers, "2001:db8:1:2:ffff::2").is_none());
        assert!(take(&peers, "2001:db8:1:3::1").is_some());
    }

    #[test]
    fn a_trusted_proxy_and_a_limit_of_0_are_no_limit() {
        let peers = Arc::new(Peers::new(1));
        let held: Vec<_> = (0..100).map(|_| take(&peers, "10.1.2.3")).collect();
        assert!(held.iter().all(Option::is_some));
        let open = Arc::new(Peers::new(0));
        let held: Vec<_> = (0..100).map(|_| take(&open, "203.0.113.7")).collect();
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let peers = Arc::new(Peers::new(3));
        let held: Vec<_> = (0..200).map(|n| take(&peers, &format!("203.0.113.{n}"))).collect();
        assert_eq!(peers.held().len(), 200);
        drop(held);
        assert!(peers.held().is_empty());
    }
}
