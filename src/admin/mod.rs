//! The admin listener: metrics for a scraper, health for whoever watches the process, and a page for people.
//!
//! | path | what |
//! |---|---|
//! | `/` | the page, which asks for `/state` once a second while somebody looks at it |
//! | `/metrics` | all counters, as Prometheus reads them ([`prometheus`]) |
//! | `/health` | 200 for as long as the process serves |
//! | `/ready` | 200 when it serves and every partition is online; 503 with the reason otherwise |
//! | `/config` | each key with its value, default and source, as JSON |
//! | `/state` | what the page shows, as JSON ([`state`]) |
//! | `/tap` | requests and answers as they come and go, a line each ([`crate::tap`]); to this machine alone |
//!
//! Always true: one thread serves all connections, never waits for one of them, and sleeps while nobody asks. Nothing
//! can be changed here. Text from clients goes out as JSON strings or escaped labels, never as HTML. While a stop finishes what
//! is in flight, `/ready` says `stopping`; it ends before the partitions are closed, which would look offline.
//! Not done: no authentication, no encryption: it listens on the loopback unless it is told otherwise.

mod connection;
mod gather;
mod http;
mod json;
mod listener;
mod prometheus;
mod residency;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::KEYS;
use crate::os::random;
use crate::server::Broker;
use crate::tap::Wanted;

use http::{Request, Response, Status};
use json::Json;
pub use listener::{bind, Admin};
use residency::Residency;

/// One file for the browser, several for whoever reads it.
const PAGE: &str = concat!(
    include_str!("page/head.html"),
    "<style nonce=\"{{nonce}}\">\n",
    include_str!("page/page.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script nonce=\"{{nonce}}\">\n",
    include_str!("page/numbers.js"),
    include_str!("page/plot.js"),
    include_str!("page/panels.js"),
    include_str!("page/page.js"),
    "</script>\n"
);
/// What the page's inline style and script are let in by; replaced in each answer.
const NONCE: &str = "{{nonce}}";
const JSON: &str = "application/json";
const PATHS: &str = "there are /, /metrics, /health, /ready, /config, /state and /tap";
/// However many look at the page, what it shows is put together no more often than this.
const STATE_AGE_MAX: Duration = Duration::from_millis(500);

/// What the thread keeps between two answers.
struct Pages {
    broker: Arc<Broker>,
    /// Where clients find it.
    bootstrap: SocketAddr,
    residency: Residency,
    /// The last `/state`, and when it was made.
    state: Option<(Instant, String)>,
}

impl Pages {
    fn new(broker: Arc<Broker>, bootstrap: SocketAddr) -> Pages {
        Pages { broker, bootstrap, residency: Residency::default(), state: None }
    }

    fn respond(&mut self, request: &Request) -> Response {
        match request.path.as_str() {
            "/" => page(),
            "/metrics" => Response::new(Status::Ok, prometheus::CONTENT_TYPE, prometheus::render(&self.broker)),
            "/health" => Response::text(Status::Ok, "ok"),
            "/ready" => self.ready(),
            "/config" => Response::new(Status::Ok, JSON, self.config()),
            "/state" => Response::new(Status::Ok, JSON, self.state()),
            "/tap" => self.tap(request),
            _ => Response::text(Status::NotFound, PATHS),
        }
    }

    fn tap(&self, request: &Request) -> Response {
        if !request.is_local {
            return Response::text(
                Status::Forbidden,
                "only who is on the broker's machine may look: come over its loopback",
            );
        }
        let wanted = match Wanted::parse(&request.query) {
            Ok(wanted) => wanted,
            Err(why) => return Response::text(Status::BadRequest, &why),
        };
        let open = if request.is_head { Ok(None) } else { self.broker.taps.open(wanted).map(Some) };
        match open {
            Ok(tap) => Response { tap, ..Response::new(Status::Ok, "text/plain; charset=utf-8", "") },
            Err(why) => Response::text(Status::Unavailable, &why),
        }
    }

    fn ready(&self) -> Response {
        if self.broker.is_stopping() {
            return Response::text(Status::Unavailable, "stopping");
        }
        let topics = self.broker.topics.all();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let offline: Vec<String> =
            partitions.filter(|partition| partition.is_offline()).map(|it| it.name().to_string()).collect();
        match offline.is_empty() {
            true => Response::text(Status::Ok, "ready"),
            false => Response::text(Status::Unavailable, &format!("offline: {}", offline.join(", "))),
        }
    }

    fn config(&self) -> String {
        let config = self.broker.topics.config();
        let mut json = Json::default();
        json.array(KEYS, |json, key| {
            json.object(|json| {
                json.field("key").string(key.name);
                json.field("value").string(config.text(key.name));
                json.field("default").string(key.default);
                json.field("source").string(&config.source(key.name).to_string());
            });
        });
        json.finish()
    }

    fn state(&mut self) -> String {
        let now = Instant::now();
        match &self.state {
            Some((made, state)) if now - *made < STATE_AGE_MAX => state.clone(),
            _ => {
                let state = state::render(&self.broker, self.bootstrap, &mut self.residency);
                self.state = Some((now, state.clone()));
                state
            }
        }
    }
}

/// The page may load nothing, from nowhere, but its own style and script, and ask this listener alone.
fn page() -> Response {
    let nonce = format!("{:032x}", u128::from_be_bytes(random::sixteen_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(Status::Ok, "text/html; charset=utf-8", PAGE.replace(NONCE, &nonce));
    response.headers = format!("Content-Security-Policy: {policy}\r\nReferrer-Policy: no-referrer\r\n");
    response
}
