//! `kafka-consumer-groups.sh` (Kafka's `ConsumerGroupCommand`).
//!
//! Always true: what Kafka's tool complains of on stdout and calls done (a group that is not there, one that has members) is
//! complained of there, in Kafka's words, and called done.
//! Not done: `--from-file`, `--export` and patterns of names.

use getopts::Matches;

use super::{action, connect, end_as_kafka, nothing, one, several, ADMIN, BROKER};
use crate::base::{write_line, ErrorCode, TopicPartition};
use crate::cli::groups::find;
use crate::cli::place::{partitions, Place};
use crate::cli::remote::{number, Done, Failure};
use crate::cli::{say, Command};
use crate::client::{Admin, Committed, Error, GroupDescription, OffsetSpec};

pub const COMMAND: Command = Command {
    name: "kafka-consumer-groups",
    what: "Kafka's tool for consumer groups",
    operands: "[STATE]",
    about: "Lists, describes, resets and deletes consumer groups, with Kafka's flags and Kafka's output. Behind --list --state the names of states may
stand.",
    flags: &[
        &[
            nothing("list", "list groups"),
            nothing("describe", "show what groups read, and their lag"),
            nothing("reset-offsets", "have a group go on at another place"),
            nothing("delete", "delete groups"),
            several("group", "GROUP", "this group; may be given several times"),
            nothing("all-groups", "all groups"),
            nothing("offsets", "describe: offsets, which is the default"),
            nothing("members", "describe: members"),
            nothing("state", "describe and list: the state"),
            several("topic", "TOPIC[:N,...]", "reset-offsets: for these partitions"),
            nothing("all-topics", "reset-offsets: for all that the group has committed an offset for"),
            nothing("to-earliest", "reset-offsets: to the first record"),
            nothing("to-latest", "reset-offsets: to the end"),
            nothing("to-current", "reset-offsets: to where it is"),
            one("to-offset", "N", "reset-offsets: to this offset"),
            one("to-datetime", "TIME", "reset-offsets: to a time such as 2026-01-01T12:00:00.000"),
            one("shift-by", "N", "reset-offsets: by so many records"),
            nothing("dry-run", "reset-offsets: only show it"),
            nothing("execute", "reset-offsets: do it"),
        ],
        ADMIN,
        BROKER,
    ],
    examples: &["kafka-consumer-groups.sh --bootstrap-server 127.0.0.1:9092 --describe --group billing"],
    subcommands: &[],
    main: |matches| end_as_kafka(groups(matches)),
};

fn groups(matches: &Matches) -> Done {
    let action = action(matches, &["list", "describe", "reset-offsets", "delete"])?;
    let mut admin = connect(matches)?;
    if action == "list" {
        return list(matches, &mut admin);
    }
    let names = match matches.opt_present("all-groups") {
        true => admin.list_groups()?.into_iter().map(|group| group.group).collect(),
        false => matches.opt_strs("group"),
    };
    if names.is_empty() {
        return Err(Failure::Usage(format!("Option [{action}] takes one of these options: [all-groups], [group]")));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match action {
        "describe" => names.iter().try_for_each(|name| describe(matches, &mut admin, name)),
        "delete" => delete(&mut admin, &names),
        _ => names.iter().try_for_each(|name| reset(matches, &mut admin, name)),
    }
}

fn list(matches: &Matches, admin: &mut Admin) -> Done {
    let groups = admin.list_groups()?;
    if !matches.opt_present("state") {
        groups.iter().for_each(|group| say(&format!("{}\n", group.group)));
        return Ok(());
    }
    // A word behind --state is one of the states.
    let wanted = matches.free.first();
    let is_wanted =
        |state: &str| wanted.is_none_or(|list| list.split(',').any(|name| name.eq_ignore_ascii_case(state)));
    let rows: Vec<_> = groups.iter().filter(|group| is_wanted(&group.state)).collect();
    let width = rows.iter().map(|group| group.group.len()).max().unwrap_or(0).max(25);
    say(&format!("{:width$} {:20}\n", "GROUP", "STATE"));
    rows.iter().for_each(|group| say(&format!("{:width$} {:20}\n", group.group, group.state)));
    Ok(())
}

fn describe(matches: &Matches, admin: &mut Admin, name: &str) -> Done {
    let Some(group) = find(admin, name)? else {
        let class = exception(ErrorCode::GROUP_ID_NOT_FOUND);
        let why = format!("{class}: Group {name} not found.");
        say(&format!("\nError: Executing consumer group command failed due to {why}\n"));
        return Ok(());
    };
    if group.members.is_empty() {
        write_line(&format!("\nConsumer group '{name}' has no active members."));
    }
    match (matches.opt_present("members"), matches.opt_present("state")) {
        (true, _) => members(&group),
        (false, true) => state(admin, &group)?,
        (false, false) => offsets(admin, &group)?,
    }
    Ok(())
}

/// Rows below each other, the columns as wide as Kafka makes them or as the widest cell; the last one is not filled up.
fn table(widths: &[usize], rows: &[Vec<String>], end: &str) {
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        widths[column].max(if widths[column] >= 15 { longest } else { 0 })
    };
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        say(&format!("{}{end}\n", cells.join(" ")));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

fn offsets(admin: &mut Admin, group: &GroupDescription) -> Done {
    let committed = admin.committed_offsets(&group.group, None)?;
    let read = group.members.iter().flat_map(|member| &member.assignment);
    let mut all: Vec<TopicPartition> = read.chain(committed.iter().map(|(partition, _)| partition)).cloned().collect();
    all.sort();
    all.dedup();
    let ends = admin.list_offsets(&all, OffsetSpec::Latest)?;
    let headings = "GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID";
    let mut rows = vec![headings.split(' ').map(str::to_string).collect()];
    for partition in &all {
        let at = committed.iter().find(|(known, _)| known == partition).map(|(_, at)| at.offset);
        let end = ends.iter().find(|(known, _)| known == partition);
        let end = end.and_then(|(_, end)| end.as_ref().ok()).map(|end| end.offset);
        let number = |number: Option<i64>| number.map_or(String::from("-"), |number| number.to_string());
        let reader = group.members.iter().find(|member| member.assignment.contains(partition));
        let reader = reader.map_or(["-", "-", "-"], |reader| [&reader.member_id, &reader.host, &reader.client_id]);
        let mut row = words(&[&group.group, &partition.topic, &partition.partition.to_string()]);
        row.extend([number(at), number(end), number(at.zip(end).map(|(at, end)| end - at))]);
        row.extend(reader.map(str::to_string));
        rows.push(row);
    }
    say("\n");
    table(&[15, 15, 10, 15, 15, 15, 15, 15, 0], &rows, "");
    Ok(())
}

fn members(group: &GroupDescription) {
    let mut rows = vec![words(&["GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS"])];
    for member in &group.members {
        let count = member.assignment.len().to_string();
        rows.push(words(&[&group.group, &member.member_id, &member.host, &member.client_id, &count]));
    }
    say("\n");
    table(&[15; 5], &rows, " ");
}

fn state(admin: &mut Admin, group: &GroupDescription) -> Done {
    let brokers = admin.describe_cluster()?.brokers;
    let address = brokers.iter().find(|node| node.id == group.coordinator).map(|node| node.address());
    let coordinator = format!("{}  ({})", address.unwrap_or_default(), group.coordinator);
    let assignor = if group.assignor.is_empty() { "-" } else { &group.assignor };
    let rows = [
        words(&["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"]),
        words(&[&group.group, &coordinator, assignor, &group.state, &group.members.len().to_string()]),
    ];
    say("\n");
    table(&[15, 25, 20, 20, 0], &rows, "");
    Ok(())
}

fn delete(admin: &mut Admin, names: &[&str]) -> Done {
    let mut failures = String::new();
    let mut deleted = Vec::new();
    for (name, answer) in admin.delete_groups(names)? {
        match answer {
            Ok(()) => deleted.push(format!("'{name}'")),
            Err(error) => failures += &format!("* Group '{name}' could not be deleted due to: {}\n", in_java(&error)),
        }
    }
    if failures.is_empty() {
        say(&format!("Deletion of requested consumer groups ({}) was successful.\n", deleted.join(", ")));
        return Ok(());
    }
    say(&format!("\nError: Deletion of some consumer groups failed:\n{failures}"));
    if !deleted.is_empty() {
        say(&format!("\nThese consumer groups were deleted successfully: {}\n", deleted.join(", ")));
    }
    Ok(())
}

/// As Kafka's client names an error.
fn in_java(error: &Error) -> String {
    let sentence = match error.code() {
        Some(ErrorCode::GROUP_ID_NOT_FOUND) => "The group id does not exist.",
        Some(ErrorCode::NON_EMPTY_GROUP) => "The group is not empty.",
        _ => return error.to_string(),
    };
    format!("{}: {sentence}", exception(error.code().unwrap_or_default()))
}

fn exception(code: ErrorCode) -> String {
    let class = if code == ErrorCode::NON_EMPTY_GROUP { "GroupNotEmpty" } else { "GroupIdNotFound" };
    format!("org.apache.kafka.common.errors.{class}Exception")
}

const RESET_WIDTHS: [usize; 4] = [30, 30, 10, 15];

fn reset(matches: &Matches, admin: &mut Admin, name: &str) -> Done {
    let mut rows = vec![words(&["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"])];
    if let Some(group) = find(admin, name)?.filter(|group| !group.members.is_empty()) {
        let state = &group.state;
        let why = format!("Assignments can only be reset if the group '{name}' is inactive");
        say(&format!("\nError: {why}, but the current state is {state}.\n\n"));
        table(&RESET_WIDTHS, &rows, "");
        return Ok(());
    }
    if !matches.opt_present("execute") && !matches.opt_present("dry-run") {
        write_line("WARN: No action will be performed as the --execute option is missing.");
    }
    let committed = admin.committed_offsets(name, None)?;
    let mut chosen: Vec<TopicPartition> = Vec::new();
    for spec in matches.opt_strs("topic") {
        chosen.extend(partitions(admin, &spec)?);
    }
    if matches.opt_present("all-topics") {
        chosen = committed.iter().map(|(partition, _)| partition.clone()).collect();
        chosen.sort();
    }
    if chosen.is_empty() {
        return Err(Failure::Usage(String::from("One of the reset scopes should be defined: --all-topics, --topic.")));
    }
    let mut offsets = Vec::new();
    for partition in chosen {
        let at = committed.iter().find(|(known, _)| *known == partition).map(|(_, at)| at.offset);
        let found = place(matches, at)?.find(admin, std::slice::from_ref(&partition))?;
        for (partition, offset) in found {
            let offset = offset?;
            let TopicPartition { topic, partition: number } = &partition;
            rows.push(words(&[name, topic, &number.to_string(), &offset.to_string()]));
            offsets.push((partition, Committed::at(offset)));
        }
    }
    if matches.opt_present("execute") {
        admin.alter_offsets(name, &offsets)?.into_iter().try_for_each(|(_, altered)| altered)?;
    }
    say("\n");
    table(&RESET_WIDTHS, &rows, "");
    Ok(())
}

/// Where a partition's offset goes that is here now.
fn place(matches: &Matches, at: Option<i64>) -> Result<Place, Failure> {
    let mut places = Vec::new();
    let present = |flag: &str, place| Some(place).filter(|_| matches.opt_present(flag));
    places.extend(present("to-earliest", Place::Start));
    places.extend(present("to-latest", Place::End));
    places.extend(present("to-current", at.map_or(Place::End, Place::Offset)));
    places.extend(number(matches, "to-offset")?.map(|offset: i64| Place::Offset(offset.max(0))));
    if let Some(by) = number::<i64>(matches, "shift-by")? {
        let Some(at) = at else {
            return Err(Failure::Failed(String::from(
                "Cannot shift offset for a partition since there is no current committed offset",
            )));
        };
        places.push(Place::Offset(at.saturating_add(by).max(0)));
    }
    if let Some(text) = matches.opt_str("to-datetime") {
        places.push(Place::of("to-datetime", &text)?);
    }
    match places[..] {
        [place] => Ok(place),
        _ => Err(Failure::Usage(String::from(
            "give one of --to-earliest, --to-latest, --to-current, --to-offset, --to-datetime, --shift-by",
        ))),
    }
}
