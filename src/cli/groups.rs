//! `sendlog groups`: list, describe with lag, reset offsets, delete.
//!
//! Always true: `reset-offsets` changes nothing without `--execute`, as Kafka's tool.
//! Not done: groups of type `consumer` (KIP-848), which this broker does not have.

use getopts::Matches;

use crate::base::{ErrorCode, TopicPartition};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::place::{partitions, Place};
use crate::cli::remote::{connect, each, end, format, name, names, number, usage, Done, Failure, BROKER, FORMAT};
use crate::cli::table::{Cell, Format, Table};
use crate::cli::{complain, say, Command};
use crate::client::{Admin, Committed, Each, GroupDescription, GroupMember, OffsetSpec, Result as Answer};

pub const COMMAND: Command = Command {
    name: "groups",
    what: "list and describe consumer groups, reset their offsets, delete them",
    operands: "",
    about: "Consumer groups of the broker at --bootstrap-server.",
    flags: &[&[HELP]],
    examples: &[],
    subcommands: &[LIST, DESCRIBE, RESET, DELETE],
    main: |_| end(Ok(())),
};

const LIST: Command = Command {
    name: "groups list",
    what: "the groups that there are",
    operands: "",
    about: "Lists the consumer groups, each with its state.",
    flags: &[FORMAT, BROKER],
    examples: &["sendlog groups list", "sendlog groups list --format json"],
    subcommands: &[],
    main: |matches| end(list(matches)),
};

const DESCRIBE: Command = Command {
    name: "groups describe",
    what: "what groups read, how far they are behind, and who reads it",
    operands: "GROUP...",
    about: "Shows for each partition that a group reads or has committed an offset for: that offset, the one that will be written next,
and the lag between them; and which member reads it.",
    flags: &[FORMAT, BROKER],
    examples: &["sendlog groups describe billing", "sendlog groups describe billing --format json"],
    subcommands: &[],
    main: |matches| end(describe(matches)),
};

const RESET: Command = Command {
    name: "groups reset-offsets",
    what: "have a group go on at another place",
    operands: "GROUP",
    about: "Sets the committed offsets of a group that has no members at the moment. Without --execute it only shows what it would do.
A place is start, end, an OFFSET, -N (N records before the end of each partition), @MS since 1970, or a date such as
2026-01-01T12:00:00 (UTC).",
    flags: &[
        &[
            Flag {
                short: "t",
                name: "topic",
                takes: Takes::Each("TOPIC[:PARTITION,...]"),
                doc: "for these partitions; without it for all that the group has committed an offset for",
            },
            Flag { short: "", name: "to", takes: Takes::One("PLACE"), doc: "to this place" },
            Flag { short: "", name: "by", takes: Takes::One("N"), doc: "by so many records from where it is; -N: back" },
            Flag { short: "", name: "execute", takes: Takes::Nothing, doc: "do it" },
        ],
        FORMAT,
        BROKER,
    ],
    examples: &[
        "sendlog groups reset-offsets billing --to start",
        "sendlog groups reset-offsets billing --topic orders:0,2 --to 2026-01-01T12:00:00 --execute",
        "sendlog groups reset-offsets billing --by -10 --execute",
    ],
    subcommands: &[],
    main: |matches| end(reset(matches)),
};

const DELETE: Command = Command {
    name: "groups delete",
    what: "delete groups and what they committed",
    operands: "GROUP...",
    about: "Deletes groups that have no members at the moment, with all that they have committed.",
    flags: &[BROKER],
    examples: &["sendlog groups delete billing"],
    subcommands: &[],
    main: |matches| end(delete(matches)),
};

fn list(matches: &Matches) -> Done {
    let format = format(matches)?;
    let mut table = Table::new(&["group", "state", "type", "protocol"]);
    for group in connect(matches)?.list_groups()? {
        let cells = [group.group, group.state, group.kind, group.protocol_type];
        table.row(cells.map(Cell::Text).into());
    }
    say(&table.print(format));
    Ok(())
}

fn describe(matches: &Matches) -> Done {
    let names = names(matches, "group")?;
    let format = format(matches)?;
    let mut admin = connect(matches)?;
    let mut done = Ok(());
    let mut shown = 0;
    for name in names {
        let Some(group) = find(&mut admin, name)? else {
            complain(&format!("group {name}: there is none; `sendlog groups list` shows those there are"));
            done = Err(Failure::Told);
            continue;
        };
        let text = describe_one(&mut admin, &group, format)?;
        say(&if shown > 0 && format == Format::Text { format!("\n{text}") } else { text });
        shown += 1;
    }
    done
}

fn describe_one(admin: &mut Admin, group: &GroupDescription, format: Format) -> Answer<String> {
    let mut committed = admin.committed_offsets(&group.group, None)?;
    let read = group.members.iter().flat_map(|member| &member.assignment);
    let mut all: Vec<TopicPartition> = read.chain(committed.iter().map(|(partition, _)| partition)).cloned().collect();
    all.sort();
    all.dedup();
    let ends = admin.list_offsets(&all, OffsetSpec::Latest)?;
    committed.sort_by(|a, b| a.0.cmp(&b.0));
    let columns = ["group", "topic", "partition", "committed", "end", "lag", "client", "host", "member"];
    let mut table = Table::new(&columns).and_json(&["state"]);
    for partition in &all {
        let at = committed.iter().find(|(known, _)| known == partition).map(|(_, at)| at.offset);
        let end = ends.iter().find(|(known, _)| known == partition);
        let end = end.and_then(|(_, end)| end.as_ref().ok()).map(|end| end.offset);
        let reader = group.members.iter().find(|member| member.assignment.contains(partition));
        let of_reader = |part: fn(&GroupMember) -> &str| reader.map_or(Cell::Nothing, |reader| part(reader).into());
        table.row(vec![
            group.group.as_str().into(),
            Cell::Text(partition.topic.clone()),
            Cell::Number(partition.partition.into()),
            Cell::from(at),
            Cell::from(end),
            Cell::from(at.zip(end).map(|(at, end)| end - at)),
            of_reader(|reader| &reader.client_id),
            of_reader(|reader| reader.host.trim_start_matches('/')),
            of_reader(|reader| &reader.member_id),
            group.state.as_str().into(),
        ]);
    }
    let heading = match format {
        Format::Text => {
            let assignor = if group.assignor.is_empty() { "-" } else { &group.assignor };
            let GroupDescription { group, state, coordinator, members, .. } = group;
            format!(
                "group {group}  {state}  members: {}  assignor: {assignor}  coordinator: broker {coordinator}\n",
                members.len()
            )
        }
        Format::Json => String::new(),
    };
    Ok(heading + &table.print(format))
}

fn reset(matches: &Matches) -> Done {
    let group = name(matches, "group")?;
    let format = format(matches)?;
    let place = matches.opt_str("to").map(|text| Place::of("to", &text)).transpose()?;
    let by: Option<i64> = number(matches, "by")?;
    if place.is_some() == by.is_some() {
        return Err(usage("where the group shall go on is not said, or said twice", "give either --to or --by"));
    }
    let mut admin = connect(matches)?;
    let committed = admin.committed_offsets(group, None)?;
    let mut chosen: Vec<TopicPartition> = Vec::new();
    for spec in matches.opt_strs("topic") {
        chosen.extend(partitions(&mut admin, &spec)?);
    }
    if !matches.opt_present("topic") {
        chosen = committed.iter().map(|(partition, _)| partition.clone()).collect();
        chosen.sort();
    }
    if chosen.is_empty() {
        let why = "it has committed no offset; name partitions with --topic";
        return Err(Failure::Failed(format!("group {group}: {why}")));
    }
    let at =
        |partition: &TopicPartition| committed.iter().find(|(known, _)| known == partition).map(|(_, at)| at.offset);
    let found = match (place, by) {
        (Some(place), _) => place.find(&mut admin, &chosen)?,
        (None, by) => shift(&mut admin, &chosen, by.unwrap_or_default(), at)?,
    };
    let mut offsets: Vec<(TopicPartition, Committed)> = Vec::new();
    let mut done = each(found, |partition, offset| offsets.push((partition, Committed::at(offset))));
    offsets.sort_by(|a, b| a.0.cmp(&b.0));
    if matches.opt_present("execute") {
        let mut kept = Vec::new();
        check_has_no_members(&mut admin, group)?;
        let altered = each(admin.alter_offsets(group, &offsets)?, |partition, ()| kept.push(partition));
        offsets.retain(|(partition, _)| kept.contains(partition));
        done = done.and(altered);
    }
    let mut table = Table::new(&["group", "topic", "partition", "committed", "new"]);
    for (partition, new) in offsets {
        let before = Cell::from(at(&partition));
        let place =
            [Cell::Text(partition.topic), Cell::Number(partition.partition.into()), before, Cell::Number(new.offset)];
        table.row(std::iter::once(group.into()).chain(place).collect());
    }
    say(&table.print(format));
    if !matches.opt_present("execute") && format == Format::Text {
        say("nothing is changed; add --execute to do it\n");
    }
    done
}

/// So many records from where the group is, within what the log has.
fn shift(
    admin: &mut Admin,
    chosen: &[TopicPartition],
    by: i64,
    at: impl Fn(&TopicPartition) -> Option<i64>,
) -> Answer<Each<TopicPartition, i64>> {
    let mut all = Vec::new();
    for partition in chosen {
        let place = at(partition).map_or(Place::Start, |at| Place::Offset(at.saturating_add(by).max(0)));
        all.extend(place.find(admin, std::slice::from_ref(partition))?);
    }
    Ok(all)
}

/// A group; none if nobody knows it, which brokers say with an error or, the older ones, with a state.
pub fn find(admin: &mut Admin, group: &str) -> Answer<Option<GroupDescription>> {
    match admin.describe_group(group) {
        Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => Ok(None),
        found => found.map(|group| Some(group).filter(|group| group.state != "Dead")),
    }
}

/// Offsets are committed from outside only while nobody commits from inside.
fn check_has_no_members(admin: &mut Admin, group: &str) -> Done {
    match find(admin, group)?.map_or(0, |group| group.members.len()) {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("group {group}: it has members ({count}); stop its consumers first"))),
    }
}

fn delete(matches: &Matches) -> Done {
    let names = names(matches, "group")?;
    each(connect(matches)?.delete_groups(&names)?, |name, ()| say(&format!("deleted group {name}\n")))
}
