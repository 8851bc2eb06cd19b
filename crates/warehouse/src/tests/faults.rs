//! Faults of reliability.md 9 that an engine can be brought to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    proxy::{self, Fate},
    world::{NOON, click, click_of, column, options, run, value, warehouse},
};
use crate::{Batch, Options, Roller, RollerOptions, Table, Warehouse, WriteError, schema};

fn clicks(count: u64) -> Batch {
    let mut batch = Batch::new();
    for sequence in 1..=count {
        batch.click(&click_of(sequence, sequence, NOON.forth(sequence)));
    }
    batch
}

// fault 79
#[test]
fn an_insert_whose_answer_was_lost_is_repeated_and_counts_once() {
    run(async {
        let options = options();
        let mut lost = BTreeMap::new();
        let url = proxy::start(&options.url, move |seen| {
            let table = ["clicks_log", "marks"].into_iter().find(|it| seen.is_insert_into(it));
            let Some(table) = table else { return Fate::Forward };
            let times = lost.entry(table).or_insert(0);
            *times += 1;
            if *times == 1 { Fate::LoseAnswer } else { Fate::Forward }
        })
        .await;
        let direct = Warehouse::new(options.clone());
        direct.migrate().await.unwrap();
        let warehouse = Warehouse::new(Options { url, ..options });
        let batch = clicks(5);
        for table in [Table::Clicks, Table::Marks] {
            let error = warehouse.write("a", &batch).await.unwrap_err();
            assert!(matches!(&error, WriteError::Transient { table: of, .. } if *of == table), "{error:?}");
        }
        warehouse.write("a", &batch).await.unwrap();
        Roller::new(warehouse, RollerOptions::default()).roll_once().await.unwrap();
        assert_eq!(value(&direct, "SELECT count() FROM clicks").await, "5");
        assert_eq!(value(&direct, "SELECT sum(clicks) FROM rollup_daily").await, "5");
        assert_eq!(
            value(&direct, "SELECT sum(n) FROM marks").await,
            "2",
            "a mark too many is a roll too many"
        );
    });
}

// fault 81
#[test]
fn no_table_keeps_a_log_of_deduplication() {
    run(async {
        let warehouse = warehouse().await;
        let tables = format!(
            "SELECT name FROM system.tables WHERE database = '{}' AND engine LIKE '%MergeTree' AND name != 'schema_migrations' \
             AND engine_full NOT LIKE '%non_replicated_deduplication_window = 0%'",
            warehouse.database()
        );
        assert_eq!(column(&warehouse, &tables).await, Vec::<String>::new());
        // Blocks with the same content are both stored: what tells rows apart is their identity alone.
        warehouse.self_test().await.unwrap();
    });
}

// fault 83
#[test]
fn a_block_that_is_too_large_for_the_engine_goes_in_pieces() {
    run(async {
        let options = options();
        let pieces = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&pieces);
        let url = proxy::start(&options.url, move |seen| {
            if !seen.is_insert_into("clicks_log") {
                return Fate::Forward;
            }
            noted.lock().unwrap().push(seen.rows);
            if seen.rows > 2_000 { Fate::Refuse(241) } else { Fate::Forward }
        })
        .await;
        let warehouse = Warehouse::new(Options { url, ..options });
        warehouse.migrate().await.unwrap();
        warehouse.write("a", &clicks(5_000)).await.unwrap();
        assert_eq!(*pieces.lock().unwrap(), [5_000, 2_500, 1_250, 1_250, 2_500, 1_250, 1_250]);
        assert_eq!(
            value(&warehouse, "SELECT (count(), uniqExact(click_id)) FROM clicks").await,
            "(5000,5000)"
        );
    });
}

// fault 83
#[test]
fn an_engine_that_is_overloaded_is_tried_again_later() {
    run(async {
        for code in [252, 241, 202] {
            let options = options();
            let mut inserts = 0;
            let url = proxy::start(&options.url, move |seen| {
                inserts += u32::from(seen.is_insert_into("clicks_log"));
                if inserts == 1 && seen.is_insert_into("clicks_log") {
                    Fate::Refuse(code)
                } else {
                    Fate::Forward
                }
            })
            .await;
            let warehouse = Warehouse::new(Options { url, ..options });
            let telemetry = telemetry::Telemetry::new("test");
            warehouse.observe(&telemetry);
            warehouse.migrate().await.unwrap();
            let batch = clicks(3);
            let error = warehouse.write("a", &batch).await.unwrap_err();
            assert!(matches!(error, WriteError::Transient { .. }), "{code}: {error:?}");
            warehouse.write("a", &batch).await.unwrap();
            let page = telemetry.render(None);
            let says =
                |line: &str| page.lines().any(|it| it.ends_with(line) && it.contains("clickhouse_insert"));
            assert!(says("{reason=\"transient\"} 1") && says("{table=\"clicks_log\"} 3"), "{page}");
            assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "3", "{code}");
        }
    });
}

// fault 84
#[test]
fn other_defaults_of_the_engine_change_nothing() {
    let hostile = [
        ("async_insert", "1"),
        ("wait_for_async_insert", "0"),
        ("insert_deduplicate", "1"),
        ("deduplicate_insert", "enable"),
        ("max_insert_block_size", "2"),
        ("min_insert_block_size_rows", "1"),
        ("max_partitions_per_insert_block", "1"),
        ("max_insert_threads", "2"),
        ("join_use_nulls", "1"),
        ("prefer_column_name_to_alias", "1"),
        ("do_not_merge_across_partitions_select_final", "0"),
    ];
    run(async {
        let settings = hostile.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let warehouse = Warehouse::new(Options { settings, ..options() });
        warehouse.migrate().await.unwrap();
        warehouse.self_test().await.unwrap();
        let mut batch = clicks(10);
        batch.click(&click(11, NOON.forth(units::DAY_MS)));
        warehouse.write("a", &batch).await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "11");
        assert_eq!(value(&warehouse, "SELECT sum(clicks) FROM rollup_daily").await, "11");
        assert_eq!(value(&warehouse, "SELECT sum(visitors) FROM partner_daily").await, "11");
        batch.click(&click_of(20, 12, NOON));
        warehouse.write("a", &batch).await.unwrap();
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        assert_eq!(
            value(&warehouse, "SELECT (sum(clicks), sum(visitors)) FROM partner_daily").await,
            "(12,12)"
        );
        let marks =
            column(&warehouse, "SELECT quarter, sum(n) FROM marks GROUP BY quarter ORDER BY quarter").await;
        assert!(marks.len() == 2 && marks.iter().all(|it| it.ends_with(",3)")), "{marks:?}");
    });
}

// fault 85
#[test]
fn a_dropped_table_holds_the_batch_and_loses_nothing() {
    run(async {
        let warehouse = warehouse().await;
        let batch = clicks(1);
        warehouse.execute("RENAME TABLE clicks_log TO away").await.unwrap();
        let error = warehouse.write("a", &batch).await.unwrap_err();
        assert!(matches!(error, WriteError::Transient { .. }), "{error:?}");
        assert!(warehouse.self_test().await.is_err());
        warehouse.execute("RENAME TABLE away TO clicks_log").await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        warehouse.self_test().await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "1");
    });
}

// fault 85
#[test]
fn a_column_of_another_type_holds_the_batch() {
    run(async {
        let warehouse = warehouse().await;
        warehouse.execute("ALTER TABLE clicks_log MODIFY COLUMN source UInt8").await.unwrap();
        let error = warehouse.self_test().await.unwrap_err();
        assert_eq!(error.to_string(), "clicks_log.source should be String, it is UInt8");
        // Each row by itself is refused for its value, but it is not the values that are wrong.
        let batch = clicks(3);
        let error = warehouse.write("a", &batch).await.unwrap_err();
        assert!(matches!(error, WriteError::Transient { table: Table::Clicks, .. }), "{error:?}");
        assert_eq!(value(&warehouse, "SELECT count() FROM quarantine").await, "0");
        warehouse.execute("ALTER TABLE clicks_log MODIFY COLUMN source String").await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "3");
    });
}

// fault 86
#[test]
fn a_column_of_a_later_version_is_filled_with_its_default() {
    run(async {
        let warehouse = warehouse().await;
        warehouse.execute("ALTER TABLE clicks_log ADD COLUMN asn UInt32 DEFAULT 64512").await.unwrap();
        warehouse.execute("INSERT INTO schema_migrations (number, name) VALUES (99, 'later')").await.unwrap();
        warehouse.migrate().await.unwrap();
        warehouse.self_test().await.unwrap();
        warehouse.write("a", &clicks(2)).await.unwrap();
        assert_eq!(value(&warehouse, "SELECT (count(), min(asn)) FROM clicks_log FINAL").await, "(2,64512)");
    });
}

#[test]
fn rows_that_the_engine_refuses_go_to_quarantine_alone() {
    run(async {
        let warehouse = warehouse().await;
        warehouse
            .execute("ALTER TABLE clicks_log ADD CONSTRAINT c CHECK visitor_id NOT IN (7, 300)")
            .await
            .unwrap();
        let batch = clicks(1_000);
        warehouse.write("a", &batch).await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "998");
        let put_aside =
            column(&warehouse, "SELECT reason, lower(right(event_id, 4)) FROM quarantine ORDER BY event_id")
                .await;
        assert_eq!(put_aside, ["('refused_469','0007')", "('refused_469','012c')"]);
        assert_eq!(warehouse.refused_rows(), 4, "two, twice");
    });
}

#[test]
fn when_every_row_is_refused_none_is_given_up() {
    run(async {
        let warehouse = warehouse().await;
        warehouse.execute("ALTER TABLE clicks_log ADD CONSTRAINT c CHECK visitor_id = 0").await.unwrap();
        let error = warehouse.write("a", &clicks(500)).await.unwrap_err();
        assert!(matches!(error, WriteError::Permanent { table: Table::Clicks, of: 500, .. }), "{error:?}");
        assert_eq!(value(&warehouse, "SELECT count() FROM quarantine").await, "0");
    });
}

// fault 80
#[test]
fn a_migration_killed_after_any_statement_is_finished_by_the_next() {
    run(async {
        let statements: Vec<String> =
            schema::MIGRATIONS.iter().flat_map(schema::Migration::statements).collect();
        for killed_after in [0, 1, 5, 8, 12, statements.len()] {
            let warehouse = Warehouse::new(options());
            warehouse.execute(schema::MIGRATIONS_TABLE).await.unwrap();
            for statement in statements.iter().take(killed_after) {
                warehouse.execute(statement).await.unwrap();
            }
            warehouse.migrate().await.unwrap();
            warehouse.self_test().await.unwrap();
            let views = format!(
                "SELECT count() FROM system.tables WHERE database = '{}' AND engine = 'View'",
                warehouse.database()
            );
            assert_eq!(value(&warehouse, &views).await, schema::views("d", "UTC").len().to_string());
        }
    });
}

#[test]
fn an_engine_that_is_not_there_is_an_error_to_wait_for() {
    run(async {
        let warehouse =
            Warehouse::new(Options { url: "http://127.0.0.1:1".to_owned(), ..Options::default() });
        assert!(warehouse.ping().await.is_err());
        let error = warehouse.write("a", &clicks(1)).await.unwrap_err();
        assert!(matches!(error, WriteError::Transient { table: Table::Clicks, .. }), "{error:?}");
        super::world::warehouse().await.ping().await.unwrap();
    });
}

// fault 83
#[test]
fn a_roll_that_is_too_large_for_the_engine_goes_in_pieces() {
    run(async {
        let options = options();
        let statements = Arc::new(Mutex::new(0));
        let noted = Arc::clone(&statements);
        let url = proxy::start(&options.url, move |seen| {
            if !seen.text.starts_with("INSERT INTO cells ") {
                return Fate::Forward;
            }
            *noted.lock().unwrap() += 1;
            // Two quarters are too many.
            if seen.text.matches("toDateTime64(").count() > 2 { Fate::Refuse(241) } else { Fate::Forward }
        })
        .await;
        let warehouse = Warehouse::new(Options { url, ..options });
        warehouse.migrate().await.unwrap();
        let mut batch = Batch::new();
        for quarter in 0..4 {
            batch.click(&click(quarter + 1, super::world::later(quarter)));
        }
        warehouse.write("a", &batch).await.unwrap();
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        assert_eq!(value(&warehouse, "SELECT sum(clicks) FROM rollup_daily").await, "4");
        assert_eq!(*statements.lock().unwrap(), 7, "four at once, two and two, one by one");
    });
}
