//! ClickHouse's own compression: blocks of checksum, method, two sizes and data, as `compress=1` and `decompress=1` use.
//!
//! Layout: `CityHash128` (v1.0.2) of the rest, 16 bytes; then method (0x82 LZ4, 0x90 ZSTD, 0x02 none), size of the packed
//! data including these nine bytes, size of the raw data, both u32 little endian; then the data.
//! In: a stream of blocks, or raw bytes. Out: the other. Start at [`Reader`] and [`write`].

use std::io::{self, Read};

/// Bytes of the checksum in front of a block.
const CHECKSUM_BYTES: usize = 16;
/// Bytes of method and sizes.
const HEADER_BYTES: usize = 9;
/// Bytes one block may hold, packed or raw. ClickHouse writes 1 MiB; a larger claim is refused before memory is taken.
pub(crate) const BLOCK_BYTES_MAX: usize = 64 << 20;
/// Raw bytes per block we write, as ClickHouse's default `max_compress_block_size`.
const WRITE_BYTES: usize = 1 << 20;

const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
const NONE: u8 = 0x02;

/// Appends `raw` to `out` as LZ4 blocks.
pub(crate) fn write(out: &mut Vec<u8>, raw: &[u8]) -> io::Result<()> {
    for piece in raw.chunks(WRITE_BYTES) {
        let data = lz4_flex::block::compress(piece);
        let size = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
        let mut block = Vec::with_capacity(HEADER_BYTES + data.len());
        block.push(LZ4);
        block.extend(size(HEADER_BYTES + data.len())?.to_le_bytes());
        block.extend(size(piece.len())?.to_le_bytes());
        block.extend(data);
        out.extend(checksum(&block));
        out.extend(block);
    }
    Ok(())
}

/// The hash's high half comes first, each half little endian.
fn checksum(block: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(block).rotate_left(64).to_le_bytes()
}

/// Unpacks a stream of blocks.
pub(crate) struct Reader<R> {
    input: R,
    raw: io::Cursor<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, raw: io::Cursor::default() }
    }

    /// The next block's raw bytes, or nothing at the end of the stream.
    fn next_block(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0_u8; CHECKSUM_BYTES + HEADER_BYTES];
        let read = read_full(&mut self.input, &mut head)?;
        if read == 0 {
            return Ok(None);
        }
        if read < head.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [sum @ .., _, _, _, _, _, _, _, _, _] = head;
        let [.., method, p0, p1, p2, p3, r0, r1, r2, r3] = head;
        let packed_bytes = u32::from_le_bytes([p0, p1, p2, p3]) as usize;
        let raw_bytes = u32::from_le_bytes([r0, r1, r2, r3]) as usize;
        if !(HEADER_BYTES..=BLOCK_BYTES_MAX).contains(&packed_bytes) || raw_bytes > BLOCK_BYTES_MAX {
            return Err(invalid(&format!("block of {packed_bytes} packed and {raw_bytes} raw bytes")));
        }
        let mut block = vec![method, p0, p1, p2, p3, r0, r1, r2, r3];
        block.resize(packed_bytes, 0);
        let body = block.get_mut(HEADER_BYTES..).unwrap_or_default();
        self.input.read_exact(body)?;
        if checksum(&block) != sum {
            return Err(invalid("checksum does not match"));
        }
        unpack(method, block.get(HEADER_BYTES..).unwrap_or_default(), raw_bytes).map(Some)
    }
}

fn unpack(method: u8, data: &[u8], raw_bytes: usize) -> io::Result<Vec<u8>> {
    let raw = match method {
        LZ4 => lz4_flex::block::decompress(data, raw_bytes).map_err(|error| invalid(&error.to_string()))?,
        ZSTD => zstd::bulk::decompress(data, raw_bytes)?,
        NONE => data.to_vec(),
        other => return Err(invalid(&format!("unknown compression method {other:#04x}"))),
    };
    if raw.len() == raw_bytes { Ok(raw) } else { Err(invalid("size does not match")) }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("compressed block: {what}"))
}

/// Reads until `buffer` is full or the input ends; returns the bytes read.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match input.read(free) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.raw.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.next_block()? {
                Some(raw) => self.raw = io::Cursor::new(raw),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(blocks: &[u8]) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        Reader::new(blocks).read_to_end(&mut raw).map(|_| raw)
    }

    #[test]
    fn the_layout_is_clickhouses() {
        // Made by ClickHouse's own client library for the same bytes.
        let mut out = Vec::new();
        write(&mut out, b"abc").expect("writes to memory");
        assert_eq!(out.get(16..25), Some([0x82, 13, 0, 0, 0, 3, 0, 0, 0].as_slice()));
        assert_eq!(unpacked(&out).expect("a block of ours"), b"abc");
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let mut good = Vec::new();
        write(&mut good, &[9; 5000]).expect("writes to memory");
        for at in 0..good.len() {
            let mut bad = good.clone();
            if let Some(byte) = bad.get_mut(at) {
                *byte ^= 0x41;
            }
            assert!(unpacked(&bad).is_err(), "byte {at} changed and nobody noticed");
        }
    }

    #[test]
    fn a_huge_claim_takes_no_memory() {
        let mut bad = vec![0; 16];
        bad.push(LZ4);
        bad.extend(u32::MAX.to_le_bytes());
        bad.extend(u32::MAX.to_le_bytes());
        let error = unpacked(&bad).expect_err("too large");
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
