//! Golden scripts of the state machine (`tests/scripts/group/*.txt`: commands, `---`, what they print).
//!
//! `at MS` moves the clock and lets time pass; every other command is a request. `a`, `b`, ... name members; what a
//! waiting request is answered is printed as soon as it is there, unless its client is `lost`. `gone` is when that, or
//! the end of any other connection, is noticed; `vanish` is the end of one over which nothing waits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::member::{Joining, Protocol, Ticket};
use super::state::{Answer, Group, Joined, Limits, Outcome, Synced, Who};
use crate::base::ErrorCode;
use crate::os::fs;

const LIMITS: Limits =
    Limits { initial_delay_ms: 0, session_min_ms: 6_000, session_max_ms: 60_000, size_max: 3, ..Limits::NONE };

struct Bench {
    group: Group,
    now_ms: i64,
    /// Names in the script, and the ids and generations that the group gave them.
    ids: BTreeMap<String, String>,
    generations: BTreeMap<String, i32>,
    /// Requests that wait, oldest first: whose, and whether its client is lost.
    waiting: Vec<(Ticket, String, bool)>,
    count: usize,
}

type Args<'a> = BTreeMap<&'a str, &'a str>;

impl Bench {
    fn new() -> Bench {
        let (ids, generations) = (BTreeMap::new(), BTreeMap::new());
        Bench { group: Group::new("g", LIMITS), now_ms: 0, ids, generations, waiting: Vec::new(), count: 0 }
    }

    fn name_of(&self, id: &str) -> String {
        let known = self.ids.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }

    fn command(&mut self, line: &str) -> Vec<String> {
        let mut words = line.split_whitespace();
        let (verb, name) = (words.next().unwrap(), words.next().unwrap_or_default().to_string());
        let args: Args = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        let mut lines = match verb {
            "at" => {
                self.now_ms = name.parse().unwrap();
                self.group.tick(self.now_ms);
                Vec::new()
            }
            "limits" => {
                self.group = Group::new("g", limits(&args));
                Vec::new()
            }
            "join" => vec![self.join(&name, &args)],
            "sync" => vec![self.sync(&name, &args)],
            "beat" => vec![format!("{name}: {}", outcome(self.with_who(&name, &args, Group::heartbeat)))],
            "commit" => vec![format!("{name}: {}", outcome(self.with_who(&name, &args, Group::check_commit)))],
            "leave" => vec![self.leave(&name, &args)],
            "gone" => {
                let mine = |(_, whose, _): &&(Ticket, String, bool)| *whose == name;
                let ticket = match args.contains_key("first") {
                    true => self.waiting.iter().find(mine),
                    false => self.waiting.iter().rev().find(mine),
                };
                let ticket = ticket.expect("a request that waits").0;
                self.waiting.retain(|(known, ..)| *known != ticket);
                self.group.abandon(ticket, self.now_ms);
                Vec::new()
            }
            "vanish" => {
                self.group.vanish(&self.ids[&name].clone(), self.now_ms);
                Vec::new()
            }
            "restart" => {
                let record = super::records::GroupRecord::decode(&self.group.record(0).encode(), self.now_ms).unwrap();
                self.group = Group::new("g", limits(&args));
                self.group.restore(record, self.now_ms);
                Vec::new()
            }
            "delete" => vec![outcome(self.group.delete())],
            "kept" => {
                let (pending, answers) = (self.group.pending.len(), self.group.answers.len());
                vec![format!("{} members, {pending} pending, {answers} answers", self.group.members.len())]
            }
            other => panic!("no command {other}"),
        };
        lines.extend(self.answers());
        lines.push(format!("  {} generation {}", self.group.state().name(), self.group.generation()));
        lines
    }

    fn join(&mut self, name: &str, args: &Args) -> String {
        let protocols = args.get("protocols").unwrap_or(&"range");
        let id = if args.contains_key("new") { None } else { self.ids.get(name).cloned() };
        let number = |key, default: i64| args.get(key).map_or(default, |value| value.parse().unwrap());
        let joining = Joining {
            member_id: args.get("id").map(|id| id.to_string()).or(id).unwrap_or_default(),
            instance_id: args.get("instance").map(|instance| instance.to_string()),
            client_id: name.to_string(),
            client_host: "/127.0.0.1".to_string(),
            session_timeout_ms: number("session", 10_000),
            rebalance_timeout_ms: number("rebalance", 30_000),
            protocol_type: args.get("type").unwrap_or(&"consumer").to_string(),
            protocols: protocols
                .split(',')
                .filter(|protocol| !protocol.is_empty())
                .map(|protocol| Protocol {
                    name: protocol.to_string(),
                    metadata: args.get("meta").unwrap_or(&name).as_bytes().to_vec(),
                })
                .collect(),
            needs_known_id: args.contains_key("v4"),
        };
        self.count += 1;
        let new_id = format!("{name}-{}", self.count);
        match self.group.join(&joining, &new_id, self.now_ms) {
            Outcome::Wait(ticket) => {
                let is_old = !joining.member_id.is_empty();
                self.ids.insert(name.to_string(), if is_old { joining.member_id } else { new_id });
                self.waits(ticket, name, args)
            }
            Outcome::Now(joined) => {
                if !joined.member_id.is_empty()
                    && matches!(joined.error, ErrorCode::NONE | ErrorCode::MEMBER_ID_REQUIRED)
                {
                    self.ids.insert(name.to_string(), joined.member_id.clone());
                }
                self.show_joined(name, &joined)
            }
        }
    }

    fn waits(&mut self, ticket: Ticket, name: &str, args: &Args) -> String {
        self.waiting.push((ticket, name.to_string(), args.contains_key("lost")));
        format!("{name}: waits")
    }

    fn show_joined(&mut self, name: &str, joined: &Joined) -> String {
        if joined.error != ErrorCode::NONE {
            return format!("{name}: {}", joined.error.name());
        }
        self.generations.insert(name.to_string(), joined.generation);
        let members = joined
            .members
            .iter()
            .map(|(id, _, metadata)| format!("{}({})", self.name_of(id), String::from_utf8_lossy(metadata)));
        let members: Vec<String> = members.collect();
        let role = match joined.members.is_empty() {
            true => format!("follows {}", self.name_of(&joined.leader)),
            false => format!("leads {}", members.join(" ")),
        };
        format!("{name}: generation {} {} {role}", joined.generation, joined.protocol.as_deref().unwrap_or("-"))
    }

    fn sync(&mut self, name: &str, args: &Args) -> String {
        let chosen = |name: &&String| args.get("only").is_none_or(|only| only == name);
        let ids = self.ids.iter().filter(|(name, _)| chosen(name));
        let assignments = ids.map(|(name, id)| (id.clone(), format!("for-{name}").into_bytes())).collect();
        let id = self.ids.get(name).cloned().unwrap_or_default();
        let known = self.generations.get(name).copied().unwrap_or(-1);
        let generation = args.get("generation").map_or(known, |g| g.parse().unwrap());
        let who = Who { member_id: &id, instance_id: args.get("instance").copied(), generation };
        let (kind, protocol) = (args.get("type").copied(), args.get("protocol").copied());
        match self.group.sync(who, kind, protocol, assignments, self.now_ms) {
            Outcome::Wait(ticket) => self.waits(ticket, name, args),
            Outcome::Now(synced) => show_synced(name, &synced),
        }
    }

    /// By member id, by instance id, or by both (`both`).
    fn leave(&mut self, name: &str, args: &Args) -> String {
        let instance = args.get("instance").copied();
        let id = match instance.is_none() || args.contains_key("both") {
            true => self.ids.get(name).cloned().unwrap_or(name.to_string()),
            false => String::new(),
        };
        format!("{name}: {}", outcome(self.group.leave(&id, instance, self.now_ms)))
    }

    fn with_who<T>(&mut self, name: &str, args: &Args, call: impl FnOnce(&mut Group, Who, i64) -> T) -> T {
        let id = self.ids.get(name).cloned().unwrap_or_default();
        let known = self.generations.get(name).copied().unwrap_or(-1);
        let generation = args.get("generation").map_or(known, |g| g.parse().unwrap());
        let who = Who { member_id: &id, instance_id: args.get("instance").copied(), generation };
        call(&mut self.group, who, self.now_ms)
    }

    fn answers(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let lost: BTreeSet<Ticket> =
            self.waiting.iter().filter(|(_, _, is_lost)| *is_lost).map(|(ticket, ..)| *ticket).collect();
        for ticket in self.group.woken() {
            let (_, name, _) = self.waiting.iter().find(|(known, ..)| *known == ticket).unwrap();
            let name = name.clone();
            if lost.contains(&ticket) {
                lines.push(format!("{name}: an answer that nobody takes"));
                continue;
            }
            self.waiting.retain(|(known, ..)| *known != ticket);
            match self.group.take_answer(ticket) {
                Some(Answer::Join(joined)) => lines.push(self.show_joined(&name, &joined)),
                Some(Answer::Sync(synced)) => lines.push(show_synced(&name, &synced)),
                None => panic!("woken without an answer"),
            }
        }
        lines
    }
}

fn limits(args: &Args) -> Limits {
    let number = |key, default: i64| args.get(key).map_or(default, |value| value.parse().unwrap());
    let size_max = number("size", 3).try_into().unwrap();
    Limits { initial_delay_ms: number("delay", 0), size_max, ..LIMITS }
}

fn show_synced(name: &str, synced: &Synced) -> String {
    match synced.error {
        ErrorCode::NONE => format!("{name}: assigned {}", String::from_utf8_lossy(&synced.assignment)),
        error => format!("{name}: {}", error.name()),
    }
}

fn outcome(result: Result<(), ErrorCode>) -> String {
    result.err().unwrap_or_default().name().to_string()
}

#[test]
fn scripts_print_what_they_say() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/group");
    let entries = fs::list(&scripts).unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let text = std::fs::read_to_string(scripts.join(&entry.name)).unwrap();
        let (commands, expected) = text.split_once("---\n").unwrap_or((&text, ""));
        let mut bench = Bench::new();
        let lines = commands.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let printed: Vec<String> =
            lines.flat_map(|line| [vec![format!("> {line}")], bench.command(line)].concat()).collect();
        let printed = printed.join("\n") + "\n";
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(scripts.join(&entry.name), format!("{commands}---\n{printed}")).unwrap();
        } else {
            assert_eq!(printed, expected, "{}; REWRITE=1 rewrites it", entry.name);
        }
    }
}
