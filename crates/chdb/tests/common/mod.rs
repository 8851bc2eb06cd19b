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

/// A user of the shared engine, in a database of its own.
pub(crate) struct Client {
    pub(crate) database: String,
    pub(crate) user: String,
}

pub(crate) fn admin() -> Client {
    let server = chdb::testing::shared();
    Client { database: server.fresh_database(), user: format!("{}:{}", server.user, server.password) }
}

impl Client {
    pub(crate) fn reader(&self) -> Self {
        let server = chdb::testing::shared();
        Self {
            database: self.database.clone(),
            user: format!("{}:{}", server.reader, server.reader_password),
        }
    }

    /// POSTs `body` with `keys` in the URL and further arguments for curl.
    pub(crate) fn send(&self, keys: &str, arguments: &[&str], body: &[u8]) -> Seen {
        let url = format!("{}/?database={}&{keys}", chdb::testing::shared().url, self.database);
        let mut all = vec!["--user", self.user.as_str()];
        all.extend(arguments);
        all.push(&url);
        curl(&all, Some(body))
    }

    pub(crate) fn post(&self, statement: &str) -> Seen {
        self.send("", &[], statement.as_bytes())
    }

    /// Runs a statement that must succeed.
    pub(crate) fn run(&self, statement: &str) -> String {
        let seen = self.post(statement);
        assert_eq!(seen.status, 200, "{statement}: {}", seen.text());
        seen.text()
    }
}

pub(crate) fn code(seen: &Seen) -> Option<u32> {
    seen.header("X-ClickHouse-Exception-Code").and_then(|code| code.parse().ok())
}
