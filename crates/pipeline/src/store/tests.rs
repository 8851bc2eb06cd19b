//! Tests of the state store.

use units::{AdvertiserId, CustomerId, VisitorId, WriterId};

use super::*;

fn label() -> Label {
    Label { log: "spool".into(), partition: 0, partitions: 1 }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, &label(), Durability::Process).expect("opens")
}

fn order(name: &str) -> OrderKey {
    OrderKey::by_id(AdvertiserId(7), name)
}

fn spool(incarnation: u32, next: u64) -> Position {
    Position { stream: StreamId::Spool { writer: WriterId(1), incarnation }, next }
}

#[test]
fn a_checkpoint_is_found_whole_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (identity, gone) = (Identity::Visitor(VisitorId(5)), Identity::Visitor(VisitorId(6)));
    let (customer, stranger) = (CustomerId([6; 16]), CustomerId([7; 16]));
    let of = Identity::Customer;
    let store = open(folder.path());
    assert_eq!((store.claim().expect("claim"), store.catalog().expect("catalog")), (0, 0));
    store
        .commit(&Checkpoint {
            positions: vec![spool(9, 4), spool(10, 1)],
            orders: vec![(order("a"), vec![1, 2])],
            order_times: vec![(EpochMs(50), order("a"))],
            timelines: vec![
                (identity, vec![3]),
                (gone, vec![4]),
                (of(customer), vec![5]),
                (of(stranger), vec![6]),
            ],
            touches_next: Some(70),
            claim: 3,
            nonce: 77,
            catalog: Some(2),
        })
        .expect("commits");
    store
        .commit(&Checkpoint {
            positions: vec![spool(10, 8)],
            timelines: vec![(gone, Vec::new()), (of(stranger), Vec::new())],
            claim: 3,
            nonce: 78,
            ..Checkpoint::default()
        })
        .expect("commits");
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.positions().expect("positions"), [spool(10, 8), spool(9, 4)]);
    assert_eq!(store.order_state(&order("a")).expect("order").as_deref(), Some(&[1, 2][..]));
    assert_eq!(store.order_state(&order("b")).expect("order"), None);
    assert_eq!(store.timelines().expect("timelines"), [(identity, vec![3])], "one without bytes is gone");
    assert_eq!(store.customer_state(customer).expect("customer").as_deref(), Some(&[5][..]));
    assert_eq!(store.customer_state(stranger).expect("customer"), None);
    assert_eq!(store.touches_next().expect("touches"), 70);
    assert_eq!((store.claim().expect("claim"), store.nonce().expect("nonce")), (3, 78));
    assert_eq!(store.catalog().expect("catalog"), 2);
}

#[test]
fn orders_are_found_by_their_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let order_times = [(30, "c"), (10, "a"), (20, "b"), (20, "bb"), (40, "d")];
    let order_times = order_times.map(|(at, name)| (EpochMs(at), order(name))).to_vec();
    store.commit(&Checkpoint { order_times, ..Checkpoint::default() }).expect("commits");

    let mut from = OrderPlace::first_at(EpochMs(20));
    let mut found = Vec::new();
    loop {
        let places = store.orders_from(&from, 2).expect("places");
        let Some(last) = places.last() else { break };
        from = last.clone().behind();
        found.extend(places.iter().filter_map(OrderPlace::order).map(|key| key.order.to_string()));
    }
    assert_eq!(found, ["b", "bb", "c", "d"]);
}

// fault 72: a topic made anew has another id, so its label differs and its positions are never mixed with the old ones.
#[test]
fn state_of_another_log_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let others = [
        Label { log: "kafka:other".into(), ..label() },
        Label { partition: 1, ..label() },
        Label { partitions: 2, ..label() },
    ];
    for other in others {
        let error = Store::open(folder.path(), &other, Durability::Process).expect_err("refused");
        assert!(matches!(error, StoreError::Label(LabelError::Foreign { .. })), "{error}");
    }
}

#[test]
fn state_of_a_later_build_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let text = std::fs::read_to_string(folder.path().join("label")).expect("a label");
    assert_eq!(text, "format=2\nlog=spool\npartition=0\npartitions=1\n", "the label's bytes are a promise");
    std::fs::write(folder.path().join("label"), text.replace("format=2", "format=3")).expect("written");
    let error = Store::open(folder.path(), &label(), Durability::Process).expect_err("refused");
    assert!(matches!(error, StoreError::Label(LabelError::Newer { found: 3, .. })), "{error}");

    std::fs::remove_file(folder.path().join("label")).expect("removed");
    let error = Store::open(folder.path(), &label(), Durability::Process).expect_err("refused");
    assert!(matches!(error, StoreError::Label(LabelError::Unreadable { .. })), "{error}");
}

#[test]
fn customers_of_a_state_of_format_1_move_to_their_own_place_and_its_builds_are_kept_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (visitor, customer) = (Identity::Visitor(VisitorId(5)), CustomerId([6; 16]));
    let store = open(folder.path());
    // As that format had it: all timelines in one place.
    for (identity, state) in [(visitor, [1]), (Identity::Customer(customer), [2])] {
        store.timelines.insert(identity.log_key(), state).expect("writes");
    }
    drop(store);
    let label_file = folder.path().join("label");
    std::fs::write(&label_file, "format=1\nlog=spool\npartition=0\npartitions=1\n").expect("written");

    for _ in 0..2 {
        let store = open(folder.path());
        assert_eq!(store.timelines().expect("timelines"), [(visitor, vec![1])]);
        assert_eq!(store.customer_state(customer).expect("customer").as_deref(), Some(&[2][..]));
        assert_eq!(store.timelines.len().expect("counts"), 1);
        let text = std::fs::read_to_string(&label_file).expect("a label");
        assert!(text.starts_with("format=2\n"), "{text}");
    }
}

// Found by killing the first start at its write of fjall's `version`: the file stayed half written, and every later start was refused.
#[test]
fn a_state_that_was_not_wholly_made_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let mark = folder.path().join("state.making");
    assert!(!mark.exists());
    std::fs::write(folder.path().join("state/version"), b"FJ").expect("written");
    assert!(
        Store::open(folder.path(), &label(), Durability::Process).is_err(),
        "a whole state is not thrown away"
    );
    std::fs::write(&mark, b"").expect("written");
    assert_eq!(open(folder.path()).claim().expect("claim"), 0);
    assert!(!mark.exists());
}

#[test]
fn two_owners_cannot_share_one_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    let error = Store::open(folder.path(), &label(), Durability::Process).expect_err("refused");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(first);
    open(folder.path());
}
