//! `fetch.path=copy`: idea 4 switched off. A range is read into memory and written to the socket, to compare.
//!
//! Always true: the bytes are the same as those that [`crate::os::sendfile`] sends.
//! Not done: it is not made fast; it is what idea 4 is measured against.

use std::io;
use std::net::TcpStream;

use crate::base::metrics::Counter;
use crate::base::FileRange;
use crate::os::fs;
use crate::os::socket::send_all;

/// Bytes copied at once: a piece that stays in the core's cache between the read and the write.
const COPY_BYTES: usize = 256 << 10;

/// Bytes that were sent like this; of the others [`crate::os::sendfile`] keeps count.
pub static SENT_BYTES: Counter = Counter::new();

pub fn send_copied(socket: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES.min(range.length as usize)];
    let mut sent = 0;
    while sent < range.length {
        let piece = &mut buffer[..COPY_BYTES.min((range.length - sent) as usize)];
        fs::read_exact_at(&range.file, piece, range.position.0 + sent)?;
        send_all(socket, piece, false)?;
        sent += piece.len() as u64;
    }
    SENT_BYTES.add(range.length);
    Ok(())
}
