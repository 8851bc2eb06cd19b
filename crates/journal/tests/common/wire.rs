//! Requests to real brokers that no client of ours makes: access rights, and partitions that change their leader.
//!
//! In: a broker's address. Out: nothing, or a panic with the broker's error. By hand, as the client library has no call for them.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use super::common::PATIENCE;

const ALTER_PARTITION_REASSIGNMENTS: (i16, i16) = (45, 0);
const ELECT_LEADERS: (i16, i16) = (43, 1);
const CREATE_ACLS: (i16, i16) = (30, 1);
const DELETE_ACLS: (i16, i16) = (31, 1);

/// The numbers that access rights are made of.
const TOPIC: u8 = 2;
const LITERAL: u8 = 3;
const ANYTHING: u8 = 1;
const ALL: u8 = 2;
const WRITE: u8 = 4;
const DENY: u8 = 2;
const ALLOW: u8 = 3;

/// A request without the flexible versions' tags.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    /// As flexible versions write lengths: one more, in one byte here.
    fn compact(mut self, length: usize) -> Self {
        self.0.push(u8::try_from(length + 1).unwrap());
        assert!(length < 127, "one byte holds it");
        self
    }

    fn compact_text(self, text: &str) -> Self {
        let mut body = self.compact(text.len());
        body.0.extend(text.as_bytes());
        body
    }
}

/// The first broker of a list, asked once; what stands behind the answer's correlation.
fn ask(bootstrap: &str, (key, version): (i16, i16), is_flexible: bool, body: &Body) -> Vec<u8> {
    let address = bootstrap.split(',').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    request.extend(key.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    // No client's name.
    request.extend((-1_i16).to_be_bytes());
    if is_flexible {
        request.push(0);
    }
    request.extend(&body.0);
    stream.write_all(&i32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    answer.split_off(4)
}

fn code(answer: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(answer[at..at + 2].try_into().unwrap())
}

/// Makes the first of `replicas` the leader of a partition; `replicas` are those it has, in any order.
pub(crate) fn lead(bootstrap: &str, topic: &str, partition: i32, replicas: [i32; 3]) {
    let mut body = Body::default().int(10_000).compact(1).compact_text(topic).compact(1).int(partition);
    body = replicas.iter().fold(body.compact(replicas.len()), |body, it| body.int(*it));
    let body = body.byte(0).byte(0).byte(0);
    // Tag, throttle time, then the error.
    let answer = ask(bootstrap, ALTER_PARTITION_REASSIGNMENTS, true, &body);
    assert_eq!(code(&answer, 5), 0, "{answer:?}");
    let preferred = 0;
    let body = Body::default().byte(preferred).int(1).text(topic).int(1).int(partition).int(10_000);
    let answer = ask(bootstrap, ELECT_LEADERS, false, &body);
    assert_eq!(code(&answer, 4), 0, "{answer:?}");
}

/// Nobody may write to the topic any more; reading stays allowed.
pub(crate) fn revoke_writing(bootstrap: &str, topic: &str) {
    let mut body = Body::default().int(2);
    for (operation, permission) in [(ALL, ALLOW), (WRITE, DENY)] {
        body = body.byte(TOPIC).text(topic).byte(LITERAL).text("User:*").text("*");
        body = body.byte(operation).byte(permission);
    }
    let answer = ask(bootstrap, CREATE_ACLS, false, &body);
    // Throttle time, the number of results, the first one's error.
    assert_eq!(code(&answer, 8), 0, "{answer:?}");
}

/// Everybody may do everything with the topic again.
pub(crate) fn grant_all(bootstrap: &str, topic: &str) {
    let body = Body::default().int(1).byte(TOPIC).text(topic).byte(ANYTHING);
    let mut body = body;
    for _ in ["principal", "host"] {
        body.0.extend((-1_i16).to_be_bytes());
    }
    let answer = ask(bootstrap, DELETE_ACLS, false, &body.byte(ANYTHING).byte(ANYTHING));
    assert_eq!(code(&answer, 8), 0, "{answer:?}");
}
