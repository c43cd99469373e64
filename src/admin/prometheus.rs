//! `/metrics`: all counters in Prometheus' text format, version 0.0.4.
//!
//! ```text
//! # HELP sendlog_flush_waits_total ...
//! # TYPE sendlog_flush_waits_total counter
//! sendlog_flush_waits_total 42
//! ```
//!
//! Always true: a family has its HELP and TYPE lines also while it has no sample; units are seconds, bytes and
//! records; a label's value is escaped. docs/metrics.md lists all families, and a test compares.
//! Not done: no time stamps, no exemplars, no OpenMetrics.

use std::fmt::{Display, Write};

use crate::admin::gather::{self, GroupNow, TopicNow, Total};
use crate::base::limits;
use crate::base::metrics::{bucket_end_ns, Durations};
use crate::log::flush::{FLUSHES, WAITS};
use crate::mirror;
use crate::os::{fs, process, sendfile};
use crate::partition::Standing;
use crate::server::{copy_path, counters, now, Broker};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn render(broker: &Broker) -> String {
    let mut text = Text::default();
    process(&mut text, broker);
    connections(&mut text, broker);
    requests(&mut text);
    let topics = gather::topics(broker);
    topic_totals(&mut text, &topics);
    partitions(&mut text, &topics);
    disk(&mut text, broker);
    groups(&mut text, &gather::groups(broker));
    mirror(&mut text, broker);
    text.0
}

fn process(text: &mut Text, broker: &Broker) {
    text.family("sendlog_build_info", "gauge", "Always 1; the version of sendlog is in its label.");
    text.sample("sendlog_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let used = process::usage();
    text.one("sendlog_uptime_seconds", "gauge", "Time since the broker started.", now().monotonic_ms as f64 / 1e3);
    text.one("sendlog_cpu_seconds_total", "counter", "Processor time used, of all threads.", seconds(used.cpu_ns));
    text.one("sendlog_resident_memory_bytes", "gauge", "Memory really in use (RSS).", used.resident_bytes);
    text.one("sendlog_threads", "gauge", "Threads, of which each connection has one.", used.threads);
    let is_stopping = u8::from(broker.is_stopping());
    text.one("sendlog_stopping", "gauge", "1 while the broker stops, 0 otherwise.", is_stopping);
}

fn connections(text: &mut Text, broker: &Broker) {
    let (open, accepted) = broker.connections.counts();
    text.one("sendlog_connections", "gauge", "Clients' connections that are open.", open);
    text.one("sendlog_connections_accepted_total", "counter", "Clients' connections that were let in.", accepted);
    let closed = "Clients' connections that the broker closed for a reason, which its log names.";
    text.one("sendlog_connections_closed_total", "counter", closed, counters::CLOSED.get());
    let name = "sendlog_limit_hits_total";
    text.family(
        name,
        "counter",
        "How often a limit was hit; the label names the key that sets it, or the kernel's limit of open files.",
    );
    for limit in limits::ALL {
        text.sample(name, &[("limit", limit.key)], limit.hits());
    }
}

fn requests(text: &mut Text) {
    let apis: Vec<_> = counters::apis().collect();
    let name = "sendlog_request_duration_seconds";
    let help =
        "Requests by how long they took, from the arrival of their last byte until their answer was with the kernel, \
                without waits for others.";
    text.family(name, "histogram", help);
    apis.iter().for_each(|it| text.histogram(name, &[("api", it.api.name)], &it.latency));
    let name = "sendlog_request_waited_seconds_total";
    let help =
        "What requests spent waiting for others, on top of that: fetches for records, joins and syncs for members.";
    text.family(name, "counter", help);
    apis.iter().for_each(|it| text.sample(name, &[("api", it.api.name)], seconds(it.waited_ns)));
    let name = "sendlog_request_errors_total";
    text.family(name, "counter", "Error codes in answers; an answer for several partitions may hold several.");
    apis.iter().for_each(|it| text.sample(name, &[("api", it.api.name)], it.errors));
    let name = "sendlog_request_syscalls_total";
    let help =
        "System calls on sockets and files that were made to read, execute and answer requests; not counted are looks \
                that found nothing, and what locks and memory need.";
    text.family(name, "counter", help);
    apis.iter().for_each(|it| text.sample(name, &[("api", it.api.name)], it.calls));

    let name = "sendlog_fetch_sent_bytes_total";
    text.family(
        name,
        "counter",
        "Bytes of records sent to consumers: by sendfile, or copied through the broker's memory.",
    );
    text.sample(name, &[("path", "sendfile")], sendfile::SENT_BYTES.get());
    text.sample(name, &[("path", "copy")], copy_path::SENT_BYTES.get());
    let name = "sendlog_flush_duration_seconds";
    text.family(name, "histogram", "Flushes of a partition by how long they took (fdatasync of its files).");
    text.histogram(name, &[], &FLUSHES.get());
    let help = "Times that somebody needed a flush, and made it or waited for it; one flush serves all who wait.";
    text.one("sendlog_flush_waits_total", "counter", help, WAITS.get());
}

fn topic_totals(text: &mut Text, topics: &[TopicNow]) {
    type Get = fn(&Total) -> u64;
    let families: [(&str, &str, Get); 5] = [
        ("sendlog_topic_in_batches_total", "Record batches appended.", |total| total.batches_in),
        ("sendlog_topic_in_records_total", "Records appended.", |total| total.records_in),
        ("sendlog_topic_in_bytes_total", "Bytes of record batches appended, compressed as they are.", |it| it.bytes_in),
        (
            "sendlog_topic_out_records_total",
            "Records sent to consumers, exact at a segment's end and otherwise worked out from the mean size of the segment's \
             records, since the broker does not read what it sends.",
            |total| total.records_out,
        ),
        ("sendlog_topic_out_bytes_total", "Bytes of record batches sent to consumers.", |total| total.bytes_out),
    ];
    for (name, help, get) in families {
        text.family(name, "counter", help);
        topics.iter().for_each(|it| text.sample(name, &[("topic", &it.topic.name)], get(&it.total)));
    }
}

fn partitions(text: &mut Text, topics: &[TopicNow]) {
    let mut each = |name: &str, help: &str, get: &dyn Fn(Option<Standing>) -> Option<i64>| {
        text.family(name, "gauge", help);
        for TopicNow { topic, standings, .. } in topics {
            for (partition, standing) in standings.iter().enumerate() {
                if let Some(value) = get(*standing) {
                    text.sample(name, &[("topic", &topic.name), ("partition", &partition.to_string())], value);
                }
            }
        }
    };
    let online = "1 when the partition is online, 0 when a failure took it offline.";
    each("sendlog_partition_online", online, &|standing| Some(i64::from(standing.is_some())));
    let start = "The first offset that can be read.";
    each("sendlog_partition_log_start_offset", start, &|standing| Some(standing?.bounds.log_start.0));
    let watermark = "The offset up to which consumers see records.";
    each("sendlog_partition_high_watermark", watermark, &|standing| Some(standing?.bounds.high_watermark.0));
    let end = "The offset that the next record gets.";
    each("sendlog_partition_log_end_offset", end, &|standing| Some(standing?.bounds.log_end.0));
    each("sendlog_partition_segments", "Segments of the log.", &|standing| Some(standing?.segments as i64));
    let size = "Bytes of all segments' .log files.";
    each("sendlog_partition_size_bytes", size, &|standing| Some(standing?.size_bytes as i64));
}

fn disk(text: &mut Text, broker: &Broker) {
    let space = fs::space(broker.topics.root()).ok();
    let (total, usable) = space.map_or((0, 0), |space| (space.total_bytes, space.usable_bytes));
    text.one(
        "sendlog_disk_size_bytes",
        "gauge",
        "The size of the file system that the data directory is on.",
        total,
    );
    text.one("sendlog_disk_usable_bytes", "gauge", "What of it the broker may still use.", usable);
}

fn groups(text: &mut Text, groups: &[GroupNow]) {
    let name = "sendlog_group_members";
    text.family(name, "gauge", "Members of a consumer group.");
    groups.iter().for_each(|it| text.sample(name, &[("group", &it.id)], it.described.members.len()));
    let name = "sendlog_group_state";
    text.family(name, "gauge", "Always 1; the state of a group is in its label.");
    groups
        .iter()
        .for_each(|it| text.sample(name, &[("group", &it.id), ("state", it.described.state.name())], 1));
    let name = "sendlog_group_generation";
    text.family(name, "gauge", "A group's generation, which rises with each rebalance.");
    groups.iter().for_each(|it| text.sample(name, &[("group", &it.id)], it.described.generation));
    let help = "Rebalances that came to a new generation, of all groups.";
    text.one("sendlog_group_rebalances_total", "counter", help, crate::group::state::REBALANCES.get());
    let name = "sendlog_group_lag_records";
    text.family(name, "gauge", "Records that consumers see and the group has not committed yet.");
    for GroupNow { id, lags, .. } in groups {
        for lag in lags {
            let labels = [("group", id.as_str()), ("topic", &lag.topic), ("partition", &lag.partition.to_string())];
            text.sample(name, &labels, lag.records);
        }
    }
}

fn mirror(text: &mut Text, broker: &Broker) {
    let standing = broker.mirror.standing();
    let partitions = || standing.iter().flat_map(|standing| &standing.partitions);
    let mut each = |name: &str, help: &str, get: &dyn Fn(&mirror::PartitionStanding) -> Option<i64>| {
        text.family(name, "gauge", help);
        for it in partitions() {
            let labels = [("topic", it.partition.topic.as_str()), ("partition", &it.partition.partition.to_string())];
            get(it).into_iter().for_each(|value| text.sample(name, &labels, value));
        }
    };
    let lag = "Records that the source of a mirror has and the copy has not yet, as of the last fetch.";
    each("sendlog_mirror_lag_records", lag, &|it| it.lag);
    let stopped = "1 when a partition is not copied any further, for a reason that the log names, 0 otherwise.";
    each("sendlog_mirror_stopped", stopped, &|it| Some(i64::from(it.stopped.is_some())));
    let bytes = standing.map_or(0, |standing| standing.copied_bytes);
    let help = "Bytes of record batches copied since the mirror was started; 0 without one.";
    text.one("sendlog_mirror_copied_bytes_total", "counter", help, bytes);
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// The page as it grows. Writing to a String cannot fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0 += name;
        for (i, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// A family with one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], durations: &Durations) {
        let mut below = 0;
        for (bucket, count) in durations.buckets.iter().enumerate() {
            below += count;
            let end = bucket_end_ns(bucket).map_or("+Inf".to_string(), |end| seconds(end).to_string());
            let labels = [labels, &[("le", end.as_str())]].concat();
            self.sample(&format!("{name}_bucket"), &labels, below);
        }
        self.sample(&format!("{name}_sum"), labels, seconds(durations.sum_ns));
        self.sample(&format!("{name}_count"), labels, below);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::metrics::Histogram;

    #[test]
    fn a_label_may_hold_anything() {
        let mut text = Text::default();
        text.sample("a", &[("x", "say \"hi\"\n\\ü")], 1);
        assert_eq!(text.0, "a{x=\"say \\\"hi\\\"\\n\\\\ü\"} 1\n");
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let histogram = Histogram::new();
        histogram.note(5_000, 2);
        histogram.note(u64::MAX / 2, 1);
        let mut text = Text::default();
        text.histogram("h", &[("api", "Fetch")], &histogram.get());
        let lines: Vec<&str> = text.0.lines().collect();
        assert_eq!(lines[0], "h_bucket{api=\"Fetch\",le=\"0.000004096\"} 0");
        assert_eq!(lines[1], "h_bucket{api=\"Fetch\",le=\"0.000008192\"} 2");
        assert_eq!(lines[lines.len() - 3], "h_bucket{api=\"Fetch\",le=\"+Inf\"} 3");
        assert_eq!(lines[lines.len() - 1], "h_count{api=\"Fetch\"} 3");
    }
}
