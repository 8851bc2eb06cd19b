//! Everything in quarantine: the table's rows, and what edges' shippers put into the topic of that name, which is in no table until it is replayed.
//!
//! In: settings. Out: sums, rows by place, and the rows that wait, page by page, each once. It changes nothing. Start at [`Held::open`].

use std::collections::BTreeMap;

use events::{Event, Quarantined};
use warehouse::{QuarantineKey, QuarantineSum, QuarantinedRow, Warehouse};

use super::ask;
use crate::{commands::log::Reading, commands::place::Place, output::Output, settings::Settings};

/// Records of the topic that are looked at: 8 KiB each at the most. The others are the next replay's.
const TOPIC_RECORDS_MAX: usize = 20_000;

/// What is there.
pub(super) struct Held<'a> {
    place: Place<'a>,
    pub(super) warehouse: Warehouse,
    /// Those of the topic that the table does not have.
    in_topic: BTreeMap<QuarantineKey, QuarantinedRow>,
}

impl<'a> Held<'a> {
    pub(super) fn open(settings: &'a Settings, output: Output) -> anyhow::Result<Self> {
        let place = Place::new(settings);
        let warehouse = place.warehouse();
        let mut in_topic = BTreeMap::new();
        let mut left_out = 0_u64;
        if let Some(mut topic) = Reading::open(settings, &["quarantine.v1"], "tributary-quarantine")? {
            topic.read(|bytes| {
                let Ok(Event::Quarantined(it)) = Event::decode(bytes) else { return Ok(()) };
                let row = shipped(it);
                if in_topic.len() < TOPIC_RECORDS_MAX || in_topic.contains_key(&row.key) {
                    in_topic.insert(row.key.clone(), row);
                } else {
                    left_out += 1;
                }
                Ok(())
            })?;
        }
        let places: Vec<&str> = in_topic.keys().map(|it| it.place.as_str()).collect();
        let known = ask(place, async { Ok(warehouse.quarantined_among(&places).await?) })?;
        in_topic.retain(|key, _| !known.contains(key));
        if left_out > 0 {
            output.say(&format!(
                "of the topic {} the first {TOPIC_RECORDS_MAX} records are looked at, {left_out} more are there",
                place.topic("quarantine.v1")
            ));
        }
        Ok(Self { place, warehouse, in_topic })
    }

    pub(super) const fn place(&self) -> Place<'a> {
        self.place
    }

    /// By reason; of one, if one is given.
    pub(super) fn sums(&self, reason: Option<&str>) -> anyhow::Result<Vec<QuarantineSum>> {
        let mut sums = ask(self.place, async { Ok(self.warehouse.quarantine_sums().await?) })?;
        for key in self.in_topic.keys() {
            if let Some(sum) = sums.iter_mut().find(|it| it.reason == key.reason) {
                sum.waiting += 1;
                if sum.example.is_empty() {
                    sum.example.clone_from(&key.place);
                }
                continue;
            }
            let QuarantineKey { place: example, reason } = key.clone();
            sums.push(QuarantineSum { reason, waiting: 1, replayed: 0, oldest: 0, newest: 0, example });
        }
        sums.retain(|it| reason.is_none_or(|reason| it.reason == reason));
        Ok(sums)
    }

    /// All rows of a place.
    pub(super) fn at(&self, place: &str) -> anyhow::Result<Vec<QuarantinedRow>> {
        let mut rows = ask(self.place, async { Ok(self.warehouse.quarantined_at(place).await?) })?;
        rows.extend(self.in_topic.values().filter(|it| it.key.place == place).cloned());
        Ok(rows)
    }

    /// Hands out what waits, until there is no more or `on` says that it is enough.
    pub(super) fn each_waiting(
        &self,
        reason: Option<&str>,
        mut on: impl FnMut(&[QuarantinedRow]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let of_reason = |it: &&QuarantinedRow| reason.is_none_or(|reason| it.key.reason == reason);
        let in_topic: Vec<QuarantinedRow> = self.in_topic.values().filter(of_reason).cloned().collect();
        for page in in_topic.chunks(warehouse::PAGE_ROWS_MAX) {
            if !on(page)? {
                return Ok(());
            }
        }
        let mut after = QuarantineKey::default();
        loop {
            let page = ask(self.place, async { Ok(self.warehouse.waiting(reason, &after).await?) })?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.key.clone();
            if !on(&page)? {
                return Ok(());
            }
        }
    }
}

/// As the table will hold it. When it came is not in the record.
fn shipped(it: Quarantined) -> QuarantinedRow {
    let key = QuarantineKey { place: it.place.into(), reason: it.reason.into() };
    QuarantinedRow { key, event_id: [0; 16], bytes: it.bytes, written_at: 0, replayed_at: 0 }
}
