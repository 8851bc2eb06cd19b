//! What a demo says: how to try it, live numbers, the verdict, the partners.

use std::{sync::atomic::Ordering, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use units::{Currency, Money};

use super::{
    compare::Difference, judge::Expected, program::Program, reader::Reader, run::Addresses, traffic::Counts,
};
use crate::output::{Output, money};

/// Links that are printed for programs.
const LINKS_SHOWN: usize = 12;

/// How to try it by hand.
pub(crate) fn ready(output: Output, addresses: &Addresses, program: &Program) {
    let Addresses { edge, admin, reader, writer } = addresses;
    let links: Vec<Value> = program
        .links
        .iter()
        .take(LINKS_SHOWN)
        .map(|it| json!({"url": format!("http://{edge}/c/{}", it.code), "partner": it.partner, "offer": it.offer}))
        .collect();
    let Some((link, shop)) = program
        .links
        .first()
        .and_then(|link| Some((link, program.shops.iter().find(|it| it.id == link.shop)?)))
    else {
        return;
    };
    let postback = format!(
        "http://{edge}/postback?advertiser={}&token={}&click_id={{click_id}}&order_id={{order_id}}&amount={{amount}}&currency={}",
        shop.id, shop.token, shop.currency
    );
    output.event(&json!({
        "event": "ready",
        "edge": format!("http://{edge}"),
        "admin": format!("http://{admin}"),
        "clickhouse": {"url": format!("http://{}", reader.address), "user": writer.0, "password": writer.1},
        "reader": {"user": reader.user, "password": reader.password},
        "links": links,
        "postback": postback,
    }));
    output.text(&format!(
        "\nTributary is running. Try it:\n\n  a tracking link     http://{edge}/c/{code}\n  a click             curl -i -A 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0' 'http://{edge}/c/{code}?sub1=hello'\n                      (without -A, curl is a robot, and a robot's click earns nothing)\n  \
         an order            curl '{order}'\n                      (put the click_id of the answer above in the place of CLICK_ID)\n  \
         the click again     curl 'http://{clickhouse}/?user={user}&password={password}&database=tributary' \\\n                        \
         --data \"SELECT at, partner_name, verdict, click_id FROM clicks WHERE sub1 = 'hello' FORMAT PrettyCompact\"\n  \
         partners by day     curl 'http://{clickhouse}/?user={user}&password={password}&database=tributary' \\\n                        \
         --data 'SELECT day, partner_name, clicks, orders, revenue, currency FROM partner_daily ORDER BY day, revenue DESC LIMIT 20 FORMAT PrettyCompact'\n  \
         health and metrics  http://{admin}/readyz?verbose  http://{admin}/metrics\n",
        code = link.code,
        order = postback.replace("{click_id}", "CLICK_ID").replace("{order_id}", "A-1001").replace("{amount}", "49.95"),
        clickhouse = reader.address,
        user = reader.user,
        password = reader.password,
    ));
}

/// One line that keeps up.
pub(crate) struct Live {
    bar: ProgressBar,
}

impl Live {
    pub(crate) fn new(output: Output) -> Self {
        let bar = if output == Output::People { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(
            ProgressStyle::with_template("{spinner} {elapsed} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    pub(crate) fn tick(&mut self, counts: &Counts, kills: u64) {
        let of = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
        self.bar.set_message(format!(
            "clicks {} answered {}   orders {}   reports {}   kills {kills}",
            of(&counts.clicks_sent),
            of(&counts.clicks_answered),
            of(&counts.orders_sent),
            of(&counts.reports_sent)
        ));
    }

    pub(crate) fn end(self) {
        self.bar.finish();
    }
}

/// The end of it.
pub(crate) fn verdict(output: Output, verdict: &Value, difference: &Difference, is_right: bool) {
    output.event(verdict);
    let fields = [
        ("clicks sent", "clicks_sent"),
        ("clicks answered", "clicks_recorded"),
        ("clicks in ClickHouse", "clicks_in_clickhouse"),
        ("orders sent", "orders_sent"),
        ("orders decided", "orders_decided"),
        ("orders credited", "orders_credited"),
        ("cells compared", "cells"),
        ("cell mismatches", "cell_mismatches"),
        ("credit mismatches", "credit_mismatches"),
        ("gaps", "gaps"),
        ("kills", "kills"),
    ];
    if output == Output::People {
        let rows: Vec<Vec<String>> =
            fields.iter().map(|(name, key)| vec![(*name).to_owned(), verdict[*key].to_string()]).collect();
        output.table(&["what", "how many"], &rows);
    }
    for line in &difference.shown {
        // Also where programs read the verdict: somebody will have to look.
        Output::People.say(line);
    }
    output.say(if is_right {
        "verdict: every click, order and cell is as it should be"
    } else {
        "verdict: something differs"
    });
}

/// Where no visitors were played.
pub(crate) fn nothing_to_judge(output: Output) {
    output.event(&json!({"event": "verdict", "judged": false}));
    output.say("no verdict: no traffic was played, so there was nothing to judge");
}

/// Partners by clicks, as an analyst reads them, beside what the load side's own books say.
pub(crate) async fn partners(output: Output, reader: &Reader, expected: &Expected) -> anyhow::Result<()> {
    if output == Output::Json {
        return Ok(());
    }
    let sql = "SELECT partner_id, partner_name, partner_kind, currency, sum(clicks), sum(clicks_valid), toString(sum(orders)), \
               toString(sum(revenue)) FROM partner_daily GROUP BY 1, 2, 3, 4 ORDER BY sum(clicks) DESC, 1, 4";
    let totals = "SELECT '', 'all', '', currency, sum(clicks), sum(clicks_valid), toString(sum(orders)), toString(sum(revenue)) \
                  FROM partner_daily GROUP BY currency ORDER BY currency";
    let mut rows = reader.rows(sql).await?;
    let mut partners = expected.partners();
    for row in &mut rows {
        let [partner, _, _, currency, ..] = row.as_slice() else { continue };
        let sums = partners.remove(&(partner.parse().unwrap_or_default(), currency.clone()));
        expect(row, sums.unwrap_or_default());
    }
    // Whom ClickHouse does not know at all is what the table is for.
    for ((partner, currency), sums) in partners.into_iter().filter(|(_, it)| *it != (0, 0)) {
        let nothing = |it: &str| it.to_owned();
        let mut row = vec![partner.to_string(), nothing(""), nothing(""), currency];
        row.extend(["0", "0", "0", "0"].map(nothing));
        expect(&mut row, sums);
        rows.push(row);
    }
    let books = expected.partners();
    for mut row in reader.rows(totals).await? {
        let currency = row.get(3).cloned().unwrap_or_default();
        let own = books.iter().filter(|((_, it), _)| *it == currency);
        expect(&mut row, own.fold((0, 0), |sums, (_, it)| (sums.0 + it.0, sums.1 + it.1)));
        rows.push(row);
    }
    output.say("orders count by their shares; expected is what the load side's own books come to");
    output.table(
        &[
            "id",
            "partner",
            "type",
            "currency",
            "clicks",
            "valid clicks",
            "orders",
            "revenue",
            "orders expected",
            "revenue expected",
        ],
        &rows,
    );
    Ok(())
}

/// Writes a row's revenue as money without its currency, which has a column of its own, and puts what is expected behind: orders in parts per million,
/// and minor units.
fn expect(row: &mut Vec<String>, (ppm, minor): (i64, i64)) {
    let [_, _, _, currency, _, _, _, revenue] = row.as_mut_slice() else { return };
    let whole = Currency::parse(currency)
        .map_or_else(|_| minor.to_string(), |currency| Money { minor, currency }.to_string());
    let bare = |money: &str| money.trim_end_matches(currency.as_str()).trim_end().to_owned();
    *revenue = bare(&money(revenue, currency));
    let expected = [decimal(ppm), bare(&whole)];
    row.extend(expected);
}

/// How many orders each key decided.
pub(crate) async fn keys(output: Output, reader: &Reader) -> anyhow::Result<()> {
    let sql = "SELECT if(matched = '' OR partner_id = 0, 'nobody earned it', matched), count() FROM orders GROUP BY 1 ORDER BY 2 DESC, 1";
    let rows = reader.rows(sql).await?;
    if output == Output::People {
        output.table(&["the order is his by", "orders"], &rows);
    }
    Ok(())
}

/// Parts per million as ClickHouse writes such a decimal: without zeros at its end.
fn decimal(ppm: i64) -> String {
    let text = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_clickhouse_writes_them() {
        let cases =
            [(0, "0"), (1_000_000, "1"), (2_333_334, "2.333334"), (400_000, "0.4"), (10_000_000, "10")];
        for (ppm, want) in cases {
            assert_eq!(decimal(ppm), want);
        }
    }
}
