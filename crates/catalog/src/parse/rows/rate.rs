//! `[[rate]]`: what one unit of a currency is worth in the reporting currency.

use toml::de::DeTable;
use units::Rate;

use super::{Draft, ErrorCode, Errors, Lines, Row, values};
use crate::parse::reader::shown;

impl<'a> Draft<'a> {
    pub(super) fn rate(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let row = &mut Row::open("[[rate]]", fields, &["currency", "rate"], lines, errors);
        let currency = row.required_text("currency").and_then(|it| values::known("currency", it, row));
        let Some(text) = row.required_text("rate") else { return };
        let rate = Rate::parse(text);
        if rate.is_none() {
            let message = format!("`{}` is not a rate", shown(text));
            let advice = "write digits and a point between quotes, such as \"0.9213\": at most six before the point, twelve behind it";
            row.errors.add(row.spot_of("rate"), ErrorCode::BadRate, message, advice);
        }
        self.rates.extend(currency.zip(rate).map(|(currency, rate)| (currency, rate, row.spot)));
    }
}
