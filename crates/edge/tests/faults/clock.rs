//! Clocks that jump, and times that somebody says.

use super::*;

static SHAKY: AtomicU64 = AtomicU64::new(0);

fn shaky() -> EpochMs {
    // An hour back, an hour forth.
    let step = SHAKY.fetch_add(1, Ordering::Relaxed);
    if step.is_multiple_of(2) { NOW.back(3_600_000 - step) } else { NOW.forth(step) }
}

// fault 33
#[test]
fn ids_never_run_backwards_whatever_the_clock_does() {
    let data = tempfile::tempdir().unwrap();
    support::apply(data.path(), 1, support::CATALOG);
    let edge = Edge::start(options(data.path()), shaky, Telemetry::new("test")).unwrap();
    for _ in 0..20 {
        let request = format!("GET /c/tea HTTP/1.0\r\nHost: a\r\nUser-Agent: {BROWSER}\r\n\r\n");
        assert_eq!(status(&support::raw(edge.address(), request.as_bytes())), 302);
    }
    edge.stop();
    let spooled = support::spooled(data.path());
    let clicks = spooled.clicks();
    let ids: std::collections::BTreeSet<_> = clicks.iter().map(|it| it.head.id).collect();
    assert_eq!((clicks.len(), ids.len()), (20, 20));
    assert!(clicks.is_sorted_by_key(|it| it.head.at()));
    assert!(clicks.windows(2).all(|pair| pair[0].head.origin.sequence + 1 == pair[1].head.origin.sequence));
}

#[test]
fn the_time_header_holds_where_it_is_trusted_only() {
    let at = NOW.back(86_400_000);
    let header = at.0.to_string();
    let trusting = start_with(|options| options.trust_time_header = true);
    let wary = start();
    for edge in [&trusting, &wary] {
        edge.get("/c/tea", &[("X-Tributary-At", &header)]);
        edge.get("/postback?token=first-token&order_id=1", &[("X-Tributary-At", &header)]);
    }
    let (told, kept) = (trusting.spooled(), wary.spooled());
    assert_eq!((told.clicks()[0].head.at(), told.reports()[0].received_at), (at, at));
    assert!(kept.clicks()[0].head.at() >= NOW && kept.reports()[0].received_at >= NOW);
}
