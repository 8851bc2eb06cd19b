//! Instructions of attribution: a click into its timeline, and an order from its report to the decision. Run by `cargo xtask instructions`.

use std::{fmt::Write as _, process::ExitCode, sync::Arc};

use anyhow::{Result, ensure};
use attribution::{MemorySlices, Orders, OrdersOutput, SliceOptions, Timelines, TouchStore};
use catalog::Catalog;
use events::{ClickHead, Evidence, OrderKey, Report, ReportedClick, ReportedStatus, Statement};
use units::{AdvertiserId, CatalogVersion, Currency, EpochMs, HOUR_MS, Money, Origin, Stamp, WriterId};

#[path = "../counted.rs"]
mod counted;
#[path = "../counted/sample.rs"]
mod sample;

use counted::{Path, run};

const ON_CLICK_TURNS: usize = 20_000;
const ORDER_TURNS: usize = 500;

const PATHS: &[Path] = &[
    Path { name: "timelines_on_click", turns: ON_CLICK_TURNS, work: on_click },
    Path { name: "order_report_to_decision", turns: ORDER_TURNS, work: order },
];

fn main() -> Result<ExitCode> {
    run(PATHS)
}

type Machine = Timelines<MemorySlices>;

fn timelines(evidence: &mut Vec<Evidence>) -> Result<Machine> {
    let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0)?;
    let mut timelines = Timelines::new(Stamp::new(1, 1)?, store);
    timelines.speak(evidence)?;
    Ok(timelines)
}

fn heads(count: usize) -> Vec<ClickHead> {
    let mut mint = sample::mint();
    (0..count as u64).map(|n| sample::click(n, sample::id(&mut mint, n)).head).collect()
}

fn on_click(turns: usize) -> Result<()> {
    let heads = heads(2 * ON_CLICK_TURNS);
    let mut evidence = Vec::new();
    let mut timelines = timelines(&mut evidence)?;
    for head in heads.iter().take(turns) {
        timelines.on_click(head, &mut evidence)?;
    }
    ensure!(evidence.is_empty(), "nobody asked");
    Ok(())
}

/// Each order names the last click of its visitor, who made two.
fn order(turns: usize) -> Result<()> {
    let heads = heads(4 * ORDER_TURNS);
    let mut evidence = Vec::new();
    let mut timelines = timelines(&mut evidence)?;
    timelines.on_clicks(&heads, &mut evidence)?;
    let mut orders = Orders::new(Stamp::new(1, 1)?);
    let mut outputs = Vec::new();
    orders.on_catalog(Arc::new(catalog()?), &mut outputs);
    orders.speak(&mut outputs);
    let reports: Vec<Report> = (0..).zip(heads.chunks(2)).filter_map(|(n, it)| report(n, it)).collect();
    let mut decided = 0;
    for report in reports.into_iter().take(turns) {
        orders.add_report(report, &mut outputs);
        for output in outputs.drain(..) {
            if let OrdersOutput::Lookup(lookup) = output {
                timelines.on_lookup(lookup, &mut evidence)?;
            }
        }
        for answer in evidence.drain(..) {
            orders.add_evidence(answer, &mut outputs);
        }
        orders.decide_due(&mut outputs);
        decided += outputs.drain(..).filter(|it| matches!(it, OrdersOutput::Decided { .. })).count();
    }
    ensure!(decided == turns, "{decided} of {turns} orders decided");
    Ok(())
}

fn report(n: u64, clicks: &[ClickHead]) -> Option<Report> {
    let click = clicks.last()?;
    Some(Report {
        click: ReportedClick::Signed(click.id),
        statement: Statement::Order { amount: Some(Money { minor: 1_999, currency: Currency::EUR }) },
        status: Some(ReportedStatus::Approved),
        catalog: CatalogVersion(1),
        ..Report::bare(
            OrderKey::by_id(AdvertiserId(1), &format!("order-{n}")),
            click.at().forth(HOUR_MS),
            Origin { writer: WriterId(2), incarnation: 1, sequence: n + 1 },
        )
    })
}

fn catalog() -> Result<Catalog> {
    let mut text = "[[advertiser]]\nid = 1\nname = \"Shop\"\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\n\
                    [[offer]]\nid = 10\nadvertiser = 1\nname = \"Offer\"\ndestination = \"https://shop.example/\"\n"
        .to_owned();
    for id in 1..=40 {
        write!(
            text,
            "[[partner]]\nid = {id}\nname = \"P\"\ntype = \"content\"\n\
             [[link]]\nid = {id}\ncode = \"l{id}\"\npartner = {id}\noffer = 10\n"
        )?;
    }
    catalog::load(&text, CatalogVersion(1), EpochMs(0)).map_err(|errors| anyhow::anyhow!("{errors:?}"))
}
