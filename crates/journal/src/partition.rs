//! Which partition a key belongs to: Kafka's own rule, so that memory and a broker agree.
//!
//! In: a key and a number of partitions. Out: a partition. The Java client, Flink and librdkafka's `murmur2_random`
//! decide the same. Not here: records without a key; we have none. Start at [`partition_of`].

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The partition of `key` among `partitions`; 0 if there are none.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    // Kafka clears the sign bit; an absolute value would differ.
    (murmur2(key) & 0x7FFF_FFFF).checked_rem(partitions).unwrap_or_default()
}

fn murmur2(key: &[u8]) -> u32 {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let (words, rest) = key.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Apache Kafka's own test of `Utils.murmur2`.
    #[test]
    fn agrees_with_the_java_client() {
        let vectors: [(&[u8], i32); 5] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key).cast_signed(), hash);
        }
    }

    #[test]
    fn no_partitions_is_not_a_panic() {
        assert_eq!(partition_of(b"key", 0), 0);
        assert_eq!(partition_of(b"key", 1), 0);
    }
}
