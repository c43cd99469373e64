//! A connection that may end at any byte: every call says so by an error, and the caller looks for the next broker.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use sendlog::wire::frame::decode_response;
use sendlog::wire::Request;

use super::board::Board;
use crate::broker::client::frame;
use crate::broker::HANG;

pub struct Link {
    socket: TcpStream,
    /// Which broker it goes to.
    pub life: u32,
    pub era: u32,
}

impl Link {
    pub fn connect(address: SocketAddr, life: u32, era: u32) -> io::Result<Link> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(HANG))?;
        socket.set_nodelay(true)?;
        Ok(Link { socket, life, era })
    }

    /// Sends without waiting; the id under which the answer comes.
    pub fn send<R: Request>(&mut self, board: &Board, version: i16, mut request: R) -> io::Result<i32> {
        let id = board.next_id();
        self.socket.write_all(&frame(version, id, &mut request))?;
        Ok(id)
    }

    /// The next answer, and its frame without its size.
    pub fn receive<R: Request>(&mut self, version: i16) -> io::Result<(i32, R::Response, Vec<u8>)> {
        let mut size = [0; 4];
        self.read(&mut size)?;
        let mut bytes = vec![0; i32::from_be_bytes(size) as usize];
        self.read(&mut bytes)?;
        let (id, response) =
            decode_response::<R>(&bytes, version).map_err(|error| io::Error::other(error.to_string()))?;
        Ok((id, response, bytes))
    }

    pub fn call<R: Request>(&mut self, board: &Board, version: i16, request: R) -> io::Result<(i32, R::Response)> {
        let sent = self.send(board, version, request)?;
        let (id, response, _) = self.receive::<R>(version)?;
        assert_eq!(id, sent, "answers come in order");
        Ok((id, response))
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.socket.read_exact(bytes).inspect_err(|error| {
            assert!(error.kind() != io::ErrorKind::WouldBlock, "no answer came within {HANG:?}");
        })
    }
}
