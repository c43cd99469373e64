//! One connection to the broker: requests out, answers in.
//!
//! Always true: each request is one `write(2)`. Answers are read through one buffer; that of a fetch may be larger than
//! the buffer, and is then seen piece by piece: nothing is kept, since nobody unpacks it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Result;

/// Bytes read at once, unless an answer that must be seen as a whole is larger.
const BUFFER_BYTES: usize = 4 << 10;
/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// What has been read and not been returned.
    start: usize,
    end: usize,
}

impl Connection {
    pub fn open(address: &str) -> Result<Connection> {
        Connection::with_buffer(address, BUFFER_BYTES)
    }

    pub fn with_buffer(address: &str, bytes: usize) -> Result<Connection> {
        let socket = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { socket, buffer: vec![0; bytes], start: 0, end: 0 })
    }

    pub fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(request)?)
    }

    /// The next answer, without its size; several small ones are read at once.
    pub fn receive(&mut self) -> Result<&[u8]> {
        let size = self.size_of_next()?;
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
        self.read_until(size)?;
        let frame = self.start..self.start + size;
        self.start = frame.end;
        Ok(&self.buffer[frame])
    }

    /// Shows the next answer to `see`: its first `head` bytes (or all of it, if it is shorter) in one piece, then the
    /// rest in pieces as they arrive. Returns its size.
    pub fn receive_in_pieces(&mut self, head: usize, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let size = self.size_of_next()?;
        self.read_until(head.min(size))?;
        let mut left = size;
        while left > 0 {
            if self.start == self.end {
                self.read()?;
            }
            let piece = self.start..self.end.min(self.start + left);
            see(&self.buffer[piece.clone()])?;
            left -= piece.len();
            self.start = piece.end;
        }
        Ok(size)
    }

    fn size_of_next(&mut self) -> Result<usize> {
        self.read_until(4)?;
        let size = self.buffer[self.start..].first_chunk().map(|size| i32::from_be_bytes(*size));
        self.start += 4;
        Ok(usize::try_from(size.expect("four bytes were read"))?)
    }

    /// Reads until `wanted` bytes wait in the buffer, which is at least that large.
    fn read_until(&mut self, wanted: usize) -> Result<()> {
        while self.end - self.start < wanted {
            self.read()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        match self.socket.read(&mut self.buffer[self.end..])? {
            0 => Err("the broker closed the connection".into()),
            got => {
                self.end += got;
                Ok(())
            }
        }
    }
}
