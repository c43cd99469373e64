//! One connection to one broker: requests go out one behind the other, answers come back in their order.
//!
//! The first request says nothing but "which versions do you speak" (ApiVersions), and each later one takes the highest
//! version that both sides know. A broker answers a connection's requests in order, so a queue of what was asked is all
//! that is needed to read the answers; the correlation id is compared, and nothing more.
//!
//! Always true: after an error that [`Error::breaks_connection`] the connection is of no more use: an answer may still
//! be on its way. What is read is read into the memory where it stays, unless it is small.
//! Not done: no TLS, no SASL.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::error::{Error, Result};
use super::settings::ClientSettings;
use crate::base::ErrorCode;
use crate::os::socket;
use crate::wire::encoder::Part;
use crate::wire::frame::{decode_response, encode_request, SIZE_BYTES};
use crate::wire::messages::api_versions::ApiVersion;
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{Encoded, Request};

/// An answer that claims to be larger is none: `HTTP` read as a size is 1.2 GB.
const FRAME_MAX: usize = 1 << 30;
/// The same for the first answer, which is a list of versions; a TLS server's alarm would be 352 MB.
const FIRST_FRAME_MAX: usize = 1 << 20;
/// What is allocated for an answer before its bytes have come; the kernel gives pages only as they are filled.
const PROMISED_MAX: usize = 64 << 20;
/// What is read at once where a whole answer is wanted.
const READ_BYTES: usize = 16 << 10;

pub struct Connection {
    socket: TcpStream,
    address: String,
    client_id: String,
    timeout: Duration,
    versions: Vec<ApiVersion>,
    last_id: i32,
    unanswered: VecDeque<Sent>,
    /// The encoder's allocation, used again.
    buffer: Vec<u8>,
    /// What has been read and not yet been asked for.
    ahead: Vec<u8>,
}

/// A request that waits for its answer.
struct Sent {
    id: i32,
    name: &'static str,
    version: i16,
}

impl Connection {
    /// Connects to `host:port`, and learns which versions are spoken there.
    pub fn open(address: &str, settings: &ClientSettings) -> Result<Connection> {
        let socket = connect(address, Duration::from_millis(settings.socket_connection_setup_timeout_ms.max(1)))?;
        let mut connection = Connection {
            socket,
            address: address.to_string(),
            client_id: settings.client_id.clone(),
            timeout: Duration::from_millis(settings.request_timeout_ms.max(1)),
            versions: Vec::new(),
            last_id: 0,
            unanswered: VecDeque::new(),
            buffer: Vec::new(),
            ahead: Vec::new(),
        };
        connection.set_timeout(connection.timeout)?;
        connection.learn_versions()?;
        Ok(connection)
    }

    /// As it was asked for: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether a part of the next answer has been read already, so that the socket need not be waited for.
    pub fn has_read_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    fn learn_versions(&mut self) -> Result<()> {
        let software = (String::from("sendlog"), env!("CARGO_PKG_VERSION").to_string());
        let request = || ApiVersionsRequest {
            client_software_name: software.0.clone(),
            client_software_version: software.1.clone(),
        };
        let newest = ApiVersionsRequest::api().highest;
        self.send_as(newest, &mut request())?;
        let frame = self.receive_frame(FIRST_FRAME_MAX, Vec::with_capacity)?;
        // A broker that does not know the version says so in version 0.
        let is_old = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes());
        let version = if is_old { 0 } else { newest };
        let mut answer = self.decode::<ApiVersionsRequest>(&frame, version)?;
        if is_old {
            let known = answer.api_keys.iter().find(|api| api.api_key == ApiVersionsRequest::KEY.0);
            let version = known.map_or(0, |api| api.max_version).min(newest);
            self.send_as(version, &mut request())?;
            answer = self.receive::<ApiVersionsRequest>()?;
        }
        let ApiVersionsResponse { error_code, api_keys, .. } = answer;
        super::error::check(|| format!("asking {} for its versions", self.address), error_code, None)?;
        self.versions = api_keys;
        Ok(())
    }

    /// The highest version of a request that both sides know.
    pub fn version<R: Request>(&self) -> Result<i16> {
        let api = R::api();
        let what = || format!("{} at {}", api.name, self.address);
        let Some(theirs) = self.versions.iter().find(|theirs| theirs.api_key == api.key.0) else {
            return Err(Error::unsupported(what(), "the broker has no such API"));
        };
        let version = theirs.max_version.min(api.highest);
        match version >= theirs.min_version.max(api.lowest) {
            true => Ok(version),
            false => Err(Error::unsupported(
                what(),
                format!(
                    "the broker speaks versions {} to {}, this client {} to {}",
                    theirs.min_version, theirs.max_version, api.lowest, api.highest
                ),
            )),
        }
    }

    /// Asks and waits for the answer.
    pub fn call<R: Request>(&mut self, request: &mut R) -> Result<R::Response> {
        self.send(request)?;
        self.receive::<R>()
    }

    /// The same for a request that its broker may hold back for this long.
    pub fn call_patiently<R: Request>(&mut self, request: &mut R, wait: Duration) -> Result<R::Response> {
        self.set_timeout(self.timeout + wait)?;
        let answer = self.call(request);
        self.set_timeout(self.timeout)?;
        answer
    }

    /// Asks without waiting.
    pub fn send<R: Request>(&mut self, request: &mut R) -> Result<()> {
        let version = self.version::<R>()?;
        self.send_as(version, request)
    }

    fn send_as<R: Request>(&mut self, version: i16, request: &mut R) -> Result<()> {
        let name = R::api().name;
        self.last_id = self.last_id.wrapping_add(1);
        let buffer = std::mem::take(&mut self.buffer);
        let encoded = encode_request(buffer, version, self.last_id, Some(&self.client_id), request)
            .map_err(|error| Error::invalid(format!("{name} version {version}"), error.to_string()))?;
        self.write(&encoded).map_err(|error| self.broken(name, &error))?;
        self.buffer = encoded.bytes;
        self.unanswered.push_back(Sent { id: self.last_id, name, version });
        Ok(())
    }

    fn write(&self, encoded: &Encoded) -> std::io::Result<()> {
        let mut parts = encoded.parts().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Bytes(bytes) => socket::send_all(&self.socket, bytes, parts.peek().is_some())?,
                Part::File(range) => unreachable!("a client sends no files: {range:?}"),
            }
        }
        Ok(())
    }

    /// The request that was just sent gets no answer (`acks=0`).
    pub fn expect_no_answer(&mut self) {
        self.unanswered.pop_back();
    }

    /// The next answer.
    pub fn receive<R: Request>(&mut self) -> Result<R::Response> {
        Ok(self.receive_into::<R, Vec<u8>>(Vec::with_capacity)?.1)
    }

    /// The same, and the frame that it came in, for the records that lie there: an empty one, asked for when its size is known.
    fn receive_into<R: Request, F: AsMut<Vec<u8>>>(
        &mut self,
        frame: impl FnOnce(usize) -> F,
    ) -> Result<(F, R::Response)> {
        let version = self.unanswered.front().expect("something was asked").version;
        let mut frame = self.receive_frame(FRAME_MAX, frame)?;
        let response = self.decode::<R>(frame.as_mut(), version)?;
        Ok((frame, response))
    }

    /// The same of a broker that may hold its answer back for this long.
    pub fn receive_patiently<R: Request, F: AsMut<Vec<u8>>>(
        &mut self,
        wait: Duration,
        frame: impl FnOnce(usize) -> F,
    ) -> Result<(F, R::Response)> {
        self.set_timeout(self.timeout + wait)?;
        let answer = self.receive_into::<R, F>(frame);
        self.set_timeout(self.timeout)?;
        answer
    }

    fn decode<R: Request>(&mut self, frame: &[u8], version: i16) -> Result<R::Response> {
        let sent = self.unanswered.pop_front().expect("something was asked");
        let garbled = |why: String| Error::Garbled { what: sent.name.to_string(), whom: self.address.clone(), why };
        let (id, response) = decode_response::<R>(frame, version).map_err(|error| garbled(error.to_string()))?;
        match id == sent.id {
            true => Ok(response),
            false => Err(garbled(format!("it answers request {id}, and {} was asked", sent.id))),
        }
    }

    /// A whole frame without its size.
    fn receive_frame<F: AsMut<Vec<u8>>>(&mut self, size_max: usize, frame: impl FnOnce(usize) -> F) -> Result<F> {
        let name = self.unanswered.front().map_or("nothing", |sent| sent.name);
        while self.ahead.len() < SIZE_BYTES {
            self.read_more(name)?;
        }
        let (size, _) = self.ahead.split_first_chunk::<SIZE_BYTES>().expect("that many were read");
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        if size > size_max {
            let why = format!("it begins with {:?}; is that a Kafka broker, without TLS?", &self.ahead[..SIZE_BYTES]);
            return Err(Error::Garbled { what: name.to_string(), whom: self.address.clone(), why });
        }
        let read = size.min(self.ahead.len() - SIZE_BYTES);
        let mut frame = frame(size.min(PROMISED_MAX));
        let bytes = frame.as_mut();
        bytes.extend_from_slice(&self.ahead[SIZE_BYTES..SIZE_BYTES + read]);
        self.ahead.drain(..SIZE_BYTES + read);
        // The rest of a large one goes where it stays.
        let rest = (size - read) as u64;
        match (&self.socket).take(rest).read_to_end(bytes) {
            Ok(got) if got as u64 == rest => Ok(frame),
            Ok(_) => Err(self.broken(name, &ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.broken(name, &error)),
        }
    }

    /// Waits for bytes, and takes some.
    fn read_more(&mut self, name: &'static str) -> Result<()> {
        let Connection { socket, ahead, .. } = self;
        let before = ahead.len();
        ahead.resize(before + READ_BYTES, 0);
        let got = loop {
            match socket.read(&mut ahead[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        ahead.truncate(before + got.as_ref().copied().unwrap_or(0));
        match got {
            Ok(0) => Err(self.broken(name, &ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) => Err(self.broken(name, &error)),
        }
    }

    fn set_timeout(&self, timeout: Duration) -> Result<()> {
        let set = self.socket.set_read_timeout(Some(timeout));
        set.and_then(|()| self.socket.set_write_timeout(Some(timeout)))
            .map_err(|error| self.broken("a timeout", &error))
    }

    fn broken(&self, name: &str, error: &std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.timed_out(name, String::from("no answer came")),
            ErrorKind::UnexpectedEof => self.unreachable(name, String::from("it closed the connection")),
            _ => self.unreachable(name, error.to_string()),
        }
    }

    fn unreachable(&self, name: &str, why: String) -> Error {
        Error::Unreachable { what: name.to_string(), whom: self.address.clone(), why }
    }

    fn timed_out(&self, name: &str, why: String) -> Error {
        Error::TimedOut { what: format!("{name} at {}", self.address), after: self.timeout, why }
    }
}

/// Tries each address that the name has, in turn.
fn connect(address: &str, timeout: Duration) -> Result<TcpStream> {
    let unreachable = |why: String| {
        let (what, whom) = (String::from("connecting"), address.to_string());
        Error::Unreachable { what, whom, why }
    };
    let found = address.to_socket_addrs().map_err(|error| unreachable(error.to_string()))?;
    let mut why = String::from("the name has no address");
    for address in found {
        match TcpStream::connect_timeout(&address, timeout).and_then(|socket| socket.set_nodelay(true).map(|()| socket))
        {
            Ok(socket) => return Ok(socket),
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreachable(why))
}
