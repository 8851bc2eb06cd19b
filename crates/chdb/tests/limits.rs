//! What happens beyond the engine's limits. Apart from the other tests, which would be refused beside it.

mod common;

use common::{code, curl};

#[test]
fn more_callers_than_places_are_told_so() {
    let url = format!(
        "{}/?query=SELECT%20sleep(3)&user=reader&password=reader-secret",
        chdb::testing::shared().url
    );
    let callers = chdb::READER_THREADS + chdb::QUEUE_CALLS_MAX + 20;
    let threads: Vec<_> = (0..callers)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || {
                // Gone after a second: those that wait must not hold up the test.
                let seen = curl(&["--max-time", "1", &url], None);
                (seen.status, code(&seen))
            })
        })
        .collect();
    let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a thread")).collect();
    assert!(seen.contains(&(503, Some(202))), "nobody was refused: {seen:?}");
}
