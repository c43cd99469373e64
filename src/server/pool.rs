//! Threads: for connections, of which some finished ones stay and wait for the next connection; and for the jobs of a
//! start.
//!
//! Always true: a job runs at once, in an idle thread or a new one; none waits behind another.
//! Not done: no upper bound; `max.connections` is the bound.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::Arc;

use crate::base::lock::Hold;
use crate::base::sync::Mutex;
use crate::os::threads;
use crate::topic::open;

type Job = Box<dyn FnOnce() + Send>;

/// Small stacks: ten thousand threads should cost address space, not memory.
const STACK_BYTES: usize = 256 << 10;
/// Threads that may wait for work.
const IDLE_MAX: usize = 64;

#[derive(Default)]
pub struct Pool {
    /// Guards the threads that wait for a job; a leaf.
    idle: Mutex<Vec<Sender<Job>>>,
}

impl Pool {
    pub fn new() -> Arc<Pool> {
        Arc::default()
    }

    /// Runs a job in a thread of its own; an error when no thread can be had.
    pub fn run(self: &Arc<Self>, mut job: Job) -> io::Result<()> {
        while let Some(thread) = self.next_idle() {
            match thread.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(back)) => job = back,
            }
        }
        let pool = self.clone();
        threads::start("connection", STACK_BYTES, move || pool.work(job)).map(drop)
    }

    fn next_idle(&self) -> Option<Sender<Job>> {
        self.idle.hold().pop()
    }

    fn work(&self, first: Job) {
        first();
        while let Some(job) = self.wait_as_idle().and_then(|next| next.recv().ok()) {
            job();
        }
    }

    fn wait_as_idle(&self) -> Option<Receiver<Job>> {
        let (sender, receiver) = mpsc::channel();
        let mut idle = self.idle.hold();
        (idle.len() < IDLE_MAX).then(|| {
            idle.push(sender);
            receiver
        })
    }
}

/// Runs jobs that read as much as they compute, and returns when all have ended: twice as many at once as there are processors,
/// since a job that waits for the disk needs none.
pub fn run_all(jobs: Vec<open::Job>) {
    run_on(2 * std::thread::available_parallelism().map_or(1, |count| count.get()), jobs);
}

/// The same on so many threads.
pub fn run_on(count: usize, jobs: Vec<open::Job>) {
    let jobs = Mutex::new(jobs);
    let take = || jobs.lock().unwrap().pop();
    let work = || {
        while let Some(job) = take() {
            job();
        }
    };
    std::thread::scope(|scope| {
        // A thread that cannot be had is done without.
        for _ in (1..count).filter(|_| threads::may_start("job").is_ok()) {
            drop(std::thread::Builder::new().spawn_scoped(scope, work));
        }
        work();
    });
}
