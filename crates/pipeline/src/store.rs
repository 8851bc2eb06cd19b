//! One partition's state on disk: what the machines remember and how far the inputs were read, in one atomic commit.
//!
//! In: a [`Checkpoint`], after everything it covers has been acknowledged. Out: states by key, positions, the touch store's
//! committed end. State is disposable: any consistent older one, or none, leads to the same output. Not here: what the
//! states mean (`attribution`), the slices' own bytes (`slices`), when to commit (`worker`). Start at [`Store::open`].

use std::path::{Path, PathBuf};

use events::{Identity, OrderKey};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use journal::{Position, StreamId};
use units::{CustomerId, EpochMs};

mod keys;
mod label;
mod making;

pub use label::{Label, LabelError};

use making::Making;

/// Write-ahead bytes that fjall keeps, in bytes. Its default of 512 MiB made a reopen take 7.0 s, this one 1.8 s.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Blocks cached per partition, in bytes; beyond it the oldest are read again from disk.
const CACHE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Background threads of fjall per partition: state is written once a batch, so one keeps up.
const WORKER_THREADS: usize = 1;
/// Bytes of one keyspace in memory before they become a file.
const MEMTABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What an acknowledged checkpoint survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process. After a power cut an older state is found, which is enough: its inputs are read again.
    #[default]
    Process,
    /// A power cut too: synced before it counts.
    Power,
}

/// Everything one batch of inputs changed, to be committed as one.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// How far each input was read.
    pub positions: Vec<Position>,
    /// Orders' states that changed.
    pub orders: Vec<(OrderKey, Vec<u8>)>,
    /// Where in time decided orders lie. Earlier places of a moved order stay: they cost a needless second look, never a wrong one.
    pub order_times: Vec<(EpochMs, OrderKey)>,
    /// Timelines' states that changed; without bytes, those to delete.
    pub timelines: Vec<(Identity, Vec<u8>)>,
    /// The touch store's next number; `None` keeps the one before, while what was read is not said yet.
    pub touches_next: Option<u64>,
    /// The owner's claim.
    pub claim: u64,
    /// The random number in that claim's record, to know the log again by.
    pub nonce: u64,
    /// The newest catalog version that every order on disk has been decided by; `None` while that is under way.
    pub catalog: Option<u32>,
}

/// Why state cannot be used. All of these stop the partition; none loses anything but time, since state can be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory is another log's or another build's.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// Another process works on it.
    #[error("state {path} is in use by another process; stop that one first")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// fjall refused.
    #[error("state {path} cannot be {doing}")]
    Database {
        /// The directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: fjall::Error,
    },
    /// A key or value is not what this build writes.
    #[error("state {path} holds {what} that this build cannot read; move it away, it will be rebuilt")]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Which part.
        what: &'static str,
    },
}

/// The state of one partition.
#[derive(Clone)]
pub struct Store {
    path: PathBuf,
    durability: Durability,
    database: Database,
    positions: Keyspace,
    orders: Keyspace,
    order_times: Keyspace,
    timelines: Keyspace,
    customers: Keyspace,
    meta: Keyspace,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

const CLAIM_KEY: &[u8] = b"claim";
const NONCE_KEY: &[u8] = b"nonce";
const CATALOG_KEY: &[u8] = b"catalog";
const TOUCHES_KEY: &[u8] = b"touches";
const NOTED_KEY: &[u8] = b"noted";

impl Store {
    /// Opens the state in `directory`, or begins it. Refuses one that carries another label.
    pub fn open(directory: &Path, label: &Label, durability: Durability) -> Result<Self, StoreError> {
        label::check_or_write(directory, label)?;
        let path = directory.join("state");
        let making = Making::begin(directory, &path)?;
        let failed = |doing| {
            let path = path.clone();
            move |source| match source {
                fjall::Error::Locked => StoreError::InUse { path },
                source => StoreError::Database { path, doing, source },
            }
        };
        let database = Database::builder(&path)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .cache_size(CACHE_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(failed("opened"))?;
        let keyspace = |name| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
            database.keyspace(name, options).map_err(failed("opened"))
        };
        let opened = Self {
            positions: keyspace("positions")?,
            orders: keyspace("orders")?,
            order_times: keyspace("order_times")?,
            timelines: keyspace("timelines")?,
            customers: keyspace("customers")?,
            meta: keyspace("meta")?,
            database: database.clone(),
            durability,
            path: path.clone(),
        };
        making.end()?;
        Ok(opened)
    }

    /// How far each input was read when the last checkpoint was taken.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        self.scan(self.positions.iter(), |key, value| {
            let stream: StreamId = std::str::from_utf8(key).ok()?.parse().ok()?;
            Some(Position { stream, next: u64::from_be_bytes(value.try_into().ok()?) })
        })
    }

    /// The number of the touch store's next touch; 0 where there is none.
    pub fn touches_next(&self) -> Result<u64, StoreError> {
        Ok(self.number(TOUCHES_KEY)?.map_or(0, u64::from_be_bytes))
    }

    /// Every visitor's state, since questions about visitors live in memory. Customers, whom format 1 kept among them, move to their own place
    /// before: there are more of them than a start can read.
    pub fn timelines(&self) -> Result<Vec<(Identity, Vec<u8>)>, StoreError> {
        let all =
            self.scan(self.timelines.iter(), |key, value| Some((keys::identity_of(key)?, value.to_vec())))?;
        let is_visitor = |it: &(Identity, _)| matches!(it.0, Identity::Visitor(_));
        let (visitors, customers): (Vec<_>, Vec<_>) = all.into_iter().partition(is_visitor);
        let mut batch = self.database.batch();
        for (identity, state) in &customers {
            let key = identity.log_key();
            if self.read(&self.customers, &key)?.is_none() {
                batch.insert(&self.customers, key.as_slice(), state.as_slice());
            }
            batch.remove(&self.timelines, key);
        }
        batch.commit().map_err(|source| self.failed("written", source))?;
        Ok(visitors)
    }

    /// A customer's state.
    pub fn customer_state(&self, customer: CustomerId) -> Result<Option<fjall::Slice>, StoreError> {
        self.read(&self.customers, &Identity::Customer(customer).log_key())
    }

    /// The last owner's claim; 0 where there was none.
    pub fn claim(&self) -> Result<u64, StoreError> {
        Ok(self.number(CLAIM_KEY)?.map_or(0, u64::from_be_bytes))
    }

    /// The random number in the last owner's claim.
    pub fn nonce(&self) -> Result<u64, StoreError> {
        Ok(self.number(NONCE_KEY)?.map_or(0, u64::from_be_bytes))
    }

    /// The newest catalog version that every order on disk has been decided by; 0 for none.
    pub fn catalog(&self) -> Result<u32, StoreError> {
        Ok(self.number(CATALOG_KEY)?.map_or(0, u32::from_be_bytes))
    }

    /// The number of the last note that the warehouse is known to have taken; 0 for none.
    pub fn noted(&self) -> Result<u64, StoreError> {
        Ok(self.number(NOTED_KEY)?.map_or(0, u64::from_be_bytes))
    }

    /// Keeps it. Not part of a checkpoint: losing it only makes a loss of the warehouse's go unnoticed here.
    pub fn set_noted(&self, number: u64) -> Result<(), StoreError> {
        let kept = self.meta.insert(NOTED_KEY, number.to_be_bytes());
        kept.map_err(|source| self.failed("written", source))
    }

    /// What an acknowledged checkpoint survives.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// An order's state.
    pub fn order_state(&self, key: &OrderKey) -> Result<Option<fjall::Slice>, StoreError> {
        self.read(&self.orders, &key.log_key())
    }

    /// Orders that lie (or once lay) at or after `from`, up to `orders_max` after the place `after`; with the place to go on from.
    pub fn orders_from(&self, from: &OrderPlace, orders_max: usize) -> Result<Vec<OrderPlace>, StoreError> {
        let range = self.order_times.range(from.0.clone()..).take(orders_max);
        self.scan(range, |key, _| Some(OrderPlace(key.to_vec())))
    }

    /// Number of orders' states, by a full scan: for tests and `doctor`.
    pub fn orders_count(&self) -> Result<usize, StoreError> {
        self.orders.len().map_err(|source| self.failed("read", source))
    }

    /// Makes `checkpoint` the state that the next owner finds. All of it or nothing.
    pub fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        if self.durability == Durability::Power {
            batch = batch.durability(Some(PersistMode::SyncData));
        }
        for position in &checkpoint.positions {
            batch.insert(
                &self.positions,
                position.stream.to_string().as_bytes(),
                position.next.to_be_bytes(),
            );
        }
        for (key, state) in &checkpoint.orders {
            batch.insert(&self.orders, key.log_key(), state.as_slice());
        }
        for (at, key) in &checkpoint.order_times {
            batch.insert(&self.order_times, keys::placed(*at, key), []);
        }
        for (identity, state) in &checkpoint.timelines {
            let keyspace = match identity {
                Identity::Visitor(_) => &self.timelines,
                Identity::Customer(_) => &self.customers,
            };
            if state.is_empty() {
                batch.remove(keyspace, identity.log_key());
            } else {
                batch.insert(keyspace, identity.log_key(), state.as_slice());
            }
        }
        if let Some(next) = checkpoint.touches_next {
            batch.insert(&self.meta, TOUCHES_KEY, next.to_be_bytes());
        }
        batch.insert(&self.meta, CLAIM_KEY, checkpoint.claim.to_be_bytes());
        batch.insert(&self.meta, NONCE_KEY, checkpoint.nonce.to_be_bytes());
        if let Some(version) = checkpoint.catalog {
            batch.insert(&self.meta, CATALOG_KEY, version.to_be_bytes());
        }
        batch.commit().map_err(|source| self.failed("written", source))
    }

    fn read(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<fjall::Slice>, StoreError> {
        keyspace.get(key).map_err(|source| self.failed("read", source))
    }

    fn number<const N: usize>(&self, key: &[u8]) -> Result<Option<[u8; N]>, StoreError> {
        let Some(value) = self.read(&self.meta, key)? else { return Ok(None) };
        value.as_ref().try_into().map(Some).map_err(|_| self.damaged("a number"))
    }

    fn scan<T>(
        &self,
        range: impl Iterator<Item = fjall::Guard>,
        parse: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        range
            .map(|entry| {
                let (key, value) = entry.into_inner().map_err(|source| self.failed("read", source))?;
                parse(&key, &value).ok_or_else(|| self.damaged("an entry"))
            })
            .collect()
    }

    fn failed(&self, doing: &'static str, source: fjall::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), doing, source }
    }

    fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what }
    }
}

/// A place in the list of orders by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderPlace(Vec<u8>);

impl OrderPlace {
    /// The first place at `at`.
    #[must_use]
    pub fn first_at(at: EpochMs) -> Self {
        Self(at.0.to_be_bytes().to_vec())
    }

    /// The place of an order that lies at `at`.
    #[must_use]
    pub fn of(at: EpochMs, key: &OrderKey) -> Self {
        Self(keys::placed(at, key))
    }

    /// The place right behind this one.
    #[must_use]
    pub fn behind(mut self) -> Self {
        self.0.push(0);
        self
    }

    /// The order there; `None` where the bytes are not ours.
    #[must_use]
    pub fn order(&self) -> Option<OrderKey> {
        keys::order_of(self.0.get(8..)?)
    }
}

#[cfg(test)]
mod tests;
