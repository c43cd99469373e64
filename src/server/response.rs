//! Zero copy (idea 4): a response goes out as its bytes and, between them, ranges of segment files.
//!
//! Bytes are sent with `MSG_MORE` while something follows, so that header and records share packets; a range is sent
//! with [`crate::os::sendfile`]. `fetch.path=copy` reads it into memory and writes it instead, to compare.
//!
//! Always true: no lock is held while bytes go to a socket. The size in front of a response is final: a file that
//! comes up short closes the connection. The last part never carries `MSG_MORE`.

use std::io;
use std::net::TcpStream;

use crate::base::FileRange;
use crate::os::fs;
use crate::os::sendfile::send_file;
use crate::os::socket::send_all;
use crate::wire::{Encoded, Part};

/// `fetch.path`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchPath {
    Sendfile,
    Copy,
}

/// Bytes copied at once: a piece that stays in the core's cache between the read and the write.
const COPY_BYTES: usize = 256 << 10;

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

fn send_copied(socket: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES.min(range.length as usize)];
    let mut sent = 0;
    while sent < range.length {
        let piece = &mut buffer[..COPY_BYTES.min((range.length - sent) as usize)];
        fs::read_exact_at(&range.file, piece, range.position.0 + sent)?;
        send_all(socket, piece, false)?;
        sent += piece.len() as u64;
    }
    Ok(())
}
