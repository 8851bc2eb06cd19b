//! The commands where Kafka is the log: the topic decides, folders are copies.

use std::{net::TcpListener, path::Path};

use crate::{Said, command, path, said, write};

const SHOP: &str = "[[advertiser]]\nid = 1\nname = \"Tea\"\n";

/// Runs a command of a machine that has this folder, with topics of the test's own.
fn on(data: &Path, prefix: &str, arguments: &[&str]) -> Said {
    let mut command = command(arguments);
    command
        .env("TRIBUTARY_DATA", data)
        .env("TRIBUTARY_KAFKA__BROKERS", xtask::kafka::shared())
        .env("TRIBUTARY_KAFKA__PREFIX", prefix);
    said(&command.output().unwrap())
}

/// A prefix that no other test or run uses.
fn prefix(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

#[test]
fn machines_of_one_log_share_versions() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let prefix = prefix("share");
    let tea = write(first.path(), "c.toml", SHOP);
    let said = on(first.path(), &prefix, &["catalog", "apply", &tea, "--json"]).expect(0);
    assert_eq!(said.events("applied")[0]["version"], 1);

    // The other machine has never seen a catalog, and still makes the second version.
    let coffee = write(second.path(), "c.toml", &SHOP.replace("Tea", "Coffee"));
    let said = on(second.path(), &prefix, &["catalog", "apply", &coffee, "--json"]).expect(0);
    assert_eq!(said.events("applied")[0]["version"], 2);
    assert!(said.out.contains("name Tea -> Coffee"), "{}", said.out);
    for data in [&first, &second] {
        let listed = on(data.path(), &prefix, &["catalog", "list", "--json"]).expect(0).events("version");
        assert_eq!(listed.iter().map(|it| it["version"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
    }
}

#[test]
fn of_two_who_apply_at_once_each_gets_a_version() {
    let prefix = prefix("race");
    let made: Vec<u64> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..3)
            .map(|who| {
                let prefix = &prefix;
                scope.spawn(move || {
                    let data = tempfile::tempdir().unwrap();
                    let file = write(data.path(), "c.toml", &SHOP.replace("Tea", &format!("Tea {who}")));
                    let said = on(data.path(), prefix, &["catalog", "apply", &file, "--json"]).expect(0);
                    said.events("applied")[0]["version"].as_u64().unwrap()
                })
            })
            .collect();
        tries.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let mut sorted = made.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2, 3]);
}

#[test]
fn a_dead_broker_is_named_and_nothing_is_changed() {
    let data = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let file = write(data.path(), "c.toml", SHOP);
    let said =
        crate::tributary(&["catalog", "apply", &file, "--data", path(data.path()), "--kafka-brokers", &free]);
    let said = said.expect(1);
    assert!(said.err.contains(&format!("kafka at {free} cannot be used")), "{}", said.err);
    assert!(!data.path().join("catalog").exists());
}
