//! One connection of the admin listener: it reads a request, sends the answer, and waits for the next one.
//!
//! ```text
//! quiet --bytes--> reading --a whole head--> sending --all sent--> quiet, or draining --their end--> the end
//! ```
//!
//! Draining throws away what still comes after the last answer, since closing a socket with unread bytes would have the
//! kernel take back the answer.
//!
//! Always true: nothing here waits; what cannot go on is taken up again when its socket is ready. Each state has a
//! deadline that no slow client moves: [`REQUEST`] for a head, [`ANSWER`] for an answer, [`QUIET`] in between, [`DRAIN`] at
//! the end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::os::poll::Interest;
use crate::server::admin::http::{self, Request, Response, HEAD_MAX};

const REQUEST: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);
/// Steps of a connection before the others have their turn.
const TURN: usize = 32;
const DRAIN: Duration = Duration::from_secs(2);
/// Longer than the minute after which most scrapers come again.
const QUIET: Duration = Duration::from_secs(90);

pub struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
    closes: bool,
    drains: bool,
    /// It was stopped in the middle, so that others have their turn.
    is_interrupted: bool,
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
        Ok(Connection {
            socket,
            received,
            answer,
            sent: 0,
            closes: false,
            drains: false,
            is_interrupted: false,
            deadline: now + QUIET,
        })
    }

    pub fn interest(&self) -> (BorrowedFd<'_>, Interest) {
        // What was interrupted goes on without another byte from the client; a socket can mostly be written to.
        let waits_for_bytes = self.answer.is_empty() && !self.is_interrupted;
        let interest = if waits_for_bytes { Interest::Read } else { Interest::Write };
        (self.socket.as_fd(), interest)
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Nothing has come of a request, and nothing is to be sent.
    pub fn is_quiet(&self) -> bool {
        !self.drains && self.received.is_empty() && self.answer.is_empty()
    }

    /// Goes on for as far as the socket lets it, and not for longer than a turn.
    pub fn go_on(&mut self, own_host: &str, respond: &mut impl FnMut(&Request) -> Response, now: Instant) -> Next {
        self.is_interrupted = false;
        for _ in 0..TURN {
            let went = match self.answer.is_empty() {
                true if self.drains => self.drain(),
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
        self.is_interrupted = true;
        Next::Wait
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
        if self.closes {
            self.socket.shutdown(Shutdown::Write)?;
            (self.drains, self.deadline) = (true, now + DRAIN);
        }
        Ok(Next::Wait)
    }

    fn drain(&mut self) -> io::Result<Next> {
        let got = self.socket.read(&mut [0; HEAD_MAX])?;
        Ok(if got == 0 { Next::End } else { Next::Wait })
    }
}
