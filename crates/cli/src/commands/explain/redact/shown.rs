//! A redacted order as tables.
//!
//! In: what a partner may see. Out: heads and rows, all of it words for that. Not here: what he may see (`redact`). Start at [`Redacted::tables`].

use super::{
    super::{tables::Table, words},
    OwnCredit, OwnTouch, Redacted, SeenKey, SeenReport, SeenTouch, Whose,
};
use crate::output::{Output, money};

impl Redacted {
    pub(in super::super) fn show(&self, output: Output) {
        self.tables()
            .iter()
            .filter(|(_, rows)| !rows.is_empty())
            .for_each(|it| super::super::show(it, output));
    }

    pub(in super::super) fn tables(&self) -> [Table; 6] {
        let own = || self.touches.iter().filter_map(|it| Some((it.position, it.yours.as_ref()?)));
        [
            (["", ""].as_slice(), self.lines()),
            (&["key tried", "of yours", "what came of it"], self.keys.iter().map(SeenKey::cells).collect()),
            (
                &["no.", "kind", "age", "whose", "what became of it"],
                self.touches.iter().map(SeenTouch::cells).collect(),
            ),
            (
                &["no.", "touch at", "found by", "id", "offer", "link", "window", "sub 1"],
                own().map(|(place, it)| it.cells(place)).collect(),
            ),
            (
                &["no.", "role", "share", "money", "what would have changed it"],
                own().map(|(place, it)| it.earned(place)).collect(),
            ),
            (
                &["report received", "by", "names of yours"],
                self.reports.iter().map(SeenReport::cells).collect(),
            ),
        ]
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let found_by = |it: &str| {
            if it.is_empty() { String::new() } else { format!(", found by {}", words::matched(it)) }
        };
        let whose = match self.whose {
            Whose::Yours => format!("yours{}", found_by(self.matched)),
            Whose::Shared => "yours in part; other partners have the rest".to_owned(),
            Whose::Another => "another partner's".to_owned(),
            Whose::Nobody => format!("nobody's: {}", words::unattributed(self.unattributed, false)),
        };
        // Which model it is stands in its own line.
        let notes = self
            .notes
            .iter()
            .filter(|it| !it.starts_with("model_"))
            .map(|it| ("note", words::note(it).to_owned()));
        let left_out = (self.notes_left_out > 0).then(|| {
            ("note", format!("{} more, which the program's operator can tell you", self.notes_left_out))
        });
        let older = (self.touches_left_out > 0)
            .then(|| ("touches", format!("{} older ones are not listed", self.touches_left_out)));
        let lines = [
            (
                "order",
                format!("{} of advertiser {} {}", self.order, self.advertiser_id, self.advertiser_name),
            ),
            ("partner", format!("{} {}", self.partner_id, self.partner_name)),
            ("status", words::status(self.status, self.reason)),
            ("whose", whose),
            ("what it lacks", self.would_change.clone()),
            ("decided by", words::earning_key(self.decided_by).to_owned()),
            ("time", format!("{}, {}", self.at, words::time_source(self.time_source))),
            ("rules", words::rules(self.catalog_version)),
            ("shared", words::model(self.model)),
        ];
        let credit = self.credit.iter().flat_map(|it| it.lines(&self.payable_at, self.status));
        let reports = ("reports", self.report_count.to_string());
        let lines =
            lines.into_iter().chain(credit).chain([reports]).chain(older).chain(notes).chain(left_out);
        let lines = lines.filter(|(_, text)| !text.is_empty());
        lines.map(|(name, text)| vec![name.to_owned(), text]).collect()
    }
}

impl OwnCredit {
    fn lines(&self, payable_at: &str, status: &str) -> [(&'static str, String); 3] {
        let share = match self.share_ppm {
            0 => format!("none, role {}", words::role(self.role)),
            ppm => format!("{} of the order, role {}", words::share(ppm), words::role(self.role)),
        };
        let in_reporting = match self.reporting.as_str() {
            "" => String::new(),
            amount => format!(", {} in the reporting currency", money(amount, &self.reporting_currency)),
        };
        let money = format!("{}{in_reporting}", money(&self.revenue, &self.currency));
        let payable = words::payable(self.hold, payable_at, status);
        let is_paid = self.share_ppm > 0;
        let only_paid = |text: String| if is_paid { text } else { String::new() };
        [("your share", share), ("your money", only_paid(money)), ("payable", only_paid(payable))]
    }
}

impl SeenTouch {
    fn cells(&self) -> Vec<String> {
        vec![
            self.position.to_string(),
            self.kind.replace('_', " "),
            words::age(self.age_ms),
            if self.yours.is_some() { "yours" } else { "another partner's" }.to_owned(),
            words::candidate(self.verdict).to_owned(),
        ]
    }
}

impl OwnTouch {
    fn cells(&self, place: usize) -> Vec<String> {
        let number = |id: u32| if id == 0 { String::new() } else { id.to_string() };
        vec![
            place.to_string(),
            self.at.clone(),
            words::key(self.found).to_owned(),
            if self.click_id.is_empty() { self.touch_id.clone() } else { self.click_id.clone() },
            number(self.offer_id),
            number(self.link_id),
            words::window(self.window_ms),
            self.sub1.clone(),
        ]
    }

    fn earned(&self, place: usize) -> Vec<String> {
        let money = if self.share_ppm == 0 { String::new() } else { money(&self.revenue, &self.currency) };
        let role = words::role(self.role).to_owned();
        vec![place.to_string(), role, words::share(self.share_ppm), money, self.would_change.clone()]
    }
}

impl SeenKey {
    fn cells(&self) -> Vec<String> {
        let yours =
            if self.is_yours { format!("yes {}", self.named).trim_end().to_owned() } else { String::new() };
        vec![words::key(self.key).to_owned(), yours, words::outcome(self.outcome).to_owned()]
    }
}

impl SeenReport {
    fn cells(&self) -> Vec<String> {
        let click = (!self.your_click.is_empty()).then(|| format!("click {}", self.your_click));
        let you = self.names_you.then(|| "you, by your number".to_owned());
        let names: Vec<String> = click.into_iter().chain(you).collect();
        vec![self.received_at.clone(), self.channel.to_owned(), names.join(", ")]
    }
}
