//! What rows hold: of cells, of orders and of credits, as far as a rule depends on it.

use events::Decision;
use units::Currency;

/// What a cell is about, besides its quarter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    pub(crate) link: u32,
    pub(crate) country: String,
    pub(crate) device: String,
    pub(crate) currency: String,
}

/// What a cell counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    clicks: u64,
    valid: u64,
    unique: u64,
    views: u64,
    orders_ppm: u64,
    approved_ppm: u64,
    charged_back_ppm: u64,
    held_ppm: u64,
    without_rate_ppm: u64,
    revenue_minor: i64,
    revenue_approved_minor: i64,
    refunded_minor: i64,
    refunded_approved_minor: i64,
    assisted_orders: u64,
    closed_orders: u64,
    path_touches: u64,
    reporting_e4: i64,
}

impl Cell {
    pub(crate) fn add_click(&mut self, kind: &str, verdict: &str) {
        if kind == "view" {
            self.views += 1;
            return;
        }
        self.clicks += u64::from(!matches!(verdict, "prefetch" | "head"));
        self.valid += u64::from(matches!(verdict, "valid" | "duplicate"));
        self.unique += u64::from(verdict == "valid");
    }

    pub(crate) fn add_credit(&mut self, part: &Part, of: &Settled) {
        let share_if = |fits: bool| if fits { u64::from(part.share_ppm) } else { 0 };
        self.orders_ppm += share_if(true);
        self.approved_ppm += share_if(of.is_approved);
        self.charged_back_ppm += share_if(of.status == "charged_back");
        // Of a suspicious order only the parts of those who are.
        self.held_ppm += share_if(if of.hold == "fraud" { part.is_suspected } else { !of.hold.is_empty() });
        self.without_rate_ppm += share_if(of.hold == "rate_missing");
        self.revenue_minor += part.revenue_minor;
        self.refunded_minor += part.refunded_minor;
        if of.is_approved {
            self.revenue_approved_minor += part.revenue_minor;
            self.refunded_approved_minor += part.refunded_minor;
        }
        self.assisted_orders += u64::from(part.is_assist);
        self.closed_orders += u64::from(part.path_touches > 0);
        self.path_touches += u64::from(part.path_touches);
        self.reporting_e4 += part.reporting_e4;
    }

    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// What a touch has of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) share_ppm: u32,
    pub(crate) revenue_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) is_assist: bool,
    /// The length of the path, on the closer's row alone.
    pub(crate) path_touches: u32,
    /// In ten-thousandths of the reporting currency.
    pub(crate) reporting_e4: i64,
    /// It waits for what is suspicious.
    pub(crate) is_suspected: bool,
}

impl Part {
    /// Whether a cell changes by it.
    pub(crate) fn counts(&self) -> bool {
        self.share_ppm > 0 || self.is_assist || self.path_touches > 0
    }
}

/// Ten-thousandths of an amount in minor units of the currency of that code; none is worth nothing.
pub(crate) fn in_e4(minor: i64, currency: &str) -> i64 {
    let decimals = Currency::parse(currency).map_or(4, Currency::decimals);
    minor * 10_i64.pow(4 - u32::from(decimals))
}

/// An order as its row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderRow {
    pub(crate) at: u64,
    pub(crate) time_source: String,
    pub(crate) catalog: u32,
    pub(crate) settled: Settled,
    pub(crate) refunded_minor: i64,
    pub(crate) revenue_minor: i64,
    pub(crate) currency: String,
    pub(crate) offer: u32,
    pub(crate) partner: u32,
    pub(crate) matched: String,
    pub(crate) report_count: u32,
    pub(crate) payable_at: u64,
    pub(crate) model: String,
    pub(crate) path_touches: u32,
    pub(crate) reporting_e4: i64,
}

/// What has become of an order, as far as cells tell its credits apart by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) status: String,
    pub(crate) is_approved: bool,
    pub(crate) hold: String,
}

impl OrderRow {
    /// What the row of this decision would say.
    pub(crate) fn of(decision: &Decision) -> Self {
        Self {
            at: decision.at.0,
            time_source: decision.time_source.as_str().to_owned(),
            catalog: decision.catalog.0,
            settled: Settled {
                status: decision.status.as_str().to_owned(),
                is_approved: decision.is_approved,
                hold: decision.hold.map_or("", |it| it.as_str()).to_owned(),
            },
            refunded_minor: decision.refunded_minor,
            revenue_minor: decision.revenue_minor,
            currency: decision.currency.as_str().to_owned(),
            offer: decision.offer.0,
            partner: decision.partner.0,
            matched: decision.matched.map_or("", |it| it.as_str()).to_owned(),
            report_count: decision.report_count,
            payable_at: decision.payable_at.0,
            model: decision.model.map_or("", |it| it.as_str()).to_owned(),
            path_touches: decision.path_touches.into(),
            reporting_e4: decision.reporting.map_or(0, |it| in_e4(it.minor, it.currency.as_str())),
        }
    }
}

impl Settled {
    /// Whether a credit may say this of an order that says that: one partner's part may be free while another's is held.
    pub(crate) fn is_of(&self, order: &Self) -> bool {
        (&self.status, self.is_approved) == (&order.status, order.is_approved)
            && (self.hold.is_empty() || self.hold == order.hold)
    }
}

/// A touch's share of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreditRow {
    pub(crate) cell: CellKey,
    pub(crate) part: Part,
    pub(crate) settled: Settled,
}
