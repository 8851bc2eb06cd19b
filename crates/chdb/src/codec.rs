//! Compression on the way in and out: `Content-Encoding`, `Accept-Encoding` and ClickHouse's own blocks.
//!
//! In: bytes. Out: bytes. Both directions stream, so neither a large body nor a small one that unpacks into a large one
//! is ever whole in memory. Not here: which one a request asks for (`http`). Start at [`Encoding`].

use std::io::{self, Read, Write};

use crate::blocks;

/// A way to pack bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Lz4,
    Zstd,
    /// ClickHouse's `compress=1` and `decompress=1`.
    Blocks,
}

/// Levels chosen for speed: bodies cross the loopback.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;

impl Encoding {
    /// By its HTTP name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The value of `Content-Encoding`; none for ClickHouse's blocks, which only its clients know.
    pub(crate) fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity | Self::Blocks => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The encoding ClickHouse picks from `Accept-Encoding`, in its order of preference.
    pub(crate) fn accepted(header: &str) -> Self {
        let offers = |wanted: &str| {
            header.split(',').any(|item| {
                let mut parts = item.split(';');
                let name = parts.next().unwrap_or_default().trim();
                let refused = parts.any(|part| matches!(part.trim(), "q=0" | "q=0.0"));
                name.eq_ignore_ascii_case(wanted) && !refused
            })
        };
        let ranked =
            [("gzip", Self::Gzip), ("zstd", Self::Zstd), ("lz4", Self::Lz4), ("deflate", Self::Deflate)];
        ranked.into_iter().find(|(name, _)| offers(name)).map_or(Self::Identity, |(_, encoding)| encoding)
    }
}

/// Unpacks `input` while it is read.
pub(crate) fn decoder(encoding: Encoding, input: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Ok(match encoding {
        Encoding::Identity => Box::new(input),
        Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
        // HTTP's `deflate` is zlib's format.
        Encoding::Deflate => Box::new(flate2::read::ZlibDecoder::new(input)),
        Encoding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
        Encoding::Zstd => Box::new(zstd::stream::read::Decoder::new(input)?),
        Encoding::Blocks => Box::new(blocks::Reader::new(input)),
    })
}

/// Packs bytes piece by piece.
pub(crate) enum Encoder {
    Identity(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Blocks(Vec<u8>),
}

impl Encoder {
    pub(crate) fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Self::Identity(Vec::new()),
            Encoding::Gzip => {
                Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL)))
            }
            Encoding::Deflate => Self::Deflate(flate2::write::ZlibEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_LEVEL),
            )),
            Encoding::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
            Encoding::Blocks => Self::Blocks(Vec::new()),
        })
    }

    /// Packs `bytes` and returns what is ready to go.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => out.extend_from_slice(bytes),
            Self::Gzip(packer) => packer.write_all(bytes)?,
            Self::Deflate(packer) => packer.write_all(bytes)?,
            Self::Lz4(packer) => packer.write_all(bytes)?,
            Self::Zstd(packer) => packer.write_all(bytes)?,
            Self::Blocks(out) => blocks::write(out, bytes)?,
        }
        Ok(std::mem::take(match self {
            Self::Identity(out) | Self::Blocks(out) => out,
            Self::Gzip(packer) => packer.get_mut(),
            Self::Deflate(packer) => packer.get_mut(),
            Self::Lz4(packer) => packer.get_mut(),
            Self::Zstd(packer) => packer.get_mut(),
        }))
    }

    /// Ends the stream and returns its last bytes.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) | Self::Blocks(out) => Ok(out),
            Self::Gzip(packer) => packer.finish(),
            Self::Deflate(packer) => packer.finish(),
            Self::Lz4(packer) => packer.finish().map_err(io::Error::other),
            Self::Zstd(packer) => packer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(encoding).expect("an encoder in memory");
        let mut out = Vec::new();
        for piece in bytes.chunks(1000) {
            out.extend(encoder.write(piece).expect("writes to memory"));
        }
        out.extend(encoder.finish().expect("writes to memory"));
        out
    }

    #[test]
    fn every_encoding_undoes_itself() {
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for encoding in [
            Encoding::Identity,
            Encoding::Gzip,
            Encoding::Deflate,
            Encoding::Lz4,
            Encoding::Zstd,
            Encoding::Blocks,
        ] {
            let mut back = Vec::new();
            let input = io::Cursor::new(packed(encoding, &bytes));
            decoder(encoding, input).and_then(|mut reader| reader.read_to_end(&mut back)).expect("unpacks");
            assert_eq!(back, bytes, "{encoding:?}");
        }
    }

    #[test]
    fn a_cut_body_is_an_error_not_an_end() {
        let bytes = vec![7_u8; 300_000];
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Lz4, Encoding::Zstd, Encoding::Blocks] {
            let mut short = packed(encoding, &bytes);
            short.truncate(short.len() - 5);
            let mut back = Vec::new();
            let read =
                decoder(encoding, io::Cursor::new(short)).and_then(|mut all| all.read_to_end(&mut back));
            assert!(read.is_err(), "{encoding:?} took a cut body for a whole one");
        }
    }

    #[test]
    fn the_first_encoding_both_know_is_used() {
        for (header, want) in [
            ("lz4", Encoding::Lz4),
            ("lz4,br;q=0.8, zstd", Encoding::Zstd),
            ("gzip, deflate, br", Encoding::Gzip),
            ("gzip;q=0, deflate", Encoding::Deflate),
            ("br", Encoding::Identity),
        ] {
            assert_eq!(Encoding::accepted(header), want, "{header}");
        }
    }
}
