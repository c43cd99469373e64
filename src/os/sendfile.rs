//! Zero copy (idea 4): page-cache pages go to the socket without passing through this process.
//!
//! `sendfile(2)` moves at most 2 GiB a call and may move less; the loop goes on where it stopped.
//!
//! Always true: after `Ok` exactly the promised bytes have been handed to the socket.
//! The kernel keeps references to the pages after the call returns: whoever changes those bytes of the file
//! changes what the receiver gets. The log never does.
//! Not done: pages that are not in memory are read by the kernel meanwhile: the thread waits for the disk.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::base::metrics::{self, Counter};
use crate::faults::{self, Operation};
use crate::os::checked;

/// Bytes that went from files to sockets like this.
pub static SENT_BYTES: Counter = Counter::new();

const SHORT: &str = "the segment file is shorter than promised";

/// Sends `length` bytes of `file` from `position` on.
///
/// # Errors
/// `UnexpectedEof` when the file ends early: the size is on the wire already, so the connection must close.
/// `WouldBlock` when the socket took nothing for as long as its write timeout says.
pub fn send_file(socket: &TcpStream, file: &File, position: u64, length: u64) -> io::Result<()> {
    let mut at = position as libc::off_t;
    let mut left = length;
    let mut room = faults::room(Operation::Sendfile, Path::new(""), length as usize)?;
    // tour: sendfile
    while left > 0 {
        let chunk = room.min(1 << 30);
        metrics::note_call();
        // SAFETY: both descriptors are open for as long as they are borrowed, and `at` is a valid off_t to update.
        match checked(unsafe { libc::sendfile(socket.as_raw_fd(), file.as_raw_fd(), &mut at, chunk) }) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, SHORT)),
            Ok(sent) => (left, room) = (left - sent as u64, room - sent as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // end
    SENT_BYTES.add(length);
    Ok(())
}
