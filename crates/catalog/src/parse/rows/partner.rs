//! `[[partner]]`: who promotes.

use toml::de::DeTable;
use units::PartnerId;

use super::{Draft, ErrorCode, Errors, Lines, Row, STATUS, Table};
use crate::{email::EmailHash, model::Partner};

const KEYS: [&str; 5] = ["id", "name", "type", "status", EMAIL];
/// The hash and not the address: a catalog is read by more people than a partner has told it to.
const EMAIL: &str = "email_sha256";

impl<'a> Draft<'a> {
    pub(super) fn partner(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row = &mut Row::open("[[partner]]", fields, &KEYS, lines, errors);
        let partner = Partner {
            id: PartnerId(self.own_id(Table::Partner, row)),
            name: row.required_text("name").unwrap_or("").into(),
            kind: row.text("type").unwrap_or("other").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
            email: email(row),
        };
        self.partners.push(partner);
    }
}

/// The text is not repeated in the message: it may be the address itself.
fn email(row: &mut Row<'_, '_>) -> Option<EmailHash> {
    let text = row.long_text(EMAIL)?;
    let hash = EmailHash::parse(text);
    if hash.is_none() {
        let message = format!("`{EMAIL}` is not a SHA-256");
        let advice = "write the 64 hexadecimal digits of the SHA-256 of the address without blanks around it, in lower case";
        row.errors.add(row.spot_of(EMAIL), ErrorCode::BadEmailHash, message, advice);
    }
    hash
}
