//! Records of `__consumer_offsets` as JSON, as Kafka's `--offsets-decoder` shows them.
//!
//! Always true: members of consumers show what they subscribe to and read; bytes that are nothing of that kind are Base64.
//! Not done: records of newer group protocols are named and skipped.

use crate::base::quoted;
use crate::group::member::Member;
use crate::group::records::{Committed, GroupRecord, Key};
use crate::record::records::Record;

/// Key and payload of a record; the inner ones are always there.
#[allow(clippy::type_complexity)]
pub fn decode(record: &Record, offset: i64) -> (Option<Option<String>>, Option<Option<String>>) {
    let key = record.key.unwrap_or_default();
    let Some(kind) = key.first_chunk::<2>().map(|kind| i16::from_be_bytes(*kind)) else {
        return (Some(Some(format!("Error at offset {offset}, skipping. the key is torn"))), None);
    };
    if !Key::is_known(key) {
        return (Some(Some(format!("Unknown record type {kind} at offset {offset}, skipping."))), None);
    }
    let decoded = Key::decode(key).and_then(|key| {
        let value = match record.value {
            None => String::from("<DELETE>"),
            Some(bytes) => {
                let version = i16::from_be_bytes(*bytes.first_chunk()?);
                let data = match &key {
                    Key::Offset { .. } => committed(&Committed::decode(bytes)?, version),
                    Key::Group { .. } => group(&GroupRecord::decode(bytes, 0)?, version),
                };
                format!("{{\"version\":\"{version}\",\"data\":{data}}}")
            }
        };
        Some((format!("{{\"type\":\"{kind}\",\"data\":{}}}", key_data(&key)), value))
    });
    match decoded {
        Some((key, value)) => (Some(Some(key)), Some(Some(value))),
        None => (Some(Some(format!("Error at offset {offset}, skipping. the record is torn"))), None),
    }
}

fn key_data(key: &Key) -> String {
    match key {
        Key::Group { group } => format!("{{\"group\":{}}}", quoted(group)),
        Key::Offset { group, topic, partition } => {
            format!("{{\"group\":{},\"topic\":{},\"partition\":{partition}}}", quoted(group), quoted(topic))
        }
    }
}

fn committed(committed: &Committed, version: i16) -> String {
    let Committed { offset, leader_epoch, metadata, timestamp_ms, expires_ms } = committed;
    let epoch = if version >= 3 { format!("\"leaderEpoch\":{leader_epoch},") } else { String::new() };
    let expires =
        if version == 1 { format!(",\"expireTimestamp\":{}", expires_ms.unwrap_or(-1)) } else { String::new() };
    let metadata = quoted(metadata);
    format!("{{\"offset\":{offset},{epoch}\"metadata\":{metadata},\"commitTimestamp\":{timestamp_ms}{expires}}}")
}

fn group(group: &GroupRecord, version: i16) -> String {
    let protocol = group.protocol.as_deref();
    let members: Vec<String> = group.members.iter().map(|known| member(known, group, version)).collect();
    let since =
        if version >= 2 { format!("\"currentStateTimestamp\":{},", group.state_since_ms) } else { String::new() };
    format!(
        "{{\"protocolType\":{},\"generation\":{},\"protocol\":{},\"leader\":{},{since}\"members\":[{}]}}",
        quoted(&group.protocol_type),
        group.generation,
        perhaps(protocol),
        perhaps(group.leader.as_deref()),
        members.join(",")
    )
}

fn perhaps(text: Option<&str>) -> String {
    text.map_or(String::from("null"), quoted)
}

fn member(member: &Member, group: &GroupRecord, version: i16) -> String {
    let subscription = member.metadata(group.protocol.as_deref().unwrap_or_default());
    let is_consumer = group.protocol_type == "consumer";
    let shown = |bytes: &[u8], show: fn(&[u8]) -> Option<String>| {
        let shown = if is_consumer { show(bytes) } else { None };
        shown.unwrap_or_else(|| format!("\"{}\"", base64(bytes)))
    };
    let instance = match version {
        3.. => format!("\"groupInstanceId\":{},", perhaps(member.instance_id.as_deref())),
        _ => String::new(),
    };
    let rebalance = match version {
        1.. => format!("\"rebalanceTimeout\":{},", member.rebalance_timeout_ms),
        _ => String::new(),
    };
    format!(
        "{{\"memberId\":{},{instance}\"clientId\":{},\"clientHost\":{},{rebalance}\"sessionTimeout\":{},\"subscription\":{},\"assignment\":{}}}",
        quoted(&member.id),
        quoted(&member.client_id),
        quoted(&member.client_host),
        member.session_timeout_ms,
        shown(&subscription, subscribed),
        shown(&member.assignment, assigned),
    )
}

/// `ConsumerProtocolSubscription`, versions 0 to 3; of a later one the fields of 3.
fn subscribed(bytes: &[u8]) -> Option<String> {
    let mut fields = Fields(bytes);
    let version = fields.i16()?;
    let topics: Vec<String> =
        (0..fields.i32()?).map(|_| fields.text().map(|text| quoted(&text))).collect::<Option<_>>()?;
    let mut json = format!("{{\"topics\":[{}],\"userData\":{}", topics.join(","), fields.data()?);
    if version >= 1 {
        json += &format!(",\"ownedPartitions\":[{}]", fields.partitions()?);
    }
    if version >= 2 {
        json += &format!(",\"generationId\":{}", fields.i32()?);
    }
    if version >= 3 {
        let rack = fields.perhaps_text()?;
        json += &format!(",\"rackId\":{}", perhaps(rack.as_deref()));
    }
    Some(json + "}")
}

/// `ConsumerProtocolAssignment`
fn assigned(bytes: &[u8]) -> Option<String> {
    let mut fields = Fields(bytes);
    fields.i16()?;
    let partitions = fields.partitions()?;
    Some(format!("{{\"assignedPartitions\":[{partitions}],\"userData\":{}}}", fields.data()?))
}

/// What is left to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn i16(&mut self) -> Option<i16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i16::from_be_bytes(*number))
    }

    fn i32(&mut self) -> Option<i32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*number))
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn perhaps_text(&mut self) -> Option<Option<String>> {
        match self.i16()? {
            -1 => Some(None),
            length => Some(Some(String::from_utf8_lossy(self.take(usize::try_from(length).ok()?)?).into_owned())),
        }
    }

    fn text(&mut self) -> Option<String> {
        self.perhaps_text()?
    }

    /// Bytes that belong to the client, as JSON.
    fn data(&mut self) -> Option<String> {
        match self.i32()? {
            -1 => Some(String::from("null")),
            length => Some(format!("\"{}\"", base64(self.take(usize::try_from(length).ok()?)?))),
        }
    }

    /// Topics with their partitions, as JSON.
    fn partitions(&mut self) -> Option<String> {
        let mut topics = Vec::new();
        for _ in 0..self.i32()? {
            let name = quoted(&self.text()?);
            let numbers: Vec<String> =
                (0..self.i32()?).map(|_| Some(self.i32()?.to_string())).collect::<Option<_>>()?;
            topics.push(format!("{{\"topic\":{name},\"partitions\":[{}]}}", numbers.join(",")));
        }
        Some(topics.join(","))
    }
}

/// RFC 4648
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .enumerate()
            .fold(0u32, |bits, (place, byte)| bits | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_torn_is_nothing() {
        let subscription = [&[0, 0, 0, 0, 0, 1, 0, 1, b't'][..], &[0xff; 4]].concat();
        assert_eq!(subscribed(&subscription).unwrap(), r#"{"topics":["t"],"userData":null}"#);
        assert!((0..subscription.len()).all(|length| subscribed(&subscription[..length]).is_none()));
        assert_eq!(
            assigned(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7]).unwrap(),
            r#"{"assignedPartitions":[],"userData":"Bw=="}"#
        );
    }
}
