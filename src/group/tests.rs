//! Golden scripts of the state machine (`tests/scripts/group/*.txt`: commands, `---`, what they print).
//!
//! `at MS` moves the clock and lets time pass; every other command is a request. `a`, `b`, ... name members; what a
//! waiting request is answered is printed as soon as it is there.

use std::collections::BTreeMap;
use std::path::Path;

use super::member::{Joining, Protocol};
use super::state::{Answer, Group, Joined, Limits, Outcome, Synced, Who};
use crate::base::ErrorCode;
use crate::os::fs;

const LIMITS: Limits = Limits { initial_delay_ms: 0, session_min_ms: 6_000, session_max_ms: 60_000, size_max: 3 };

struct Bench {
    group: Group,
    now_ms: i64,
    /// Names in the script, and the ids and generations that the group gave them.
    ids: BTreeMap<String, String>,
    generations: BTreeMap<String, i32>,
    count: usize,
}

type Args<'a> = BTreeMap<&'a str, &'a str>;

impl Bench {
    fn new() -> Bench {
        let (ids, generations) = (BTreeMap::new(), BTreeMap::new());
        Bench { group: Group::new("g", LIMITS, 0), now_ms: 0, ids, generations, count: 0 }
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
                let delay_ms = args["delay"].parse().unwrap();
                self.group = Group::new("g", Limits { initial_delay_ms: delay_ms, ..LIMITS }, 0);
                Vec::new()
            }
            "join" => vec![self.join(&name, &args)],
            "sync" => vec![self.sync(&name, &args)],
            "beat" => vec![format!("{name}: {}", outcome(self.with_who(&name, &args, Group::heartbeat)))],
            "commit" => vec![format!("{name}: {}", outcome(self.with_who(&name, &args, Group::check_commit)))],
            "leave" => {
                let id = self.ids.get(&name).cloned().unwrap_or(name.clone());
                let instance = args.get("instance").copied();
                let id = if instance.is_some() { String::new() } else { id };
                vec![format!("{name}: {}", outcome(self.group.leave(&id, instance, self.now_ms)))]
            }
            "gone" => {
                self.group.abandon(&self.ids[&name].clone(), self.now_ms);
                Vec::new()
            }
            "restart" => {
                let record = super::records::GroupRecord::decode(&self.group.record(0).encode(), self.now_ms).unwrap();
                self.group = Group::new("g", LIMITS, self.now_ms);
                self.group.restore(record, self.now_ms);
                Vec::new()
            }
            "delete" => vec![outcome(self.group.delete(self.now_ms))],
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
            Outcome::Wait(id) => {
                self.ids.insert(name.to_string(), id);
                format!("{name}: waits")
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
        let assignments = self.ids.iter().map(|(name, id)| (id.clone(), format!("for-{name}").into_bytes())).collect();
        let id = self.ids[name].clone();
        let generation = args.get("generation").map_or(self.generations[name], |g| g.parse().unwrap());
        let who = Who { member_id: &id, instance_id: args.get("instance").copied(), generation };
        match self.group.sync(who, None, args.get("protocol").copied(), assignments, self.now_ms) {
            Outcome::Wait(_) => format!("{name}: waits"),
            Outcome::Now(synced) => show_synced(name, &synced),
        }
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
        for id in self.group.woken() {
            let name = self.name_of(&id);
            match self.group.take_answer(&id) {
                Some(Answer::Join(joined)) => lines.push(self.show_joined(&name, &joined)),
                Some(Answer::Sync(synced)) => lines.push(show_synced(&name, &synced)),
                None => {}
            }
        }
        lines
    }
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
