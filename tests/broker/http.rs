//! What a scraper or a browser does: plain HTTP to a broker's admin listener, and a parser of what `/metrics` says.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Broker, HANG};

/// What lets a broker of a test have an admin listener.
pub const ON_ANY_PORT: [&str; 2] = ["--set", "admin.listener=127.0.0.1:0"];

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Where a broker's admin listener is; it says so when it is there.
pub fn address(broker: &Broker) -> SocketAddr {
    let line = broker.wait_for_line(" page=http://");
    line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap()
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket
}

/// Sends a head and reads what comes until the end.
pub fn ask(address: SocketAddr, head: &str) -> Answer {
    let mut socket = connect(address);
    socket.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_string(), body: body.to_string() }
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// One family of metrics, as its HELP and TYPE lines have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    pub name: String,
    pub kind: String,
    pub help: String,
}

/// What `/metrics` says.
pub struct Metrics {
    pub families: Vec<Family>,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    pub fn scrape(address: SocketAddr) -> Metrics {
        let answer = get(address, "/metrics");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4"), "{}", answer.head);
        Metrics::parse(&answer.body)
    }

    /// Reads the text format strictly: each sample belongs to the family that was begun last.
    fn parse(text: &str) -> Metrics {
        let mut metrics = Metrics { families: Vec::new(), samples: Vec::new() };
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                let (name, help) = (name.to_string(), help.to_string());
                assert!(metrics.families.iter().all(|known| known.name != name), "{name} comes twice");
                metrics.families.push(Family { name, kind: String::new(), help });
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let family = metrics.families.last_mut().unwrap();
                family.kind = rest.strip_prefix(&format!("{} ", family.name)).expect(line).to_string();
            } else {
                let sample = parse_sample(line);
                let family = metrics.families.last().expect(line);
                let rest = sample.0.strip_prefix(family.name.as_str()).expect(line);
                let is_of_histogram = family.kind == "histogram" && ["_bucket", "_sum", "_count"].contains(&rest);
                assert!(rest.is_empty() || is_of_histogram, "{line} does not belong to {}", family.name);
                metrics.samples.push(sample);
            }
        }
        metrics
    }

    /// The sum of the samples of this name that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.samples.iter().filter(|(known, has, _)| {
            known == name && labels.iter().all(|(label, value)| has.get(*label).is_some_and(|has| has == value))
        });
        let values: Vec<f64> = found.map(|(.., value)| *value).collect();
        assert!(!values.is_empty(), "no {name}{labels:?}");
        values.into_iter().sum()
    }

    pub fn labels(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        self.samples
            .iter()
            .filter(|(known, ..)| known == name)
            .map(|(_, labels, _)| labels.clone())
            .collect()
    }
}

/// `name{label="value",...} number`
fn parse_sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let value = value.parse().expect(line);
    let Some((name, labels)) = series.split_once('{') else { return (series.to_string(), BTreeMap::new(), value) };
    let mut rest = labels.strip_suffix('}').expect(line);
    let mut found = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").expect(line);
        let (mut text, mut letters) = (String::new(), after.char_indices());
        let end = loop {
            match letters.next().expect(line) {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next().expect(line).1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    c => panic!("\\{c} in {line}"),
                }),
                (_, c) => text.push(c),
            }
        };
        found.insert(label.to_string(), text);
        rest = after[end + 1..].trim_start_matches(',');
    }
    (name.to_string(), found, value)
}
