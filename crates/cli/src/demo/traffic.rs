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
    judge::{Book, Clicked, Reported, kind},
    program::Program,
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
    cookie: Option<String>,
    /// Clicks that were answered: shop, event time, click id.
    landed: Vec<(u32, u64, String)>,
    /// Clicks made so far.
    clicks: u64,
    /// Some click was not answered: what he does from then on cannot be judged, so he does nothing.
    is_lost: bool,
    /// By order: whom its first report named, and the click id it used. Empty where it could not be sent.
    named: Vec<Option<(String, Option<String>)>>,
}

/// Plays one visitor to his end.
pub(crate) async fn play(stage: Arc<Stage>, visitor: Visitor, start: Instant) {
    let browser = Browser::new(stage.edge);
    let named = vec![None; visitor.orders.len()];
    let steps = visitor.steps.clone();
    let mut actor =
        Actor { stage, visitor, browser, cookie: None, landed: Vec::new(), clicks: 0, is_lost: false, named };
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
            Act::Click { tag, link, how } => {
                let target = format!("/c/{}?sub1=demo&sub30={tag}&utm_source=demo", link.code);
                let clicked = self.clicked(step, tag, link, *how);
                self.click(&target, step.at_ms, *how, clicked).await;
            }
            Act::Report { order, says, door, repeats } => {
                let Some(made) = self.visitor.orders.get(*order).cloned() else { return };
                self.report(*order, &made, step.at_ms, *says, *door, *repeats).await;
            }
        }
    }

    fn clicked(&mut self, step: &Step, tag: &str, link: &super::program::Link, how: How) -> Clicked {
        self.clicks += 1;
        let (is_click, is_person) = kind(how);
        // A private browser keeps no cookie: each click is somebody new.
        let part = if self.visitor.private { self.clicks } else { 0 };
        Clicked {
            tag: tag.to_owned(),
            visitor: format!("{}/{part}", self.label()),
            at_ms: step.at_ms,
            is_person,
            is_click,
            link: link.id,
            partner: link.partner,
            offer: link.offer,
            shop: link.shop,
            currency: link.currency.to_owned(),
            window_ms: link.window_ms,
            answered: false,
        }
    }

    /// Who he is in the book: tags hold the run, so his first tag's front does.
    fn label(&self) -> String {
        let first = self.visitor.steps.iter().find_map(|it| match &it.act {
            Act::Click { tag, .. } => tag.rsplit_once('-').map(|(front, _)| front.to_owned()),
            Act::Report { .. } => None,
        });
        first.unwrap_or_else(|| self.visitor.number.to_string())
    }

    async fn click(&mut self, target: &str, at_ms: u64, how: How, mut clicked: Clicked) {
        let mut headers = self.headers(at_ms);
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
                self.land(&answer, &clicked, how);
            }
            Some(answer) => self.stage.odd(target, &answer),
            // His browser may have been counted without knowing it: what he did before stays, but he stops.
            None => self.is_lost = true,
        }
        self.stage.book.lock().expect("no holder panics").clicks.push(clicked);
    }

    fn land(&mut self, answer: &Answer, clicked: &Clicked, how: How) {
        if how != How::Person {
            return;
        }
        if !self.visitor.private
            && let Some(cookie) = &answer.cookie
        {
            self.cookie = Some(cookie.clone());
        }
        let id = answer
            .location
            .as_deref()
            .and_then(|it| it.split_once("click_id="))
            .map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
        match id {
            Some(id) => self.landed.push((clicked.shop, clicked.at_ms, id.to_owned())),
            None => self.stage.odd("no click id in the location", answer),
        }
    }

    fn headers(&self, at_ms: u64) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("user-agent", self.visitor.agent.to_owned()),
            ("x-forwarded-for", self.visitor.address.clone()),
            ("x-tributary-at", at_ms.to_string()),
        ];
        if self.visitor.private {
            headers.push(("sec-gpc", "1".to_owned()));
        }
        headers.extend(self.cookie.iter().map(|it| ("cookie", it.clone())));
        headers
    }

    async fn report(&mut self, index: usize, order: &Order, at_ms: u64, says: Says, door: Door, repeats: u8) {
        if says == Says::Order {
            let named = self.name(order, door);
            if let Some(place) = self.named.get_mut(index) {
                place.clone_from(&named);
            }
            self.stage.counts.orders_sent.fetch_add(u64::from(named.is_some()), Ordering::Relaxed);
        }
        let Some((visitor, click_id)) = self.named.get(index).cloned().flatten() else { return };
        let Some(message) = Message::new(&self.stage.program, order, says, door, click_id.as_deref()) else {
            return;
        };
        for _ in 0..=repeats {
            if !self.deliver(&message, at_ms).await {
                self.stage.counts.reports_lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        self.stage.book.lock().expect("no holder panics").reports.push(Reported {
            order: order.id.clone(),
            shop: order.shop,
            received_ms: at_ms,
            ordered_ms: order.at_ms,
            visitor,
            amount_minor: order.amount_minor,
            currency: order.currency.to_owned(),
            says,
        });
    }

    /// Whom the order's first report will name: by the last click id that the shop has, or by the cookie.
    fn name(&self, order: &Order, door: Door) -> Option<(String, Option<String>)> {
        let clicks = self.landed.iter().enumerate().filter(|(_, it)| it.0 == order.shop);
        let (_, (_, at_ms, id)) = clicks.max_by_key(|(n, it)| (it.1, *n))?;
        if door == Door::Pixel && !self.visitor.private {
            return self.cookie.as_ref().map(|_| (format!("{}/0", self.label()), None));
        }
        let visitor = {
            let book = self.stage.book.lock().expect("no holder panics");
            let mine =
                |it: &&Clicked| it.at_ms == *at_ms && it.visitor.starts_with(&format!("{}/", self.label()));
            book.clicks.iter().rev().find(mine).map(|it| it.visitor.clone())
        };
        Some((visitor?, Some(id.clone())))
    }

    /// As a shop does: again and again, until it is accepted.
    async fn deliver(&mut self, message: &Message, at_ms: u64) -> bool {
        for _ in 0..REPORT_TRIES_MAX {
            let mut headers = self.headers(at_ms);
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
