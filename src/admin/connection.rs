//! One connection of the admin listener: it reads a request, sends the answer, and waits for the next one.
//!
//! ```text
//! quiet --bytes--> reading --a whole head--> sending --all sent--> quiet, or draining --their end--> the end
//! ```
//!
//! A tap's connection goes on sending what comes together, until its reader is gone or has taken nothing for [`ANSWER`].
//!
//! Draining throws away what still comes after the last answer, since closing a socket with unread bytes would have the
//! kernel take back the answer.
//!
//! Always true: nothing here waits; what cannot go on is taken up again when its socket is ready. Each state has a
//! deadline that no slow client moves: [`REQUEST`] for a head, [`ANSWER`] for an answer, [`QUIET`] in between, [`DRAIN`] at
//! the end.
//! Not done: one request at a time: what is sent ahead waits its turn.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::admin::http::{self, Request, Response, HEAD_MAX};
use crate::os::poll::Interest;
use crate::tap::OpenTap;

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
    /// It comes from this machine.
    is_local: bool,
    /// What it gets from now on, for as long as it stays.
    tap: Option<OpenTap>,
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
        let is_local = socket.peer_addr()?.ip().to_canonical().is_loopback();
        Ok(Connection {
            socket,
            received,
            answer,
            sent: 0,
            closes: false,
            drains: false,
            is_local,
            tap: None,
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
        !self.drains && self.tap.is_none() && self.received.is_empty() && self.answer.is_empty()
    }

    /// It is to be given what comes together, without being asked.
    pub fn is_tap(&self) -> bool {
        self.tap.is_some()
    }

    /// Goes on for as far as the socket lets it, and not for longer than a turn.
    pub fn go_on(&mut self, own_host: &str, respond: &mut impl FnMut(&Request) -> Response, now: Instant) -> Next {
        self.is_interrupted = false;
        for _ in 0..TURN {
            let went = match self.answer.is_empty() {
                true if self.drains => self.drain(),
                true if self.tap.is_some() => self.pour(now),
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
            Ok(Some((mut request, length))) => {
                self.received.drain(..length);
                request.is_local = self.is_local;
                let mut response = respond(&request);
                self.closes = request.closes || response.tap.is_some();
                self.answer = response.encode(request.is_head, self.closes);
                self.tap = response.tap.take().filter(|_| !request.is_head);
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
        if self.closes && self.tap.is_none() {
            self.socket.shutdown(Shutdown::Write)?;
            (self.drains, self.deadline) = (true, now + DRAIN);
        }
        Ok(Next::Wait)
    }

    /// Takes what has come together for a tap, to be written; ends when its reader has.
    fn pour(&mut self, now: Instant) -> io::Result<Next> {
        match self.socket.read(&mut [0; HEAD_MAX]) {
            Ok(0) => return Ok(Next::End),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        self.answer = self.tap.as_ref().map(OpenTap::take).unwrap_or_default().into_bytes();
        self.deadline = now + ANSWER;
        match self.answer.is_empty() {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(Next::Wait),
        }
    }

    fn drain(&mut self) -> io::Result<Next> {
        let got = self.socket.read(&mut [0; HEAD_MAX])?;
        Ok(if got == 0 { Next::End } else { Next::Wait })
    }
}
