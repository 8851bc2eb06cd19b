//! Which of Kafka's partitions this process owns, and a worker's thread for each.
//!
//! In: the group's assignments. Out: owners begun and ended. Ownership is only a hint for sharing the work: what keeps two owners of one
//! partition from disagreeing is the claim. Not here: one partition's ownership (`owner`). Start at [`Group::work`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use journal::kafka::{Change, KafkaGroup};
use tokio::runtime::Handle;

use crate::{
    batching::backoff_ms, kafka, options::KafkaOptions, owner::Owner, run::RunError, sink::with_causes,
};

/// One look at the group; also what a stop may wait.
const LOOK: Duration = Duration::from_millis(100);

/// All partitions of this process.
#[derive(Debug)]
pub(crate) struct Group {
    /// The owner that each partition's is made from.
    pub(crate) pattern: Owner,
    pub(crate) options: KafkaOptions,
}

#[derive(Debug)]
struct Owned {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Group {
    /// Works until told to stop, or until a partition cannot go on.
    pub(crate) fn work(&self, runtime: &Handle) -> Result<(), RunError> {
        let Some(mut group) = self.join()? else { return Ok(()) };
        let mut owned = BTreeMap::<u32, Owned>::new();
        let result = self.share(&mut group, &mut owned, runtime);
        let partitions: Vec<u32> = owned.keys().copied().collect();
        // All are told before any is waited for.
        for it in owned.values() {
            it.stop.store(true, Ordering::Relaxed);
        }
        let ended = partitions.into_iter().map(|it| self.end(it, &mut owned));
        let ended: Vec<_> = ended.collect();
        result.and_then(|()| ended.into_iter().collect())
    }

    /// The topics are there and the group is joined; `None` when told to stop before the brokers answered.
    fn join(&self) -> Result<Option<KafkaGroup>, RunError> {
        let mut tries = 0;
        while !self.pattern.stop.load(Ordering::Relaxed) {
            match kafka::ensure_topics(&self.options) {
                Ok(()) => {
                    let KafkaOptions { settings, group, instance, topics, .. } = &self.options;
                    return Ok(Some(KafkaGroup::join(settings, group, instance, &topics.clicks)?));
                }
                Err(error) if error.is_passing() => {
                    tries += 1;
                    tracing::warn!(error = with_causes(&error), tries, "brokers do not answer");
                    self.pattern.wait(Duration::from_millis(backoff_ms(tries)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn share(
        &self,
        group: &mut KafkaGroup,
        owned: &mut BTreeMap<u32, Owned>,
        runtime: &Handle,
    ) -> Result<(), RunError> {
        while !self.pattern.stop.load(Ordering::Relaxed) {
            for change in group.poll(LOOK)? {
                match change {
                    Change::Assigned(partitions) => {
                        for partition in partitions.into_iter().filter_map(|it| u32::try_from(it).ok()) {
                            self.end(partition, owned)?;
                            owned.insert(partition, self.begin(partition, runtime)?);
                        }
                    }
                    Change::Revoked(partitions) => {
                        for partition in partitions.into_iter().filter_map(|it| u32::try_from(it).ok()) {
                            self.end(partition, owned)?;
                        }
                    }
                }
            }
            let over: Vec<u32> =
                owned.iter().filter(|(_, it)| it.thread.is_finished()).map(|(it, _)| *it).collect();
            over.into_iter().try_for_each(|it| self.end(it, owned))?;
        }
        Ok(())
    }

    fn begin(&self, partition: u32, runtime: &Handle) -> Result<Owned, RunError> {
        let stop = Arc::new(AtomicBool::new(false));
        let owner = Owner { partition, stop: Arc::clone(&stop), ..self.pattern.clone() };
        let runtime = runtime.clone();
        tracing::info!(partition, "partition taken over");
        let thread = thread::Builder::new()
            .name(format!("pipeline-{partition}"))
            .spawn(move || owner.work(&runtime))
            .map_err(|source| RunError::Thread { partition, source })?;
        Ok(Owned { stop, thread })
    }

    /// Ends the owner of a partition, if there is one: finishes, checkpoints, releases.
    fn end(&self, partition: u32, owned: &mut BTreeMap<u32, Owned>) -> Result<(), RunError> {
        let Some(Owned { stop, thread }) = owned.remove(&partition) else { return Ok(()) };
        let began = Instant::now();
        stop.store(true, Ordering::Relaxed);
        let result = thread.join().unwrap_or(Err(RunError::Panicked { partition }));
        self.pattern.status.remove(partition);
        tracing::info!(partition, took_ms = began.elapsed().as_millis(), "partition released");
        result
    }
}
