//! What would have changed it: why a candidate has what it has, told as what it lacks.
//!
//! In: a trace, and who reads it. Out: a sentence for each candidate and for an order that is nobody's, made of what the decision left behind: by how many
//! milliseconds it missed, and which candidate came before it. Nothing is decided here. Who reads it as a partner is told of others no more than
//! their number in the list. Not here: the words for a verdict alone (`words`). Start at [`Would::of`].

use events::{CandidateVerdict, MatchedKey, Unattributed};
use units::PPM_WHOLE;

use super::{
    trace::{Candidate, Trace, Tried},
    words::{self, age},
};

/// The gap of clocks up to which a click that is later than its order gives it its time.
const CLOCK_GAP_MS: u64 = attribution::CLOCK_DIFFERENCE_MAX_MS;

/// Who reads it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader {
    /// Who may see everything.
    Operator,
    /// A partner.
    Partner(u32),
}

/// A trace, told to somebody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Would<'a> {
    pub(super) trace: &'a Trace,
    /// In force at the order's time; 0 for none.
    pub(super) catalog_version: u32,
    pub(super) to: Reader,
}

impl Would<'_> {
    /// What it lacks; empty for what got all there was, and for verdicts of a later build.
    pub(super) fn of(&self, it: &Candidate) -> String {
        let Some(verdict) = CandidateVerdict::from_text(&it.verdict) else { return String::new() };
        let version = self.catalog_version;
        let late = age(it.short_ms.saturating_abs());
        let beaten = self.beaten_by(it);
        match verdict {
            CandidateVerdict::Won if it.share_ppm == 0 || it.share_ppm == PPM_WHOLE.0 => String::new(),
            CandidateVerdict::Won => "others on the path have the rest, by the model".to_owned(),
            CandidateVerdict::Older => format!("{beaten} is newer{}", self.nearer(it)),
            CandidateVerdict::Newer => format!("{beaten} is older{}", self.nearer(it)),
            CandidateVerdict::OutOfWindow => {
                format!("{late} too late: its window of {} had ended", words::window(it.window_ms))
            }
            CandidateVerdict::AfterOrder => self.after_order(it),
            CandidateVerdict::TooSoon => {
                let least = age(it.age_ms.saturating_add(it.short_ms.saturating_abs()));
                format!("{late} too soon: from a click to its order it takes {least} at least")
            }
            CandidateVerdict::NotValid => "had a person followed the link".to_owned(),
            CandidateVerdict::PartnerInactive => {
                format!("had {} been active in catalog version {version}", self.its_partner(it))
            }
            CandidateVerdict::CrossTenant => {
                "nothing: a click of one advertiser never earns another's order".to_owned()
            }
            CandidateVerdict::UnknownOffer => format!("had its offer been in catalog version {version}"),
            CandidateVerdict::ViewBehindClick => format!("{beaten} is a click, which comes before views"),
            CandidateVerdict::BeyondCap => format!(
                "had the path been shorter: an order is shared among {} touches at most",
                attribution::PATH_MAX
            ),
            CandidateVerdict::Duplicate => format!("it counts with {beaten}, which it repeats"),
            CandidateVerdict::NotShared => "had the model a part for its place on the path".to_owned(),
            CandidateVerdict::LowerKey => self.lower_key(it, &beaten),
            CandidateVerdict::KeyOff => {
                format!(
                    "had `precedence` of its offer and partner named the key: catalog version {version} does not"
                )
            }
            CandidateVerdict::FormerHolder => self.former_holder(it),
            CandidateVerdict::NamedLater => format!("{beaten} was named before it by the same kind of key"),
            CandidateVerdict::ExistingCustomer => "had the customer not bought before".to_owned(),
            CandidateVerdict::NewCustomer => "had the customer bought before".to_owned(),
            CandidateVerdict::BindingEnded if it.short_ms > 0 => {
                format!("{late} too late: the binding of {} had ended", words::window(it.window_ms))
            }
            CandidateVerdict::BindingEnded => {
                "had there been orders left of those that the binding is for".to_owned()
            }
            CandidateVerdict::HijackGuarded => self.guarded(it, &late, &beaten),
        }
    }

    /// What an order lacks that is nobody's; empty for reasons of a later build.
    pub(super) fn nobodys(&self, reason: &str, at: &str) -> String {
        let Some(reason) = Unattributed::from_text(reason) else { return String::new() };
        match reason {
            Unattributed::NoCatalog => format!("a catalog version that holds from {at} or before"),
            Unattributed::NoKey if self.trace.refused_clicks.is_empty() => {
                "a report with a click id, a coupon, a customer, or a partner by his number or alias; later ones count too (a partner whom the \
                 catalog does not know is noted in the answer to the shop, `partner_unknown`, and a name that is nobody's is kept with its report)"
                    .to_owned()
            }
            Unattributed::NoKey => "a report with a click id as we gave it, whole and unchanged".to_owned(),
            Unattributed::NoTouch => {
                "a click or view of a visitor who is named, on a link of this advertiser's offers, before the order"
                    .to_owned()
            }
            Unattributed::NoneEligible => self.nearest(),
            Unattributed::UnknownCoupon => format!(
                "{} in catalog version {}, which was in force",
                self.named("coupon", "a row [[coupon]] for "),
                self.catalog_version
            ),
            Unattributed::UnknownPartner => format!(
                "{} in catalog version {}, which was in force",
                self.named("partner", "a link or coupon for an offer of this advertiser, of "),
                self.catalog_version
            ),
        }
    }

    /// Of those who may not earn, who came nearest in time; a partner is told that of his own.
    fn nearest(&self) -> String {
        let is_told = |it: &Candidate| match self.to {
            Reader::Operator => true,
            Reader::Partner(own) => own == it.partner,
        };
        let timed =
            self.trace.candidates.iter().enumerate().filter(|(_, it)| it.short_ms != 0 && is_told(it));
        match timed.min_by_key(|(_, it)| it.short_ms.unsigned_abs()) {
            None => {
                "another rule for one of the candidates below: what each lacks stands beside it".to_owned()
            }
            Some((index, it)) => format!("the nearest is no. {}: {}", index + 1, self.of(it)),
        }
    }

    /// What reports named in vain; a partner is told that of himself alone.
    fn named(&self, key: &str, before: &str) -> String {
        let tried = self.trace.keys.iter().filter(|it| it.key == key && it.outcome != "decided");
        let tried = tried.filter(|it| match self.to {
            Reader::Operator => true,
            Reader::Partner(own) => key == "partner" && it.partner == Some(own),
        });
        let names: Vec<String> = tried.map(named).collect();
        if names.is_empty() {
            format!("{before}the {key} that was reported")
        } else {
            format!("{before}{}", names.join(" or "))
        }
    }

    fn after_order(&self, it: &Candidate) -> String {
        let after = age(it.age_ms.saturating_abs());
        let gap_ms = self.trace.clock_gap_ms;
        if it.found == "click_id" && gap_ms > CLOCK_GAP_MS {
            let (gap, most) = (words::span(gap_ms), words::span(CLOCK_GAP_MS));
            return format!(
                "{after} after the order, which names it: the clocks differ by {gap}, more than the gap of {most}"
            );
        }
        format!("{after} after the order")
    }

    fn guarded(&self, it: &Candidate, late: &str, beaten: &str) -> String {
        // Its rules may guard by time, from checkout on, or both; the trace tells how far it is from being out of either.
        let checkout = self.trace.checkout_at.as_ref().map(|at| match self.to {
            Reader::Operator => format!(", and checkout began at {at}"),
            Reader::Partner(_) => ", and checkout had begun or was near".to_owned(),
        });
        match checkout {
            Some(checkout) if it.short_ms != 0 => {
                format!("{late} too late: {beaten} brought the customer{checkout}")
            }
            None if it.short_ms != 0 => {
                let guard = age(it.age_ms.saturating_add(it.short_ms.saturating_abs()));
                format!("{late} inside its guard of {guard}: {beaten} brought the customer")
            }
            _ => format!("{beaten} brought the customer"),
        }
    }

    fn lower_key(&self, it: &Candidate, beaten: &str) -> String {
        let other = it
            .beaten_by
            .as_deref()
            .and_then(|touch| self.trace.candidates.iter().find(|it| it.touch == touch));
        let Some(other) = other else { return format!("{beaten} was found by a key that comes before") };
        // Of a closed list, whatever the trace holds: a partner reads it too.
        let key = MatchedKey::from_text(&other.found).map_or("another key", |it| words::key(it.as_str()));
        let coupon = match self.to {
            Reader::Operator => self.coupon_of(other.partner),
            Reader::Partner(_) => String::new(),
        };
        format!("{beaten} was found by {key}{coupon}, which comes before")
    }

    /// The coupon of his that was reported.
    fn coupon_of(&self, partner: u32) -> String {
        let is_his = |it: &&Tried| it.key.ends_with("coupon") && it.partner == Some(partner);
        self.trace.keys.iter().find(is_his).map_or_else(String::new, |it| format!(" {}", it.named))
    }

    fn former_holder(&self, it: &Candidate) -> String {
        let version = self.catalog_version;
        if it.found == "partner" {
            return format!(
                "{} does not promote this offer by catalog version {version}",
                self.its_partner(it)
            );
        }
        let others = self
            .trace
            .keys
            .iter()
            .filter(|tried| tried.key.ends_with("coupon") && tried.partner != Some(it.partner));
        let holders: Vec<String> = others
            .map(|tried| match tried.partner {
                Some(partner) => format!("the coupon {} is partner {partner}'s", tried.named),
                None => format!("the coupon {} is nobody's", tried.named),
            })
            .collect();
        match self.to {
            Reader::Operator if !holders.is_empty() => {
                format!("{} by catalog version {version}", holders.join(", "))
            }
            Reader::Operator | Reader::Partner(_) => {
                format!("the coupon is not {}'s by catalog version {version}", self.its_partner(it))
            }
        }
    }

    fn its_partner(&self, it: &Candidate) -> String {
        match self.to {
            Reader::Operator => format!("partner {}", it.partner),
            Reader::Partner(own) if own == it.partner => format!("partner {own}"),
            Reader::Partner(_) => "its partner".to_owned(),
        }
    }

    /// The candidate that came before it, by its number in the list.
    fn beaten_by(&self, it: &Candidate) -> String {
        let Some(touch) = it.beaten_by.as_deref() else { return "another one".to_owned() };
        let Some(index) = self.trace.candidates.iter().position(|it| it.touch == touch) else {
            return "one that is not listed".to_owned();
        };
        let partner = self.trace.candidates.get(index).map_or(0, |it| it.partner);
        let whose = match self.to {
            Reader::Operator if partner == 0 => String::new(),
            Reader::Operator => format!(" of partner {partner}"),
            Reader::Partner(own) if own == partner => ", yours,".to_owned(),
            Reader::Partner(_) => String::new(),
        };
        format!("no. {}{whose}", index + 1)
    }

    /// By how much the other one is nearer to where the whole goes.
    fn nearer(&self, it: &Candidate) -> String {
        let touch = it.beaten_by.as_deref();
        let other = touch.and_then(|touch| self.trace.candidates.iter().find(|it| it.touch == touch));
        match other.map(|other| it.age_ms.saturating_sub(other.age_ms).saturating_abs()) {
            None => String::new(),
            Some(0) => ", at the same instant by its place in the log".to_owned(),
            Some(ms) => format!(" by {}", age(ms)),
        }
    }
}

/// As it was reported.
fn named(it: &Tried) -> String {
    match it.partner {
        Some(partner) if it.key == "partner" => format!("partner {partner}"),
        _ => format!("{} {}", words::key(&it.key), it.named).trim_end().to_owned(),
    }
}
