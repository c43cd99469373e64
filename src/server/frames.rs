//! Reads request frames from a socket into one buffer that the connection uses again and again.
//!
//! A frame is an i32 size and as many bytes. Small frames arrive several at a time and are read in one go.
//!
//! Always true: the buffer grows as bytes arrive, never by what a size claims; a body that comes too slowly ends the
//! connection; a connection that is idle gives its buffer back.
//! Not done: no message is decoded here.

use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use crate::base::{limits, Error, Result};
use crate::faults::seeded;
use crate::os::socket;
use crate::server::budget::{check_size, count_refused_size, Budget, Reserved};
use crate::server::now_ns;

const SIZE_BYTES: usize = 4;
const BUFFER_MIN: usize = 4 << 10;
/// What a connection keeps while it is busy: room for several requests of a pipeline, so that they are read in one go
/// and answered in one go. A larger frame grows the buffer for as long as frames are large.
pub const BUFFER_KEPT: usize = 128 << 10;
/// What a connection keeps at most when it goes on: a larger buffer is given back before its request's part of the budget is.
const BUFFER_KEPT_MAX: usize = 2 << 20;
/// And how long it keeps more than [`BUFFER_KEPT`] while nothing comes.
const LARGE_KEPT: Duration = Duration::from_secs(1);
/// A socket read returns after this long without a byte, to look at the clock.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the pace of a body that does not come is looked at.
const BODY_LOOK: Duration = Duration::from_secs(1);
/// Fast path: a client that has just been answered often sends its next request within microseconds, and a thread that
/// sleeps meanwhile has to be woken by another core. So the thread lets others run and looks again, for this long, before
/// it sleeps: p50 of one produce at a time is 20 us with that, and 63 us without.
const LOOK: Duration = Duration::from_micros(60);
/// A connection looks when so many requests in a row have come sooner than this after the answers before them: 10,000
/// clients that ask once a second cost nothing. It stops when one does not, which is also so when others want the
/// processor: a thread that yields comes last among them, one that sleeps is woken first.
const SOON: Duration = Duration::from_micros(100);
const SOON_IN_A_ROW: u32 = 4;

/// What a connection may send, and how slowly.
#[derive(Clone, Copy)]
pub struct Limits {
    pub size_max: usize,
    /// The same until a request has been understood.
    pub first_size_max: usize,
    pub idle_max: Duration,
    /// A frame that has begun must arrive at this pace after a start of `grace`, since it holds a part of the budget.
    pub bytes_per_second_min: u64,
    pub grace: Duration,
}

pub struct Frames {
    limits: Limits,
    /// A request has been understood: this is a client.
    is_understood: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// When the last bytes came, on [`now_ns`]'s clock.
    arrived_ns: u64,
    /// Requests that came soon after the answers before them, without one that did not.
    soon_in_a_row: u32,
}

const LATE: &str = "the rest of a frame did not arrive in time (request.body.min.bytes.per.second)";
const STALLED: &str = "the client took no byte of an answer for socket.write.timeout.ms";
const TORN: &str = "the client closed in the middle of a frame";

/// Why no frame came.
#[derive(Debug)]
pub enum Closed {
    /// The client has closed its side between two frames.
    Quietly,
    Because(String),
}

impl Closed {
    pub fn panicked() -> Closed {
        Closed::Because("serving it panicked, which is a flaw of the broker's own".to_string())
    }
}

impl From<Error> for Closed {
    fn from(error: Error) -> Closed {
        count_refused_size(&error);
        Closed::Because(error.to_string())
    }
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Closed {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                limits::WRITE_TIMEOUT.hit();
                Closed::Because(STALLED.to_string())
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Closed::Quietly,
            _ => Closed::Because(error.to_string()),
        }
    }
}

impl Frames {
    pub fn new(limits: Limits) -> Frames {
        let (buffer, start, end) = (Vec::new(), 0, 0);
        Frames { limits, is_understood: false, buffer, start, end, arrived_ns: 0, soon_in_a_row: 0 }
    }

    /// The next frame if all of it is in the buffer: a range for [`Frames::bytes`].
    pub fn next_buffered(&mut self) -> Result<Option<Range<usize>>> {
        let Some(size) = self.claimed_size()? else { return Ok(None) };
        let body = self.start + SIZE_BYTES..self.start + SIZE_BYTES + size;
        if body.end > self.end {
            return Ok(None);
        }
        self.start = body.end;
        Ok(Some(body))
    }

    /// The same, if it is a frame that is `wanted`.
    pub fn next_buffered_if(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Range<usize>>> {
        let before = self.start;
        let frame = self.next_buffered()?.filter(|frame| wanted(&self.buffer[frame.clone()]));
        if frame.is_none() {
            self.start = before;
        }
        Ok(frame)
    }

    /// Reads what has arrived, without waiting; false when that is nothing.
    pub fn receive_now(&mut self, socket: &TcpStream) -> io::Result<bool> {
        self.make_room();
        let got = socket::receive_now(socket, &mut self.buffer[self.end..])?;
        self.arrive(got.unwrap_or(0));
        Ok(got.is_some_and(|got| got > 0))
    }

    /// Waits for the next frame, for at most [`Limits::idle_max`] if none has begun.
    pub fn wait<'b>(
        &mut self,
        socket: &TcpStream,
        budget: &'b Budget,
    ) -> std::result::Result<(Range<usize>, Option<Reserved<'b>>), Closed> {
        let idle_since = Instant::now();
        loop {
            if let Some(frame) = self.next_buffered()? {
                return Ok((frame, None));
            }
            if let Some(size) = self.claimed_size()? {
                let is_gone = || socket::peer_is_gone(socket);
                let Some(reserved) = budget.reserve(size, is_gone) else { return Err(Closed::Quietly) };
                self.receive_body(socket, size)?;
                let frame = self.next_buffered()?.expect("the whole body has been received");
                return Ok((frame, Some(reserved)));
            }
            let is_idle = self.start == self.end;
            if self.soon_in_a_row >= SOON_IN_A_ROW && self.look_for_more(socket, idle_since)? {
                continue;
            }
            if is_idle && self.buffer.len() > BUFFER_KEPT && !socket::wait_readable(socket, LARGE_KEPT)? {
                self.give_back();
            }
            // Not even its size is there yet.
            if !is_idle && !socket::wait_readable(socket, self.limits.grace)? {
                return Err(late());
            }
            match self.receive(socket) {
                Ok(0) if is_idle => return Err(Closed::Quietly),
                Ok(0) => return Err(Closed::Because(TORN.to_string())),
                Ok(_) => self.came_after(idle_since.elapsed()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_idle => {
                    self.give_back();
                    if idle_since.elapsed() >= self.limits.idle_max {
                        return Err(idle(socket));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether something arrives while others run.
    fn look_for_more(&mut self, socket: &TcpStream, idle_since: Instant) -> io::Result<bool> {
        loop {
            let has_come = self.receive_now(socket)?;
            let waited = idle_since.elapsed();
            if has_come || waited > LOOK {
                self.came_after(if has_come { waited } else { Duration::MAX });
                return Ok(has_come);
            }
            thread::yield_now();
        }
    }

    fn came_after(&mut self, waited: Duration) {
        self.soon_in_a_row = if waited < SOON { self.soon_in_a_row.saturating_add(1) } else { 0 };
    }

    /// Reads until `size` bytes behind the size field are there, as long as they keep coming.
    fn receive_body(&mut self, socket: &TcpStream, size: usize) -> std::result::Result<(), Closed> {
        let began = Instant::now();
        let had = self.end - self.start;
        while self.end - self.start < SIZE_BYTES + size {
            self.make_room();
            match socket::receive_now(socket, &mut self.buffer[self.end..])? {
                Some(0) => return Err(Closed::Because(TORN.to_string())),
                Some(got) => self.arrive(got),
                None => {
                    socket::wait_readable(socket, BODY_LOOK.min(self.limits.grace))?;
                }
            }
            if (((self.end - self.start) - had) as u64) < self.limits.due(began.elapsed()) {
                return Err(late());
            }
        }
        Ok(())
    }

    fn arrive(&mut self, bytes: usize) {
        if bytes > 0 {
            self.end += bytes;
            self.arrived_ns = now_ns();
        }
    }

    /// When the last frame that was returned had arrived.
    pub fn arrived_ns(&self) -> u64 {
        self.arrived_ns
    }

    /// The bytes of a frame that was returned; valid until the next read.
    pub fn bytes(&mut self, frame: Range<usize>) -> &mut [u8] {
        &mut self.buffer[frame]
    }

    /// All bytes, which the ranges of frames count from.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// The size of the frame that has begun to arrive.
    pub fn claimed_size(&self) -> Result<Option<usize>> {
        let Limits { size_max, first_size_max, .. } = self.limits;
        let begins_with_max = if self.is_understood { size_max } else { first_size_max };
        let waiting = &self.buffer[self.start..self.end];
        let check = |size: &[u8; SIZE_BYTES]| check_size(i32::from_be_bytes(*size), size_max, begins_with_max);
        waiting.first_chunk().map(check).transpose()
    }

    fn receive(&mut self, socket: &TcpStream) -> io::Result<usize> {
        self.make_room();
        let got = socket::receive(socket, &mut self.buffer[self.end..])?;
        self.arrive(got);
        Ok(got)
    }

    /// Moves what is left to the front and makes room behind it: once that was full, [`BUFFER_KEPT`], then twice as much
    /// each time, but no more than the frame that has begun needs.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            let double = if self.buffer.is_empty() { BUFFER_MIN } else { BUFFER_KEPT.max(self.buffer.len() * 2) };
            let needed = self.claimed_size().ok().flatten().map_or(0, |size| SIZE_BYTES + size);
            let is_begun = needed > self.buffer.len();
            self.buffer.resize(if is_begun { double.min(needed.max(BUFFER_KEPT)) } else { double }, 0);
        }
    }

    /// A frame of this size was a request, and is not needed any more. What a large one needed is given back when small ones
    /// follow, and at once if it was very large.
    pub fn executed(&mut self, last_frame: usize) {
        self.is_understood = true;
        seeded::leak_at("leak-in-request");
        let kept = self.buffer.len();
        if self.start == self.end && kept > BUFFER_KEPT && (last_frame * 8 < kept || kept > BUFFER_KEPT_MAX) {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.buffer = Vec::new();
        (self.start, self.end) = (0, 0);
    }
}

impl Limits {
    /// Bytes of a frame that must have come after this long.
    fn due(&self, waited: Duration) -> u64 {
        let counted_ms = waited.saturating_sub(self.grace).as_millis() as u64;
        counted_ms.saturating_mul(self.bytes_per_second_min) / 1000
    }
}

fn late() -> Closed {
    limits::BODY_PACE.hit();
    Closed::Because(LATE.to_string())
}

fn idle(socket: &TcpStream) -> Closed {
    limits::IDLE.hit();
    let client = socket.peer_addr().map_or_else(|error| error.to_string(), |peer| peer.to_string());
    note!(Info, "connection_closed", [client = client], "no request came for connections.max.idle.ms");
    Closed::Quietly
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    const LIMITS: Limits = Limits {
        size_max: 1 << 20,
        first_size_max: 1 << 20,
        idle_max: Duration::MAX,
        bytes_per_second_min: 64 << 10,
        grace: Duration::from_secs(5),
    };

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&(body.len() as i32).to_be_bytes(), body].concat()
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let bodies: Vec<Vec<u8>> = [8, 100, 5000, 300_000, 9].iter().map(|n| vec![*n as u8; *n]).collect();
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
        for piece in [1000, 4096, 70_000, bytes.len()] {
            let (mut client, server) = pair();
            let budget = Budget::new(1 << 20, 1 << 20);
            let mut frames = Frames::new(LIMITS);
            std::thread::scope(|scope| {
                scope.spawn(|| bytes.chunks(piece).for_each(|chunk| client.write_all(chunk).unwrap()));
                for body in &bodies {
                    let (range, _reserved) = frames.wait(&server, &budget).unwrap();
                    assert!(frames.bytes(range) == body.as_slice(), "a frame of {} bytes", body.len());
                }
            });
        }
    }

    #[test]
    fn a_size_that_no_request_has_closes() {
        for size in [-1, 0, 7, i32::MAX, i32::MIN, (1 << 20) + 1] {
            let (mut client, server) = pair();
            client.write_all(&size.to_be_bytes()).unwrap();
            let budget = Budget::new(1 << 20, 1 << 20);
            let closed = Frames::new(LIMITS).wait(&server, &budget);
            assert!(matches!(closed, Err(Closed::Because(_))), "size {size}");
        }
    }

    #[test]
    fn memory_follows_the_bytes_and_not_the_claim() {
        let (mut client, server) = pair();
        client.write_all(&(100_i32 << 20).to_be_bytes()).unwrap();
        client.write_all(&[0; 100]).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let budget = Budget::new(1 << 30, 1 << 30);
        let mut frames = Frames::new(Limits { size_max: 1 << 30, first_size_max: 1 << 30, ..LIMITS });
        let closed = frames.wait(&server, &budget);
        assert!(matches!(closed, Err(Closed::Because(_))));
        assert!(frames.buffer.capacity() <= BUFFER_MIN * 2, "{}", frames.buffer.capacity());
    }
}
