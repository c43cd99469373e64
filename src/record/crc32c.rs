//! CRC-32C (Castagnoli), the checksum of a record batch: over its raw bytes from the attributes on.
//!
//! Reflected polynomial 0x82F63B78, register starts at all ones and is inverted at the end (RFC 3720, appendix B.4).
//! The CPU's instruction does the work where there is one, a table of 256 words where there is none.
//!
//! Always true: both ways give the same number; tests hold them against the `crc32c` crate.
//! Not done: no combining of two checksums, which nothing here needs.

use crate::os::crc;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

/// The CRC-32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    !update(!0, bytes)
}

fn update(crc: u32, bytes: &[u8]) -> u32 {
    crc::crc32c_update(crc, bytes).unwrap_or_else(|| update_by_table(crc, bytes))
}

/// The CRC-32C of bytes that come piece by piece.
pub struct Crc32c(u32);

impl Crc32c {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Crc32c {
        Crc32c(!0)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = update(self.0, bytes);
    }

    pub fn finish(self) -> u32 {
        !self.0
    }
}

fn update_by_table(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(!update_by_table(!0, b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn every_length_agrees_with_the_table() {
        let bytes: Vec<u8> = (0..8000_u32).map(|i| ((i * i + 7) >> 3) as u8).collect();
        // Miri is slow: it takes a few of them.
        let step = if cfg!(miri) { 397 } else { 1 };
        for length in (0..1200).chain(3000..3200).step_by(step).chain([3 * 1024 * 2]) {
            for start in [0, 1, 5] {
                let part = &bytes[start..(start + length).min(bytes.len())];
                assert_eq!(crc32c(part), !update_by_table(!0, part), "{length} bytes from {start}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn instruction_and_table_agree_with_the_crc32c_crate(bytes: Vec<u8>) {
            let expected = ::crc32c::crc32c(&bytes);
            proptest::prop_assert_eq!(crc32c(&bytes), expected);
            proptest::prop_assert_eq!(!update_by_table(!0, &bytes), expected);
        }
    }
}
