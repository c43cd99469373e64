//! CRC-32C with the CPU's own instruction: SSE4.2 on x86-64, the CRC extension on ARMv8.
//!
//! The state is the raw register: callers start with all ones and invert at the end, as
//! [`crate::record::crc32c`] does.
//!
//! Always true: `None` means that this CPU has no such instruction; nothing was computed.
//! Not done: one lane only; the instruction takes three cycles and could be fed by three lanes at once.

/// Folds `bytes` into the register `crc`, eight at a time.
#[cfg(target_arch = "x86_64")]
pub fn crc32c_update(crc: u32, bytes: &[u8]) -> Option<u32> {
    if !is_x86_feature_detected!("sse4.2") {
        return None;
    }
    // SAFETY: the CPU was just seen to have SSE4.2, the only requirement of the function.
    Some(unsafe { update_sse42(crc, bytes) })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
unsafe fn update_sse42(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u64, _mm_crc32_u8};
    let (words, rest) = bytes.as_chunks::<8>();
    let mut wide = u64::from(crc);
    for word in words {
        wide = _mm_crc32_u64(wide, u64::from_le_bytes(*word));
    }
    // The instruction leaves the upper half zero.
    rest.iter().fold(wide as u32, |crc, byte| _mm_crc32_u8(crc, *byte))
}

/// Folds `bytes` into the register `crc`, eight at a time.
#[cfg(target_arch = "aarch64")]
pub fn crc32c_update(crc: u32, bytes: &[u8]) -> Option<u32> {
    if !std::arch::is_aarch64_feature_detected!("crc") {
        return None;
    }
    // SAFETY: the CPU was just seen to have the CRC extension, the only requirement of the function.
    Some(unsafe { update_armv8(crc, bytes) })
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "crc")]
unsafe fn update_armv8(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::aarch64::{__crc32cb, __crc32cd};
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(crc, |crc, word| __crc32cd(crc, u64::from_le_bytes(*word)));
    rest.iter().fold(crc, |crc, byte| __crc32cb(crc, *byte))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn crc32c_update(_crc: u32, _bytes: &[u8]) -> Option<u32> {
    None
}
