//! What is left out beyond a limit leaves nothing behind in the tables.

use super::*;

/// Machines that keep the first and the latest report and weigh one touch.
pub(crate) fn forgetful(claim: u64) -> Orders {
    let mut orders = Orders::with_caps(stamp(claim), Caps { reports: 2, candidates: 1 });
    orders.on_catalog(Arc::new(catalog(1, 0, WINDOW_MS)), &mut Vec::new());
    orders.speak(&mut Vec::new());
    orders
}

/// Reports whose middle ones are left out: each names a quarter that no other does, and a click that corrects its time into one more.
pub(crate) fn scattered() -> Vec<Report> {
    let quarter = |it: u64| T + it * QUARTER_MS;
    let by = |it: u32, report: Report| report.by(click_id(quarter(it.into()) + 1, 1, 10, 7, it));
    vec![
        report("o", quarter(40), 1),
        by(21, report("o", quarter(41), 2).said_at(quarter(20))),
        by(11, report("o", quarter(42), 3).said_at(quarter(10))),
        report("o", quarter(43), 4),
    ]
}

/// An order that was said to be in a quarter is void there for ever, also when the report that placed it is kept no more: no touch and no row
/// would take it away.
#[test]
fn where_an_order_ever_was_it_is_void_or_at_home() {
    // All the orders in which four reports may come.
    for turn in 0..24 {
        let (mut reports, mut left, mut choice) = (Vec::new(), scattered(), turn);
        while !left.is_empty() {
            let count = left.len();
            reports.push(left.remove(choice % count));
            choice /= count;
        }
        let mut orders = forgetful(1);
        let mut homes = Vec::new();
        let mut last = None;
        for report in &reports {
            // Every other time it comes back from disk in between.
            if turn % 2 == 0
                && let Some((of, state)) = orders.take_dirty().pop()
            {
                orders = forgetful(2);
                orders.restore(&of, &state).unwrap();
            }
            let mut out = Vec::new();
            orders.on_report(report.clone(), &mut out);
            for it in decisions(&out) {
                homes.push(it.at.quarter());
                last = Some((it.at, it.void_quarters.clone()));
            }
        }
        let (at, void) = last.unwrap();
        assert!(void.is_sorted() && !void.contains(&at.quarter()), "turn {turn}");
        let named = |it: &Quarter| *it == at.quarter() || void.contains(it);
        assert!(homes.iter().all(named), "turn {turn}: {homes:?} were homes, {at} is, void are {void:?}");
        // The kept ones and the click of each that is not: in whatever order they came.
        assert_eq!(void.len(), 5, "turn {turn}: {void:?}");
    }
}

#[test]
fn quarters_of_reports_that_are_left_out_are_bounded_and_the_first_ones_stay() {
    let count = u64::try_from(QUARTERS_LEFT_MAX).unwrap() + 10;
    let mut orders = forgetful(1);
    let mut out = Vec::new();
    for it in 0..count {
        out.clear();
        orders.on_report(report("o", T + it * QUARTER_MS, it + 1), &mut out);
    }
    let void = &decisions(&out)[0].void_quarters;
    let first = EpochMs(T + QUARTER_MS).quarter();
    assert_eq!(
        (void.len(), void[0]),
        (QUARTERS_LEFT_MAX + 1, first),
        "those left out, and the latest report's"
    );
}

/// Its credit is taken away by the order's newer row alone (`warehouse`): this snapshot names it no more.
#[test]
fn a_touch_beyond_the_limit_is_not_named_any_more() {
    let mut orders = forgetful(9);
    let mut out = Vec::new();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    for touch in [touch(T - 9, 2, 7, 8), touch(T - 5, 3, 7, 9)] {
        orders.on_evidence(evidence("o", 3, 7, vec![touch]), &mut out);
    }
    let credited = |it: &OrdersOutput| match it {
        OrdersOutput::Decided { credits, .. } => {
            Some(credits.iter().map(|it| (it.partner.0, it.share.0)).collect::<Vec<_>>())
        }
        OrdersOutput::Lookup(_) | OrdersOutput::Bound(_) => None,
    };
    let credited: Vec<_> = out.iter().filter_map(credited).collect();
    assert_eq!(credited, [vec![], vec![(2, 1_000_000)], vec![(3, 1_000_000)]]);
}
