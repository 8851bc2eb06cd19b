//! curl as the tests use it: what a visitor, a shop and an analyst send by hand.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

/// A browser that nothing takes for a robot; curl's own name is one.
pub(crate) const BROWSER: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15";

/// What curl saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// 0 where there was no answer.
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The values of a header, in their order.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned()).collect()
    }
}

/// Runs curl; `body` goes as a POST, byte for byte.
pub(crate) fn curl(arguments: &[&str], body: Option<&[u8]>) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let (headers, answer) = (folder.path().join("headers"), folder.path().join("answer"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--output"]).arg(&answer).arg("--dump-header").arg(&headers);
    if body.is_some() {
        curl.args(["--data-binary", "@-", "--header", "Expect:"]);
    }
    let mut child = curl.args(arguments).stdin(Stdio::piped()).spawn().expect("the tests need curl");
    let mut stdin = child.stdin.take().unwrap();
    // A server may refuse before it has read everything, and curl then stops reading from us.
    drop(stdin.write_all(body.unwrap_or_default()));
    drop(stdin);
    child.wait().unwrap();
    let headers = fs::read_to_string(headers).unwrap_or_default();
    let status = headers.split_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    Seen { status, headers, body: fs::read(answer).unwrap_or_default() }
}

/// A followed link: where it led, the click id in it, and the visitor's cookie.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) location: String,
    pub(crate) click_id: String,
    /// `NAME=VALUE`, as the next request sends it back; empty where none was set.
    pub(crate) cookie: String,
}

/// Follows a link as a browser, with further arguments for curl.
pub(crate) fn follow(url: &str, arguments: &[&str]) -> Followed {
    let mut all = vec!["--user-agent", BROWSER];
    all.extend(arguments);
    all.push(url);
    let seen = curl(&all, None);
    assert_eq!(seen.status, 302, "{url}: {seen:?}");
    let locations = seen.header("location");
    assert_eq!(locations.len(), 1, "{seen:?}");
    let location = locations[0].clone();
    let (_, query) = location.split_once('?').unwrap_or_default();
    let click_id = query.split('&').find_map(|it| it.strip_prefix("click_id=")).unwrap_or_default();
    let cookie = seen.header("set-cookie").first().and_then(|it| Some(it.split_once(';')?.0.to_owned()));
    Followed { click_id: click_id.to_owned(), cookie: cookie.unwrap_or_default(), location }
}
