//! What the server counts: requests and how long they took, and connections.
//!
//! Always true: a request counts when its answer is with the kernel; one that closes its connection instead does not.
//! It took the time from the arrival of its last byte to then, less what it spent waiting for others to do something
//! (a record, a member); requests that were answered together each count whole.
//! Not done: nothing is counted here of what a layer below counts itself (limits, flushes, bytes sent, what partitions take and
//! give); [`crate::admin`] puts all of it together.

use crate::base::metrics::{take_tally, Counter, Durations, Histogram};
use crate::server::now_ns;
use crate::wire::{Api, ApiKey, API_TABLE};

/// Connections that were closed for a reason, which the log names.
pub static CLOSED: Counter = Counter::new();

/// Keys of APIs are below this; a test holds them to it.
const KEYS: usize = 80;
static APIS: [ApiCounters; KEYS] = [const { ApiCounters::new() }; KEYS];

struct ApiCounters {
    latency: Histogram,
    calls: Counter,
    errors: Counter,
    waited_ns: Counter,
}

/// What is known of one API's requests.
pub struct ApiCounts {
    pub api: &'static Api,
    pub latency: Durations,
    /// System calls that their connections' threads made.
    pub calls: u64,
    /// Error codes in their answers.
    pub errors: u64,
    /// What their time does not have in it: waits for records and for members.
    pub waited_ns: u64,
}

impl ApiCounters {
    const fn new() -> ApiCounters {
        let (calls, errors, waited_ns) = (Counter::new(), Counter::new(), Counter::new());
        ApiCounters { latency: Histogram::new(), calls, errors, waited_ns }
    }
}

/// Requests of one API were answered just now by this thread: when they had arrived, and how many each time.
pub fn answered(key: ApiKey, requests: impl IntoIterator<Item = (u64, usize)>) {
    let mut requests = requests.into_iter().peekable();
    let Some(counters) = usize::try_from(key.0).ok().and_then(|key| APIS.get(key)) else { return };
    if requests.peek().is_none() {
        return;
    }
    // tour: answered
    let tally = take_tally();
    let until_ns = now_ns() - tally.waited_ns;
    for (arrived_ns, count) in requests {
        counters.latency.note(until_ns.saturating_sub(arrived_ns), count as u64);
    }
    // end
    counters.calls.add(tally.calls);
    if tally.errors + tally.waited_ns > 0 {
        counters.errors.add(tally.errors);
        counters.waited_ns.add(tally.waited_ns);
    }
}

/// The APIs that were asked so far.
pub fn apis() -> impl Iterator<Item = ApiCounts> {
    let counts = |api: &'static Api| {
        let ApiCounters { latency, calls, errors, waited_ns } = &APIS[api.key.0 as usize];
        let (calls, errors, waited_ns) = (calls.get(), errors.get(), waited_ns.get());
        ApiCounts { api, latency: latency.get(), calls, errors, waited_ns }
    };
    API_TABLE.iter().map(counts).filter(|counts| counts.latency.count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_of_the_table_is_counted() {
        API_TABLE.iter().for_each(|api| assert!((0..KEYS as i16).contains(&api.key.0), "{}", api.name));
    }

    #[test]
    fn requests_that_were_answered_together_count_each() {
        let key = ApiKey::DESCRIBE_ACLS; // nothing else in these tests is one
        answered(key, [(0, 2), (0, 3)]);
        answered(ApiKey(-1), [(0, 1)]);
        answered(ApiKey(i16::MAX), [(0, 1)]);
        let counts = apis().find(|counts| counts.api.key == key).unwrap();
        assert_eq!(counts.latency.count(), 5);
    }
}
