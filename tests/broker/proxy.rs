//! A proxy between client and broker that makes a network's mistakes: it delays, cuts and goes silent.
//!
//! The broker advertises the proxy's address, so that clients keep coming here. What is decided for each connection is
//! decided by its number and a seed: a run can be repeated.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    /// It is cut after so many bytes of requests.
    CutRequests(usize),
    /// It is cut after so many bytes of answers: the broker has done more than its client knows.
    CutAnswers(usize),
    /// After so many bytes of answers, no more come, and nothing is closed.
    Silence(usize),
    /// Each piece of either direction is late.
    Delay(Duration),
}

pub struct Proxy {
    pub address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens; until there is a target, connections are closed at once.
    pub fn start(fault: impl Fn(usize) -> Fault + Send + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (target, connections) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let (to, count) = (target.clone(), connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let fault = fault(count.fetch_add(1, Ordering::SeqCst));
                let Some(Ok(broker)) = to.lock().unwrap().map(TcpStream::connect) else { continue };
                join(client, broker, fault);
            }
        });
        Proxy { address, target, connections }
    }

    pub fn to(&self, broker: SocketAddr) {
        *self.target.lock().unwrap() = Some(broker);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What makes a broker send its clients here.
    pub fn advertised(&self) -> String {
        format!("advertised.listeners=PLAINTEXT://{}", self.address)
    }
}

fn join(client: TcpStream, broker: TcpStream, fault: Fault) {
    let pair = |from: &TcpStream, to: &TcpStream| (from.try_clone().unwrap(), to.try_clone().unwrap());
    let (requests, answers) = (pair(&client, &broker), pair(&broker, &client));
    let requests_max = if let Fault::CutRequests(bytes) = fault { bytes } else { usize::MAX };
    let (answers_max, cuts) = match fault {
        Fault::CutAnswers(bytes) => (bytes, true),
        Fault::Silence(bytes) => (bytes, false),
        _ => (usize::MAX, true),
    };
    let delay = if let Fault::Delay(time) = fault { time } else { Duration::ZERO };
    std::thread::spawn(move || pass(requests, requests_max, true, delay));
    std::thread::spawn(move || pass(answers, answers_max, cuts, delay));
}

/// Hands on what comes, so many bytes of it.
fn pass((mut from, mut to): (TcpStream, TcpStream), mut left: usize, cuts: bool, delay: Duration) {
    let mut buffer = [0; 8192];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        std::thread::sleep(delay);
        let bytes = got.min(left);
        left -= bytes;
        if to.write_all(&buffer[..bytes]).is_err() || (left == 0 && cuts) {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Numbers without a pattern, the same ones for the same seed.
pub fn random(seed: usize) -> usize {
    let mixed = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ mixed >> 32) >> 1) as usize
}
