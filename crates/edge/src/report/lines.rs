//! The lines of an order: what of each is read, and what a line costs.
//!
//! In: objects of JSON, of any sender. Out: [`OrderLine`]s, and once the currency is known [`events::Item`]s with their sum. A line says what it costs
//! as a whole, or what one piece does. Not here: which lists hold lines (`fields`, the webhooks).

use std::collections::BTreeSet;

use events::{Item, Report};
use units::{Currency, Money};

use super::{Json, Refusal, amount::refusal};

/// Lines of one report that are added up; [`Report::ITEMS_MAX`] of them are kept.
const LINES_MAX: usize = 1_000;
/// Longest name of a product, in bytes; a longer one is cut. As many as are kept come to 4 KiB, so that a report fits its frame.
const PRODUCT_BYTES_MAX: usize = 64;

/// What a line's values are called, those that count before others first.
const PRODUCT_NAMES: [&str; 5] = ["sku", "product", "product_id", "id", "name"];
const QUANTITY_NAMES: [&str; 2] = ["quantity", "qty"];
const AMOUNT_NAMES: [&str; 2] = ["amount", "total"];
const OTHER_NAMES: [&str; 3] = ["amount_minor", "price", "total_discount"];

/// A line as it was sent: texts, since its currency stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderLine {
    product: Box<str>,
    quantity: u32,
    price: Price,
    /// Of the whole line, taken off its price.
    discount: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Price {
    Each(Box<str>),
    All(Box<str>),
    AllMinor(Box<str>),
}

/// What the lines of a report amount to.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The first of them.
    pub(crate) items: Vec<Item>,
    /// Of all of them; `None` where there are none.
    pub(crate) sum_minor: Option<i64>,
}

impl OrderLine {
    /// `None` where it names no product or no price.
    pub(crate) fn of(json: &Json) -> Option<Self> {
        let first = |names: &[&str]| names.iter().find_map(|it| json.text(it));
        let product = first(&PRODUCT_NAMES)?;
        let quantity = match first(&QUANTITY_NAMES) {
            Some(text) => text.parse().ok()?,
            None => 1,
        };
        let price = if let Some(text) = json.text("amount_minor") {
            Price::AllMinor(text.into())
        } else if let Some(text) = first(&AMOUNT_NAMES) {
            Price::All(text.into())
        } else {
            Price::Each(json.text("price")?.into())
        };
        let end = product.floor_char_boundary(PRODUCT_BYTES_MAX);
        Some(Self {
            product: product.get(..end).unwrap_or("").into(),
            quantity,
            price,
            discount: json.text("total_discount").map(Into::into),
        })
    }

    /// A line that costs so many minor units as a whole.
    pub(crate) fn whole(product: &str, quantity: u32, minor: i64) -> Self {
        let end = product.floor_char_boundary(PRODUCT_BYTES_MAX);
        let (product, price) = (product.get(..end).unwrap_or("").into(), minor.to_string().into());
        Self { product, quantity, price: Price::AllMinor(price), discount: None }
    }

    fn item(&self, currency: Currency) -> Result<Item, Refusal> {
        let money = |text: &str| Money::parse(text, currency).map(|it| it.minor).map_err(|it| refusal(&it));
        let whole = match &self.price {
            Price::All(text) => money(text)?,
            Price::AllMinor(text) => text.parse().map_err(|_| Refusal::AmountInvalid)?,
            Price::Each(text) => money(text)?.saturating_mul(self.quantity.into()),
        };
        let discount = self.discount.as_deref().map_or(Ok(0), money)?;
        let minor = whole.saturating_sub(discount);
        if minor.unsigned_abs() > Money::MINOR_MAX.unsigned_abs() {
            return Err(Refusal::AmountTooLarge);
        }
        Ok(Item { product: self.product.clone(), quantity: self.quantity, minor })
    }
}

/// Every line of a list; one that is none is an error, or left out where the sender's system, not the shop, wrote the list.
pub(crate) fn lines_of(list: &[Json], is_strict: bool) -> Result<Vec<OrderLine>, Refusal> {
    let lines = list.iter().take(LINES_MAX).map(OrderLine::of);
    if is_strict {
        lines.collect::<Option<_>>().ok_or(Refusal::ItemsInvalid)
    } else {
        Ok(lines.flatten().collect())
    }
}

/// Names in the lines of a list that nobody reads, each once.
pub(crate) fn unread_names(list: &[Json]) -> BTreeSet<&str> {
    let read = [PRODUCT_NAMES.as_slice(), &QUANTITY_NAMES, &AMOUNT_NAMES, &OTHER_NAMES].concat();
    let objects = list.iter().take(LINES_MAX).filter_map(|it| match it {
        Json::Object(pairs) => Some(pairs),
        _ => None,
    });
    objects.flatten().map(|(name, _)| name.as_str()).filter(|it| !read.contains(it)).collect()
}

/// In the report's currency. Where `is_strict`, an amount that cannot be read refuses the report; else its line is left out.
pub(crate) fn priced(lines: &[OrderLine], currency: Currency, is_strict: bool) -> Result<Lines, Refusal> {
    let mut found = Lines::default();
    for line in lines {
        let item = match line.item(currency) {
            Ok(item) => item,
            Err(error) if is_strict => return Err(error),
            Err(_) => continue,
        };
        found.sum_minor = Some(found.sum_minor.unwrap_or(0).saturating_add(item.minor));
        if found.items.len() < Report::ITEMS_MAX {
            found.items.push(item);
        }
    }
    if found.sum_minor.is_some_and(|it| it.unsigned_abs() > Money::MINOR_MAX.unsigned_abs()) {
        return Err(Refusal::AmountTooLarge);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Product, quantity and minor units of each line, and the sum.
    type Read = (Vec<(String, u32, i64)>, Option<i64>);

    fn read(text: &str) -> Result<Read, Refusal> {
        let Json::List(list) = Json::parse(text.as_bytes())? else { return Err(Refusal::JsonShape) };
        let found = priced(&lines_of(&list, true)?, Currency::EUR, true)?;
        let items = found.items.into_iter().map(|it| (it.product.into(), it.quantity, it.minor));
        Ok((items.collect(), found.sum_minor))
    }

    #[test]
    fn a_line_costs_its_whole_or_each_piece() {
        let rows = [
            (r#"[{"sku":"A","quantity":2,"amount":"10.00"}]"#, Ok((vec![("A", 2, 1_000)], Some(1_000)))),
            (r#"[{"product":"A","qty":3,"price":2.5}]"#, Ok((vec![("A", 3, 750)], Some(750)))),
            (
                r#"[{"sku":"A","price":"5","quantity":2,"total_discount":"1"},{"id":7,"amount_minor":1}]"#,
                Ok((vec![("A", 2, 900), ("7", 1, 1)], Some(901))),
            ),
            ("[]", Ok((vec![], None))),
            (r#"[{"sku":"A"}]"#, Err(Refusal::ItemsInvalid)),
            (r#"[{"amount":"1"}]"#, Err(Refusal::ItemsInvalid)),
            (r#"[{"sku":"A","amount":"1","quantity":-1}]"#, Err(Refusal::ItemsInvalid)),
            ("[1]", Err(Refusal::ItemsInvalid)),
            (r#"[{"sku":"A","amount":"x"}]"#, Err(Refusal::AmountInvalid)),
            (r#"[{"sku":"A","price":"9000000000","quantity":4000000000}]"#, Err(Refusal::AmountTooLarge)),
        ];
        for (text, want) in rows {
            let want = want.map(|(items, sum)| {
                (items.into_iter().map(|(name, n, minor)| (String::from(name), n, minor)).collect(), sum)
            });
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn lines_beyond_those_kept_still_add_up() {
        let lines = vec![r#"{"sku":"A","amount":"1"}"#; 100].join(",");
        let (items, sum) = read(&format!("[{lines}]")).unwrap();
        assert_eq!((items.len(), sum), (Report::ITEMS_MAX, Some(10_000)));
    }

    #[test]
    fn a_webhooks_odd_line_is_left_out() {
        let Json::List(list) =
            Json::parse(br#"[{"sku":"A","amount":"1"},{"sku":"B","amount":"x"},{}]"#).unwrap()
        else {
            panic!("a list")
        };
        let found = priced(&lines_of(&list, false).unwrap(), Currency::EUR, false).unwrap();
        assert_eq!((found.items.len(), found.sum_minor), (1, Some(100)));
    }
}
