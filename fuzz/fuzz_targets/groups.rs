//! A sequence of requests, losses and ticks for the state machine of a group.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use sendlog::group::member::{Joining, Protocol, Ticket};
use sendlog::group::records::GroupRecord;
use sendlog::group::state::{Answer, Group, Limits, Outcome, State, Who};

const LIMITS: Limits =
    Limits { initial_delay_ms: 3000, session_min_ms: 10, session_max_ms: 60_000, size_max: 4, ..Limits::NONE };
const NAMES: [&str; 6] = ["m0", "m1", "m2", "m3", "m4", "m5"];
const PROTOCOLS: [&str; 3] = ["range", "roundrobin", "sticky"];

// A step takes three bytes.
fuzz_target!(|bytes: &[u8]| {
    let mut group = Group::new("g", LIMITS);
    let (mut now_ms, mut waiting, mut generation) = (0i64, BTreeSet::<Ticket>::new(), 0);
    for (number, step) in bytes.chunks_exact(3).enumerate().take(2000) {
        let [what, who, how] = step else { return };
        let name = NAMES[usize::from(*who) % NAMES.len()];
        let instance = (who & 0x80 > 0).then_some(if how & 0x40 > 0 { "i0" } else { "i1" });
        // Known ids come from the group: the names are those that it was told to give.
        let asked = if how & 0x10 > 0 { group.generation() - 1 } else { group.generation() };
        let whom = Who { member_id: name, instance_id: instance, generation: if how & 0x20 > 0 { -1 } else { asked } };
        match what % 10 {
            0 | 1 => {
                let protocols = PROTOCOLS.iter().skip(usize::from(*how) % 3);
                let joining = Joining {
                    member_id: if how & 4 > 0 { name.to_string() } else { String::new() },
                    instance_id: instance.map(str::to_string),
                    client_id: "c".to_string(),
                    client_host: "h".to_string(),
                    session_timeout_ms: i64::from(*how) * 10,
                    rebalance_timeout_ms: i64::from(*who) * 10,
                    protocol_type: if how & 8 > 0 { "consumer".to_string() } else { "connect".to_string() },
                    protocols: protocols
                        .map(|name| Protocol { name: name.to_string(), metadata: vec![*how] })
                        .collect(),
                    needs_known_id: how & 2 > 0,
                };
                // An id is given once, for as long as anybody may use it.
                let is_taken = group.members().any(|member| member.id == name) || group.is_newcomer(name);
                let id = if is_taken { format!("n{number}") } else { name.to_string() };
                wait(group.join(&joining, &id, now_ms), &mut waiting);
            }
            2 | 3 => {
                let assignments = NAMES.iter().map(|name| (name.to_string(), vec![*how])).collect();
                wait(group.sync(whom, None, None, assignments, now_ms), &mut waiting);
            }
            4 => drop(group.heartbeat(whom, now_ms)),
            5 => drop(group.check_commit(whom, now_ms)),
            6 => drop(group.leave(if how & 4 > 0 { name } else { "" }, instance, now_ms)),
            7 => {
                now_ms += i64::from(*who) * i64::from(*how);
                group.tick(now_ms);
            }
            8 => {
                if let Some(ticket) = waiting.iter().nth(usize::from(*who) % 8).copied() {
                    waiting.remove(&ticket);
                    group.abandon(ticket, now_ms);
                } else {
                    group.vanish(name, now_ms);
                }
            }
            _ if how % 16 == 0 => {
                let record = group.record(7);
                let read = GroupRecord::decode(&record.encode(), now_ms).expect("what was written is read");
                group = Group::new("g", LIMITS);
                group.restore(read, now_ms);
                waiting.clear();
            }
            _ if how % 16 == 1 => {
                if group.delete().is_ok() {
                    assert_eq!(group.state(), State::Dead);
                    group = Group::new("g", LIMITS);
                    (generation, waiting) = (0, BTreeSet::new());
                }
            }
            _ => {}
        }
        for ticket in group.woken() {
            if let Some(answer) = group.take_answer(ticket) {
                assert!(waiting.remove(&ticket), "an answer is for a request that waits");
                check(&group, &answer);
            }
        }
        assert!(group.generation() >= generation, "generations rise");
        generation = group.generation();
        // As with Kafka, those that have not come again do not count while a group collects who is there, and static members
        // keep their places until their sessions end.
        if matches!(group.state(), State::CompletingRebalance | State::Stable) {
            let dynamic = group.members().filter(|member| !member.is_static()).count();
            assert!(dynamic <= LIMITS.size_max, "a group has its size");
        }
        if group.state() == State::Empty {
            assert_eq!(group.members().count(), 0);
        }
    }
    // Time ends every wait.
    for _ in 0..8 {
        now_ms += 700_000;
        group.tick(now_ms);
        for ticket in group.woken() {
            group.take_answer(ticket);
            waiting.remove(&ticket);
        }
    }
    assert!(waiting.is_empty(), "these wait for ever: {waiting:?} in {group:#?}");
});

fn wait<T>(outcome: Outcome<T>, waiting: &mut BTreeSet<Ticket>) {
    if let Outcome::Wait(ticket) = outcome {
        assert!(waiting.insert(ticket), "a ticket is given once");
    }
}

fn check(group: &Group, answer: &Answer) {
    if let Answer::Join(joined) = answer {
        if joined.error.is_none() {
            assert!(joined.generation <= group.generation());
            assert_eq!(
                joined.members.is_empty(),
                joined.leader != joined.member_id,
                "the leader alone sees the others"
            );
        }
    }
}
