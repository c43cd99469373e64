//! The tap: shows requests and answers to whoever looks, decoded, a line each, for as long as they look (`sendlog tap`).
//!
//! ```text
//! 03:51:47.123456 127.0.0.1:53214 "kcat" #7 > 113 bytes Produce v7 null -1 1500 [["demo" [[0 <records 71 bytes>]]]]
//! 03:51:47.123911 127.0.0.1:53214 "kcat" #7 < 49 bytes Produce v7 [["demo" [[0 NONE 0 -1 0]]]] 0
//! ```
//!
//! A connection's thread prints what it has just decoded or encoded ([`printer`]) into the buffer of each tap that wants it; the
//! admin listener's thread sends that on.
//!
//! Always true: while nobody looks, a request costs one relaxed load. A connection's thread never waits for a reader: what does
//! not fit a tap's [`BYTES_MAX`] is left out and counted, and the reader is told. An answer is shown if its request was.
//! Not done: bytes that do not decode are not shown, the log says why that connection was closed; nor are contents of records.

pub mod printer;
pub mod ruler;

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::lock::Hold;
use crate::base::sync::Mutex;
use crate::base::utc;
use crate::wire::decoder::Decoder;
use crate::wire::frame::SIZE_BYTES;
use crate::wire::walk::Message;
use crate::wire::{Api, Encoded, API_TABLE};

use printer::print_at;
use ruler::Ruler;

/// Bytes that wait for one reader.
const BYTES_MAX: usize = 1 << 20;
/// Readers at once.
const TAPS_MAX: usize = 4;

/// All who look.
#[derive(Default, Debug)]
pub struct Taps {
    is_on: AtomicBool,
    /// Guards who looks. A leaf, held to copy the list.
    open: Mutex<Vec<Arc<Tap>>>,
}

/// Of which request a message is, or of which one it is the answer.
pub struct Of<'a> {
    pub peer: SocketAddr,
    pub client_id: &'a str,
    pub correlation_id: i32,
    pub api: &'static Api,
    pub version: i16,
}

/// What one reader wants to see, and what waits for it.
#[derive(Debug)]
struct Tap {
    wanted: Wanted,
    /// Guards what waits. A leaf, never held while a socket is written to.
    waiting: Mutex<Waiting>,
}

#[derive(Default, Debug)]
struct Waiting {
    text: String,
    /// Messages that found no room behind that.
    left_out: u64,
}

/// Which messages a reader wants to see: of this client, of this API, with this topic in them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Wanted {
    /// What it calls itself, or its address, with or without the port.
    pub client: Option<String>,
    pub api: Option<&'static str>,
    pub topic: Option<String>,
    /// With the place of each field in its frame.
    pub with_places: bool,
}

/// A tap that is open for as long as this lives.
#[derive(Debug)]
pub struct OpenTap {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
}

impl Wanted {
    /// `api=Fetch&client=kcat&topic=orders&places`; the error is a sentence.
    pub fn parse(query: &str) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescape(value).ok_or_else(|| format!("{value}: % needs two hex digits, and text is UTF-8"))?;
            match name {
                "client" => wanted.client = Some(value),
                "topic" => wanted.topic = Some(value),
                "places" => wanted.with_places = true,
                "api" => {
                    let found = API_TABLE.iter().find(|api| api.name.eq_ignore_ascii_case(&value));
                    let mend = "docs/protocol.md lists those that are served, such as Produce and Fetch";
                    wanted.api = Some(found.ok_or_else(|| format!("there is no API {value:?} here; {mend}"))?.name);
                }
                _ => return Err(format!("{name:?} is not known; there are client, api, topic and places")),
            }
        }
        Ok(wanted)
    }

    fn wants(&self, of: &Of) -> bool {
        let is_client = |name: &String| {
            let peer = of.peer;
            name == of.client_id || *name == peer.to_string() || name.parse() == Ok::<IpAddr, _>(peer.ip())
        };
        self.api.is_none_or(|api| api == of.api.name) && self.client.as_ref().is_none_or(is_client)
    }

    /// Whether the topic is named in a message that was printed.
    fn wants_text(&self, text: &str) -> bool {
        self.topic.as_ref().is_none_or(|topic| text.contains(&format!("{topic:?}")))
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Taps {
    pub fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Opens a tap; none beyond [`TAPS_MAX`].
    pub fn open(self: &Arc<Taps>, wanted: Wanted) -> Result<OpenTap, String> {
        let mut open = self.open.hold();
        if open.len() >= TAPS_MAX {
            return Err(format!("{TAPS_MAX} others look already: end one of them first"));
        }
        let tap = Arc::new(Tap { wanted, waiting: Mutex::default() });
        open.push(tap.clone());
        self.is_on.store(true, Relaxed);
        Ok(OpenTap { taps: self.clone(), tap })
    }

    /// A request was decoded; `at` stands where its message begins.
    pub fn request(&self, of: &Of, request: &mut impl Message, at: Decoder) {
        let bytes = (SIZE_BYTES + at.frame_len()) as u64;
        self.show(of, '>', bytes, &mut |with_places| {
            print_at(of.api.name, of.version, request, with_places.then(|| Ruler::of_request(at.clone())))
        });
    }

    /// An answer is about to be sent.
    pub fn response(&self, of: &Of, response: &mut impl Message, encoded: &Encoded) {
        self.show(of, '<', encoded.len(), &mut |with_places| {
            let ruler = with_places.then(|| Ruler::of_response(of.api, of.version, encoded));
            print_at(of.api.name, of.version, response, ruler)
        });
    }

    /// Shows a message to all who want to see it.
    fn show(&self, of: &Of, arrow: char, bytes: u64, print: &mut dyn FnMut(bool) -> String) {
        let open = self.open.hold().clone();
        for tap in open.iter().filter(|tap| tap.wanted.wants(of)) {
            // What finds no room is not printed either.
            if tap.is_full() {
                continue;
            }
            let text = print(tap.wanted.with_places);
            if tap.wanted.wants_text(&text) {
                let Of { peer, client_id, correlation_id: id, .. } = of;
                let time = time();
                tap.add(&format!("{time} {peer} {client_id:?} #{id} {arrow} {bytes} bytes {text}\n"));
            }
        }
    }
}

impl Tap {
    /// Counts a message that finds no room.
    fn is_full(&self) -> bool {
        let mut waiting = self.waiting.hold();
        let is_full = waiting.left_out > 0;
        waiting.left_out += u64::from(is_full);
        is_full
    }

    fn add(&self, line: &str) {
        let mut waiting = self.waiting.hold();
        match waiting.left_out == 0 && waiting.text.len() + line.len() <= BYTES_MAX {
            true => waiting.text += line,
            false => waiting.left_out += 1,
        }
    }
}

impl OpenTap {
    /// What has come together since it was last asked; empty if nothing has.
    pub fn take(&self) -> String {
        let Waiting { mut text, left_out } = std::mem::take(&mut *self.tap.waiting.hold());
        if left_out > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "-- {left_out} messages are missing here: they came faster than they were read");
        }
        text
    }
}

impl Drop for OpenTap {
    fn drop(&mut self) {
        let mut open = self.taps.open.hold();
        open.retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.taps.is_on.store(!open.is_empty(), Relaxed);
    }
}

/// The time of day, UTC, to the microsecond.
fn time() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let of_day = &utc(i64::try_from(since.as_millis()).unwrap_or(0))[11..23];
    format!("{of_day}{:03}", since.subsec_micros() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_from_a_query() {
        let wanted = Wanted::parse("client=my%20app&api=produce&topic=a.b&places").unwrap();
        let expected = Wanted {
            client: Some("my app".to_string()),
            api: Some("Produce"),
            topic: Some("a.b".to_string()),
            with_places: true,
        };
        assert_eq!(wanted, expected);
        assert_eq!(Wanted::parse("").unwrap(), Wanted::default());
        for (query, says) in [("api=Produces", "no API \"Produces\""), ("color=1", "not known"), ("topic=%4", "hex")] {
            let why = Wanted::parse(query).unwrap_err();
            assert!(why.contains(says), "{query}: {why}");
        }
    }

    #[test]
    fn a_slow_reader_costs_bounded_memory_and_is_told_what_it_missed() {
        let taps = Arc::new(Taps::default());
        let open = taps.open(Wanted::default()).unwrap();
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..2000 {
            if !open.tap.is_full() {
                open.tap.add(&line);
            }
        }
        let text = open.take();
        let (lines, told) = text.trim_end().rsplit_once('\n').unwrap();
        assert!(lines.len() <= BYTES_MAX);
        let left_out = 2000 - lines.lines().count();
        assert_eq!(told, format!("-- {left_out} messages are missing here: they came faster than they were read"));
        open.tap.add(&line);
        assert_eq!(open.take(), line, "it goes on");
    }

    #[test]
    fn nothing_is_looked_at_once_the_last_reader_is_gone() {
        let taps = Arc::new(Taps::default());
        assert!(!taps.is_on());
        let mut open: Vec<OpenTap> = (0..TAPS_MAX).map(|_| taps.open(Wanted::default()).unwrap()).collect();
        assert!(taps.is_on() && taps.open(Wanted::default()).is_err());
        open.truncate(1);
        assert!(taps.is_on());
        open.clear();
        assert!(!taps.is_on() && taps.open(Wanted::default()).is_ok());
    }
}
