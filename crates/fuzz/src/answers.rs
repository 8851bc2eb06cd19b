//! What an edge said, taken apart as a client would: is each answer one of ours, and nothing smuggled into it?
//!
//! In: all that was said on a connection. Out: its answers; a panic where a header stands there that we never write, or a line break in one.
//! Start at [`read`].

/// Headers that answers of ours may have.
const HEADERS: [&str; 12] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "location",
    "retry-after",
    "set-cookie",
    "x-robots-tag",
    "x-tributary-error",
    "x-tributary-notes",
];

/// Statuses that mean something here; 100 asks for the body.
const STATUSES: [u16; 15] = [100, 200, 302, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 421, 422];

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) location: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// All answers, in their order.
///
/// # Panics
///
/// Where one is not as we write them.
pub(crate) fn read(mut said: &[u8]) -> Vec<Answer<'_>> {
    let mut answers = Vec::new();
    while !said.is_empty() {
        let (answer, rest) = one(said);
        answers.push(answer);
        said = rest;
    }
    answers
}

fn one(said: &[u8]) -> (Answer<'_>, &[u8]) {
    let mut lines = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut lines);
    let head_bytes = match response.parse(said) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        other => panic!("{other:?}: {:?}", String::from_utf8_lossy(said)),
    };
    let status = response.code.expect("a whole head has a status");
    // Beyond the list are those that say we are not well: 431, 500, 503, 505.
    let is_ours = STATUSES.contains(&status) || matches!(status, 431 | 503 | 505);
    assert!(is_ours, "status {status}: {:?}", String::from_utf8_lossy(said));
    let (mut location, mut length) = (None, 0);
    for (index, line) in response.headers.iter().enumerate() {
        assert!(HEADERS.contains(&line.name), "a header {:?} of nobody's", line.name);
        assert!(
            response.headers.iter().skip(index + 1).all(|it| it.name != line.name),
            "two headers {:?}",
            line.name
        );
        // fault 11, fault 12
        assert!(
            line.value.iter().all(|byte| (b' '..0x7f).contains(byte)),
            "{:?}: {:?}",
            line.name,
            line.value
        );
        let text = std::str::from_utf8(line.value).expect("ASCII");
        match line.name {
            "location" => location = Some(text),
            "content-length" => length = text.parse().expect("a length is a number"),
            _ => {}
        }
    }
    assert_eq!(location.is_some(), status == 302, "a location belongs to a redirect");
    let rest = &said[head_bytes..];
    // A HEAD is told a length and sent no body; ours never begin like an answer.
    let length = if rest.is_empty() || rest.starts_with(b"HTTP/1.") { 0 } else { length };
    let (body, rest) = rest.split_at_checked(length).expect("a body is as long as was said");
    (Answer { status, location, body }, rest)
}

/// What was said, with every date taken out: hyper reads the system's clock for it.
pub(crate) fn without_dates(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}
