//! A connection: its thread reads a request, has it served, sends the answer, and goes on.
//!
//! Always true: requests are executed and answered in order. Before the thread waits for anything (the next
//! request, a flush) it has sent what it owes, with one exception: while an `acks=all` answer waits for its flush,
//! produce requests that have arrived already are appended too, so that one flush covers a client's whole pipeline.
//! Not done: one request at a time is executed; a client that wants parallel work opens another connection.

use std::ops::Range;
use std::sync::Arc;

use crate::base::metrics::take_tally;
use crate::os::{panics, socket};
use crate::server::budget::Reserved;
use crate::server::connections::Client;
use crate::server::frames::{Closed, Frames, BUFFER_KEPT, READ_TIMEOUT};
use crate::server::handlers::produce::Unflushed;
use crate::server::pool::Pool;
use crate::server::{counters, dispatch, response};
use crate::wire::ApiKey;

/// Answers that may wait for one flush, or be sent in one go.
const OWED_MAX: usize = 256;
/// Bytes of produce requests that are executed together at most, but for a larger one alone.
const PIPELINE_BYTES_MAX: usize = 256 << 10;
/// Bytes of answers from which on they are sent even if more requests wait.
const OWED_BYTES_MAX: usize = 64 << 10;

/// Serves a connection that was let in, in a thread of its own.
pub fn start(client: Client, pool: &Arc<Pool>) {
    let peer = client.peer;
    let job = move || match panics::contain(|| serve(&client)).unwrap_or_else(|| Err(Closed::panicked())) {
        Ok(()) | Err(Closed::Quietly) => {}
        Err(Closed::Because(why)) => {
            counters::CLOSED.add(1);
            note!(Warn, "connection_closed", [client = peer], "closing the connection: {why}");
        }
    };
    if let Err(error) = pool.run(Box::new(job)) {
        note!(Error, "connection_closed", [client = peer], "no thread for it: {error}");
    }
}

fn serve(client: &Client) -> Result<(), Closed> {
    let (socket, settings) = (&client.socket, &client.broker.settings);
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(READ_TIMEOUT.min(settings.frames.idle_max)))?;
    socket.set_write_timeout(Some(settings.write_timeout))?;
    let mut connection = Connection { client, frames: Frames::new(settings.frames), owed: Owed::default() };
    take_tally(); // of the connection that this thread had before
    let closed = connection.run();
    if matches!(closed, Err(Closed::Because(_))) {
        // What was executed before the request that ends the connection is answered all the same.
        let _ = connection.settle();
    }
    closed
}

struct Connection<'a> {
    client: &'a Client,
    frames: Frames,
    owed: Owed<'a>,
}

/// Answers that are not sent yet, oldest first: some ready, then some that wait for a flush.
#[derive(Default)]
struct Owed<'a> {
    ready: Vec<u8>,
    unflushed: Vec<Unflushed<'a>>,
    /// When their requests arrived, and how many at once.
    arrived: Vec<(u64, usize)>,
}

impl<'a> Connection<'a> {
    fn run(&mut self) -> Result<(), Closed> {
        // tour: connection
        loop {
            let (frame, reserved) = self.next_frame()?;
            let (size, arrived_ns) = (frame.len(), self.frames.arrived_ns());
            if dispatch::is_produce(self.frames.bytes(frame.clone())) {
                self.produce(frame, arrived_ns)?;
                self.frames.executed(size);
            } else {
                self.settle()?;
                let frame = self.frames.bytes(frame);
                let (key, work) = (dispatch::api_key(frame), dispatch::begin_other(self.client, frame)?);
                // Whoever waits for records or for other members keeps no frame meanwhile, and of the budget only what
                // the values of a large request may take; whoever does not read its answer keeps nothing of it.
                self.frames.executed(size);
                let reserved = reserved.filter(|_| size > BUFFER_KEPT);
                let answer = work()?;
                drop(reserved);
                response::send(&self.client.socket, &answer, self.client.broker.settings.fetch_path)?;
                counters::answered(key, [(arrived_ns, 1)]);
            }
        }
        // end
    }

    /// Executes a produce request, together with those behind it that have arrived as well.
    fn produce(&mut self, first: Range<usize>, arrived_ns: u64) -> Result<(), Closed> {
        let bytes_max = first.start + PIPELINE_BYTES_MAX;
        let mut pipeline = vec![first];
        while pipeline.len() < OWED_MAX && pipeline[pipeline.len() - 1].end < bytes_max {
            let Ok(Some(next)) = self.frames.next_buffered_if(dispatch::is_produce) else { break };
            pipeline.push(next);
        }
        self.owed.arrived.push((arrived_ns, pipeline.len()));
        for answer in dispatch::serve_produces(self.client, self.frames.buffer(), &pipeline) {
            if let Some(answer) = answer? {
                self.owe(answer)?;
            }
        }
        Ok(())
    }

    /// Keeps a produce's answer until no further request is there to be read, or enough has come together.
    fn owe(&mut self, answer: Unflushed<'a>) -> Result<(), Closed> {
        if self.owed.unflushed.is_empty() && answer.is_ready() {
            self.owed.ready.extend_from_slice(&answer.wait()?.bytes);
        } else {
            self.owed.unflushed.push(answer);
        }
        if self.owed.unflushed.len() >= OWED_MAX || self.owed.ready.len() >= OWED_BYTES_MAX {
            self.settle()?;
        }
        Ok(())
    }

    /// The next request; before waiting for it, everything owed is sent.
    fn next_frame(&mut self) -> Result<(Range<usize>, Option<Reserved<'a>>), Closed> {
        let broker = &self.client.broker;
        let mut reserved = None;
        loop {
            if let Some(frame) = self.frames.next_buffered()? {
                return Ok((frame, reserved));
            }
            if let (Some(size), None) = (self.frames.claimed_size()?, &reserved) {
                reserved = broker.budget.try_reserve(size);
                if reserved.is_none() {
                    break;
                }
            }
            // More of a client's pipeline may have arrived while the last request was served.
            if self.owed.unflushed.is_empty() || !self.frames.receive_now(&self.client.socket)? {
                break;
            }
        }
        drop(reserved);
        self.settle()?;
        if broker.connections.is_stopping() {
            return Err(Closed::Quietly);
        }
        self.frames.wait(&self.client.socket, &broker.budget)
    }

    /// Waits for the flushes and sends all that is owed.
    fn settle(&mut self) -> Result<(), Closed> {
        for answer in self.owed.unflushed.drain(..) {
            let answer = answer.wait()?;
            self.owed.ready.extend_from_slice(&answer.bytes);
        }
        // Cleared whatever comes of it: bytes that may have been sent are never sent again.
        let sent = socket::send_all(&self.client.socket, &self.owed.ready, false);
        self.owed.ready.clear();
        counters::answered(ApiKey::PRODUCE, self.owed.arrived.drain(..));
        Ok(sent?)
    }
}
