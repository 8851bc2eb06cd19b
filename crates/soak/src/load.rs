//! The visitors and the shop: clicks at a fixed rate, each from the instant it is due, and a report for some of them.
//!
//! In: a rate and the edge's address. Out: [`Notes`]. The schedule is an open loop (crate `pace`): it does not wait for answers, so an edge that stalls
//! meets the same requests, and each counts its wait. A click is sent once; a report is sent until it is taken, as shops do. On a thread of its own.
//! Start at [`Load::start`].

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use pace::{Due, Schedule};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::{
    client::{Answer, Connection, Failure},
    notes::Notes,
    world::{TOKEN, World},
};

/// Connections of visitors, kept open and used again; a request that finds all of them busy waits, and its wait counts.
const CONNECTIONS: u32 = 64;
/// Connections of the shop.
const SHOPS: usize = 4;
/// Orders that wait to be reported; one more is an error. A full disk of minutes makes fewer.
const ORDERS_MAX: usize = 1_000_000;
/// Before a shop sends a report again.
const REPEAT_AFTER: Duration = Duration::from_millis(300);
/// How long shops go on when the last click was sent.
const SHOPS_MAX: Duration = Duration::from_mins(2);
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// An order to report.
#[derive(Debug)]
struct Order {
    number: u64,
    click_id: String,
}

/// Running load.
#[derive(Debug)]
pub(crate) struct Load {
    schedule: Arc<Schedule>,
    notes: Arc<Mutex<Notes>>,
    pacer: JoinHandle<u64>,
    worker: JoinHandle<Result<()>>,
}

impl Load {
    /// `seconds` is what is planned; it goes on until [`Load::finish`].
    pub(crate) fn start(world: World, to: SocketAddr, rate: u32, seconds: u32) -> Result<Self> {
        let schedule = Arc::new(Schedule::new(rate, u32::MAX));
        let notes = Arc::new(Mutex::new(Notes::new(schedule.at(0), seconds.into())));
        let pacer = pace::start(Arc::clone(&schedule), CONNECTIONS).context("cannot start a thread")?;
        let (clock, kept) = (Arc::clone(&schedule), Arc::clone(&notes));
        let worker = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || work(world, to, &clock, &kept))
            .context("cannot start a thread")?;
        Ok(Self { schedule, notes, pacer, worker })
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    /// The next phase of the run begins.
    pub(crate) fn phase(&self, name: &'static str, is_fault: bool) {
        self.notes().phase(name, is_fault, Instant::now());
    }

    /// Clicks that were due so far.
    pub(crate) fn due(&self) -> u64 {
        self.schedule.total()
    }

    /// Ends the schedule, waits for the last answers and the shops; also the generator's own lateness in microseconds.
    pub(crate) fn finish(self) -> Result<(Notes, u64, u64)> {
        self.schedule.stop();
        let total = self.due();
        let late_us = self.pacer.join().map_err(|_| anyhow!("the schedule's thread failed"))?;
        self.worker.join().map_err(|_| anyhow!("the load's thread failed"))??;
        let notes = Arc::into_inner(self.notes).context("the load's thread has ended")?;
        Ok((notes.into_inner().unwrap_or_else(PoisonError::into_inner), total, late_us))
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(world: World, to: SocketAddr, schedule: &Arc<Schedule>, notes: &Arc<Mutex<Notes>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (orders, wanted) = channel(ORDERS_MAX);
        let wanted = Arc::new(tokio::sync::Mutex::new(wanted));
        let shops: Vec<_> =
            (0..SHOPS).map(|_| tokio::spawn(shop(to, Arc::clone(&wanted), Arc::clone(notes)))).collect();
        let visitors: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                tokio::spawn(visitor(world, to, Arc::clone(schedule), Arc::clone(notes), orders.clone()))
            })
            .collect();
        drop(orders);
        for visitor in visitors {
            visitor.await.context("a visitor failed")?;
        }
        let shops = async {
            for shop in shops {
                shop.await.context("a shop failed")?;
            }
            Ok(())
        };
        // Whose orders are left then is told by the judge.
        tokio::time::timeout(SHOPS_MAX, shops).await.unwrap_or(Ok(()))
    })
}

async fn visitor(
    world: World,
    to: SocketAddr,
    schedule: Arc<Schedule>,
    notes: Arc<Mutex<Notes>>,
    orders: Sender<Order>,
) {
    let mut connection = Connection::new(to);
    while let Some(due) = schedule.next().await {
        let sent = Instant::now();
        let answer =
            if due.is_given_up { Err(Failure::Unsent) } else { click(world, &mut connection, due).await };
        let now = Instant::now();
        let mut notes = lock(&notes);
        let click_id = match answer {
            Ok(Answer { status: 302, location: Some(location), .. }) => {
                location.rsplit_once("click_id=").map(|(_, id)| id.to_owned())
            }
            Ok(answer) => {
                notes.failed(due.at, format!("status {}", answer.status));
                continue;
            }
            Err(failure) => {
                notes.failed(due.at, failure.words().to_owned());
                continue;
            }
        };
        notes.answered(due.number, due.at, sent, now);
        if world.orders(due.number)
            && let Some(click_id) = click_id
        {
            notes.orders_wanted += 1;
            if orders.try_send(Order { number: due.number, click_id }).is_err() {
                notes.failed(due.at, "too many orders wait".to_owned());
            }
        }
    }
}

async fn click(world: World, connection: &mut Connection, due: Due) -> Result<Answer, Failure> {
    let (link, number) = (world.link(due.number), due.number);
    let request =
        format!("GET /c/l{link}?sub1={number} HTTP/1.1\r\nHost: a\r\nUser-Agent: {BROWSER}\r\n\r\n");
    connection.ask(request.as_bytes()).await
}

/// Reports orders until there are no more to come.
async fn shop(to: SocketAddr, wanted: Arc<tokio::sync::Mutex<Receiver<Order>>>, notes: Arc<Mutex<Notes>>) {
    let mut connection = Connection::new(to);
    loop {
        let Some(order) = wanted.lock().await.recv().await else { return };
        let Order { number, click_id } = order;
        let request = format!(
            "GET /postback?token={TOKEN}&order_id=o{number}&amount=10.25&currency=EUR&click_id={click_id} HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        while !connection.ask(request.as_bytes()).await.is_ok_and(|it| it.status == 200) {
            lock(&notes).repeats += 1;
            tokio::time::sleep(REPEAT_AFTER).await;
        }
        lock(&notes).orders.insert(number);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::RwLock,
    };

    use super::*;
    use crate::report::stall_unseen;

    const STALL: Duration = Duration::from_secs(2);

    /// Answers every request while nobody holds the lock for writing.
    fn serve(listener: &TcpListener, gate: &Arc<RwLock<()>>) {
        for stream in listener.incoming() {
            let (mut stream, gate) = (stream.unwrap(), Arc::clone(gate));
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    drop(gate.read().unwrap());
                    let answer =
                        b"HTTP/1.1 302 Found\r\nlocation: https://a/?click_id=x\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).is_err() {
                        break;
                    }
                }
            });
        }
    }

    // fault 130
    #[test]
    fn a_stall_of_the_server_shows_in_every_latency_that_was_due_in_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, gate) = (listener.local_addr().unwrap(), Arc::new(RwLock::new(())));
        let served = Arc::clone(&gate);
        std::thread::spawn(move || serve(&listener, &served));
        let load = Load::start(World { seed: 1 }, to, 40, 60).unwrap();
        load.phase("healthy", false);
        let until = |clicks: u64| {
            while load.notes().clicks.len() < clicks {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        until(10);
        load.phase("stall", true);
        let held = gate.write().unwrap();
        std::thread::sleep(STALL);
        drop(held);
        until(10 + 80);
        let notes = load.notes();
        let [healthy, stall] = notes.phases() else { panic!("two phases") };
        assert_eq!(stall_unseen(Some(stall)), None);
        assert!(stall.due.value_at_percentile(50.0) > 500_000, "not of a few alone");
        assert!(stall_unseen(Some(healthy)).is_some(), "where there was none, it is missed");
        assert!(stall_unseen(None).is_some());
    }
}
