//! As much of HTTP/1.1 (RFC 9112) as the page and a scraper need: requests without a body, answers with a length.
//!
//! ```text
//! GET /metrics HTTP/1.1          the target is a path, with a query behind a '?' perhaps
//! Host: 127.0.0.1:9644           needed
//! Connection: close              unless the connection is to stay
//! ```
//!
//! Always true: a head is at most [`HEAD_MAX`] bytes; a method that could change something is refused. A `Host` that is
//! a name of somebody else's is refused too, since a page from there may have had that name point here (DNS rebinding).
//! Not done: no bodies in requests, no chunks, no compression, no ranges, no upgrade, no encryption.

use std::net::IpAddr;

use crate::tap::OpenTap;

/// Bytes of a request's head at most.
pub const HEAD_MAX: usize = 8 << 10;

/// A request that is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub path: String,
    /// What follows a '?'.
    pub query: String,
    /// The answer goes out without its body.
    pub is_head: bool,
    /// The connection ends with the answer.
    pub closes: bool,
    /// It comes from this machine, over its loopback.
    pub is_local: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: Status,
    pub content_type: &'static str,
    /// More header lines, each with its end.
    pub headers: String,
    pub body: Vec<u8>,
    /// What follows the body for as long as the connection lives: there is no length then.
    pub tap: Option<OpenTap>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
        }
    }
}

impl Response {
    pub fn new(status: Status, content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status, content_type, headers: String::new(), body: body.into(), tap: None }
    }

    /// One line of plain text.
    pub fn text(status: Status, line: &str) -> Response {
        Response::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    /// As it goes over the wire.
    pub fn encode(&self, is_head: bool, closes: bool) -> Vec<u8> {
        let connection = if closes { "close" } else { "keep-alive" };
        let length = match &self.tap {
            Some(_) => String::new(),
            None => format!("Content-Length: {}\r\n", self.body.len()),
        };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\n{length}Connection: {connection}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n{}\r\n",
            self.status.line(),
            self.content_type,
            self.headers
        );
        let mut bytes = head.into_bytes();
        if !is_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The first request in `bytes` and how long its head is; `None` when more of it has to come. A refusal ends the
/// connection. `own_host` is the host that the configuration names. Where it comes from is not known here.
pub fn parse(bytes: &[u8], own_host: &str) -> Result<Option<(Request, usize)>, Response> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match bytes.len() {
            0..HEAD_MAX => Ok(None),
            _ => Err(Response::text(Status::HeadTooLarge, "the request's head is too long")),
        };
    };
    let bad = |why| Response::text(Status::BadRequest, why);
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("the request's head is no text"))?;
    let mut lines = head.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = words[..] else { return Err(bad("write: GET PATH HTTP/1.1")) };
    let (mut host, mut closes) = (None, version == "HTTP/1.0");
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Err(bad("a header line without a colon")) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" if host.replace(value).is_some() => return Err(bad("two Host lines")),
            "connection" => closes |= value.eq_ignore_ascii_case("close"),
            "content-length" if value != "0" => return Err(bad("a request with a body")),
            "transfer-encoding" => return Err(bad("a request with a body")),
            _ => {}
        }
    }
    match version {
        "HTTP/1.0" => {}
        "HTTP/1.1" if host.is_none() => return Err(bad("a request without a Host line")),
        "HTTP/1.1" => {}
        _ => return Err(bad("only HTTP/1.1 is spoken here")),
    }
    if !host.is_none_or(|host| is_own(host, own_host)) {
        let why = "this Host is not known here: use an address, localhost, or the name that admin.listener has";
        return Err(Response::text(Status::Forbidden, why));
    }
    if !matches!(method, "GET" | "HEAD") {
        let mut refusal = Response::text(Status::MethodNotAllowed, "only GET and HEAD: nothing can be changed here");
        refusal.headers = "Allow: GET, HEAD\r\n".to_string();
        return Err(refusal);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_string(), query.to_string());
    Ok(Some((Request { path, query, is_head: method == "HEAD", closes, is_local: false }, end + 4)))
}

/// Whether a `Host` can only mean this listener: an address, localhost, or the name it was configured with.
fn is_own(host: &str, own_host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.parse::<IpAddr>().is_ok() || bare.eq_ignore_ascii_case("localhost") || bare.eq_ignore_ascii_case(own_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> Status {
        match parse(head.as_bytes(), "broker.example") {
            Ok(Some(_)) => Status::Ok,
            Ok(None) => panic!("not whole: {head:?}"),
            Err(refusal) => refusal.status,
        }
    }

    #[test]
    fn a_request_is_read_when_all_of_its_head_is_there() {
        let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9644\r\nAccept: */*\r\n\r\nGET ";
        let whole = head.len() - 4;
        for cut in 0..whole {
            assert_eq!(parse(&head[..cut], "").unwrap(), None, "{cut} bytes");
        }
        let (path, query) = ("/metrics".to_string(), "x=1".to_string());
        let request = Request { path, query, is_head: false, closes: false, is_local: false };
        assert_eq!(parse(head, "").unwrap(), Some((request, whole)));
    }

    #[test]
    fn a_connection_ends_when_the_client_says_so() {
        let closes = |head: &str| parse(head.as_bytes(), "").unwrap().unwrap().0.closes;
        assert!(closes("GET / HTTP/1.1\r\nHost: [::1]\r\nconnection: Close\r\n\r\n"));
        assert!(closes("GET / HTTP/1.0\r\n\r\n"));
        assert!(!closes("HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    }

    #[test]
    fn a_host_that_is_somebody_elses_name_is_refused() {
        for (host, expected) in [
            ("127.0.0.1:9644", Status::Ok),
            ("[::1]:9644", Status::Ok),
            ("10.1.2.3", Status::Ok),
            ("LOCALHOST:1", Status::Ok),
            ("broker.example:9644", Status::Ok),
            ("evil.example", Status::Forbidden),
            ("evil.example:9644", Status::Forbidden),
            ("127.0.0.1.evil.example", Status::Forbidden),
            ("localhost.evil.example", Status::Forbidden),
            ("", Status::Forbidden),
        ] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), expected, "{host:?}");
        }
    }

    #[test]
    fn what_is_no_plain_question_is_refused() {
        for (head, expected) in [
            ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", Status::MethodNotAllowed),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/2\r\nHost: localhost\r\n\r\n", Status::BadRequest),
            ("GET /\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", Status::BadRequest),
            (&"x".repeat(HEAD_MAX), Status::HeadTooLarge),
        ] {
            assert_eq!(status(head), expected, "{head:.60?}");
        }
    }
}
