//! Plays the visitors: one task each, every step at its time, in his own order, and writes down what was done and answered.
//!
//! Open loop: a slow answer delays its own visitor only. Clicks are never repeated; a shop repeats its report until it is accepted.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    browser::{Answer, Browser},
    judge::{Book, Clicked, Named, Reported, kind},
    program::{Link, Program},
    world::{Act, Door, How, Order, Says, Step, Visitor},
};

/// How often a shop repeats a report before it gives up for good: with the wait between, two minutes.
const REPORT_TRIES_MAX: u32 = 240;
const REPORT_WAIT: Duration = Duration::from_millis(500);

/// Live numbers of the load side.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) clicks_sent: AtomicU64,
    pub(crate) clicks_answered: AtomicU64,
    pub(crate) orders_sent: AtomicU64,
    pub(crate) reports_sent: AtomicU64,
    /// Reports that no try got through: a failure of the run.
    pub(crate) reports_lost: AtomicU64,
    /// Answers that are neither what a click nor what a report gets.
    pub(crate) odd_answers: AtomicU64,
}

/// What all visitors share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) edge: SocketAddr,
    pub(crate) program: Arc<Program>,
    pub(crate) book: Mutex<Book>,
    pub(crate) counts: Counts,
    /// No further click is made; reports under way are finished.
    pub(crate) is_over: watch::Sender<bool>,
    /// The first odd answers, for the verdict.
    pub(crate) oddities: Mutex<Vec<String>>,
}

impl Stage {
    fn odd(&self, what: &str, answer: &Answer) {
        self.counts.odd_answers.fetch_add(1, Ordering::Relaxed);
        let mut oddities = self.oddities.lock().expect("no holder panics");
        if oddities.len() < 5 {
            oddities.push(format!("{what}: {} {}", answer.status, answer.body.trim()));
        }
    }
}

/// A visitor while he acts.
struct Actor {
    stage: Arc<Stage>,
    visitor: Visitor,
    browser: Browser,
    /// By device.
    cookies: Vec<Option<String>>,
    /// Clicks that were answered.
    landed: Vec<Landed>,
    /// Clicks made so far.
    clicks: u64,
    /// Some click was not answered: what he does from then on cannot be judged, so he does nothing.
    is_lost: bool,
    /// By order: whom its first report named, and the click id it used. `None` before it was sent.
    named: Vec<Option<(Named, Option<String>)>>,
}

/// A click that was answered.
struct Landed {
    shop: u32,
    device: usize,
    at_ms: u64,
    tag: String,
    click_id: String,
}

/// Plays one visitor to his end.
pub(crate) async fn play(stage: Arc<Stage>, visitor: Visitor, start: Instant) {
    let browser = Browser::new(stage.edge);
    let named = vec![None; visitor.orders.len()];
    let steps = visitor.steps.clone();
    let cookies = vec![None; visitor.devices.len()];
    let mut actor =
        Actor { stage, visitor, browser, cookies, landed: Vec::new(), clicks: 0, is_lost: false, named };
    let mut is_over = actor.stage.is_over.subscribe();
    for step in steps {
        tokio::select! {
            () = tokio::time::sleep_until(start + Duration::from_millis(step.due_ms)) => {}
            _ = is_over.wait_for(|it| *it) => return,
        }
        if actor.is_lost || *is_over.borrow() {
            return;
        }
        actor.act(&step).await;
    }
}

impl Actor {
    async fn act(&mut self, step: &Step) {
        match &step.act {
            Act::Click { tag, link, how, device } => {
                let target = format!("/c/{}?sub1=demo&sub30={tag}&utm_source=demo", link.code);
                let clicked = self.clicked(step, tag, link, *how, *device);
                self.click(&target, (*device, *how), clicked).await;
            }
            Act::Report { order, says, door, repeats } => {
                let Some(made) = self.visitor.orders.get(*order).cloned() else { return };
                self.report(*order, &made, step.at_ms, *says, *door, *repeats).await;
            }
        }
    }

    fn clicked(&mut self, step: &Step, tag: &str, link: &Link, how: How, device: usize) -> Clicked {
        self.clicks += 1;
        let (is_click, is_person) = kind(how);
        // A private browser keeps no cookie: each click is somebody new.
        let part = if self.visitor.private { self.clicks } else { 0 };
        Clicked {
            tag: tag.to_owned(),
            person: self.visitor.label.clone(),
            browser: format!("{}~{device}", self.visitor.label),
            visitor: format!("{}~{device}/{part}", self.visitor.label),
            at_ms: step.at_ms,
            is_person,
            is_click,
            link: link.id,
            partner: link.partner,
            offer: link.offer,
            shop: link.shop,
            currency: link.currency.to_owned(),
            answered: false,
        }
    }

    async fn click(&mut self, target: &str, (device, how): (usize, How), mut clicked: Clicked) {
        let mut headers = self.headers(clicked.at_ms, device);
        if how == How::Prefetch {
            headers.push(("sec-purpose", "prefetch".to_owned()));
        }
        let method = if how == How::Head { "HEAD" } else { "GET" };
        self.stage.counts.clicks_sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.browser.send(method, target, &headers, "").await;
        let want = if how == How::Prefetch { 503 } else { 302 };
        match answer {
            Some(answer) if answer.status == want => {
                clicked.answered = true;
                self.stage.counts.clicks_answered.fetch_add(1, Ordering::Relaxed);
                if how == How::Person {
                    self.land(&answer, &clicked, device);
                }
            }
            Some(answer) => self.stage.odd(target, &answer),
            // His browser may have been counted without knowing it: what he did before stays, but he stops.
            None => self.is_lost = true,
        }
        self.stage.book.lock().expect("no holder panics").clicks.push(clicked);
    }

    fn land(&mut self, answer: &Answer, clicked: &Clicked, device: usize) {
        if !self.visitor.private
            && let Some(cookie) = &answer.cookie
            && let Some(place) = self.cookies.get_mut(device)
        {
            *place = Some(cookie.clone());
        }
        let id = answer
            .location
            .as_deref()
            .and_then(|it| it.split_once("click_id="))
            .map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
        match id {
            Some(id) => self.landed.push(Landed {
                shop: clicked.shop,
                device,
                at_ms: clicked.at_ms,
                tag: clicked.tag.clone(),
                click_id: id.to_owned(),
            }),
            None => self.stage.odd("no click id in the location", answer),
        }
    }

    fn headers(&self, at_ms: u64, device: usize) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-tributary-at", at_ms.to_string())];
        if let Some(device) = self.visitor.devices.get(device) {
            headers.push(("user-agent", device.agent.to_owned()));
            headers.push(("x-forwarded-for", device.address.clone()));
        }
        if self.visitor.private {
            headers.push(("sec-gpc", "1".to_owned()));
        }
        let cookie = self.cookies.get(device).and_then(Option::clone);
        headers.extend(cookie.map(|it| ("cookie", it)));
        headers
    }

    async fn report(&mut self, index: usize, order: &Order, at_ms: u64, says: Says, door: Door, repeats: u8) {
        if says == Says::Order {
            let named = self.name(order, door);
            if let Some(place) = self.named.get_mut(index) {
                *place = Some(named);
            }
            self.stage.counts.orders_sent.fetch_add(1, Ordering::Relaxed);
        }
        let Some((named, click_id)) = self.named.get(index).cloned().flatten() else { return };
        let Some(message) = Message::new(&self.stage.program, order, says, door, click_id.as_deref()) else {
            return;
        };
        for _ in 0..=repeats {
            if !self.deliver(&message, at_ms, order.device).await {
                self.stage.counts.reports_lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        self.stage.book.lock().expect("no holder panics").reports.push(Reported {
            order: order.id.clone(),
            shop: order.shop,
            received_ms: at_ms,
            ordered_ms: order.at_ms,
            person: self.visitor.label.clone(),
            named,
            customer: order.customer.clone(),
            coupon: order.coupon.clone(),
            partner: order.partner,
            amount_minor: order.amount_minor,
            currency: order.currency.to_owned(),
            says,
        });
    }

    /// Whom the order's first report will name: the last click id that the shop has from that device, its cookie, or nobody.
    fn name(&self, order: &Order, door: Door) -> (Named, Option<String>) {
        if door == Door::Pixel && self.cookies.get(order.device).is_some_and(Option::is_some) {
            return (Named::Visitor(format!("{}~{}/0", self.visitor.label, order.device)), None);
        }
        let is_known =
            |it: &&Landed| (it.shop, it.device) == (order.shop, order.device) && it.at_ms <= order.at_ms;
        let last = self.landed.iter().filter(is_known).max_by_key(|it| it.at_ms);
        last.map_or((Named::Nobody, None), |it| (Named::Click(it.tag.clone()), Some(it.click_id.clone())))
    }

    /// As a shop does: again and again, until it is accepted.
    async fn deliver(&mut self, message: &Message, at_ms: u64, device: usize) -> bool {
        for _ in 0..REPORT_TRIES_MAX {
            let mut headers = self.headers(at_ms, device);
            if message.is_from_shop {
                headers.retain(|(name, _)| *name == "x-tributary-at");
                headers.push(("user-agent", "ShopServer/1.0".to_owned()));
            }
            self.stage.counts.reports_sent.fetch_add(1, Ordering::Relaxed);
            match self.browser.send(message.method, &message.target, &headers, &message.body).await {
                Some(answer) if answer.status == 200 => return true,
                Some(answer) if answer.status < 500 => {
                    self.stage.odd(&message.target, &answer);
                    return false;
                }
                Some(_) | None => tokio::time::sleep(REPORT_WAIT).await,
            }
        }
        false
    }
}

/// A report as it is sent.
struct Message {
    method: &'static str,
    target: String,
    body: String,
    is_from_shop: bool,
}

impl Message {
    fn new(program: &Program, order: &Order, says: Says, door: Door, click_id: Option<&str>) -> Option<Self> {
        let shop = program.shops.iter().find(|it| it.id == order.shop)?;
        let mut pairs: Vec<(&str, String)> = vec![
            ("advertiser", shop.id.to_string()),
            ("token", shop.token.clone()),
            ("order_id", order.id.clone()),
            ("currency", order.currency.to_owned()),
            ("time", rfc_3339(order.at_ms)),
        ];
        pairs.extend(click_id.map(|id| ("click_id", id.to_owned())));
        pairs.extend(order.customer.clone().map(|it| ("customer_id", it)));
        pairs.extend(order.coupon.clone().map(|it| ("coupon", it)));
        pairs.extend(order.partner.map(|it| ("partner_id", it.to_string())));
        match says {
            Says::Order => pairs.push(("amount_minor", order.amount_minor.to_string())),
            Says::Approved | Says::Rejected => {
                pairs.push(("amount_minor", order.amount_minor.to_string()));
                pairs.push((
                    "status",
                    if says == Says::Approved { "approved" } else { "rejected" }.to_owned(),
                ));
            }
            Says::Refund(minor) => {
                pairs.push(("amount_minor", (-minor).to_string()));
                pairs.push(("refund_id", format!("{}-refund", order.id)));
            }
        }
        let query = |path: &str| {
            let pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
            format!("{path}?{}", pairs.join("&"))
        };
        Some(match door {
            Door::Postback => {
                Self { method: "GET", target: query("/postback"), body: String::new(), is_from_shop: true }
            }
            Door::Pixel => Self {
                method: "GET",
                target: query("/p.gif"),
                body: String::new(),
                is_from_shop: click_id.is_some(),
            },
            Door::Batch => {
                let line: serde_json::Map<_, _> =
                    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
                let body = serde_json::Value::Object(line).to_string() + "\n";
                Self { method: "POST", target: "/v1/reports".to_owned(), body, is_from_shop: true }
            }
        })
    }
}

fn rfc_3339(ms: u64) -> String {
    units::EpochMs(ms).to_string()
}
