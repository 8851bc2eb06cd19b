//! curl as the tests use it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// What curl saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// curl's own verdict: 18 is an answer that broke off.
    pub(crate) curl: i32,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next_back().map(|(_, value)| value.trim().to_owned())
    }
}

/// Runs curl with these arguments, sending `body` from its standard input if there is one.
pub(crate) fn curl(arguments: &[&str], body: Option<&[u8]>) -> Seen {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (headers, answer) = (folder.path().join("headers"), folder.path().join("answer"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "120", "--output"]).arg(&answer).arg("--dump-header").arg(&headers);
    curl.args(arguments).stdin(Stdio::piped());
    if body.is_some() {
        curl.args(["--data-binary", "@-", "--header", "Expect:"]);
    }
    let mut child = curl.spawn().expect("the tests need curl");
    let mut stdin = child.stdin.take().expect("piped");
    // A server may refuse before it has read everything, and curl then stops reading from us.
    drop(stdin.write_all(body.unwrap_or_default()));
    drop(stdin);
    let ended = child.wait().expect("curl ends");
    let headers = std::fs::read_to_string(headers).unwrap_or_default();
    let status = headers.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = std::fs::read(answer).unwrap_or_default();
    Seen { status, headers, body, curl: ended.code().unwrap_or(-1) }
}
