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

/// Records of one poll, as `pipeline`'s limits have it.
const RECORDS_AT_A_TIME: usize = 8_192;

/// What came of it.
pub(crate) struct Outcome {
    /// Snapshots sent; each order has one, since its clicks come before it.
    pub(crate) decisions: u64,
    /// Orders by credited partner.
    pub(crate) credited: BTreeMap<u32, u64>,
}

/// Both machines and what they said.
pub(crate) struct Machines {
    orders: Orders,
    timelines: Timelines<FileSlices>,
    /// Decoded and not yet handed over: at most [`CLICKS_AT_A_TIME`].
    clicks: Vec<ClickHead>,
    evidence: Vec<Evidence>,
    outputs: Vec<OrdersOutput>,
    pub(crate) outcome: Outcome,
}

pub(crate) fn attribute(world: &World) -> Result<Machines> {
    let claim = Stamp::new(1, 1)?;
    let store = TouchStore::open(FileSlices::new()?, SliceOptions::default(), 1, 0)?
        .keeping(pipeline::RECENT_BYTES_MAX);
    let mut machines = Machines {
        orders: Orders::new(claim),
        timelines: Timelines::new(claim, store),
        clicks: Vec::new(),
        evidence: Vec::new(),
        outputs: Vec::new(),
        outcome: Outcome { decisions: 0, credited: BTreeMap::new() },
    };
    machines.orders.on_catalog(Arc::new(catalog()), &mut machines.outputs);
    machines.orders.speak(&mut machines.outputs);
    machines.timelines.speak(&mut machines.evidence)?;
    let mut rest = world.log.as_slice();
    let mut records = Vec::with_capacity(RECORDS_AT_A_TIME);
    while !rest.is_empty() {
        while records.len() < RECORDS_AT_A_TIME
            && let Some((length, behind)) = rest.split_first_chunk()
        {
            let (record, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            records.push(record);
            rest = behind;
        }
        machines.take(&records)?;
        records.clear();
    }
    Ok(machines)
}

impl Machines {
    /// What `pipeline`'s partition does with the records of one poll, without rows for a warehouse.
    fn take(&mut self, records: &[&[u8]]) -> Result<()> {
        for record in records {
            if kind_of(record)? == Kind::Click {
                self.clicks.push(ClickHead::peek(record)?);
                if self.clicks.len() == CLICKS_AT_A_TIME {
                    self.hand_over_clicks()?;
                }
            } else if let Event::Report(report) = Event::decode(record)? {
                self.orders.add_report(*report, &mut self.outputs);
            }
        }
        self.hand_over_clicks()?;
        self.settle()
    }

    fn hand_over_clicks(&mut self) -> Result<()> {
        self.timelines.on_clicks(&self.clicks, &mut self.evidence)?;
        self.clicks.clear();
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        for output in self.outputs.drain(..) {
            if let OrdersOutput::Lookup(lookup) = output {
                self.timelines.on_lookup(lookup, &mut self.evidence)?;
            }
        }
        for evidence in self.evidence.drain(..) {
            self.orders.add_evidence(evidence, &mut self.outputs);
        }
        ensure!(self.outputs.is_empty(), "evidence asks nothing");
        self.orders.decide_due(&mut self.outputs);
        for output in self.outputs.drain(..) {
            if let OrdersOutput::Decided { decision, .. } = output {
                self.outcome.decisions += 1;
                if let PartnerId(partner @ 1..) = decision.partner {
                    *self.outcome.credited.entry(partner).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn catalog() -> Catalog {
    let rules = Rules {
        click_window_ms: WINDOW_MS,
        view_window_ms: 0,
        minimum_time_ms: 0,
        model: Model::Last,
        hold_ms: 0,
        duplicate_window_ms: 0,
        ..Rules::default()
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
        rules: rules.into(),
    };
    let partner = |id| Partner {
        id: PartnerId(id),
        name: "partner".into(),
        kind: "content".into(),
        status: Status::Active,
        email: None,
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
