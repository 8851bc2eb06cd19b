//! Up to which instant everything is here, and whom nobody waits for any more.
//!
//! In: what an audit found. Out: the instant, noted in `ClickHouse`; writers retired by hand or for their silence. Not here: the arithmetic
//! (`warehouse`). Start at [`AuditFlags::complete`].

use std::collections::{BTreeMap, BTreeSet};

use units::{EpochMs, HOUR_MS, Origin, WriterId};
use warehouse::{Complete, LifeSeen, Warehouse, complete_up_to};

use super::{AuditFlags, found::Audited};
use crate::output::Output;

impl AuditFlags {
    /// Up to when everything is here; retires whom nobody has to wait for, and notes both.
    pub(super) async fn complete(
        &self,
        warehouse: &Warehouse,
        result: &Audited,
        output: Output,
        looked_at: EpochMs,
        now: EpochMs,
    ) -> anyhow::Result<Complete> {
        let last = warehouse.last_times().await?;
        let mut lives = Vec::new();
        for line in &result.lines {
            let audit = &line.audit;
            let (writer, incarnation) = (WriterId(audit.writer), audit.incarnation);
            let stored_at = match line.gaps.first() {
                Some(gap) => {
                    let sequence = gap.first.saturating_sub(1);
                    warehouse.time_of(Origin { writer, incarnation, sequence }).await?
                }
                None => last.get(&(writer, incarnation)).copied().unwrap_or(looked_at),
            };
            let (has_gap, is_here) = (line.missing() > 0, line.is_here);
            lives.push(LifeSeen { writer, incarnation, stored_at, has_gap, is_here });
        }
        if let Some(writer) = self.retire
            && !lives.iter().any(|it| it.writer.0 == writer)
        {
            let known: BTreeSet<String> = lives.iter().map(|it| it.writer.to_string()).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            anyhow::bail!("there is no writer {writer} to retire: those that were seen are {known}");
        }
        let mut retired = warehouse.retired().await?;
        for (writer, incarnation, why) in self.to_retire(&lives, &retired, now) {
            warehouse.retire(writer, incarnation, now, &why).await?;
            output.say(&format!("writer {writer} is retired: {why}"));
            retired.insert(writer, incarnation);
        }
        let complete = complete_up_to(&lives, &retired, looked_at);
        warehouse.note_complete(complete, now).await?;
        Ok(complete)
    }

    /// The newest life of each writer that is given up, and why.
    fn to_retire(
        &self,
        lives: &[LifeSeen],
        retired: &BTreeMap<WriterId, u32>,
        now: EpochMs,
    ) -> Vec<(WriterId, u32, String)> {
        let mut newest = BTreeMap::<WriterId, LifeSeen>::new();
        for it in lives {
            let known = newest.entry(it.writer).or_insert(*it);
            if known.incarnation < it.incarnation {
                *known = *it;
            }
        }
        let hours = u64::from(self.retire_after_hours);
        let why = |it: &LifeSeen| {
            let silent_ms = now.ms_since(it.stored_at).unwrap_or(0);
            if self.retire == Some(it.writer.0) {
                Some("by hand".to_owned())
            } else if !it.is_here && !it.has_gap && silent_ms >= hours * HOUR_MS {
                Some(format!("silent for {hours} hours"))
            } else {
                None
            }
        };
        let is_new = |it: &&LifeSeen| retired.get(&it.writer).is_none_or(|last| *last < it.incarnation);
        let given_up = newest.values().filter(is_new);
        given_up.filter_map(|it| Some((it.writer, it.incarnation, why(it)?))).collect()
    }
}
