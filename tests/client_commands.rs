//! The commands that ask a broker, as a shell sees them: stdout, stderr, exit code.

mod broker;

use std::process::{Command, Stdio};

use broker::member::Member;
use broker::shell::{fails, fill, ok, run, run_tool, run_words, OPEN};
use broker::{command, scratch, Broker};

#[test]
fn topics_are_created_listed_described_altered_and_deleted() {
    let broker = Broker::start();
    let created = ok(&broker, "topics create a b -p 2 -c retention.ms=5000", "");
    assert_eq!(created, "created topic a, partitions: 2\ncreated topic b, partitions: 2\n");
    assert_eq!(ok(&broker, "topics create c --dry-run", ""), "would create topic c, partitions: 1\n");
    assert_eq!(
        ok(&broker, "topics list", ""),
        "topic  partitions  replicas\na      2           1\nb      2           1\n"
    );
    let json = ok(&broker, "topics list --format json", "");
    assert!(json.starts_with(r#"{"topic":"a","partitions":2,"replicas":1,"id":""#), "{json}");
    let said = ok(&broker, "topics alter a --partitions 3 -c segment.ms=7000 --delete-config retention.ms", "");
    let wanted = "changed topic a, partitions: 3\nchanged topic a, segment.ms: \"7000\"\n\
                  changed topic a, retention.ms: back to the default\n";
    assert_eq!(said, wanted);
    let described = ok(&broker, "topics describe a", "");
    let lines: Vec<&str> = described.lines().collect();
    assert!(lines[0].starts_with("topic a  id ") && lines[0].ends_with("  segment.ms=7000"), "{described}");
    assert_eq!(lines[1], "topic  partition  leader  leader epoch  replicas  in sync  first offset  next offset");
    assert_eq!(lines[4], "a      2          1       0             1         1        0             0");
    assert_eq!(lines.len(), 5);
    assert_eq!(ok(&broker, "topics delete a b", ""), "deleted topic a\ndeleted topic b\n");
    assert_eq!(ok(&broker, "topics list", ""), "topic  partitions  replicas\n");
}

#[test]
fn what_cannot_be_done_with_a_topic_is_said_and_the_rest_is_done() {
    let broker = Broker::with(OPEN);
    let ran = run(&broker, "topics create orders new", "");
    assert_eq!((ran.code, ran.out.as_str()), (1, "created topic new, partitions: 1\n"));
    assert!(
        ran.err.contains("orders: the broker answers TOPIC_ALREADY_EXISTS") && ran.err.contains("take another name")
    );
    assert_eq!(ok(&broker, "topics create orders --if-not-exists", ""), "");
    assert_eq!(ok(&broker, "topics delete nowhere --if-exists", ""), "");
    for (line, code, says) in [
        ("topics delete nowhere", 1, "answers UNKNOWN_TOPIC_OR_PARTITION, code 3; create the topic first"),
        ("topics alter orders -p 2", 1, "INVALID_PARTITIONS"),
        ("topics alter orders", 2, "give --partitions, --config or --delete-config"),
        ("topics create x -c y", 2, "--config y: there is no =; write NAME=VALUE"),
        ("topics create x -p many", 2, "--partitions many: that is no number"),
        ("topics create", 2, "no topic is named"),
        ("topics list --format xml", 2, "write --format text or json"),
        ("topics list -X no.such=1", 2, "no.such"),
        ("configs alter topic orders -s retention.ms=soon", 1, "retention.ms"),
    ] {
        let said = fails(&broker, line, code);
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[test]
fn a_wrong_word_is_answered_with_the_right_ones() {
    for (words, says) in [
        (
            &["topics"][..],
            "sendlog topics needs the name of a command: write one of list, create, describe, alter, delete",
        ),
        (
            &["topics", "lst"],
            "sendlog topics has no command 'lst': write one of list, create, describe, alter, delete",
        ),
        (&["perf"], "sendlog perf needs the name of a command: write one of produce, consume"),
        (&["groups", "list", "--no"], "Unrecognized option: 'no': --help lists the options"),
    ] {
        let ran = run_words(words, "");
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (2, "", format!("sendlog: {says}\n")));
    }
}

#[test]
fn a_broker_that_is_not_there_is_told_of_at_once() {
    for line in
        ["topics list", "produce orders", "consume orders", "groups list", "offsets orders", "configs describe brokers"]
    {
        let words: Vec<&str> = line.split(' ').chain(["--bootstrap-server", "127.0.0.1:1"]).collect();
        let ran = run_words(&words, "line\n");
        assert_eq!(ran.code, 1, "{line}: {}", ran.err);
        let says = "sendlog: --bootstrap-server: 127.0.0.1:1 cannot be reached: ";
        assert!(ran.err.starts_with(says) && ran.err.contains("is the broker running"), "{line}: {}", ran.err);
    }
    let ran = run_words(&["topics", "list", "--bootstrap-server", "nonsense"], "");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("HOST:PORT"), "{}", ran.err);
}

#[test]
fn lines_become_records_and_come_out_as_they_went_in() {
    let broker = Broker::with(OPEN);
    let said = ok(
        &broker,
        "produce payments -K : -H source=web -v",
        "anna:3 apples\nno key\n:\nlast:without a newline",
    );
    let wanted: String = (0..4).map(|offset| format!("payments partition 0 offset {offset}\n")).collect();
    assert_eq!(said, wanted);
    assert_eq!(ok(&broker, "produce payments --null --acks 1", "\n\u{fc}\n"), "");
    let seen = ok(&broker, r"consume payments -o start -e -f %o|%k|%K|%s|%S|%h\n", "");
    let wanted = "0|anna|4|3 apples|8|source=web\n1||-1|no key|6|source=web\n2||0||0|source=web\n\
                  3|last|4|without a newline|17|source=web\n4||-1||-1|\n5||-1|\u{fc}|2|\n";
    assert_eq!(seen, wanted);
    let json = ok(&broker, "consume payments --from 4 -e --format json", "");
    assert!(json.contains(r#""offset":4,"timestamp":1"#) && json.contains(r#""key":null,"value":null,"headers":[]}"#));
}

#[test]
fn a_place_says_where_reading_begins() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let seen = |line: &str| ok(&broker, &format!("consume {line} --exit -f %s,"), "");
    assert_eq!(seen("orders:1 --from start"), "v10,v11,v12,v13,v14,v15,v16,v17,v18,v19,");
    assert_eq!(seen("orders:1 --from 8"), "v18,v19,");
    assert_eq!(seen("orders -p 2 --from -1"), "v29,");
    assert_eq!(seen("orders --from end"), "");
    assert_eq!(seen("orders:0 --from 99"), "", "behind the end is the end");
    assert_eq!(seen("orders:0 -o -99 -c 2"), "v00,v01,");
    assert_eq!(seen("orders:0 --from 2000-01-01").len(), 40);
    assert_eq!(seen("orders:0 --from @4102444800000"), "");
    assert_eq!(seen("orders:0,2 orders:1 --from -2").len(), 24);
    for (line, code, says) in [
        ("consume orders:3 -e", 1, "partitions 0 to 2"),
        ("consume nowhere -e", 1, "topic nowhere: the broker answers UNKNOWN_TOPIC_OR_PARTITION"),
        ("consume orders -o soon", 2, "--from soon: that is no place in a log; write start, end"),
        ("consume orders -f %q", 2, "%q stands for nothing"),
        ("consume orders -g g -p 1", 2, "a group chooses partitions itself"),
        ("consume orders -g g -o 5", 2, "sendlog groups reset-offsets"),
        ("consume", 2, "no topic is named"),
        ("produce", 2, "no topic is named"),
        ("produce orders -a 2", 2, "acks=2"),
        ("offsets orders --at noon", 2, "--at noon: that is no time"),
    ] {
        let said = fails(&broker, line, code);
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[test]
fn what_is_refused_makes_produce_fail() {
    let broker = Broker::with(&["--topic", "small:1", "--set", "auto.create.topics.enable=false"]);
    ok(&broker, "topics alter small -c max.message.bytes=100", "");
    let ran = run(&broker, "produce small", &format!("short\n{}\n", "x".repeat(500)));
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("sendlog: line ") && ran.err.contains("MESSAGE_TOO_LARGE"), "{}", ran.err);
    let ran = run(&broker, "produce nowhere -X max.block.ms=50", "a\n");
    assert!(ran.code == 1 && ran.err.contains("nowhere"), "{}", ran.err);
    let ran = run(&broker, "produce small -p 7", "a\n");
    assert!(ran.code == 1 && ran.err.contains('7'), "{}", ran.err);
}

#[test]
fn a_group_goes_on_behind_what_was_printed() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let first = ok(&broker, "consume orders --group g --from start --count 7", "");
    assert_eq!(first.lines().count(), 7);
    let rest = ok(&broker, "consume orders --group g --from start --exit", "");
    let mut all: Vec<&str> = first.lines().chain(rest.lines()).collect();
    all.sort_unstable();
    let wanted: Vec<String> = (0..3).flat_map(|p| (0..10).map(move |number| format!("v{p}{number}"))).collect();
    assert_eq!(all, wanted, "each once");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let folder = scratch();
    let address = broker.address.to_string();
    let mut consumer = command(&folder, &["consume", "orders", "-o", "start", "-b", &address]);
    let mut child = consumer.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_ends_consume_and_it_commits() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let folder = scratch();
    let address = broker.address.to_string();
    let mut consumer = command(&folder, &["consume", "orders", "-g", "g", "-o", "start", "-b", &address]);
    let mut child = consumer.spawn().unwrap();
    let lines = broker::lines::Lines::collect(child.stdout.take().unwrap());
    for partition in 0..3 {
        lines.wait_for(&format!("v{partition}9")).unwrap();
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let described = ok(&broker, "groups describe g", "");
    assert!(
        described.starts_with("group g  Empty  members: 0  assignor: -  coordinator: broker 1\n"),
        "{described}"
    );
    let lags: Vec<&str> = described.lines().skip(2).map(|line| line.split_whitespace().nth(5).unwrap()).collect();
    assert_eq!(lags, ["0", "0", "0"], "{described}");
}

#[test]
fn groups_are_listed_described_reset_and_deleted() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let mut member = Member::new(broker.connect(), "g");
    assert!(member.join(3).is_none() && member.sync(3).error_code.is_none());
    let said = fails(&broker, "groups reset-offsets g --topic orders --to start --execute", 1);
    assert!(said.contains("group g: it has members (1); stop its consumers first"), "{said}");
    assert!(fails(&broker, "groups delete g", 1).contains("stop the group's consumers first"));
    ok(&broker, "consume orders:0 -e", "");
    ok(&broker, "consume orders -g h -o start -e", "");
    let listed = ok(&broker, "groups list", "");
    assert!(listed.contains("\ng      Stable  ") && listed.contains("\nh      Empty   "), "{listed}");
    let shown = ok(&broker, "groups reset-offsets h --topic orders:1-2 --to -3", "");
    let table = "group  topic   partition  committed  new\nh      orders  1          10         7\n\
                 h      orders  2          10         7\n";
    assert_eq!(shown, format!("{table}nothing is changed; add --execute to do it\n"));
    assert_eq!(ok(&broker, "groups reset-offsets h --topic orders:1-2 --to -3 --execute", ""), table);
    let shifted = ok(&broker, "groups reset-offsets h --by -2 --execute --format json", "");
    let wanted: String = [(0, 10, 8), (1, 7, 5), (2, 7, 5)]
        .map(|(partition, before, new)| {
            format!("{{\"group\":\"h\",\"topic\":\"orders\",\"partition\":{partition},\"committed\":{before},\"new\":{new}}}\n")
        })
        .concat();
    assert_eq!(shifted, wanted);
    let described = ok(&broker, "groups describe h", "");
    let wanted = "group h  Empty  members: 0  assignor: -  coordinator: broker 1\n\
                  group  topic   partition  committed  end  lag  client  host  member\n\
                  h      orders  0          8          10   2    -       -     -\n\
                  h      orders  1          5          10   5    -       -     -\n\
                  h      orders  2          5          10   5    -       -     -\n";
    assert_eq!(described, wanted);
    assert_eq!(ok(&broker, "groups delete h", ""), "deleted group h\n");
    assert!(fails(&broker, "groups describe h", 1).contains("group h: "));
    for (line, says) in [
        ("groups reset-offsets h", "give either --to or --by"),
        ("groups reset-offsets h --to 1 --by 2", "give either --to or --by"),
        ("groups reset-offsets h i --to 1", "name one"),
    ] {
        assert!(fails(&broker, line, 2).contains(says), "{line}");
    }
}

#[test]
fn configs_are_described_and_altered() {
    let broker = Broker::with(OPEN);
    assert_eq!(ok(&broker, "configs describe topic orders", ""), "config  value  source\n");
    let said = ok(&broker, "configs alter topic orders -s retention.ms=5000 --append cleanup.policy=compact", "");
    let wanted =
        "changed topic orders, retention.ms: \"5000\"\nchanged topic orders, cleanup.policy: with \"compact\"\n";
    assert_eq!(said, wanted);
    let dry = ok(&broker, "configs alter topic orders -d retention.ms --dry-run", "");
    assert_eq!(dry, "would change topic orders, retention.ms: back to the default\n");
    let described = ok(&broker, "configs describe topic orders", "");
    let wanted = "config          value           source\n\
                  cleanup.policy  delete,compact  DYNAMIC_TOPIC_CONFIG\n\
                  retention.ms    5000            DYNAMIC_TOPIC_CONFIG\n";
    assert_eq!(described, wanted);
    ok(&broker, "configs alter broker 1 -s log.retention.ms=86400000", "");
    let json = ok(&broker, "configs describe broker 1 --format json", "");
    let wanted = "{\"config\":\"log.retention.ms\",\"value\":\"86400000\",\"source\":\"DYNAMIC_BROKER_CONFIG\",\
                  \"read_only\":false,\"sensitive\":false}\n";
    assert_eq!(json, wanted);
    assert!(ok(&broker, "configs describe topic orders --all", "").lines().count() > 10);
    for (line, code, says) in [
        ("configs describe orders", 2, "write `topic NAME`, `broker ID` or `brokers`"),
        ("configs describe broker one", 2, "'one' is no id of a broker"),
        ("configs describe broker 9", 1, "the cluster's brokers are 1"),
        ("configs describe topic nowhere", 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("configs alter topic orders", 2, "nothing is to be changed"),
    ] {
        let said = fails(&broker, line, code);
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[test]
fn offsets_are_found_by_place_and_by_time() {
    let broker = Broker::with(OPEN);
    fill(&broker);
    let wanted = "topic     partition  first  next  between\norders    0          0      10    10\n\
                  orders    2          0      10    10\npayments  0          0      0     0\n";
    assert_eq!(ok(&broker, "offsets orders:0,2 payments", ""), wanted);
    let json = ok(&broker, "offsets orders:1 --at 2000-01-01 --format json", "");
    assert!(json.starts_with(r#"{"topic":"orders","partition":1,"offset":0,"timestamp":1"#), "{json}");
    let none = ok(&broker, "offsets payments --at youngest --format json", "");
    assert_eq!(none, "{\"topic\":\"payments\",\"partition\":0,\"offset\":null,\"timestamp\":null}\n");
}

/// `tests/clients/run names` compares all of it with Kafka's own.
#[test]
fn under_the_names_of_kafkas_tools_it_prints_what_they_print() {
    let broker = Broker::with(OPEN);
    let produce = "kafka-console-producer.sh --topic payments --property parse.key=true --property key.separator=:";
    let read = "kafka-console-consumer.sh --topic payments --from-beginning --max-messages 2 --property print.key=true";
    for (line, stdin, code, wanted) in [
        ("kafka-topics.sh --create --topic new --partitions 2", "", 0, "Created topic new.\n"),
        ("kafka-topics.sh --list --exclude-internal", "", 0, "new\norders\npayments\n"),
        ("kafka-topics.sh --delete --topic new", "", 0, ""),
        ("kafka-topics.sh --delete --topic new", "", 1, "Error while executing topic command : Topic 'new' does not exist as expected\n"),
        (produce, "a:1\nb:2\n", 0, ""),
        (read, "", 0, "a\t1\nb\t2\n"),
        (&format!("{read} --group g --property print.offset=true"), "", 0, "Offset:0\ta\t1\nOffset:1\tb\t2\n"),
        ("kafka-get-offsets.sh --topic-partitions orders:0-2,payments", "", 0, "orders:0:0\norders:1:0\npayments:0:2\n"),
        ("kafka-consumer-groups.sh --list", "", 0, "g\n"),
        (
            "kafka-consumer-groups.sh --describe --group g",
            "",
            0,
            "\nGROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     \
             HOST            CLIENT-ID\n\
             g               payments        0          2               2               0               -               \
             -               -\n",
        ),
        ("kafka-consumer-groups.sh --delete --group g", "", 0, "Deletion of requested consumer groups ('g') was successful.\n"),
        ("kafka-configs.sh --topic orders --alter --add-config retention.ms=5000", "", 0, "Completed updating config for topic orders.\n"),
        (
            "kafka-configs.sh --topic orders --describe",
            "",
            0,
            "Dynamic configs for topic orders are:\n  retention.ms=5000 sensitive=false \
             synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5000, DEFAULT_CONFIG:log.retention.ms=604800000}\n",
        ),
        ("kafka-topics.sh --list --create", "", 1, ""),
        ("kafka-topics.sh --list --no-such-flag", "", 1, ""),
    ] {
        let ran = run_tool(&broker, line, stdin);
        assert_eq!((ran.code, ran.out.as_str()), (code, wanted), "{line}: {}", ran.err);
    }
}
