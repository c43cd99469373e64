//! `/state`: what the page shows, as JSON. Counters as they stand; the page works out what happened in between.
//!
//! Always true: the answer stays small however much there is: of topics, partitions, segments and groups the largest
//! are shown, and of the others it is said how many they are. Totals are of all.
//! Not done: no promise about its shape: it changes with the page.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::admin::gather::{self, GroupNow, TopicNow, Total};
use crate::admin::json::Json;
use crate::admin::residency::Residency;
use crate::base::limits;
use crate::base::metrics::{bucket_end_ns, Durations, BUCKETS};
use crate::group::member::Member;
use crate::log::flush::{FLUSHES, WAITS};
use crate::os::{fs, process, sendfile};
use crate::partition::{Partition, SegmentShape, Standing};
use crate::server::{copy_path, counters, now, Broker};

/// Topics that are shown.
const TOPICS_MAX: usize = 24;
/// Partitions of each of them.
const PARTITIONS_MAX: usize = 12;
/// Segments of each of those: the newest.
const SEGMENTS_MAX: usize = 16;
const GROUPS_MAX: usize = 24;
/// Members of a group, and partitions that it lags on.
const GROUP_PARTS_MAX: usize = 32;

pub fn render(broker: &Broker, bootstrap: SocketAddr, residency: &mut Residency) -> String {
    let topics = gather::topics(broker);
    let mut total = Total::default();
    topics.iter().for_each(|topic| total.add(&topic.total));
    let mut json = Json::default();
    json.object(|json| {
        json.field("bootstrap").string(&bootstrap.to_string());
        process(json, broker);
        requests(json);
        totals(json.field("totals"), &total);
        topics_shown(json, topics, residency);
        groups(json, gather::groups(broker));
    });
    json.finish()
}

fn process(json: &mut Json, broker: &Broker) {
    let (used, (open, accepted)) = (process::usage(), broker.connections.counts());
    json.field("version").string(env!("CARGO_PKG_VERSION"));
    json.field("cluster_id").string(broker.topics.cluster_id());
    json.field("uptime_ms").number(now().monotonic_ms);
    json.field("resident_bytes").number(used.resident_bytes);
    json.field("cpu_ns").number(used.cpu_ns);
    json.field("threads").number(used.threads);
    let space = fs::space(broker.topics.root()).ok();
    json.field("disk_usable_bytes").number(space.map_or(0, |space| space.usable_bytes));
    json.field("disk_size_bytes").number(space.map_or(0, |space| space.total_bytes));
    let connections_max = broker.topics.config().int("max.connections");
    json.field("connections").object(|json| {
        json.field("open").number(open);
        json.field("max").number(connections_max);
        json.field("accepted").number(accepted);
        json.field("closed").number(counters::CLOSED.get());
    });
    json.field("limits").object(|json| {
        limits::ALL.iter().for_each(|limit| json.field(limit.key).number(limit.hits()));
    });
}

fn requests(json: &mut Json) {
    json.field("bucket_ends_ns").numbers((0..BUCKETS).filter_map(bucket_end_ns));
    json.field("apis").array(counters::apis(), |json, counts| {
        json.object(|json| {
            json.field("name").string(counts.api.name);
            json.field("calls").number(counts.calls);
            json.field("errors").number(counts.errors);
            durations(json, &counts.latency);
        });
    });
    json.field("flushes").object(|json| {
        json.field("waits").number(WAITS.get());
        durations(json, &FLUSHES.get());
    });
    json.field("sent").object(|json| {
        json.field("sendfile").number(sendfile::SENT_BYTES.get());
        json.field("copy").number(copy_path::SENT_BYTES.get());
    });
}

fn durations(json: &mut Json, durations: &Durations) {
    json.field("sum_ns").number(durations.sum_ns);
    json.field("buckets").numbers(durations.buckets);
}

fn totals(json: &mut Json, total: &Total) {
    json.object(|json| {
        json.field("batches_in").number(total.batches_in);
        json.field("records_in").number(total.records_in);
        json.field("bytes_in").number(total.bytes_in);
        json.field("records_out").number(total.records_out);
        json.field("bytes_out").number(total.bytes_out);
        json.field("size_bytes").number(total.size_bytes);
        json.field("segments").number(total.segments);
    });
}

/// The largest topics, by name; the broker's own come last.
fn topics_shown(json: &mut Json, mut topics: Vec<TopicNow>, residency: &mut Residency) {
    let count = topics.len();
    topics.sort_by_key(|it| (it.is_internal(), Reverse(it.total.size_bytes)));
    topics.truncate(TOPICS_MAX);
    topics.sort_by(|a, b| (a.is_internal(), &a.topic.name).cmp(&(b.is_internal(), &b.topic.name)));
    let newest = |partition: &Arc<Partition>| {
        let mut shape = partition.shape();
        shape.drain(..shape.len().saturating_sub(SEGMENTS_MAX));
        shape
    };
    let shapes: Vec<Vec<Vec<SegmentShape>>> = topics
        .iter()
        .map(|it| it.topic.partitions.iter().take(PARTITIONS_MAX).map(newest).collect())
        .collect();
    residency.look(&shapes.iter().flatten().flatten().cloned().collect::<Vec<_>>());
    json.field("topics_more").number(count - topics.len());
    json.field("topics").array(topics.iter().zip(&shapes), |json, (it, shapes)| {
        json.object(|json| {
            json.field("name").string(&it.topic.name);
            json.field("internal").number(it.is_internal());
            json.field("partition_count").number(it.standings.len());
            totals(json.field("total"), &it.total);
            json.field("partitions").array(it.standings.iter().zip(shapes), |json, (standing, shapes)| {
                partition(json, *standing, shapes, residency);
            });
        });
    });
}

fn partition(json: &mut Json, standing: Option<Standing>, shapes: &[SegmentShape], residency: &Residency) {
    let Some(standing) = standing else { return json.number("null") };
    json.object(|json| {
        json.field("log_start").number(standing.bounds.log_start);
        json.field("log_end").number(standing.bounds.log_end);
        json.field("size_bytes").number(standing.size_bytes);
        json.field("segment_count").number(standing.segments);
        json.field("segments").array(shapes, |json, shape| {
            json.object(|json| {
                json.field("base").number(shape.base_offset);
                json.field("size").number(shape.size);
                if let Some((cells, bytes)) = residency.of(shape) {
                    json.field("cached_bytes").number(bytes);
                    json.field("cached").numbers(cells.iter().map(|(cached, _)| u64::from(*cached)));
                    json.field("dirty").numbers(cells.iter().map(|(_, dirty)| u64::from(*dirty)));
                }
            });
        });
    });
}

/// The groups that lag most, by name.
fn groups(json: &mut Json, mut groups: Vec<GroupNow>) {
    let count = groups.len();
    let lag = |group: &GroupNow| group.lags.iter().map(|lag| lag.records).sum::<i64>();
    groups.sort_by_key(|group| (group.described.members.is_empty(), Reverse(lag(group))));
    groups.truncate(GROUPS_MAX);
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    json.field("rebalances").number(crate::group::state::REBALANCES.get());
    json.field("groups_more").number(count - groups.len());
    json.field("groups").array(groups, |json, group| {
        json.object(|json| {
            json.field("id").string(&group.id);
            json.field("state").string(group.described.state.name());
            json.field("generation").number(group.described.generation);
            json.field("lag").number(lag(&group));
            json.field("member_count").number(group.described.members.len());
            let members = group.described.members.iter().take(GROUP_PARTS_MAX);
            json.field("members").array(members, |json, member: &Member| {
                json.object(|json| {
                    json.field("client_id").string(&member.client_id);
                    json.field("host").string(&member.client_host);
                });
            });
            json.field("lag_count").number(group.lags.len());
            json.field("lags").array(group.lags.iter().take(GROUP_PARTS_MAX), |json, lag| {
                json.object(|json| {
                    json.field("topic").string(&lag.topic);
                    json.field("partition").number(lag.partition);
                    json.field("records").number(lag.records);
                });
            });
        });
    });
}
