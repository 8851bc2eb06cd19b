//! Where a record in quarantine belongs, as this build understands it.
//!
//! In: its bytes and its place. Out: facts of inputs, rows to be sent again, orders to be said again, or why it stays. Not here: putting it there
//! (`replay`). Start at [`Belongs::of`].

use events::{Click, Event, Report, Score};
use warehouse::{Batch, Fate, QuarantinedRow, RefusedTable};

use super::words;

/// Where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Belongs<'a> {
    /// Among the clicks and views.
    Click(Box<Click<'a>>),
    /// Among the reports.
    Report(Box<Report>),
    /// Among the scores.
    Score(Box<Score>),
    /// In the table that refused it.
    Row(RefusedTable),
    /// With the owners of orders, who make it again.
    Owners,
    /// In quarantine, for this reason.
    Stays(&'static str),
}

/// Neither an input nor anything an owner still needs.
const NO_INPUT: &str = "kind_not_spooled";
const OUT_OF_CALENDAR: &str = "time_out_of_range";

impl<'a> Belongs<'a> {
    pub(super) fn of(row: &'a QuarantinedRow) -> Self {
        let place = row.key.place.as_str();
        if let Some(table) = RefusedTable::of_place(place) {
            return Self::Row(table);
        }
        if place.starts_with("orders_log ") || place.starts_with("credits_log ") {
            return Self::Owners;
        }
        match Event::decode(&row.bytes) {
            Ok(Event::Click(click)) if Batch::new().click(&click) == Fate::Row => {
                Self::Click(Box::new(click))
            }
            Ok(Event::Report(report)) if Batch::new().report(&report) == Fate::Row => Self::Report(report),
            Ok(Event::Score(score)) if Batch::new().score(&score) == Fate::Row => Self::Score(score),
            Ok(Event::Click(_) | Event::Report(_) | Event::Score(_)) => Self::Stays(OUT_OF_CALENDAR),
            // An order that its owner decided, at such a time.
            Ok(Event::Decision(_)) if place.starts_with("order ") => Self::Stays(OUT_OF_CALENDAR),
            Ok(Event::Lookup(_) | Event::Evidence(_) | Event::Bound(_)) => Self::Owners,
            Ok(
                Event::Decision(_)
                | Event::Credit(_)
                | Event::Catalog(_)
                | Event::Claim(_)
                | Event::Quarantined(_),
            ) => Self::Stays(NO_INPUT),
            Err(error) => Self::Stays(error.code()),
        }
    }
}

/// What a replay would do with it.
pub(super) fn told(row: &QuarantinedRow) -> String {
    match Belongs::of(row) {
        Belongs::Click(_) => "puts it among the clicks".to_owned(),
        Belongs::Report(_) => "puts it among the reports, and its order is decided".to_owned(),
        Belongs::Score(_) => "puts it among the scores, and its order is decided".to_owned(),
        Belongs::Row(RefusedTable::Clicks) => "sends the row to clicks_log again".to_owned(),
        Belongs::Row(RefusedTable::Reports) => "sends the row to reports_log again".to_owned(),
        Belongs::Row(RefusedTable::Scores) => "sends the row to scores_log again".to_owned(),
        Belongs::Owners => "has the owners of orders say them again".to_owned(),
        Belongs::Stays(code) => format!("leaves it here: {}", words::meaning(code)),
    }
}

#[cfg(test)]
mod tests {
    use events::{Claim, Identity, Lookup, OrderKey};
    use units::{AdvertiserId, EpochMs, Stamp, VisitorId};
    use warehouse::QuarantineKey;

    use super::*;

    fn row(place: &str, bytes: Vec<u8>) -> QuarantinedRow {
        let key = QuarantineKey { place: place.to_owned(), reason: "unknown_version".to_owned() };
        QuarantinedRow { key, event_id: [0; 16], bytes, written_at: 0, replayed_at: 0 }
    }

    #[test]
    fn what_belongs_nowhere_stays_and_what_owners_make_is_theirs() {
        let order = OrderKey::by_id(AdvertiserId(1), "A-1");
        let (from, to) = (EpochMs(0), EpochMs(1));
        let identity = Identity::Visitor(VisitorId(1));
        let stamp = Stamp::new(1, 1).unwrap();
        let question = Lookup { stamp, identity, order, from, to, at: to, visitors: Vec::new() };
        let mut asked = Vec::new();
        question.encode(&mut asked).unwrap();
        let mut claimed = Vec::new();
        Claim { partition: 0, nonce: 1, at: to, owner: "x".into() }.encode(&mut claimed).unwrap();
        let topic = "topic:tributary.lookups.v1:0@7";
        assert_eq!(Belongs::of(&row(topic, asked)), Belongs::Owners);
        assert_eq!(Belongs::of(&row("orders_log 0-0-0 1a", vec![1])), Belongs::Owners);
        assert_eq!(Belongs::of(&row("clicks_log 1-1-1 1a", vec![1])), Belongs::Row(RefusedTable::Clicks));
        assert_eq!(Belongs::of(&row(topic, claimed)), Belongs::Stays("kind_not_spooled"));
        assert_eq!(Belongs::of(&row(topic, b"garbage".to_vec())), Belongs::Stays("no_envelope"));
        let later = vec![events::MAGIC, 1, 99, 0, 1];
        assert_eq!(Belongs::of(&row(topic, later)), Belongs::Stays("unknown_version"));
    }
}
