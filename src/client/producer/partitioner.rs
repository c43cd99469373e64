//! Which partition a record goes to: by its key, or wherever a batch is growing.
//!
//! With a key it is murmur2 of the key, as in Kafka's own client, so that a key's records lie in one partition whoever
//! sends them. Without one, records stick to one partition until its batch is full, and then to another (KIP-480, KIP-794):
//! spread one by one over many partitions, they would leave in many small batches.
//!
//! Always true: a key goes to the partition that Kafka's own client would take.
//! Not done: no partitioner of one's own: name the partition in the record.

/// The partition of a key.
pub fn partition_of_key(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) as u32 & 0x7fff_ffff) as usize % partitions
}

/// MurmurHash2, 32 bits, with Kafka's seed.
fn murmur2(bytes: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    (hash ^ hash >> 15) as i32
}

/// Where records without a key go at the moment.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sticky {
    pub partition: usize,
    /// Bytes that went there since it was chosen.
    pub bytes: usize,
}

impl Sticky {
    /// Chooses another partition, if there is one, among those that have a leader, if any has.
    pub fn choose(&mut self, has_leader: &[bool], random: &mut u64) {
        // xorshift64
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let eligible = |(partition, has_leader): (usize, &bool)| {
            let is_other = partition != self.partition;
            (*has_leader && is_other).then_some(partition)
        };
        let others: Vec<usize> = has_leader.iter().enumerate().filter_map(eligible).collect();
        if !others.is_empty() {
            self.partition = others[(*random >> 16) as usize % others.len()];
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_gives_what_kafka_gives() {
        // UtilsTest.java, testMurmur2.
        for (key, hash) in [
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(partition_of_key(b"21", 16), (-973932308i32 & 0x7fff_ffff) as usize % 16);
    }

    #[test]
    fn the_next_partition_is_another_one_with_a_leader() {
        let mut sticky = Sticky { partition: 1, bytes: 9 };
        let mut random = 7;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let before = sticky.partition;
            sticky.choose(&[true, true, false, true], &mut random);
            assert!(sticky.partition != before && sticky.bytes == 0);
            seen.insert(sticky.partition);
        }
        assert_eq!(seen, [0, 1, 3].into());
        sticky.choose(&[false, false, false, false], &mut random);
        assert!(sticky.partition < 4, "without any leader it stays");
    }
}
