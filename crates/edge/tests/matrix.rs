//! Who follows a link, and whether that may be billed: every sign of a machine or a guess, with every browser's name (promise P20).
//!
//! In: a matrix of methods, headers and user agents. Out: the verdict of each record, its answer, and sums that add up exactly. A user agent that says what
//! it is wins over no header: each sign alone is enough.

mod support;

use std::collections::BTreeMap;

use events::Verdict;
use support::{Running, start_with};

const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36",
];

/// What browsers say of a load that nobody asked for (reliability.md 6), in the spellings that were seen.
const GUESSES: [(&str, &str); 14] = [
    ("Sec-Purpose", "prefetch"),
    ("Sec-Purpose", "prefetch;prerender"),
    ("Sec-Purpose", "prefetch;anonymous-client-ip"),
    ("Sec-Purpose", "prefetch;prerender;anonymous-client-ip"),
    ("Sec-Purpose", "Prefetch"),
    ("sec-purpose", "PREFETCH"),
    ("Sec-Purpose", "prerender"),
    ("Purpose", "prefetch"),
    ("Purpose", "Prefetch"),
    ("Purpose", "preview"),
    ("X-Moz", "prefetch"),
    ("X-Purpose", "preview"),
    ("X-Purpose", "prefetch"),
    ("X-Purpose", "Preview"),
];

/// Of previews and declared robots: `%` stands for the browser they imitate.
const MACHINES: [&str; 24] = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "% facebookexternalhit/1.1",
    "Twitterbot/1.0",
    "% Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "% (Applebot/0.1; +http://www.apple.com/go/applebot)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "% (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "% (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "% HeadlessChrome/140.0.0.0",
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.3",
    "Go-http-client/1.1",
    "okhttp/4.12.0",
    "Java/17.0.2",
    "",
];

/// One row of the matrix: method, headers, user agent.
struct Row {
    method: &'static str,
    guess: Option<(&'static str, &'static str)>,
    agent: String,
}

/// Every sign of a machine or a guess, with every browser; none is a person's click.
fn matrix() -> Vec<Row> {
    let mut rows = Vec::new();
    for browser in BROWSERS {
        for guess in GUESSES {
            for method in ["GET", "HEAD"] {
                rows.push(Row { method, guess: Some(guess), agent: browser.to_owned() });
            }
        }
        for machine in MACHINES {
            for method in ["GET", "HEAD"] {
                rows.push(Row { method, guess: None, agent: machine.replace('%', browser) });
            }
            rows.push(Row { method: "GET", guess: Some(GUESSES[0]), agent: machine.replace('%', browser) });
        }
        rows.push(Row { method: "HEAD", guess: None, agent: browser.to_owned() });
    }
    rows
}

/// By an address of its own, so that nothing is a repeat of anything.
fn send(edge: &Running, row: &Row, number: usize) -> u16 {
    let address = format!("198.51.{}.{}", number / 250, number % 250);
    let mut headers = vec![("User-Agent", row.agent.as_str()), ("X-Forwarded-For", &address)];
    headers.extend(row.guess);
    edge.send(row.method, "/c/tea", &headers, b"").status
}

#[test]
fn no_machine_and_no_guess_is_billable_and_the_classes_add_up_to_all() {
    let edge = start_with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let rows = matrix();
    let combinations = GUESSES.len() * 2 + MACHINES.len() * 3 + 1;
    assert!(combinations >= 60, "{combinations}");
    assert_eq!(rows.len(), combinations * BROWSERS.len());
    for (number, row) in rows.iter().enumerate() {
        let wanted = if row.guess.is_some() { 503 } else { 302 };
        assert_eq!(send(&edge, row, number), wanted, "{} {:?} {}", row.method, row.guess, row.agent);
    }
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    for (row, click) in rows.iter().zip(&clicks) {
        let said = format!("{} {:?} {}: {:?}", row.method, row.guess, row.agent, click.head.verdict);
        assert!(!click.head.verdict.is_valid(), "billable: {said}");
        // Each keeps its reason.
        match (row.guess, row.method, click.head.verdict) {
            (Some(_), _, verdict) => assert_eq!(verdict, Verdict::Prefetch, "{said}"),
            (None, "HEAD", verdict) => assert_eq!(verdict, Verdict::Head, "{said}"),
            (None, _, verdict) => assert!(matches!(verdict, Verdict::Bot | Verdict::Preview), "{said}"),
        }
    }
    // The same browsers by themselves are people: the matrix would see it if everything were refused.
    for (number, browser) in BROWSERS.iter().enumerate() {
        let row = Row { method: "GET", guess: None, agent: (*browser).to_owned() };
        assert_eq!(send(&edge, &row, rows.len() + number), 302);
    }
    let spooled = edge.spooled();
    let mut classes = BTreeMap::new();
    for click in spooled.clicks() {
        *classes.entry(format!("{:?}", click.head.verdict)).or_insert(0_usize) += 1;
    }
    assert_eq!(classes["Valid"], BROWSERS.len(), "{classes:?}");
    assert_eq!(classes.values().sum::<usize>(), rows.len() + BROWSERS.len(), "{classes:?}");
    let balance = edge.telemetry.edge_balance();
    assert!(balance.holds(), "{balance:?}");
    assert_eq!(balance.received, (rows.len() + BROWSERS.len()) as u64);
}
