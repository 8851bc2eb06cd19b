//! Several `tributary pipeline` processes share the partitions of a topic: one is killed, one joins, and every order is decided once.
//!
//! In: the real binary for every role, a real broker, the real engine. Out: orders, credits and cells exactly as a visitor's own notes have them.
//! Members that come and go all the time stand in `members.rs`.

mod support;

#[path = "support/program.rs"]
mod program;

use self::program::{Notes, Program, all_shared, balanced};

#[test]
fn members_that_come_and_are_killed_decide_every_order_once() {
    let program = Program::new("group");
    let ([_warehouse, edge], visited) = program.serve();
    let mut notes = Notes::default();

    let (one, two, three) = (program.pipeline("one"), program.pipeline("two"), program.pipeline("three"));
    (0..20).for_each(|_| notes.visit(visited));
    all_shared(&program, &[("one", &one), ("two", &two), ("three", &three)]);
    (0..40).for_each(|_| notes.visit(visited));
    // SIGKILL, in the middle of its work.
    drop(two);
    (0..40).for_each(|_| notes.visit(visited));
    let four = program.pipeline("four");
    (0..40).for_each(|_| notes.visit(visited));
    all_shared(&program, &[("one", &one), ("three", &three), ("four", &four)]);
    (0..20).for_each(|_| notes.visit(visited));

    program.is_exact(&notes);
    [&edge, &one, &three, &four].into_iter().for_each(balanced);
    drop(edge);
    program.audit();
}
