//! A partition's machines fed with facts while they speak: for who wants to know what would be decided, beside the log and its owners.
//!
//! In: touches and orders as the warehouse read them back. Out: decisions, of each order the last. No row of an input is written and no fate is counted.
//! Not here: making up for lost state, which is silent (`recalled`). Start at [`Partition::relive_order`].

use attribution::{Slices, StoreError as TouchError};
use events::{Credit, Decision, Evidence, Report, Score, Touch};

use super::{Outbox, Partition, PartitionError, States};

impl<S: Slices> Partition<S> {
    /// A touch, of whomever. Those that an order may ask for come before it, so that it is decided once.
    pub fn relive_touch(&mut self, touch: &Touch) -> Result<(), TouchError> {
        self.timelines.on_touch(touch, &mut self.evidence_out)
    }

    /// All reports of an order, with its newest score and what it is known to have been answered by touches that are gone; decided, with all that
    /// follows.
    pub fn relive_order<D: States>(
        &mut self,
        reports: impl IntoIterator<Item = Report>,
        score: Option<Score>,
        answers: impl IntoIterator<Item = Evidence>,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        for report in reports {
            self.load_order(&report.key, states)?;
            self.orders.add_report(report, &mut self.orders_out);
        }
        if let Some(score) = score {
            self.load_order(&score.order, states)?;
            self.orders.add_score(score, &mut self.orders_out);
        }
        for evidence in answers {
            self.on_evidence(evidence, states)?;
        }
        self.settle(states, out)
    }
}

impl Outbox {
    /// The last snapshot of each order that was decided since the last call, instead of rows.
    pub fn take_decided(&mut self) -> impl Iterator<Item = (Box<Decision>, Vec<Credit>)> + use<> {
        self.decided_rows = 0;
        std::mem::take(&mut self.decided).into_values()
    }
}
