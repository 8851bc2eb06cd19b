//! `[[partner]]`: who promotes.

use toml::de::DeTable;
use units::PartnerId;

use super::{Draft, Errors, Lines, Row, STATUS, Table};
use crate::model::Partner;

impl<'a> Draft<'a> {
    pub(super) fn partner(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row = &mut Row::open("[[partner]]", fields, &["id", "name", "type", "status"], lines, errors);
        let partner = Partner {
            id: PartnerId(self.own_id(Table::Partner, row)),
            name: row.required_text("name").unwrap_or("").into(),
            kind: row.text("type").unwrap_or("other").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
        };
        self.partners.push(partner);
    }
}
