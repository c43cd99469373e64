//! Sends records as fast as they are taken, or as fast as is asked, and notes how long each answer took.
//!
//! ```text
//! a thread: send, send, send, ...  -> runs: "64 records of one batch, sent at ..." ->  this thread: when was each run
//!                                                                                      answered? a rate line each second
//! ```
//!
//! The clock is read for each run and not for each record, since 64 of them take some microseconds; with a pace that is
//! asked for, each record that is waited for begins a run of its own.
//!
//! Always true: a record's latency is from before `send` (which may wait for memory) to the broker's answer; a record of
//! the warm-up is in no total. The first record that is refused ends the sending, and is the error.
//! Not done: batches are looked at in the order in which they began; one that is late delays when others are told of, not their latency.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::payload::Payloads;
use super::Window;
use crate::cli::remote::Failure;
use crate::client::{Delivery, Producer, ProducerSettings, Record, Result as Answer};

/// Records whose sending counts as one moment.
const RUN: u64 = 64;
/// How soon an answer is looked at; when it came is known exactly.
const LOOK: Duration = Duration::from_millis(2);
/// The longest time in which nobody looks whether it is over.
const PAUSE: Duration = Duration::from_millis(100);

/// What is to be sent.
pub struct Load<'a> {
    pub topic: &'a str,
    pub records: u64,
    pub payloads: Payloads,
    /// Records per second; none: as many as go.
    pub throughput: Option<f64>,
    /// So many of the first records are not counted in the second total.
    pub warmup: u64,
    /// How often a rate is told.
    pub every: Duration,
}

/// What it came to.
pub struct Sent {
    pub all: Window,
    /// Without the warm-up.
    pub steady: Window,
    pub failure: Option<Failure>,
}

/// Records of one batch that were sent together.
struct Run {
    delivery: Delivery,
    sent_at: Instant,
    records: u64,
    bytes: u64,
    is_warmup: bool,
}

/// What the two threads share.
struct Between<'a> {
    runs: Mutex<Vec<Run>>,
    /// Nothing more comes.
    is_over: AtomicBool,
    /// Nothing more is to be sent: somebody asked for it, or a record was refused.
    stop: &'a AtomicBool,
}

impl Load<'_> {
    /// Sends all of it until `stop` is set, and tells of each window as it ends.
    pub fn send(
        self,
        settings: ProducerSettings,
        stop: &AtomicBool,
        tell: impl FnMut(&Window),
    ) -> Result<Sent, Failure> {
        let producer = Producer::new(settings).map_err(|error| Failure::Usage(error.to_string()))?;
        let every = self.every;
        let between = Between { runs: Mutex::new(Vec::new()), is_over: AtomicBool::new(false), stop };
        let (mut sent, refused) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let refused = self.send_all(&producer, &between);
                // What is refused now is seen at its record.
                let _ = producer.flush();
                between.is_over.store(true, Ordering::Release);
                refused
            });
            let sent = watch(&between, every, tell);
            (sent, sending.join())
        });
        // A panic of the thread goes on here.
        let refused = refused.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent.failure = sent.failure.or(refused.err().map(Failure::from));
        Ok(sent)
    }

    fn send_all(mut self, producer: &Producer, between: &Between) -> Answer<()> {
        let start = Instant::now();
        let mut sent_at = start;
        let mut open: Option<Run> = None;
        let mut batch: Option<Delivery> = None;
        for number in 0..self.records {
            if self.throughput.is_some_and(|rate| wait_for_turn(start, number, rate, between)) || number == self.warmup
            {
                between.push(open.take());
                sent_at = Instant::now();
            }
            if open.is_none() && between.stop.load(Ordering::Relaxed) {
                break;
            }
            let value = self.payloads.next(number);
            let bytes = value.len() as u64;
            let delivery = producer.send(&Record::to(self.topic).value(value))?;
            let is_same = batch.as_ref().is_some_and(|batch| batch.shares_batch_with(&delivery));
            match &mut open {
                Some(run) if is_same => (run.records, run.bytes) = (run.records + 1, run.bytes + bytes),
                _ => {
                    let is_warmup = number < self.warmup;
                    let fresh = Run { delivery: delivery.clone(), sent_at, records: 1, bytes, is_warmup };
                    between.push(open.replace(fresh));
                }
            }
            // The record that begins a batch may have waited for memory, those behind it have not.
            if !is_same || open.as_ref().is_some_and(|run| run.records == RUN) {
                between.push(open.take());
                sent_at = Instant::now();
            }
            if !is_same {
                batch = Some(delivery);
            }
        }
        between.push(open);
        Ok(())
    }
}

/// Waits until a record is due; whether that took any time.
fn wait_for_turn(start: Instant, number: u64, rate: f64, between: &Between) -> bool {
    // A rate so low that its time cannot be told is waited for until somebody stops it.
    let due = Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX);
    let mut has_waited = false;
    while let Some(left) = due.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        if between.stop.load(Ordering::Relaxed) {
            break;
        }
        has_waited = true;
        thread::sleep(left.min(PAUSE));
    }
    has_waited
}

impl Between<'_> {
    fn push(&self, run: Option<Run>) {
        if let Some(run) = run {
            self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        }
    }
}

/// Looks what was answered, until all is known.
fn watch(between: &Between, every: Duration, mut tell: impl FnMut(&Window)) -> Sent {
    let start = Instant::now();
    let mut sent = Sent { all: Window::from(start), steady: Window::from(start), failure: None };
    let mut window = Window::from(start);
    let mut open: VecDeque<Run> = VecDeque::new();
    loop {
        let is_over = between.is_over.load(Ordering::Acquire);
        open.extend(std::mem::take(&mut *between.runs.lock().unwrap_or_else(PoisonError::into_inner)));
        while let Some(known_at) = open.front().and_then(|run| run.delivery.known_at()) {
            let run = open.pop_front().expect("it was looked at");
            match run.delivery.now() {
                Some(Err(error)) => {
                    between.stop.store(true, Ordering::Relaxed);
                    sent.failure.get_or_insert(Failure::from(error));
                }
                _ => {
                    let is_first = !run.is_warmup && sent.steady.records == 0;
                    if is_first {
                        sent.steady.began = run.sent_at;
                    }
                    let counted =
                        [Some(&mut sent.all), Some(&mut window), Some(&mut sent.steady).filter(|_| !run.is_warmup)];
                    counted.into_iter().flatten().for_each(|window| window.add(&run, known_at));
                }
            }
        }
        if is_over && open.is_empty() {
            return sent;
        }
        thread::sleep(LOOK);
        let now = Instant::now();
        if now.duration_since(window.began) >= every {
            window.ended = now;
            tell(&window);
            window = Window::from(now);
        }
    }
}

impl Window {
    fn add(&mut self, run: &Run, known_at: Instant) {
        self.records += run.records;
        self.bytes += run.bytes;
        self.ended = self.ended.max(known_at);
        self.latencies.note(known_at.saturating_duration_since(run.sent_at), run.records);
    }
}
