//! The neighbours: `ClickHouse`, Kafka; and what lies in the data folder: the catalog, the spool.
//!
//! In: settings. Out: findings. A neighbour that is away is a finding, not an error. Start at [`look`].

use events::Event;
use journal::{
    StreamId,
    kafka::topics::{self, Topic, TopicError},
    spool, versions,
};
use warehouse::Warehouse;

use super::{Finding, Place};
use crate::{clock, commands::place, settings::Settings};

/// The oldest `ClickHouse` that the tables were tried with, and its settings need.
const CLICKHOUSE_MIN: (u32, u32) = (25, 3);
/// Difference to `ClickHouse`'s clock that is worth a look.
const CLOCK_MS_MAX: u64 = 1_000;
/// Records not stored yet from which on somebody should look.
const LAG_RECORDS: u64 = 100_000;

/// Looks at everything that other programs keep.
pub(super) fn look(settings: &Settings, place: Place<'_>) -> Vec<Finding> {
    let mut findings = vec![catalog(place)];
    let warehouse = place.warehouse();
    let asked = place::block_on(async { Ok(clickhouse(&warehouse, place).await) });
    let (reached, found) = asked.unwrap_or_default();
    findings.extend(found);
    findings.push(spool_lag(place, reached.then_some(&warehouse)));
    if reached {
        findings.push(complete(&warehouse));
    }
    if let Some(found) = kafka(settings, place) {
        findings.push(found);
    }
    findings
}

/// Up to when everything is stored, as the last audit found.
fn complete(warehouse: &Warehouse) -> Finding {
    let (what, advice) = ("complete", "tributary audit");
    match place::block_on(async { Ok(warehouse.noted_complete().await?) }) {
        Ok(Some((complete, at))) => {
            let found = format!("up to {}, by the audit of {at}", complete.at);
            match complete.held_by {
                None => Finding::fine(what, found),
                Some((writer, _)) => Finding::watch(
                    what,
                    format!("{found}; held back by writer {writer}"),
                    format!(
                        "tributary audit says why, and --repair puts back what is still somewhere; --retire {writer} gives the rest up for good"
                    ),
                ),
            }
        }
        Ok(None) => Finding::watch(what, "never audited", advice),
        Err(error) => Finding::watch(what, format!("{error:#}"), advice),
    }
}

fn catalog(place: Place<'_>) -> Finding {
    let (what, folder) = ("catalog", place.catalog());
    let newest = versions::newest(&folder);
    let advice = "tributary catalog apply FILE";
    let number = match newest {
        Ok(0) => return Finding::watch(what, "no version: every link answers 503", advice),
        Ok(number) => number,
        Err(error) => {
            return Finding::fail(what, error.to_string(), "give this user the folder");
        }
    };
    let values = versions::after(&folder, number - 1).unwrap_or_default();
    let Some((_, value)) = values.last() else {
        return Finding::fail(what, format!("version {number} cannot be read"), "give this user the folder");
    };
    match Event::decode(value) {
        Ok(Event::Catalog(record)) => {
            match catalog::load(&record.text, record.version, record.effective_at) {
                Ok(catalog) => Finding::fine(
                    what,
                    format!(
                        "version {number}, {} links of {} partners",
                        catalog.links.len(),
                        catalog.partners.len()
                    ),
                ),
                Err(_) => Finding::fail(
                    what,
                    format!("version {number} is of another build"),
                    "update this machine",
                ),
            }
        }
        Ok(_) | Err(_) => Finding::fail(what, format!("version {number} is damaged"), advice),
    }
}

/// Whether it can be asked, and what was found.
async fn clickhouse(warehouse: &Warehouse, place: Place<'_>) -> (bool, Vec<Finding>) {
    let (what, url) = ("ClickHouse", place.clickhouse_url());
    if let Err(error) = warehouse.ping().await {
        let found = format!("{url}: {error}");
        let finding = if place.is_embedded() {
            Finding::watch(what, format!("{url} does not answer"), "it starts with `tributary up`")
        } else {
            Finding::fail(what, found, "start it, and check clickhouse.url, user and password")
        };
        return (false, vec![finding]);
    }
    let client = warehouse.client().clone().with_database("");
    let version = client.query("SELECT version()").fetch_one::<String>().await.unwrap_or_default();
    let mut findings = vec![version_of(&version, &url)];
    let their_clock =
        client.query("SELECT toUInt64(toUnixTimestamp64Milli(now64(3)))").fetch_one::<u64>().await;
    let difference = their_clock.map_or(0, |theirs| theirs.abs_diff(clock::now().0));
    if difference > CLOCK_MS_MAX {
        let found = format!("{difference} ms away from this machine's");
        findings.push(Finding::watch("ClickHouse's clock", found, "keep both set with an NTP client"));
    }
    findings.push(match warehouse.self_test().await {
        Ok(()) => Finding::fine("ClickHouse's tables", "an insert, its repeat and their count are right"),
        Err(error) => {
            let advice =
                "the warehouse role makes the tables at its start; if it has run, do not write until this is understood";
            Finding::watch("ClickHouse's tables", words(&error), advice)
        }
    });
    (true, findings)
}

fn version_of(version: &str, url: &str) -> Finding {
    let mut parts = version.split('.').map_while(|it| it.parse::<u32>().ok());
    let known = parts.next().zip(parts.next()).is_some_and(|it| CLICKHOUSE_MIN <= it);
    let found = format!("{url}, version {version}");
    if known {
        return Finding::fine("ClickHouse", found);
    }
    let (year, month) = CLICKHOUSE_MIN;
    Finding::watch("ClickHouse", found, format!("use {year}.{month} or newer"))
}

/// An error with its sources.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// How far the facts are behind this machine's spools.
fn spool_lag(place: Place<'_>, warehouse: Option<&Warehouse>) -> Finding {
    let what = "spool";
    let ends = match spool::Reader::open(&place.spool()).ends() {
        Ok(ends) => ends,
        Err(error) => return Finding::fail(what, words(&error), "tributary spool inspect says more"),
    };
    let ends: Vec<(u32, u32, u64)> = ends
        .into_iter()
        .filter_map(|it| match it.stream {
            StreamId::Spool { writer, incarnation } => Some((writer.0, incarnation, it.next - 1)),
            StreamId::Topic { .. } | StreamId::Memory(_) => None,
        })
        .collect();
    let records: u64 = ends.iter().map(|it| it.2).sum();
    if records == 0 {
        return Finding::fine(what, "nothing was spooled yet");
    }
    let Some(warehouse) = warehouse else {
        return Finding::watch(
            what,
            format!("{records} records"),
            "how many are stored, only ClickHouse knows",
        );
    };
    let stored = place::block_on(async { Ok(stored(warehouse, &ends).await?) });
    match stored {
        Ok(stored) => lag(records, records.saturating_sub(stored)),
        Err(error) => {
            Finding::watch(what, format!("{records} records; {error:#}"), "tributary audit says more")
        }
    }
}

/// Of these streams, the highest sequence stored: a fast look, where the audit counts each.
async fn stored(warehouse: &Warehouse, ends: &[(u32, u32, u64)]) -> Result<u64, warehouse::EngineError> {
    let streams: Vec<String> = ends.iter().map(|it| format!("({}, {})", it.0, it.1)).collect();
    let facts = |table: &str| {
        format!(
            "SELECT writer, incarnation, max(sequence) AS newest FROM {table} WHERE (writer, incarnation) IN ({}) GROUP BY writer, incarnation",
            streams.join(", ")
        )
    };
    let statement = format!(
        "SELECT toUInt64(sum(newest)) FROM (SELECT writer, incarnation, max(newest) AS newest FROM ({} UNION ALL {} UNION ALL {}) GROUP BY writer, incarnation)",
        facts("clicks_log"),
        facts("reports_log"),
        facts("scores_log")
    );
    Ok(warehouse.client().query_raw(&statement).fetch_one::<u64>().await?)
}

fn lag(records: u64, behind: u64) -> Finding {
    let found = format!("{records} records, {behind} not stored yet");
    if behind >= LAG_RECORDS {
        let advice = "the pipeline is behind or stopped: its /readyz and its log say why";
        return Finding::watch("spool", found, advice);
    }
    Finding::fine("spool", found)
}

fn kafka(settings: &Settings, place: Place<'_>) -> Option<Finding> {
    let what = "Kafka";
    let kafka = place.kafka("tributary-doctor")?;
    let brokers = match topics::brokers(&kafka) {
        Ok(brokers) => brokers,
        Err(error) => {
            let advice = "check kafka.brokers, the network and kafka.properties; redirects go on, the spool keeps everything";
            return Some(Finding::fail(what, words(&error), advice));
        }
    };
    let replicas = settings.number("kafka.replication");
    if (brokers as u64) < replicas {
        let found = format!("{brokers} brokers, {replicas} replicas are wanted");
        return Some(Finding::fail(what, found, "lower kafka.replication, or start more brokers"));
    }
    let partitions = i32::try_from(settings.number("kafka.partitions")).unwrap_or(i32::MAX);
    let names = pipeline::outlet::Topics::new(settings.text("kafka.prefix"));
    let wanted: Vec<Topic> =
        names.all().iter().map(|name| Topic::new(name, partitions, place.replicas())).collect();
    let finding = match topics::check(&kafka, &wanted) {
        Ok(()) => Finding::fine(what, format!("{brokers} brokers, {} topics as they must be", wanted.len())),
        Err(TopicError::Missing { topic }) => Finding::watch(
            what,
            format!("{brokers} brokers, topic {topic} is not there yet"),
            "the roles make their topics at their start",
        ),
        Err(error @ TopicError::Partitions { .. }) => Finding::fail(
            what,
            words(&error),
            "set kafka.partitions to what there is, or another kafka.prefix",
        ),
        Err(error) => Finding::fail(what, words(&error), "check the rights of this user at the brokers"),
    };
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Grade;

    #[test]
    fn old_and_unreadable_versions_of_clickhouse_are_watched() {
        for (version, want) in
            [("26.7.1", Grade::Fine), ("25.3.9.1", Grade::Fine), ("24.8", Grade::Watch), ("", Grade::Watch)]
        {
            assert_eq!(version_of(version, "u").grade, want, "{version}");
        }
        assert_eq!(lag(200_000, 5).grade, Grade::Fine);
        assert_eq!(lag(200_000, LAG_RECORDS).grade, Grade::Watch);
    }
}
