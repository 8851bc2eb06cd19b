//! Amounts of a report, in whole minor units.

use units::{Currency, Money, MoneyError};

use super::{Field, Fields, Refusal};

/// The report's currency, or else `otherwise`.
pub(crate) fn currency(fields: &Fields, otherwise: Currency) -> Result<Currency, Refusal> {
    fields.get(Field::Currency).map_or(Ok(otherwise), |it| Currency::parse(it).map_err(|it| refusal(&it)))
}

/// The amount, in the report's currency. `amount_minor` wins over decimals.
pub(crate) fn amount(fields: &Fields, currency: Currency) -> Result<Option<Money>, Refusal> {
    if let Some(text) = fields.get(Field::AmountMinor) {
        let minor: i64 = text.parse().map_err(|_| Refusal::AmountInvalid)?;
        if minor.unsigned_abs() > Money::MINOR_MAX.unsigned_abs() {
            return Err(Refusal::AmountTooLarge);
        }
        return Ok(Some(Money { minor, currency }));
    }
    fields.get(Field::Amount).map(|text| Money::parse(text, currency).map_err(|it| refusal(&it))).transpose()
}

pub(crate) fn refusal(error: &MoneyError) -> Refusal {
    match error {
        MoneyError::UnknownCurrency => Refusal::CurrencyUnknown,
        MoneyError::NotANumber => Refusal::AmountInvalid,
        MoneyError::TooManyDecimals { .. } => Refusal::AmountDecimals,
        MoneyError::TooLarge => Refusal::AmountTooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_their_currency() {
        let cases = [
            ("amount=12.34", Ok(Some((1234, "EUR")))),
            ("amount=12.34&currency=usd%20", Ok(Some((1234, "USD")))),
            ("amount=1500&currency=JPY", Ok(Some((1500, "JPY")))),
            ("amount=15.5&currency=JPY", Err(Refusal::AmountDecimals)),
            ("amount_minor=1234&amount=99", Ok(Some((1234, "EUR")))),
            ("amount_minor=12.34", Err(Refusal::AmountInvalid)),
            ("amount_minor=9999999999999", Err(Refusal::AmountTooLarge)),
            ("amount=49.95P", Err(Refusal::AmountInvalid)),
            ("amount=NaN", Err(Refusal::AmountInvalid)),
            ("amount=1e5", Err(Refusal::AmountInvalid)),
            ("amount=12&currency=PES", Err(Refusal::CurrencyUnknown)),
            ("amount=99999999999999999999", Err(Refusal::AmountTooLarge)),
            ("amount=0.1234567890123456789", Err(Refusal::AmountDecimals)),
            ("amount=-5", Ok(Some((-500, "EUR")))),
            ("order_id=1", Ok(None)),
        ];
        for (query, want) in cases {
            let mut fields = Fields::default();
            fields.add_form(query).unwrap();
            let got = currency(&fields, Currency::EUR)
                .and_then(|it| amount(&fields, it))
                .map(|it| it.map(|it| (it.minor, it.currency.to_string())));
            assert_eq!(got, want.map(|it| it.map(|(minor, code)| (minor, code.to_owned()))), "{query}");
        }
    }
}
