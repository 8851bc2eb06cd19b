//! What a demo says: how to try it, live numbers, the verdict, the partners.

use std::{sync::atomic::Ordering, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{compare::Difference, program::Program, reader::Reader, run::Addresses, traffic::Counts};
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

/// Partners by revenue, as an analyst reads them.
pub(crate) async fn partners(output: Output, reader: &Reader) -> anyhow::Result<()> {
    if output == Output::Json {
        return Ok(());
    }
    let sql = "SELECT partner_name, partner_kind, currency, sum(clicks), sum(clicks_valid), toInt64(sum(orders)) AS o, toString(sum(revenue)), \
               if(sum(clicks_valid) = 0, '-', toString(round(100 * o / sum(clicks_valid), 2))), \
               if(sum(clicks_valid) = 0, '-', toString(round(toFloat64(sum(revenue)) / sum(clicks_valid), 3))) \
               FROM partner_daily GROUP BY 1, 2, 3 ORDER BY sum(clicks) DESC LIMIT 40";
    let mut rows = reader.rows(sql).await?;
    for row in &mut rows {
        if let [_, _, currency, _, _, _, revenue, ..] = row.as_mut_slice() {
            // The currency has a column of its own.
            let whole = money(revenue, currency);
            whole.trim_end_matches(currency.as_str()).trim_end().clone_into(revenue);
        }
    }
    output.table(
        &[
            "partner",
            "type",
            "currency",
            "clicks",
            "valid clicks",
            "orders",
            "revenue",
            "CR %",
            "revenue per click",
        ],
        &rows,
    );
    Ok(())
}
