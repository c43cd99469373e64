//! `sendlog tap`: requests and answers of a running broker as they come and go, decoded, a line each.
//!
//! It asks the broker's admin listener for `/tap` (RFC 9112, without a length: the answer ends when the broker does) and prints what comes.
//!
//! Always true: the broker never waits for this program. If lines were left out because it read too slowly, a line says how many.
//! Not done: nothing is decoded here, the broker has done it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use getopts::Matches;

use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::remote::{self, end, number, usage, Failure};
use crate::cli::{complain, Command};

/// The default of `admin.listener`.
const ADMIN: &str = "127.0.0.1:9644";

const FLAGS: &[Flag] = &[
    Flag {
        short: "",
        name: "admin",
        takes: Takes::One("HOST:PORT"),
        doc: "the broker's admin.listener; without it 127.0.0.1:9644",
    },
    Flag { short: "", name: "client", takes: Takes::One("NAME"), doc: "only of this client: its id, IP or IP:PORT" },
    Flag { short: "", name: "api", takes: Takes::One("API"), doc: "only this API, such as Produce or Fetch" },
    Flag { short: "", name: "topic", takes: Takes::One("TOPIC"), doc: "only messages that name this topic" },
    Flag {
        short: "",
        name: "offsets",
        takes: Takes::Nothing,
        doc: "with each value, at which byte of its frame it begins",
    },
    Flag { short: "", name: "count", takes: Takes::One("N"), doc: "end after N lines" },
    HELP,
];

pub const COMMAND: Command = Command {
    name: "tap",
    what: "requests and answers of a running broker, decoded, as they come and go",
    operands: "",
    about: "Prints each request (>) and each answer (<) of a running broker: the time (UTC), the client's address and id, the correlation id,
the size of the frame, the API with its version, and the values of the message in wire order; records as their length. With
--offsets each value follows the byte at which it begins: 0 the size, in a request 4 API key, 6 version, 8 correlation id,
12 client id, in an answer 4 correlation id. Nothing is lost for the clients: if lines come faster than they are read here,
some are left out, and a line says how many. The broker answers this to its own machine alone. Ctrl-C ends it.",
    flags: &[FLAGS],
    examples: &["sendlog tap --api Produce --topic orders", "sendlog tap --client 127.0.0.1 --offsets --count 20"],
    subcommands: &[],
    main,
};

fn main(matches: &Matches) -> ExitCode {
    end(run(matches))
}

fn run(matches: &Matches) -> remote::Done {
    let count = number::<u64>(matches, "count")?;
    let address = matches.opt_str("admin").unwrap_or(ADMIN.to_string());
    let mut query: Vec<String> = ["client", "api", "topic"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", escape(&matches.opt_str(name)?))))
        .collect();
    query.extend(matches.opt_present("offsets").then(|| "places".to_string()));
    let mut lines = open(&address, &query.join("&"))?;
    complain(&format!("tapping the broker at {address}, Ctrl-C ends it"));
    let mut line = Vec::new();
    let mut left = count;
    while left != Some(0) {
        line.clear();
        let failed = |error: std::io::Error| Failure::Failed(format!("the broker at {address} is gone: {error}"));
        if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            complain(&format!("the broker at {address} has ended"));
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            return Ok(()); // Whoever has closed that does not want more.
        }
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// Asks for the tap; what is left to read are its lines.
fn open(address: &str, query: &str) -> Result<BufReader<TcpStream>, Failure> {
    let mend = "name with --admin what the broker's admin.listener says, and start it with one if that is empty";
    let failed =
        |error: std::io::Error| Failure::Failed(format!("no admin listener answers at {address}: {error}; {mend}"));
    let places = address
        .to_socket_addrs()
        .map_err(|error| usage(format!("--admin {address}: {error}"), "write HOST:PORT"))?;
    let mut tried = Err(std::io::Error::other("the name stands for no address"));
    for place in places {
        if tried.is_err() {
            tried = TcpStream::connect_timeout(&place, Duration::from_secs(5));
        }
    }
    let mut socket = tried.map_err(failed)?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let head = format!("GET /tap?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).map_err(failed)?;
    let mut lines = BufReader::new(socket);
    let mut status = String::new();
    lines.read_line(&mut status).map_err(failed)?;
    loop {
        let mut header = String::new();
        lines.read_line(&mut header).map_err(failed)?;
        if header.trim().is_empty() {
            break;
        }
    }
    match status.split(' ').nth(1) {
        Some("200") => Ok(lines),
        Some(_) => {
            let mut why = String::new();
            lines.read_line(&mut why).map_err(failed)?;
            Err(Failure::Failed(format!("the broker at {address} answers: {}", why.trim())))
        }
        None => Err(failed(std::io::Error::other("what answers there speaks no HTTP"))),
    }
}

/// As it may stand in a query.
fn escape(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
