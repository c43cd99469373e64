//! `kafka-consumer-groups.sh` (Kafka's `ConsumerGroupCommand`).
//!
//! Always true: what Kafka's tool complains of on stdout and calls done (a group that is not there, one that has members) is
//! complained of there, in Kafka's words, and called done.
//! Not done: patterns of names, and groups of the newer types (`consumer`, `share`).

use std::collections::BTreeMap;

use getopts::Matches;

use super::resets::reset;
use super::{action, connect, end_as_kafka, nothing, one, several, ADMIN, BROKER};
use crate::base::{write_line, ErrorCode, TopicPartition};
use crate::cli::groups::find;
use crate::cli::place::partitions;
use crate::cli::remote::{Done, Failure};
use crate::cli::{say, Command};
use crate::client::{Admin, Error, GroupDescription, OffsetSpec};

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
            nothing("delete-offsets", "forget what a group has committed for --topic"),
            several("group", "GROUP", "this group; may be given several times"),
            nothing("all-groups", "all groups"),
            nothing("offsets", "describe: offsets, which is the default"),
            nothing("members", "describe: members"),
            nothing("state", "describe and list: the state"),
            nothing("verbose", "describe: more columns"),
            several("topic", "TOPIC[:N,...]", "reset-offsets, delete-offsets: for these partitions"),
            nothing("all-topics", "reset-offsets: for all that the group has committed an offset for"),
            nothing("to-earliest", "reset-offsets: to the first record"),
            nothing("to-latest", "reset-offsets: to the end"),
            nothing("to-current", "reset-offsets: to where it is"),
            one("to-offset", "N", "reset-offsets: to this offset"),
            one("to-datetime", "TIME", "reset-offsets: to a time such as 2026-01-01T12:00:00.000"),
            one("by-duration", "DURATION", "reset-offsets: to the time so long ago, such as PT1H30M"),
            one("from-file", "FILE", "reset-offsets: to what lines of TOPIC,PARTITION,OFFSET say"),
            one("shift-by", "N", "reset-offsets: by so many records"),
            nothing("dry-run", "reset-offsets: only show it"),
            nothing("execute", "reset-offsets: do it"),
            nothing("export", "reset-offsets: print lines as --from-file reads them"),
        ],
        ADMIN,
        BROKER,
    ],
    examples: &["kafka-consumer-groups.sh --bootstrap-server 127.0.0.1:9092 --describe --group billing"],
    subcommands: &[],
    main: |matches| end_as_kafka(groups(matches)),
};

fn groups(matches: &Matches) -> Done {
    let action = action(matches, &["list", "describe", "reset-offsets", "delete", "delete-offsets"])?;
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
        "delete-offsets" => names.iter().try_for_each(|name| delete_offsets(matches, &mut admin, name)),
        _ => reset(matches, &mut admin, &names),
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
    let is_verbose = matches.opt_present("verbose");
    match (matches.opt_present("members"), matches.opt_present("state")) {
        (true, _) => members(&group, is_verbose),
        (false, true) => state(admin, &group, is_verbose)?,
        (false, false) => offsets(admin, &group, is_verbose)?,
    }
    Ok(())
}

/// Rows below each other, the columns as wide as Kafka makes them or as the widest cell; the last one is not filled up.
pub(super) fn table(widths: &[usize], rows: &[Vec<String>], end: &str) {
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

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

fn offsets(admin: &mut Admin, group: &GroupDescription, is_verbose: bool) -> Done {
    let committed = admin.committed_offsets(&group.group, None)?;
    let read = group.members.iter().flat_map(|member| &member.assignment);
    let mut all: Vec<TopicPartition> = read.chain(committed.iter().map(|(partition, _)| partition)).cloned().collect();
    all.sort();
    all.dedup();
    let ends = admin.list_offsets(&all, OffsetSpec::Latest)?;
    let epoch = if is_verbose { " LEADER-EPOCH" } else { "" };
    let headings = format!("GROUP TOPIC PARTITION{epoch} CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID");
    let mut rows = vec![headings.split(' ').map(str::to_string).collect()];
    for partition in &all {
        let known = committed.iter().find(|(known, _)| known == partition).map(|(_, at)| at);
        let at = known.map(|at| at.offset);
        let end = ends.iter().find(|(known, _)| known == partition);
        let end = end.and_then(|(_, end)| end.as_ref().ok()).map(|end| end.offset);
        let number = |number: Option<i64>| number.map_or(String::from("-"), |number| number.to_string());
        let reader = group.members.iter().find(|member| member.assignment.contains(partition));
        let reader = reader.map_or(["-", "-", "-"], |reader| [&reader.member_id, &reader.host, &reader.client_id]);
        let mut row = words(&[&group.group, &partition.topic, &partition.partition.to_string()]);
        if is_verbose {
            row.push(number(known.map(|at| i64::from(at.leader_epoch)).filter(|epoch| *epoch >= 0)));
        }
        row.extend([number(at), number(end), number(at.zip(end).map(|(at, end)| end - at))]);
        row.extend(reader.map(str::to_string));
        rows.push(row);
    }
    say("\n");
    let widths = [15, 15, 10, 15, 15, 15, 15, 15, 15, 0];
    table(if is_verbose { &widths } else { &[15, 15, 10, 15, 15, 15, 15, 15, 0] }, &rows, "");
    Ok(())
}

fn members(group: &GroupDescription, is_verbose: bool) {
    let more = ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"];
    let headings = ["GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS"];
    let wanted = headings.iter().chain(more.iter().filter(|_| is_verbose));
    let mut rows: Vec<Vec<String>> = vec![wanted.map(|heading| heading.to_string()).collect()];
    for member in &group.members {
        let count = member.assignment.len().to_string();
        let mut row = words(&[&group.group, &member.member_id, &member.host, &member.client_id, &count]);
        if is_verbose {
            // Epochs belong to a newer kind of group.
            row.extend(words(&["-", &assigned(&member.assignment), "-", "-"]));
        }
        rows.push(row);
    }
    say("\n");
    table(&[15, 15, 15, 15, 15, 15, 20, 15, 20][..rows[0].len()], &rows, " ");
}

/// `orders:0,1;payments:2`
fn assigned(partitions: &[TopicPartition]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    partitions.iter().for_each(|p| topics.entry(&p.topic).or_default().push(p.partition));
    let topic = |(topic, numbers): (&str, Vec<i32>)| {
        let mut numbers = numbers;
        numbers.sort_unstable();
        format!("{topic}:{}", numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(","))
    };
    match topics.is_empty() {
        true => String::from("-"),
        false => topics.into_iter().map(topic).collect::<Vec<_>>().join(";"),
    }
}

fn state(admin: &mut Admin, group: &GroupDescription, is_verbose: bool) -> Done {
    let brokers = admin.describe_cluster()?.brokers;
    let address = brokers.iter().find(|node| node.id == group.coordinator).map(|node| node.address());
    let coordinator = format!("{}  ({})", address.unwrap_or_default(), group.coordinator);
    let assignor = if group.assignor.is_empty() { "-" } else { &group.assignor };
    let mut rows = [
        words(&["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]),
        words(&[&group.group, &coordinator, assignor, &group.state]),
    ];
    if is_verbose {
        rows[0].extend(words(&["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]));
        rows[1].extend(words(&["-", "-"]));
    }
    rows[0].push(String::from("#MEMBERS"));
    rows[1].push(group.members.len().to_string());
    say("\n");
    table(if is_verbose { &[15, 25, 20, 20, 15, 25, 0] } else { &[15, 25, 20, 20, 0] }, &rows, "");
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
        Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC) => {
            "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it."
        }
        _ => return error.to_string(),
    };
    format!("{}: {sentence}", exception(error.code().unwrap_or_default()))
}

fn exception(code: ErrorCode) -> String {
    let class = match code {
        ErrorCode::NON_EMPTY_GROUP => "GroupNotEmpty",
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC => "GroupSubscribedToTopic",
        _ => "GroupIdNotFound",
    };
    format!("org.apache.kafka.common.errors.{class}Exception")
}

fn delete_offsets(matches: &Matches, admin: &mut Admin, name: &str) -> Done {
    let mut chosen = Vec::new();
    for spec in matches.opt_strs("topic") {
        chosen.extend(partitions(admin, &spec)?);
    }
    if chosen.is_empty() {
        return Err(Failure::Usage(String::from("Option [delete-offsets] takes the following options: [topic]")));
    }
    let is_there = find(admin, name)?.is_some();
    let why = "The group id does not exist.";
    let mut rows = vec![words(&["TOPIC", "PARTITION", "STATUS"])];
    let mut row = |partition: &TopicPartition, status: &str| {
        rows.push(words(&[&partition.topic, &partition.partition.to_string(), status]));
    };
    let failed = |why: &str| format!("Error: {why}");
    if is_there {
        let mut is_done = true;
        for (partition, deleted) in admin.delete_offsets(name, &chosen)? {
            is_done &= deleted.is_ok();
            row(&partition, &deleted.map_or_else(|error| failed(&in_java(&error)), |()| String::from("Successful")));
        }
        say(&match is_done {
            true => format!("Request succeeded for deleting offsets from group {name}.\n"),
            false => String::from("\nError: Encountered some partition-level error, see the follow-up details.\n"),
        });
    } else {
        let class = exception(ErrorCode::GROUP_ID_NOT_FOUND);
        chosen.iter().for_each(|partition| row(partition, &failed(&format!("{class}: {why}"))));
        say(&format!("\nError: {why}\n"));
    }
    say("\n");
    table(&[15, 10, 15], &rows, "");
    Ok(())
}
