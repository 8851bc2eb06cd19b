//! `[[override]]`: rules that replace an offer's for one partner or one type of partner.

use toml::de::DeTable;
use units::{OfferId, PartnerId};

use super::{Draft, ErrorCode, Errors, Lines, Row, Table};
use crate::{
    model::{Override, OverrideFor, RuleKey},
    parse::values::rule_changes,
};

impl<'a> Draft<'a> {
    pub(super) fn override_row(
        &mut self,
        fields: (&DeTable<'_>, usize),
        lines: &Lines<'a>,
        errors: &mut Errors,
    ) {
        let rules = RuleKey::ALL.map(RuleKey::as_str);
        let known: Vec<&'static str> =
            ["offer", "partner", "partner_type"].into_iter().chain(rules).chain(RuleKey::BESIDE).collect();
        let row = &mut Row::open("[[override]]", fields, &known, lines, errors);
        let offer = OfferId(self.reference(Table::Offer, row));
        let whom = match (row.has("partner"), row.text("partner_type")) {
            (true, None) => OverrideFor::Partner(PartnerId(self.reference(Table::Partner, row))),
            (false, Some(kind)) => OverrideFor::PartnerKind(kind.into()),
            _ => {
                let message = "[[override]] is for nobody, or for a partner and a type at once";
                row.errors.add(
                    row.spot,
                    ErrorCode::BadOverride,
                    message,
                    "give it `partner` or `partner_type`",
                );
                return;
            }
        };
        let changes = rule_changes(row);
        if !rules.iter().any(|key| row.has(key)) {
            let advice = format!("give it at least one of {}", rules.join(", "));
            row.errors.add(row.spot, ErrorCode::BadOverride, "[[override]] replaces nothing", advice);
        }
        self.overrides.push((Override { offer, whom, changes }, row.spot));
    }
}
