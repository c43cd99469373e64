//! What the kernel does without a broker: the limit that each figure of the broker is held against.
//!
//! ```text
//! loopback   one thread writes to a TCP connection, another reads and forgets
//! append     one thread writes to a file, and nobody sends
//! recv+write one thread writes to a TCP connection, another reads a piece and appends it to a file
//! sendfile   one thread sends pieces of a file that is in the page cache, another reads and forgets
//! ask        the same, but each piece is sent when the reader has asked for it, as a fetch does
//! fdatasync  a small append, then fdatasync(2), again and again
//! write-in-order, write-at-random, read-in-order, read-at-random    see place.rs
//! ```
//!
//! Prints wire_MB/s, pieces/s and cpu_s/GB, the processor time of the thread in the broker's place; of pieces smaller
//! than 4 KiB pieces/s and cpu_us/piece. MB are 10^6 bytes, and all of them cross the wire.
//!
//! Always true: the sender writes 1 MiB at a time and the reader reads 128 KiB at a time, as examples/load does; the
//! file is new, in $TMPDIR (/tmp without it), and removed afterwards.
//! Not done: no protocol, no checksum, no second connection.

mod clock;
mod place;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

use clock::Clock;
use place::Place;
use sendlog::os::sendfile::send_file;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "Usage:
  limits loopback|append|recv+write|sendfile|ask|fdatasync|write-in-order|write-at-random|read-in-order|read-at-random [options]";
const SENT_AT_ONCE: usize = 1 << 20;
const READ_AT_ONCE: usize = 128 << 10;
/// The file that sendfile reads: larger than the cores' caches, and whole in the page cache.
const FILE_BYTES: u64 = 256 << 20;

struct Plan {
    piece: usize,
    bytes: u64,
    seconds: f64,
    file: File,
}

fn main() -> ExitCode {
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("limits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let mut options = getopts::Options::new();
    options.optopt("", "piece", "bytes of a piece (262144; 200 for fdatasync)", "");
    options.optopt("", "bytes", "stop after this many bytes (1000000000)", "");
    options.optopt("", "seconds", "stop earlier, after this long (3)", "");
    let found = options.parse(std::env::args().skip(1))?;
    let work = found.free.first().map(String::as_str).unwrap_or_default();
    let piece = found.opt_get_default("piece", if work == "fdatasync" { 200 } else { 256 << 10 })?;
    let (path, file) = new_file()?;
    let plan = Plan {
        piece,
        bytes: found.opt_get_default("bytes", 1_000_000_000)?,
        seconds: found.opt_get_default("seconds", 3.0)?,
        file,
    };
    let line = match work {
        "loopback" => plan.loopback(),
        "append" => plan.append(),
        "recv+write" => plan.recv_and_write(),
        "sendfile" => plan.send_pieces(false),
        "ask" => plan.send_pieces(true),
        "fdatasync" => plan.fdatasync(),
        "write-in-order" => plan.place(false).write(),
        "write-at-random" => plan.place(true).write(),
        "read-in-order" => plan.place(false).read(),
        "read-at-random" => plan.place(true).read(),
        _ => Err(options.usage(USAGE).into()),
    };
    std::fs::remove_file(path)?;
    line
}

fn new_file() -> Result<(std::path::PathBuf, File)> {
    let path = std::env::temp_dir().join(format!("sendlog-limits-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    Ok((path, file))
}

/// Two ends of one connection over the loopback.
fn connection() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

impl Plan {
    fn place(&self, at_random: bool) -> Place<'_> {
        Place { file: &self.file, piece: self.piece, pieces: self.bytes / self.piece as u64, at_random }
    }

    fn loopback(&self) -> Result<String> {
        self.against_a_writer(|server, clock| {
            let mut buffer = vec![0; READ_AT_ONCE];
            loop {
                match server.read(&mut buffer)? {
                    0 => return Ok(()),
                    got => clock.moved(got),
                }
            }
        })
    }

    fn recv_and_write(&self) -> Result<String> {
        self.against_a_writer(|server, clock| {
            let mut buffer = vec![0; self.piece];
            loop {
                let got = fill(server, &mut buffer)?;
                (&self.file).write_all(&buffer[..got])?;
                clock.moved(got);
                if got < buffer.len() {
                    return Ok(());
                }
            }
        })
    }

    /// `receive` has the broker's place, and reads until the writer closes.
    fn against_a_writer(&self, receive: impl FnOnce(&mut TcpStream, &mut Clock) -> Result<()>) -> Result<String> {
        let (mut client, mut server) = connection()?;
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let bytes = vec![b'x'; SENT_AT_ONCE];
                let mut sent = 0;
                while sent < self.bytes && began.elapsed().as_secs_f64() < self.seconds {
                    // The receiver's error is the one to report.
                    let Ok(()) = client.write_all(&bytes) else { return };
                    sent += bytes.len() as u64;
                }
            });
            let mut clock = Clock::start()?;
            receive(&mut server, &mut clock)?;
            clock.line()
        })
    }

    fn append(&self) -> Result<String> {
        let bytes = vec![b'x'; self.piece];
        let mut clock = Clock::start()?;
        while clock.goes_on(self.bytes, self.seconds) {
            (&self.file).write_all(&bytes)?;
            clock.moved(bytes.len());
        }
        clock.line()
    }

    /// With `ask`, each piece waits for a request of one byte.
    fn send_pieces(&self, ask: bool) -> Result<String> {
        let bytes = vec![b'x'; SENT_AT_ONCE];
        (0..FILE_BYTES / SENT_AT_ONCE as u64).try_for_each(|_| (&self.file).write_all(&bytes))?;
        let (mut client, mut server) = connection()?;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut buffer = vec![0; if ask { self.piece } else { READ_AT_ONCE }];
                loop {
                    if ask && client.write_all(&[1]).is_err() {
                        return;
                    }
                    let got = if ask { read_piece(&mut client, &mut buffer) } else { client.read(&mut buffer) };
                    if !got.is_ok_and(|got| got > 0) {
                        return;
                    }
                }
            });
            let mut clock = Clock::start()?;
            let places = (0..FILE_BYTES - self.piece as u64).step_by(self.piece).cycle();
            for place in places {
                if !clock.goes_on(self.bytes, self.seconds) {
                    break;
                }
                if ask {
                    server.read_exact(&mut [0])?;
                }
                send_file(&server, &self.file, place, self.piece as u64)?;
                clock.moved(self.piece);
            }
            drop(server);
            clock.line()
        })
    }

    fn fdatasync(&self) -> Result<String> {
        let bytes = vec![b'x'; self.piece];
        let mut clock = Clock::start()?;
        while clock.goes_on(self.bytes, self.seconds) {
            (&self.file).write_all(&bytes)?;
            self.file.sync_data()?;
            clock.moved(bytes.len());
        }
        clock.line()
    }
}

/// Fills the buffer; less only at the end.
fn fill(from: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

/// One piece, read 128 KiB at a time.
fn read_piece(from: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    let (mut left, room) = (buffer.len(), buffer.len().min(READ_AT_ONCE));
    while left > 0 {
        match from.read(&mut buffer[..room.min(left)])? {
            0 => return Ok(0),
            got => left -= got,
        }
    }
    Ok(1)
}
