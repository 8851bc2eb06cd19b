//! Zombies in the real engine: processes stopped for a while that go on with what they knew, rollers side by side, a roll in many blocks.
//!
//! In: this test's own program as the zombie, stopped by SIGSTOP and woken by SIGCONT. Out: cells equal to the plain fold, and at no moment a
//! cell that holds one version's number and another's sums.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use units::LinkId;

use super::*;
use crate::tests::world::options;

/// Tells a zombie what it is: `ROLE URL USER PASSWORD DATABASE`.
const ZOMBIE: &str = "TRIBUTARY_TEST_ZOMBIE";
const NAME: &str = "roller::tests::random::zombies::zombies_that_wake_late_change_nothing";
const PATIENCE: Duration = Duration::from_mins(1);
/// Seed of the world that parent and zombie both know.
const SEED: u64 = 77;
/// The stale sink knows so many batches; the world goes on without it.
const STALE_BATCHES: usize = 3;
const ROUNDS: usize = 5;

#[expect(clippy::disallowed_methods, reason = "the parent names the engine in the environment")]
fn given_by_parent() -> Option<String> {
    env::var(ZOMBIE).ok()
}

/// Runs until its standard input ends, saying a line after each thing it did.
async fn be_zombie(what: &str) {
    let words: Vec<&str> = what.split(' ').collect();
    let [role, url, user, password, database] = words[..] else { panic!("{what}") };
    let warehouse = Warehouse::new(crate::Options {
        url: url.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        database: database.to_owned(),
        ..crate::Options::default()
    });
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        drop(end);
    });
    let mut rolling = roller(&warehouse);
    let mut truth = Truth::default();
    let mut dice = Dice(SEED);
    let stale: Vec<Batch> = (0..STALE_BATCHES).map(|_| truth.grow(&mut dice)).collect();
    let work = async {
        for turn in 0.. {
            if role == "sink" {
                warehouse.write("zombie", &stale[turn % STALE_BATCHES]).await.unwrap();
            } else {
                rolling.roll_once().await.unwrap();
            }
            writeln!(std::io::stdout(), "did {turn}").unwrap();
        }
    };
    tokio::select! {
        () = work => {}
        _ = ended => {}
    }
}

struct Zombie {
    child: Child,
    lines: Receiver<()>,
}

impl Zombie {
    fn start(role: &str, options: &crate::Options) -> Self {
        let crate::Options { url, user, password, database, .. } = options;
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(ZOMBIE, format!("{role} {url} {user} {password} {database}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = channel();
        std::thread::spawn(move || {
            let did = output.lines().map_while(Result::ok).filter(|line| line.contains("did "));
            // Nobody listens when the test is over.
            did.for_each(|_| said.send(()).unwrap_or_default());
        });
        Self { child, lines }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it wherever it is, forgets what it did until then.
    fn stop(&self) {
        self.signal("-STOP");
        while self.lines.try_recv().is_ok() {}
    }

    /// Wakes it and waits until it has finished what it was at, and one thing more.
    fn wake(&self) {
        self.signal("-CONT");
        for _ in 0..2 {
            self.lines.recv_timeout(PATIENCE).expect("the zombie goes on");
        }
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Zombie {
    fn drop(&mut self) {
        // Gone already unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// faults 69 and 82, and two rollers all the time
#[test]
fn zombies_that_wake_late_change_nothing() {
    if let Some(what) = given_by_parent() {
        return run(be_zombie(&what));
    }
    let options = options();
    run(async {
        let warehouse = Warehouse::new(options.clone());
        warehouse.migrate().await.unwrap();
        let (mut truth, mut dice) = (Truth::default(), Dice(SEED));
        for _ in 0..STALE_BATCHES {
            let batch = truth.grow(&mut dice);
            warehouse.write("a", &batch).await.unwrap();
        }
        let zombies = ["sink", "roller"].map(|role| Zombie::start(role, &options));
        let mut ours = roller(&warehouse);
        for _ in 0..ROUNDS {
            zombies.iter().for_each(Zombie::stop);
            for _ in 0..2 {
                let batch = truth.grow(&mut dice);
                warehouse.write("a", &batch).await.unwrap();
                ours.roll_once().await.unwrap();
            }
            zombies.iter().for_each(Zombie::wake);
        }
        for it in zombies {
            it.end();
        }
        ours.roll_once().await.unwrap();
        ours.roll_once().await.unwrap();
        let orders: Vec<Order> = truth.orders.values().cloned().collect();
        let want = naive(&truth.clicks, &orders);
        let found: Vec<Cell> = warehouse.rows(WORLD).await.unwrap();
        assert_eq!(found, want);
        days_add_up(&warehouse, &truth, &want, SEED).await;
    });
}

#[test]
fn two_rollers_at_once_end_as_one() {
    run(async {
        let warehouse = warehouse().await;
        let (mut truth, mut dice) = (Truth::default(), Dice(SEED + 1));
        let mut rollers = [roller(&warehouse), roller(&warehouse)];
        let [one, other] = &mut rollers;
        let rolls = async |it: &mut Roller| {
            for _ in 0..12 {
                it.roll_once().await.unwrap();
            }
        };
        let writes = async {
            for _ in 0..12 {
                let batch = truth.grow(&mut dice);
                warehouse.write("a", &batch).await.unwrap();
            }
        };
        tokio::join!(rolls(one), rolls(other), writes);
        one.roll_once().await.unwrap();
        one.roll_once().await.unwrap();
        let orders: Vec<Order> = truth.orders.values().cloned().collect();
        let found: Vec<Cell> = warehouse.rows(WORLD).await.unwrap();
        assert_eq!(found, naive(&truth.clicks, &orders));
    });
}

/// Groups of one quarter, each with one click per version.
const GROUPS: u64 = 60;

/// One more click for every group.
async fn one_more_each(warehouse: &Warehouse, version: u64) {
    let mut batch = Batch::new();
    for group in 0..GROUPS {
        let mut it = click_of(group, version * GROUPS + group + 1, NOON.forth(version));
        let key = events::ClickKey::new(0, &[7; 32]);
        let seed = u32::try_from(version * GROUPS + group).unwrap();
        it.head.id = events::ClickMint::new(key, seed).mint(
            it.head.at(),
            LinkId(u32::try_from(group + 1).unwrap()),
            it.head.visitor(),
        );
        batch.click(&it);
    }
    warehouse.write("a", &batch).await.unwrap();
}

/// Every cell holds as many clicks as its own version says: version after version, marks and clicks grow by one.
async fn assert_no_mixture(warehouse: &Warehouse) -> usize {
    let mixed = "SELECT link_id, clicks, ver FROM cells FINAL WHERE clicks != ver";
    assert_eq!(column(warehouse, mixed).await, [""; 0], "a cell mixes two versions");
    let versions: usize = value(warehouse, "SELECT uniqExact(ver) FROM cells FINAL").await.parse().unwrap();
    versions
}

#[test]
fn a_roll_in_many_blocks_mixes_no_two_versions() {
    run(async {
        let warehouse = warehouse().await;
        let ours = roller(&warehouse);
        one_more_each(&warehouse, 0).await;
        let first = ours.dirty_quarters().await.unwrap();
        ours.roll_quarters(&first).await.unwrap();
        let mut most_at_once = 0;
        for version in 1..4 {
            one_more_each(&warehouse, version).await;
            let dirty = ours.dirty_quarters().await.unwrap();
            assert_eq!(dirty.len(), 1);
            // What no setting of ours allows: a part for every few groups, one after the other.
            let blocks = sql::cells(&dirty)
                .replace("min_insert_block_size_rows = 4000000", "min_insert_block_size_rows = 1")
                .replace("max_insert_block_size = 4000000", "max_insert_block_size = 2")
                .replace(
                    crate::schema::READ_SETTINGS,
                    &format!("{}, max_block_size = 2", crate::schema::READ_SETTINGS),
                );
            let (done, is_done) = tokio::sync::watch::channel(false);
            let rolls = async {
                warehouse.execute(&blocks).await.unwrap();
                done.send(true).unwrap();
            };
            let looks = async {
                while !*is_done.borrow() {
                    most_at_once = most_at_once.max(assert_no_mixture(&warehouse).await);
                }
            };
            tokio::join!(rolls, looks);
            ours.note_rolled(&dirty).await.unwrap();
            // A stale roller comes with the version before, in pieces too.
            let stale = blocks
                .replace(&format!("toUInt64({})", dirty[0].ver), &format!("toUInt64({})", dirty[0].ver - 1));
            warehouse.execute(&stale.replace("countIf(", "0 * countIf(")).await.unwrap();
            assert_eq!(assert_no_mixture(&warehouse).await, 1, "all of the newest version");
        }
        let parts = "SELECT count() FROM system.parts WHERE table = 'cells' AND database = currentDatabase()";
        let parts: usize = value(&warehouse, parts).await.parse().unwrap();
        assert!(parts > 30, "{parts} parts: the rolls were not split");
        assert!(most_at_once >= 1, "nobody looked");
    });
}
