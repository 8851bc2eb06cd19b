//! `tributary up` as an operator runs it: settings and their sources, broken catalogs, deaths and restarts, and what was answered all the while.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::{fs, path::Path, process::Output};

mod support;

use self::support::{
    Up, eventually, folder,
    shop::postback,
    tributary,
    web::{BROWSER, curl, follow},
};

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A folder with the example's configuration and catalog, as a user copies them.
fn copied(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    for file in ["tributary.toml", "catalog.toml"] {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples").join(file);
        fs::copy(example, folder.join(file)).unwrap();
    }
    folder
}

#[test]
fn print_config_names_every_source_and_shows_no_secret() {
    let folder = copied("config");
    fs::write(folder.join("password"), "from-a-file\n").unwrap();
    let config = "edge.threads = 3\nclickhouse.password_file = \"password\"\nkafka.properties.\"sasl.password\" = \"kafka-secret\"\n";
    fs::write(folder.join("t.toml"), config).unwrap();
    let output = tributary(&["up", "--config", "t.toml", "--print-config", "--edge-listen", "127.0.0.1:9"])
        .env("TRIBUTARY_EDGE__CLICK_KEY", "an-edge-secret")
        .env("TRIBUTARY_LOG__LEVEL", "debug")
        .current_dir(&folder)
        .output()
        .unwrap();
    let (status, out, error) = said(&output);
    assert_eq!(status, 0, "{error}");
    for secret in ["from-a-file", "an-edge-secret", "kafka-secret"] {
        assert!(!out.contains(secret) && !error.contains(secret), "{secret} is shown: {out}{error}");
    }
    let line = |key: &str| {
        let is_key = |it: &&str| it.split(['│', '┆', '|']).any(|cell| cell.trim() == key);
        out.lines().find(is_key).unwrap_or_else(|| panic!("no {key} in {out}"))
    };
    for (key, value, source) in [
        ("edge.threads", "3", "t.toml"),
        ("edge.listen", "127.0.0.1:9", "--edge-listen"),
        ("log.level", "debug", "$TRIBUTARY_LOG__LEVEL"),
        ("edge.click_key", "***", "$TRIBUTARY_EDGE__CLICK_KEY"),
        ("clickhouse.password", "***", "t.toml"),
        ("pipeline.batch_rows", "50000", "default"),
    ] {
        assert!(line(key).contains(value) && line(key).contains(source), "{key}: {}", line(key));
    }
    assert!(!folder.join("tributary-data").exists(), "showing makes nothing");
}

#[test]
fn an_unknown_key_is_exit_status_78_and_names_the_nearest() {
    let folder = copied("unknown");
    fs::write(folder.join("t.toml"), "[edge]\nthreds = 3\n").unwrap();
    let output = tributary(&["up", "--config", "t.toml"]).current_dir(&folder).output().unwrap();
    let (status, _, error) = said(&output);
    assert_eq!(status, 78, "{error}");
    assert!(error.contains("edge.threds") && error.contains("edge.threads"), "{error}");
    assert!(error.contains("t.toml"), "{error}");
    let output = tributary(&["up", "--print-config"]).env("TRIBUTARY_EDGE__LISTN", "x").output().unwrap();
    let (status, _, error) = said(&output);
    assert!(
        status == 78 && error.contains("TRIBUTARY_EDGE__LISTN") && error.contains("edge.listen"),
        "{error}"
    );
}

/// Follows `code` until it is answered, as a visitor who tries again; the tags of those that were answered are kept.
fn click(up: &Up, code: &str, tag: &str, answered: &mut Vec<String>) {
    let url = up.edge(&format!("/c/{code}?sub1={tag}"));
    eventually("a redirect is answered", || {
        let seen = curl(&["--user-agent", BROWSER, &url], None);
        if seen.status == 302 {
            Ok(())
        } else {
            Err(format!("{} {}\n{}", seen.status, seen.headers, up.log()))
        }
    });
    answered.push(tag.to_owned());
}

/// Every tag once, none twice.
fn all_are_there_once(up: &Up, answered: &[String]) {
    let count = answered.len();
    let wanted = format!("{count} {count}");
    up.shows("SELECT count(), uniqExact(sub1) FROM clicks WHERE sub1 != ''", &[&wanted]);
    up.shows("SELECT sum(clicks) FROM rollup_quarter", &[&count.to_string()]);
}

#[test]
fn the_example_survives_broken_catalogs_kills_and_restarts() {
    let folder = copied("up");
    let flags = ["--config", "tributary.toml", "--edge-threads", "2"];
    let mut up = Up::start(&folder, &flags);
    let mut answered = Vec::new();
    click(&up, "tea", "before", &mut answered);
    a_broken_catalog_changes_nothing(&up, &folder);
    click(&up, "tea", "still", &mut answered);
    a_second_up_on_the_same_data_is_refused(&folder);
    click(&up, "tea", "yet", &mut answered);

    for role in ["engine", "pipeline", "warehouse", "edge"] {
        click(&up, "steam", &format!("{role}-alive"), &mut answered);
        up.kill(role);
        click(&up, "steam", &format!("{role}-killed"), &mut answered);
        up.wait_until_ready();
    }
    all_are_there_once(&up, &answered);

    let bought = follow(&up.edge("/c/pots?sub1=bought"), &[]);
    answered.push("bought".to_owned());
    let answer = postback(&up, &format!("click_id={}&order_id=UP-1&amount=30&currency=EUR", bought.click_id));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Nothing waits here for ClickHouse: what was answered is in the spool, and the next start carries it on.
    let ports = up.ports;
    let ended = up.terminate();
    assert!(ended.success(), "{ended}");

    let up = Up::start_at(ports, &folder, &flags);
    click(&up, "tea", "after", &mut answered);
    all_are_there_once(&up, &answered);
    up.shows("SELECT partner_id, status, revenue, currency FROM orders", &["101 pending 30 EUR"]);
    up.shows("SELECT partner_id, revenue FROM credits", &["101 30"]);
    let answer = postback(&up, &format!("click_id={}&order_id=UP-2&amount=5&currency=EUR", bought.click_id));
    assert_eq!(answer.status, 200, "an id signed before the restart is still ours: {}", answer.text());
    up.shows("SELECT partner_id FROM orders WHERE order_id = 'UP-2'", &["101"]);
}

/// It must not even apply its catalog: the running program would take it up.
fn a_second_up_on_the_same_data_is_refused(folder: &Path) {
    let versions = || fs::read_dir(folder.join("data/catalog")).unwrap().count();
    let before = versions();
    let catalog = fs::read_to_string(folder.join("catalog.toml")).unwrap();
    fs::write(folder.join("other.toml"), catalog.replace("The Tea Blog", "Another Blog")).unwrap();
    let output =
        tributary(&["up", "--data", "data", "--catalog", "other.toml"]).current_dir(folder).output().unwrap();
    let (status, _, error) = said(&output);
    assert_eq!(status, 1, "{error}");
    assert!(error.contains("another `tributary up` runs on"), "{error}");
    assert_eq!(versions(), before);
}

fn a_broken_catalog_changes_nothing(up: &Up, folder: &Path) {
    let good = fs::read_to_string(folder.join("catalog.toml")).unwrap();
    let broken = folder.join("broken.toml");
    fs::write(&broken, good.replace("partner = 102", "partner = 999")).unwrap();
    let apply = |file: &Path| {
        let mut command = tributary(&["catalog", "apply"]);
        said(&command.arg(file).arg("--data").arg(&up.data).output().unwrap())
    };
    let (status, out, error) = apply(&broken);
    assert_eq!(status, 1, "{out}{error}");
    assert!(out.contains("broken.toml:") && out.contains("unknown_reference"), "{out}");
    let seen = curl(&[&format!("http://{}/readyz?verbose", up.ports.admin)], None);
    assert!(seen.text().contains("catalog: version 1"), "{}", seen.text());

    let changed = folder.join("changed.toml");
    fs::write(&changed, good.replace("shop.example.com/pots", "shop.example.com/all-pots")).unwrap();
    let (status, out, error) = apply(&changed);
    assert_eq!(status, 0, "{out}{error}");
    eventually("a running edge takes a new version", || {
        let location = follow(&up.edge("/c/pots"), &["--head"]).location;
        if location.contains("/all-pots") { Ok(()) } else { Err(location) }
    });
}

/// Where the link `pots` leads, and the newest version that the edge has.
fn leads(up: &Up, page: &str, version: &str) {
    eventually("the edge has the wanted catalog", || {
        let location = follow(&up.edge("/c/pots"), &["--head"]).location;
        let ready = curl(&[&format!("http://{}/readyz?verbose", up.ports.admin)], None).text();
        let said = format!("{location}\n{ready}");
        if location.contains(page) && ready.contains(version) { Ok(()) } else { Err(said) }
    });
}

#[test]
fn a_restart_keeps_what_was_applied_until_its_own_file_changes() {
    let folder = copied("restart");
    let flags = ["--config", "tributary.toml", "--edge-threads", "1"];
    let good = fs::read_to_string(folder.join("catalog.toml")).unwrap();
    let leading = |page: &str| good.replace("shop.example.com/pots", &format!("shop.example.com/{page}"));
    let run = |arguments: &[&str]| said(&tributary(arguments).current_dir(&folder).output().unwrap());

    let up = Up::start(&folder, &flags);
    fs::write(folder.join("other.toml"), leading("applied")).unwrap();
    let (status, _, error) = run(&["catalog", "apply", "other.toml", "--data", "data"]);
    assert!(status == 0 && error.contains("a restart of `tributary up` keeps it for as long as"), "{error}");
    leads(&up, "/applied", "catalog: version 2");
    let ports = up.kill_all();

    // Only the versions changed.
    let up = Up::start_at(ports, &folder, &flags);
    leads(&up, "/applied", "catalog: version 2");
    let kept = up.events().into_iter().find(|it| it["event"] == "catalog_kept").unwrap();
    assert_eq!((kept["version"].as_u64(), kept["taken_as"].as_u64()), (Some(2), Some(1)), "{kept}");
    let ports = up.kill_all();

    // The file is made to say what holds: nothing is left to decide.
    fs::copy(folder.join("other.toml"), folder.join("catalog.toml")).unwrap();
    let (status, out, error) = run(&["catalog", "diff", "catalog.toml", "--data", "data"]);
    assert!(status == 0 && error.contains("says what version 2 says"), "{status} {out}{error}");
    let up = Up::start_at(ports, &folder, &flags);
    leads(&up, "/applied", "catalog: version 2");
    let ports = up.kill_all();
    let (status, _, error) =
        run(&["catalog", "apply", "other.toml", "--data", "data", "--effective-at", "2026-01-01T00:00:00Z"]);
    assert_eq!(status, 0, "{error}");

    // Both changed: nobody guesses.
    fs::write(folder.join("catalog.toml"), leading("edited")).unwrap();
    let config = [&["up", "--data", "data"], flags.as_slice()].concat();
    let (status, _, error) = run(&config);
    assert!(status == 1 && error.contains("catalog_diverged: "), "{status} {error}");
    assert!(error.contains("--catalog-from-file") && error.contains("--catalog-from-store"), "{error}");
    let (status, out, error) = run(&["catalog", "diff", "catalog.toml", "--data", "data"]);
    assert!(status == 1 && out.contains("/applied") && out.contains("/edited"), "{status} {out}{error}");
    let chosen = [flags.as_slice(), &["--catalog-from-file"]].concat();
    let up = Up::start_at(ports, &folder, &chosen);
    leads(&up, "/edited", "catalog: version 4");
    let ports = up.kill_all();

    // Only the file changed, applied while all runs, killed, and changed again.
    fs::write(folder.join("catalog.toml"), leading("again")).unwrap();
    let (status, _, error) = run(&["catalog", "apply", "catalog.toml", "--data", "data"]);
    assert!(status == 0 && error.contains("this is the file it starts with"), "{error}");
    fs::write(folder.join("catalog.toml"), leading("last")).unwrap();
    let up = Up::start_at(ports, &folder, &flags);
    leads(&up, "/last", "catalog: version 6");
    let ended = up.terminate();
    assert!(ended.success(), "{ended}");
}
