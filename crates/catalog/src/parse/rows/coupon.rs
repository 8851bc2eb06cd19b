//! `[[coupon]]`: a code that customers type, and whose it is.

use toml::de::DeTable;
use units::{OfferId, PartnerId};

use super::{Draft, ErrorCode, Errors, Lines, Row, Table};
use crate::{
    model::{Coupon, coupon_code},
    parse::reader::shown,
};

/// Bytes of a coupon's code: what a report keeps of one.
const COUPON_BYTES_MAX: usize = 64;

impl<'a> Draft<'a> {
    pub(super) fn coupon(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row =
            &mut Row::open("[[coupon]]", fields, &["code", "partner", "offer", "exclusive"], lines, errors);
        let code = coupon_code(row.required_text("code").unwrap_or(""));
        if code.len() > COUPON_BYTES_MAX {
            let message = format!("coupon `{}` is too long", shown(&code));
            let advice = format!("write at most {COUPON_BYTES_MAX} bytes");
            row.errors.add(row.spot_of("code"), ErrorCode::BadText, message, advice);
        }
        let coupon = Coupon {
            code,
            partner: PartnerId(self.reference(Table::Partner, row)),
            offer: OfferId(self.reference(Table::Offer, row)),
            exclusive: row.bool("exclusive").unwrap_or(false),
        };
        self.coupons.push((coupon, row.spot));
    }
}
