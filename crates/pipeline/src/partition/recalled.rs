//! What a partition's machines are told by facts instead of by the log, while they are silent.
//!
//! In: reports, scores, questions and touches as the warehouse read them back. Out: nothing; all of it is noted as touched, and said once the owner
//! speaks. Rows are not written again and no fate is counted: these are no new inputs. Start at [`Partition::recall_report`].

use attribution::{Slices, StoreError as TouchError};
use events::{Bound, Evidence, Lookup, Report, Score, Touch};

use super::{Partition, PartitionError, States};

impl<S: Slices> Partition<S> {
    /// A report of an order of this partition.
    pub fn recall_report<D: States>(
        &mut self,
        report: Report,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        debug_assert!(self.orders.is_silent(), "facts are read before anything is said");
        self.load_order(&report.key, states)?;
        self.orders.on_report(report, &mut self.orders_out);
        Ok(())
    }

    /// The newest score of an order of this partition.
    pub fn recall_score<D: States>(
        &mut self,
        score: Score,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        debug_assert!(self.orders.is_silent(), "facts are read before anything is said");
        self.load_order(&score.order, states)?;
        self.orders.on_score(score, &mut self.orders_out);
        Ok(())
    }

    /// What an order of this partition is known to have been answered.
    pub fn recall_evidence<D: States>(
        &mut self,
        evidence: Evidence,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        debug_assert!(self.orders.is_silent(), "facts are read before anything is said");
        self.on_evidence(evidence, states)
    }

    /// What some order is known to have asked a timeline of this partition.
    pub fn recall_question<D: States>(
        &mut self,
        lookup: Lookup,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        debug_assert!(self.timelines.is_silent(), "facts are read before anything is said");
        self.on_lookup(lookup, states)
    }

    /// What an order is known to have been to a customer of this partition.
    pub fn recall_bound<D: States>(
        &mut self,
        bound: Bound,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        debug_assert!(self.timelines.is_silent(), "facts are read before anything is said");
        self.on_bound(bound, states)
    }

    /// A touch of a visitor of this partition.
    pub fn recall_touch(&mut self, touch: &Touch) -> Result<(), TouchError> {
        debug_assert!(self.timelines.is_silent(), "facts are read before anything is said");
        self.timelines.on_touch(touch, &mut self.evidence_out)
    }
}
