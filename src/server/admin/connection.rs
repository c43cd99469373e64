//! One connection of the admin listener: it reads a request, sends the answer, and waits for the next one.
//!
//! ```text
//! quiet --bytes--> reading --a whole head--> sending --all sent--> quiet, or the end
//! ```
//!
//! Always true: nothing here waits; what cannot go on is taken up again when its socket is ready. Each state has a
//! deadline that no slow client moves: [`REQUEST`] for a head, [`ANSWER`] for an answer, [`QUIET`] in between.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::os::poll::Interest;
use crate::server::admin::http::{self, Request, Response, HEAD_MAX};

const REQUEST: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);
/// Longer than the minute after which most scrapers come again.
const QUIET: Duration = Duration::from_secs(90);

pub struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
    closes: bool,
    deadline: Instant,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Wait,
    End,
}

impl Connection {
    pub fn new(socket: TcpStream, now: Instant) -> io::Result<Connection> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let (received, answer) = (Vec::new(), Vec::new());
        Ok(Connection { socket, received, answer, sent: 0, closes: false, deadline: now + QUIET })
    }

    pub fn interest(&self) -> (BorrowedFd<'_>, Interest) {
        let interest = if self.answer.is_empty() { Interest::Read } else { Interest::Write };
        (self.socket.as_fd(), interest)
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Nothing has come of a request, and nothing is to be sent.
    pub fn is_quiet(&self) -> bool {
        self.received.is_empty() && self.answer.is_empty()
    }

    /// Goes on for as far as the socket lets it.
    pub fn go_on(&mut self, own_host: &str, respond: &mut impl FnMut(&Request) -> Response, now: Instant) -> Next {
        loop {
            let went = match self.answer.is_empty() {
                true => self.read(own_host, respond, now),
                false => self.write(now),
            };
            match went {
                Ok(Next::Wait) => {}
                Ok(Next::End) => return Next::End,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Wait,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Next::End,
            }
        }
    }

    fn read(
        &mut self,
        own_host: &str,
        respond: &mut impl FnMut(&Request) -> Response,
        now: Instant,
    ) -> io::Result<Next> {
        match http::parse(&self.received, own_host) {
            Ok(Some((request, length))) => {
                self.received.drain(..length);
                self.closes = request.closes;
                self.answer = respond(&request).encode(request.is_head, request.closes);
            }
            Err(refusal) => {
                self.closes = true;
                self.answer = refusal.encode(false, true);
            }
            Ok(None) => {
                let was_quiet = self.received.is_empty();
                let mut bytes = [0; HEAD_MAX];
                let got = self.socket.read(&mut bytes)?;
                self.received.extend_from_slice(&bytes[..got]);
                if was_quiet {
                    self.deadline = now + REQUEST;
                }
                return Ok(if got == 0 { Next::End } else { Next::Wait });
            }
        }
        self.deadline = now + ANSWER;
        Ok(Next::Wait)
    }

    fn write(&mut self, now: Instant) -> io::Result<Next> {
        self.sent += self.socket.write(&self.answer[self.sent..])?;
        if self.sent < self.answer.len() {
            return Ok(Next::Wait);
        }
        (self.answer, self.sent) = (Vec::new(), 0);
        self.deadline = now + if self.received.is_empty() { QUIET } else { REQUEST };
        Ok(if self.closes { Next::End } else { Next::Wait })
    }
}
