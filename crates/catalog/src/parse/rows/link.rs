//! `[[link]]`: one partner's way to one offer, and the code in its URL.

use toml::de::DeTable;
use units::{LinkId, OfferId, PartnerId};

use super::{Draft, ErrorCode, Errors, Lines, Row, STATUS, Table};
use crate::{model::Link, parse::reader::shown};

/// Bytes of a link's code.
const CODE_BYTES_MAX: usize = 64;

impl<'a> Draft<'a> {
    pub(super) fn link(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known = ["id", "code", "partner", "offer", "status", "destination"];
        let row = &mut Row::open("[[link]]", fields, &known, lines, errors);
        let destination = row.long_text("destination").map(|text| (text.into(), row.spot_of("destination")));
        let link = Link {
            id: LinkId(self.own_id(Table::Link, row)),
            code: self.code(row),
            partner: PartnerId(self.reference(Table::Partner, row)),
            offer: OfferId(self.reference(Table::Offer, row)),
            status: row.word("status", &STATUS).unwrap_or_default(),
            destination: None,
            landing: None,
        };
        self.links.push((link, destination));
    }

    fn code(&mut self, row: &mut Row<'_, 'a>) -> Box<str> {
        let Some(code) = row.required_text("code") else { return "".into() };
        let spot = row.spot_of("code");
        let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        let edges = code.bytes().next().is_some_and(plain) && code.bytes().last().is_some_and(plain);
        let inner = code.bytes().all(|it| plain(it) || matches!(it, b'-' | b'_' | b'.'));
        if !edges || !inner || code.len() > CODE_BYTES_MAX {
            let message = format!("`{}` is not a link's code", shown(code));
            let advice = format!(
                "use a-z, 0-9 and, inside, - _ . ; at most {CODE_BYTES_MAX} characters, lower case (any case is accepted in a URL)"
            );
            row.errors.add(spot, ErrorCode::BadCode, message, advice);
        } else if let Some(first) = self.codes.insert(code.into(), spot) {
            let message =
                format!("link code `{code}` is there twice, first at {}:{}", first.file, first.line);
            row.errors.add(spot, ErrorCode::DuplicateCode, message, "give one of the links another code");
        }
        code.into()
    }
}
