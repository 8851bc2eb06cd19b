//! A part of all customers: whom a rebuild is told of at once, since what it knows of them is in memory meanwhile.
//!
//! In: a part's number. Out: who is in it, and the orders that name him with who led them. A customer's id is a hash, so parts are of one size. Not
//! here: what follows from a customer's orders (`pipeline`). Start at [`CustomerBlock`].

use events::Report;
use units::CustomerId;

use super::{Lead, LeadRow, RecallError, ReportRow, lead, leads_where, report, reports_where};
use crate::client::Warehouse;

/// Parts at most: two bytes of a customer's id tell them apart. Beyond 6.5 billion reports that name a customer, parts grow.
const BLOCKS_MAX: u64 = 1 << 16;

/// One of so many parts of all customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerBlock {
    /// Which one, from 0.
    number: u64,
    /// Of how many; not 0.
    of: u64,
}

impl CustomerBlock {
    /// All parts, where there are so many.
    pub fn all(of: u64) -> impl Iterator<Item = Self> {
        let of = of.min(BLOCKS_MAX);
        (0..of).map(move |number| Self { number, of })
    }

    /// Whether a customer is in it.
    #[must_use]
    pub fn holds(self, customer: CustomerId) -> bool {
        let [first, second, ..] = customer.0;
        u64::from(u16::from_be_bytes([first, second])) % self.of == self.number
    }

    /// The same of a column, which may be empty.
    fn holds_sql(self, column: &str) -> String {
        let place = format!("reinterpretAsUInt16(reverse(unhex(substring({column}, 1, 4))))");
        format!("({column} != '' AND {place} % {} = {})", self.of, self.number)
    }

    /// Orders that name one of them.
    fn orders(self) -> String {
        format!(
            "(advertiser_id, order_id) IN (SELECT advertiser_id, order_id FROM reports_log WHERE {} OR {})",
            self.holds_sql("customer_id"),
            self.holds_sql("email_id")
        )
    }
}

impl Warehouse {
    /// The reports of all orders that name a customer of this part, all of an order together, and who led each of these orders, in no order.
    pub async fn recalled_customers(
        &self,
        block: CustomerBlock,
    ) -> Result<(Vec<Report>, Vec<Lead>), RecallError> {
        let orders = block.orders();
        let reports: Vec<ReportRow> = self.rows(&reports_where(&orders)).await?;
        let leads: Vec<LeadRow> = self.rows(&leads_where(&orders)).await?;
        let reports = reports.into_iter().map(report).collect::<Result<_, _>>()?;
        Ok((reports, leads.into_iter().map(lead).collect()))
    }
}
