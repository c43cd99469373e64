//! Zero copy (idea 4): a response goes out as its bytes and, between them, ranges of segment files.
//!
//! Bytes are sent with `MSG_MORE` while something follows, so that header and records share packets; a range is sent
//! with [`crate::os::sendfile`]. `fetch.path=copy` does without ([`super::copy_path`]).
//!
//! Always true: no lock is held while bytes go to a socket. The size in front of a response is final: a file that
//! comes up short closes the connection. The last part never carries `MSG_MORE`.
//! Not done: nothing is cached, and no thread of its own sends: a slow reader holds its own connection's thread.

use std::io;
use std::net::TcpStream;

use crate::os::sendfile::send_file;
use crate::os::socket::send_all;
use crate::server::copy_path::send_copied;
use crate::wire::{Encoded, Part};

/// `fetch.path`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchPath {
    Sendfile,
    Copy,
}

// tour: send
pub fn send(socket: &TcpStream, response: &Encoded, path: FetchPath) -> io::Result<()> {
    let mut parts = response.parts().peekable();
    while let Some(part) = parts.next() {
        match (part, path) {
            (Part::Bytes(bytes), _) => send_all(socket, bytes, parts.peek().is_some())?,
            (Part::File(range), FetchPath::Sendfile) => {
                send_file(socket, &range.file, range.position.0, range.length)?;
            }
            (Part::File(range), FetchPath::Copy) => send_copied(socket, range)?,
        }
    }
    Ok(())
}
// end
