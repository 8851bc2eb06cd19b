//! Asks a broker who it is: one Metadata request, version 2, by hand.
//!
//! In: a port. Out: the cluster's id and the brokers it lists. By hand because a Kafka client would make the first
//! `cargo xtask` compile librdkafka. A broker answers only after it has joined its cluster, so an answer means ready.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// A local broker answers in milliseconds; a starting one accepts and stays silent.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// An answer without topics is some 40 bytes a broker. More is not an answer to this question.
const ANSWER_BYTES_MAX: u32 = 64 * 1024;

/// Metadata is request 3, here in version 2 (the first with the cluster's id), correlation 1, no client id, no topics.
const REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 2, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0];

/// What one broker knows of its cluster.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) cluster_id: String,
    /// `node.id` of each broker that is not fenced.
    pub(super) nodes: Vec<i32>,
}

pub(super) fn metadata(port: u16) -> io::Result<Metadata> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(&REQUEST)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > ANSWER_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
    }
    let mut answer = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not Kafka's"))
}

fn parse(mut answer: &[u8]) -> Option<Metadata> {
    let input = &mut answer;
    let _correlation = int32(input)?;
    let count = int32(input)?;
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(int32(input)?);
        let _host = string(input)?;
        let _port = int32(input)?;
        let _rack = string(input)?;
    }
    Some(Metadata { cluster_id: string(input)?, nodes })
}

fn int32(input: &mut &[u8]) -> Option<i32> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(i32::from_be_bytes(*bytes))
}

/// A length in 16 bits, then the text; length -1 is null, read as empty.
fn string(input: &mut &[u8]) -> Option<String> {
    let (bytes, rest) = input.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*bytes)).unwrap_or(0);
    let (text, rest) = rest.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taken from Kafka 4.4.0: correlation, one broker (id 1, 127.0.0.1, 19092, no rack), cluster id, controller, no topics.
    const ANSWER: &[u8] = b"\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x09127.0.0.1\0\0\x4a\x94\xff\xff\
        \0\x16AAAAAAAAAAAAAAAAAAAAAQ\0\0\0\x01\0\0\0\0";

    #[test]
    fn an_answer_names_cluster_and_brokers() {
        let want = Metadata { cluster_id: "AAAAAAAAAAAAAAAAAAAAAQ".into(), nodes: vec![1] };
        assert_eq!(parse(ANSWER), Some(want));
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        let end_of_cluster_id = ANSWER.len() - 8;
        for cut in 0..end_of_cluster_id {
            assert_eq!(parse(&ANSWER[..cut]), None, "{cut} bytes");
        }
    }
}
