//! Our side: one thread reads the log and drives both machines, as the embedded pipeline does, with touches in files.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Result, ensure};
use attribution::{CLICKS_AT_A_TIME, Orders, OrdersOutput, SliceOptions, Timelines, TouchStore};
use catalog::{Catalog, Link, Model, Offer, Partner, Rules, Status, Template};
use events::{ClickHead, Event, Evidence, Kind, kind_of};
use units::{CatalogVersion, Currency, EpochMs, LinkId, PartnerId, Stamp};

use super::{
    files::FileSlices,
    world::{OFFER, PARTNERS, SHOP, WINDOW_MS, World},
};

/// What came of it.
pub(super) struct Outcome {
    /// Snapshots sent; an order has one or two.
    pub(super) decisions: u64,
    /// Orders by credited partner, by the last snapshot of each.
    pub(super) credited: BTreeMap<u32, u64>,
}

/// Both machines and what they said.
pub(super) struct Machines {
    orders: Orders,
    timelines: Timelines<FileSlices>,
    /// Decoded and not yet handed over: at most [`CLICKS_AT_A_TIME`], none when a report is.
    clicks: Vec<ClickHead>,
    evidence: Vec<Evidence>,
    outputs: Vec<OrdersOutput>,
    decided: Vec<OrdersOutput>,
    pub(super) outcome: Outcome,
}

pub(super) fn attribute(world: &World) -> Result<Machines> {
    let claim = Stamp::new(1, 1)?;
    let store = TouchStore::open(FileSlices::new()?, SliceOptions::default(), 1, 0)?;
    let mut machines = Machines {
        orders: Orders::new(claim),
        timelines: Timelines::new(claim, store),
        clicks: Vec::new(),
        evidence: Vec::new(),
        outputs: Vec::new(),
        decided: Vec::new(),
        outcome: Outcome { decisions: 0, credited: BTreeMap::new() },
    };
    machines.orders.on_catalog(Arc::new(catalog()), &mut machines.outputs);
    machines.orders.speak(&mut machines.outputs);
    machines.timelines.speak(&mut machines.evidence)?;
    let mut rest = world.log.as_slice();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (record, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        rest = behind;
        machines.take(record)?;
    }
    machines.hand_over_clicks()?;
    Ok(machines)
}

impl Machines {
    fn take(&mut self, record: &[u8]) -> Result<()> {
        if kind_of(record)? == Kind::Click {
            self.clicks.push(ClickHead::peek(record)?);
            return if self.clicks.len() == CLICKS_AT_A_TIME { self.hand_over_clicks() } else { Ok(()) };
        }
        self.hand_over_clicks()?;
        let Event::Report(report) = Event::decode(record)? else { return Ok(()) };
        self.orders.on_report(*report, &mut self.outputs);
        for output in self.outputs.drain(..) {
            match output {
                OrdersOutput::Lookup(lookup) => self.timelines.on_lookup(lookup, &mut self.evidence)?,
                OrdersOutput::Decided { .. } => self.decided.push(output),
            }
        }
        for evidence in self.evidence.drain(..) {
            self.orders.on_evidence(evidence, &mut self.decided);
        }
        let mut credited = None;
        for output in self.decided.drain(..) {
            if let OrdersOutput::Decided { decision, .. } = output {
                self.outcome.decisions += 1;
                credited = Some(decision.partner);
            }
        }
        if let Some(PartnerId(partner @ 1..)) = credited {
            *self.outcome.credited.entry(partner).or_default() += 1;
        }
        Ok(())
    }
}

impl Machines {
    fn hand_over_clicks(&mut self) -> Result<()> {
        self.timelines.on_clicks(&self.clicks, &mut self.evidence)?;
        self.clicks.clear();
        ensure!(self.evidence.is_empty(), "no order is reported before its clicks");
        Ok(())
    }
}

fn catalog() -> Catalog {
    let rules = Rules {
        click_window_ms: WINDOW_MS,
        view_window_ms: 0,
        minimum_time_ms: 0,
        model: Model::Last,
        hold_ms: 0,
    };
    let offer = Offer {
        id: OFFER,
        advertiser: SHOP,
        name: "offer".into(),
        status: Status::Active,
        destination: "https://shop.example/".into(),
        landing: Template::default(),
        allowed_hosts: Vec::new(),
        click_id_parameter: "click_id".into(),
        currency: Currency::EUR,
        rules,
        duplicate_window_ms: 0,
    };
    let partner = |id| Partner {
        id: PartnerId(id),
        name: "partner".into(),
        kind: "content".into(),
        status: Status::Active,
    };
    let link = |id: u32| Link {
        id: LinkId(id),
        code: format!("l{id}").into(),
        partner: PartnerId(id),
        offer: OFFER,
        status: Status::Active,
        destination: None,
        landing: None,
    };
    Catalog {
        version: CatalogVersion(1),
        effective_at: EpochMs(0),
        offers: [(OFFER, offer)].into(),
        partners: (1..=PARTNERS).map(|it| (PartnerId(it), partner(it))).collect(),
        links: (1..=PARTNERS).map(|it| (LinkId(it), link(it))).collect(),
        ..Catalog::default()
    }
}
