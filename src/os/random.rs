//! Random bytes from the kernel (`getrandom(2)`).
//!
//! Always true: all bytes are the kernel's, or the process ends.
//! Not done: no generator of our own, and nothing faster: ids are rare.

/// 16 random bytes, for ids.
///
/// # Panics
/// When the kernel has no random numbers, which it promises never to happen for 16 bytes after boot.
pub fn sixteen_bytes() -> [u8; 16] {
    let mut bytes = [0u8; 16];
    loop {
        // SAFETY: the pointer and the length are those of `bytes`.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        if got == bytes.len() as isize {
            return bytes;
        }
        let error = std::io::Error::last_os_error();
        assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "getrandom: {error}");
    }
}
