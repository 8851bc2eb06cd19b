//! What timelines answer, how often, and when they forget that they were asked.

use super::*;

#[test]
fn timelines_answer_what_was_asked_and_again_when_it_grows() {
    let mut timelines = timelines(5);
    let mut out = Vec::new();
    timelines.on_click(&click(T - 5, 1, 7, 1), &mut out).unwrap();
    timelines.speak(&mut out).unwrap();
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut out).unwrap();
    assert_eq!((out.len(), out[0].touches.len(), out[0].stamp), (1, 1, stamp(5)));

    out.clear();
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut out).unwrap();
    timelines.on_click(&click(T - 5, 1, 7, 1), &mut out).unwrap();
    timelines.on_click(&click(T - 11, 1, 7, 2), &mut out).unwrap();
    timelines.on_click(&click(T + 1, 1, 7, 3), &mut out).unwrap();
    timelines.on_click(&click_on(T - 1, 1, 20, 7, 4), &mut out).unwrap();
    timelines.on_click(&click(T - 1, 1, 8, 5), &mut out).unwrap();
    assert_eq!(out, [], "repeats, other times, other shops and other visitors add nothing");

    timelines.on_click(&click(T, 2, 7, 6), &mut out).unwrap();
    assert_eq!((out[0].touches.len(), out[0].stamp.revision()), (2, 1));
    assert!(out[0].touches.is_sorted());

    out.clear();
    timelines.on_lookup(lookup("o", 7, T - 11, T - 5), &mut out).unwrap();
    assert_eq!(out[0].touches.len(), 3, "the range only widens");
}

#[test]
fn an_answer_to_come_waits_for_its_click() {
    let mut timelines = timelines(5);
    timelines.speak(&mut Vec::new()).unwrap();
    let mut out = Vec::new();
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut out).unwrap();
    assert_eq!(out, [], "an empty answer adds nothing");
    timelines.on_click(&click(T - 5, 1, 7, 1), &mut out).unwrap();
    assert_eq!(out.len(), 1);
}

#[test]
fn forgotten_questions_are_deleted_from_disk() {
    let mut timelines = timelines(5);
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut Vec::new()).unwrap();
    timelines.on_lookup(lookup("p", 8, T - 10, T + 1), &mut Vec::new()).unwrap();
    timelines.take_dirty();
    timelines.expire(EpochMs(T + 1)).unwrap();
    assert_eq!(timelines.take_dirty(), [(Identity::Visitor(VisitorId(7)), Vec::new())]);
    assert_eq!(timelines.asked_identities(), 1);
}

#[test]
fn an_answer_to_a_question_that_was_forgotten_is_a_newer_revision() {
    let mut timelines = timelines(5);
    timelines.speak(&mut Vec::new()).unwrap();
    let mut out = Vec::new();
    timelines.on_click(&click(T - 5, 1, 7, 1), &mut out).unwrap();
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut out).unwrap();
    timelines.expire(EpochMs(T + 1)).unwrap();
    assert_eq!((out.len(), timelines.asked_identities()), (1, 0));
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut out).unwrap();
    assert_eq!(out.len(), 1, "the same answer is not given twice");
    timelines.on_click(&click(T - 4, 1, 7, 2), &mut out).unwrap();
    assert_eq!((out.len(), out[1].stamp), (2, stamp(5).with_revision(1)));
}

/// Far more than the smallest table of bits has room for, before and after a restart.
#[test]
fn every_visitor_asked_about_is_answered_however_many_there_are() {
    let mut before = timelines(5);
    for visitor in 0..3_000 {
        before.on_lookup(lookup("o", visitor, T - 10, T), &mut Vec::new()).unwrap();
    }
    let mut after = timelines(6);
    for (identity, state) in before.take_dirty() {
        after.restore(identity, &state).unwrap();
    }
    for mut machine in [before, after] {
        machine.speak(&mut Vec::new()).unwrap();
        let clicks: Vec<_> = (0..6_000).map(|it| click(T - 5, 1, it, it + 1)).collect();
        let mut out = Vec::new();
        machine.on_clicks(&clicks, &mut out).unwrap();
        let answered: Vec<_> = out.iter().map(|it| it.identity).collect();
        let asked: Vec<_> = (0..3_000).map(|it| Identity::Visitor(VisitorId(it))).collect();
        assert_eq!(answered, asked);
    }
}

#[test]
fn an_answer_is_capped_and_still_names_every_partner() {
    let mut timelines = timelines(5);
    timelines.speak(&mut Vec::new()).unwrap();
    let count = u64::try_from(EVIDENCE_TOUCHES_MAX).unwrap() + 5;
    for it in 0..count {
        let partner = if it == 3 { 2 } else { 1 };
        timelines.on_click(&click(T + it, partner, 7, it + 1), &mut Vec::new()).unwrap();
    }
    let mut out = Vec::new();
    timelines.on_lookup(lookup("o", 7, T, T + count), &mut out).unwrap();
    let answer = &out[0];
    assert_eq!(answer.touches.len(), EVIDENCE_TOUCHES_MAX);
    assert_eq!((answer.touches[0].at.0, answer.touches[1].at.0), (T, T + 6));
    assert_eq!(answer.partners.len(), 2);
    // At its limit it is far below a message of the log.
    let mut bytes = Vec::new();
    answer.clone().encode(&mut bytes).unwrap();
    assert!(bytes.len() < 128 * 1024, "{} bytes", bytes.len());
}
