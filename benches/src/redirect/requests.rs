//! What visitors ask: links, browsers, sub ids and addresses take turns, one in four has our cookie already.

use super::ours::LINKS;

/// Browsers that take turns, each in [`VERSIONS`].
const BROWSERS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/VERSION.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/VERSION.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/VERSION.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/VERSION.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:VERSION.0) Gecko/20100101 Firefox/VERSION.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/VERSION.0.0.0 Safari/537.36 Edg/VERSION.0.0.0",
];
const VERSIONS: u64 = 24;

/// The `n`th request, as bytes: the head a browser sends behind a proxy.
pub(super) fn request(n: u64, cookies: &[String]) -> Vec<u8> {
    let at = |len: usize| usize::try_from(n % len.max(1) as u64).unwrap_or(0);
    let browser = BROWSERS.get(at(BROWSERS.len())).copied().unwrap_or_default();
    let browser = browser.replace("VERSION", &(120 + n / 6 % VERSIONS).to_string());
    let cookie = match cookies.get(at(cookies.len())).filter(|_| n % 4 == 3) {
        Some(cookie) => format!("Cookie: _ga=GA1.1.1209600000.1760000000; {cookie}\r\n"),
        None => String::new(),
    };
    // Addresses differ for sixteen million requests, so that nobody is taken for another's double click.
    let [_, _, _, _, _, b, c, d] = n.to_be_bytes();
    format!(
        "GET /c/link{link}?sub1=campaign-{sub}&sub2={n}&utm_source=newsletter&utm_campaign=spring_sale_{sub}&gclid=EAIaIQobChMI{n:010} HTTP/1.1\r\n\
         Host: go.example.com\r\nUser-Agent: {browser}\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: de,en;q=0.8\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://blog{sub}.example/reviews/best-of\r\n\
         Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\n\
         X-Forwarded-For: 203.{b}.{c}.{d}\r\nX-Forwarded-Proto: https\r\n{cookie}\r\n",
        link = n % LINKS,
        sub = n / 7 % 50,
    )
    .into_bytes()
}
