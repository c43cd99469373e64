//! Varints as records use them: 7 bits a byte, low bits first, zigzag so that small negative numbers stay short.
//!
//! Always true: a number takes at most 10 bytes; more is an error, not a longer read.
//! Not done: the unsigned varints of the protocol, which are in `wire`.

/// Appends a zigzag varint.
pub fn write(into: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        into.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

/// Reads a zigzag varint off the front of `bytes`; `None` when it is torn or too long.
#[inline]
pub fn read(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trips(value: i64) {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            let mut rest = bytes.as_slice();
            proptest::prop_assert_eq!(read(&mut rest), Some(value));
            proptest::prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn small_numbers_take_one_byte() {
        for (value, byte) in [(0, 0), (-1, 1), (1, 2), (-64, 127)] {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            assert_eq!(bytes, [byte]);
        }
    }

    #[test]
    fn torn_and_endless_numbers_are_refused() {
        assert_eq!(read(&mut [0x80].as_slice()), None);
        assert_eq!(read(&mut [0xff; 11].as_slice()), None);
    }
}
