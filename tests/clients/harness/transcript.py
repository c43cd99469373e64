"""What Kafka's tools are asked in differential.py, command by command, and where sendlog differs from Kafka on purpose.

Always true: commands build on those before them, and both brokers have gone through the same ones.
"""

import json
import re

from harness.suite import eventually

RECORDS = 20
LEFT = 10  # of them, when some were deleted

ONE_REPLICA = r"^((follower|leader)\.replication\.throttled\.replicas|(local|remote)\..*)="
NO_SUCH_KEYS = {ONE_REPLICA: "keys about replicas and tiers, which there are not"}
BROKER_KEYS = {
    r"^(batch\.check|fetch\.max\.wait\.ms\.limit|fetch\.path|flush\.interval\.ms|flush\.mode)=": "sendlog's own keys",
    r"^(admin\.listener|cluster\.id|log\.(page\.cache|requests)|read\.only|strict)=": "sendlog's own keys",
    r"^mirror\.(from|groups|page\.cache|topics)=": "sendlog's own keys",
    r"^log\.(dirs\.max\.bytes|format|level|repeat\.max)=": "sendlog's own keys",
    r"^(first\.request\.max\.bytes|request\.body\.(grace\.ms|min\.bytes\.per\.second)|socket\.write\.timeout\.ms)=": "sendlog's own",
    r"^(group\.(max|name\.max)\.bytes|max\.(groups|topics|partitions|partitions\.per\.request))=": "sendlog's own bounds",
    r"^(group\.max\.size|max\.connections|queued\.max\.request\.bytes)=": "bounds where Kafka has none",
    r"^group\.initial\.rebalance\.delay\.ms=": "0 by default, and set for this Kafka",
    r"^log\.(flush\.interval|retention|roll|roll\.jitter)\.ms=": "no twin of these keys in hours or minutes",
    r"^((advertised\.)?listeners|log\.dirs|node\.id|process\.roles)=": "not given in the same way",
    r"^(controller\.listener\.names|listener\.security\.protocol\.map)=": "not given in the same way",
}
ONE_COPY = {".": "a replication factor above 1 is taken as 1, with a log line"}
NO_INSYNC = {r"^min\.insync\.replicas=": "min.insync.replicas above 1 is taken as 1, with a log line"}
NO_TIERS = {"one[-:]\\d": "ListOffsets 8 and above, which ask for it, are not served"}
BY_NAME = {".": "a key that does not exist is refused by name, here too; Kafka keeps it for its plug-ins"}
FORGOTTEN = {"silent": "a group without members and offsets is gone within a second; Kafka takes ten minutes"}
NO_ACLS = {"SecurityDisabled|UnsupportedVersion": "ACLs cannot be changed: CreateAcls and DeleteAcls are not served"}


def run(both):
    for section in [topics, topic_configs, broker_configs, records, offsets, log_dirs, delete_records]:
        section(both)
    for section in [verifiable, groups, members, reset_offsets, delete_groups, one_broker]:
        section(both)


def topics(both):
    both("kafka-topics --create --topic one --partitions 3")
    both("kafka-topics --create --topic two --config retention.ms=3600000 --config max.message.bytes=100000")
    both("kafka-topics --create --topic placed --replica-assignment 1,1")
    both("kafka-topics --create --topic one")
    both("kafka-topics --create --topic one --if-not-exists")
    both("kafka-topics --create --topic bad/name")
    both("kafka-topics --create --topic three --partitions 0")
    both("kafka-topics --create --topic three --config no.such.key=1")
    both("kafka-topics --create --topic three --config retention.ms=soon")
    both("kafka-topics --create --topic three --config retention.ms=-5")
    both("kafka-topics --create --topic three --replica-assignment 1:2")
    both("kafka-topics --create --topic three --replication-factor 2", differs=ONE_COPY)
    both("kafka-topics --delete --topic three --if-exists")
    both("kafka-topics --list")
    both("kafka-topics --list --exclude-internal")
    both("kafka-topics --describe")
    both("kafka-topics --describe --topic two")
    both("kafka-topics --describe --topic nowhere")
    both("kafka-topics --describe --topics-with-overrides")
    both("kafka-topics --describe --under-replicated-partitions")
    both("kafka-topics --describe --unavailable-partitions")
    both("kafka-topics --alter --topic two --partitions 4")
    both("kafka-topics --alter --topic two --partitions 4")
    both("kafka-topics --alter --topic two --partitions 2")
    both("kafka-topics --alter --topic two --partitions 6 --replica-assignment 1,1,1,1,1,1")
    both("kafka-topics --alter --topic nowhere --partitions 2")
    both("kafka-topics --describe --topic two")
    both("kafka-topics --delete --topic placed")
    both("kafka-topics --delete --topic nowhere")
    both("kafka-topics --delete --topic nowhere --if-exists")
    both("kafka-topics --list")


def topic_configs(both):
    topic = "kafka-configs --entity-type topics --entity-name two"
    both(f"{topic} --describe")
    both(f"{topic} --describe --all", differs=NO_SUCH_KEYS)
    both("kafka-configs --entity-type topics --describe")
    both(f"{topic} --alter --add-config retention.ms=7200000,cleanup.policy=[compact,delete]")
    both(f"{topic} --alter --delete-config max.message.bytes")
    both(f"{topic} --alter --add-config min.insync.replicas=2,compression.type=gzip")
    both(f"{topic} --describe", differs=NO_INSYNC)
    both(f"{topic} --alter --delete-config min.insync.replicas")
    both(f"{topic} --describe")
    both(f"{topic} --describe --all", differs=NO_SUCH_KEYS)
    both(f"{topic} --alter --add-config no.such.key=1")
    both(f"{topic} --alter --delete-config no.such.key")
    both(f"{topic} --alter --add-config retention.ms=soon")
    both(f"{topic} --alter --add-config retention.ms=-5")
    both(f"{topic} --alter --add-config cleanup.policy=shred")
    both(f"{topic} --alter --add-config segment.bytes=1")
    both(f"{topic} --describe")
    both("kafka-configs --entity-type topics --entity-name nowhere --alter --add-config retention.ms=1")
    both("kafka-configs --entity-type topics --entity-name nowhere --describe")
    both("kafka-topics --describe --topic two")


def broker_configs(both):
    brokers = "kafka-configs --entity-type brokers"
    broker, default = f"{brokers} --entity-name 1", f"{brokers} --entity-default"
    topic = "kafka-configs --entity-type topics --entity-name one --describe --all"
    both(f"{broker} --describe")
    both(f"{broker} --describe --all", clean=keys_of_the_broker, differs=BROKER_KEYS)
    both(f"{default} --describe")
    both(f"{broker} --alter --add-config log.retention.ms=86400000")
    both(f"{default} --alter --add-config log.segment.bytes=104857600,log.retention.ms=1000000000")
    both(f"{broker} --describe")
    both(f"{default} --describe")
    both(topic, differs=NO_SUCH_KEYS)
    both(f"{broker} --alter --add-config node.id=3")
    both(f"{broker} --alter --add-config no.such.key=1", differs=BY_NAME)
    both(f"{broker} --alter --add-config log.retention.ms=soon")
    both(f"{default} --alter --add-config log.retention.ms=soon")
    both(f"{broker} --alter --delete-config no.such.key", differs=BY_NAME)
    both(f"{broker} --alter --delete-config log.retention.ms")
    both(topic, differs=NO_SUCH_KEYS)
    both(f"{default} --alter --delete-config log.segment.bytes,log.retention.ms")
    both(f"{broker} --describe")
    both(f"{default} --describe")
    both("kafka-configs --entity-type brokers --entity-name 2 --describe")


def keys_of_the_broker(kafka, tested):
    """Kafka's lines for the keys that the broker has too."""
    keys = {line.split("=", 1)[0] for line in tested}
    return [line for line in kafka if line.split("=", 1)[0] in keys], tested


def records(both):
    lines = "".join(f"key-{i}:value-{i}\n" for i in range(RECORDS))
    keyed = "--property parse.key=true --property key.separator=:"
    both(f"kafka-console-producer --topic one {keyed}", stdin=lines)
    with_headers = f"{keyed} --property parse.headers=true --property headers.delimiter=;"
    both(f"kafka-console-producer --topic two {with_headers}", stdin="h1:v1,h2:v2;k:value\n")
    both("kafka-console-producer --topic new --request-required-acks 1", stdin="created by this\n")
    shown = " ".join(f"--property print.{what}=true" for what in ["key", "headers", "partition", "offset", "timestamp"])
    read = "--from-beginning --timeout-ms 20000"
    both(f"kafka-console-consumer --topic one {read} --max-messages 20 --group reads-one", clean=by_partition)
    for partition in range(3):
        both(f"kafka-console-consumer --topic one --partition {partition} --offset 2 --max-messages 2 {shown}")
    both(f"kafka-console-consumer --topic two {read} --max-messages 1 --group reads-two {shown}")
    both(f"kafka-console-consumer --topic new {read} --max-messages 1 --partition 0")
    both("kafka-console-consumer --topic one --partition 0 --offset latest --timeout-ms 500")
    both("kafka-console-consumer --topic one --partition 7 --offset earliest --timeout-ms 500")


def by_partition(kafka, tested):
    """Partitions come in any order."""
    return sorted(kafka), sorted(tested)


def offsets(both):
    both("kafka-get-offsets --topic one")
    for time in ["earliest", "latest", "0", "99999999999999"]:
        both(f"kafka-get-offsets --topic one --time {time}")
    for time in ["earliest-local", "latest-tiered"]:
        both(f"kafka-get-offsets --topic one --time {time}", differs=NO_TIERS)
    both("kafka-get-offsets --topic new --time max-timestamp")
    both("kafka-get-offsets --topic-partitions one:0-2,new")
    both("kafka-get-offsets --topic nowhere")
    both("kafka-get-offsets --topic-partitions one:7")
    both("kafka-get-offsets --exclude-internal-topics")


def log_dirs(both):
    both("kafka-log-dirs --describe --topic-list new,one", clean=json_lines)
    both("kafka-log-dirs --describe --topic-list nowhere --broker-list 1", clean=json_lines)
    both("kafka-log-dirs --describe --broker-list 7")


def json_lines(*sides):
    """The partitions in a line of JSON come in any order."""

    def in_order(line):
        if not line.startswith("{"):
            return line
        found = json.loads(line)
        for logs in (logs for broker in found["brokers"] for logs in broker["logDirs"]):
            logs["partitions"].sort(key=lambda partition: partition["partition"])
        return json.dumps(found)

    return ([in_order(line) for line in lines] for lines in sides)


def delete_records(both):
    def file(*partitions):
        names = ["topic", "partition", "offset"]
        return json.dumps({"partitions": [dict(zip(names, partition)) for partition in partitions], "version": 1})

    command = "kafka-delete-records --offset-json-file {file}"
    both(command, file=file(("one", 0, 3), ("one", 1, -1)))
    both(command, file=file(("one", 0, 1)))
    both(command, file=file(("one", 2, 1000)))
    both("kafka-get-offsets --topic one --time earliest")
    both("kafka-console-consumer --topic one --partition 0 --offset earliest --max-messages 1 --timeout-ms 20000")


def verifiable(both):
    produce = "kafka-verifiable-producer --topic verifiable"
    consume = "kafka-verifiable-consumer --topic verifiable --reset-policy earliest --max-messages 105"
    both("kafka-topics --create --topic verifiable")
    both(f"{produce} --max-messages 100 --throughput 1000", clean=without_rates)
    both(f"{produce} --max-messages 5 --acks 1 --value-prefix 7 --repeating-keys 2", clean=without_rates)
    both(f"{consume} --group-id verifiable --verbose", clean=without_polls)
    static = "--group-instance-id here --session-timeout 600000"
    both(f"{consume} --group-id verifiable-static {static}", clean=without_polls)
    both("kafka-consumer-groups --describe --group verifiable")


def without_rates(*sides):
    return ([re.sub(r'"avg_throughput":[^,}]*', '"avg_throughput"', line) for line in lines] for lines in sides)


def without_polls(*sides):
    """Each kind of event once, and the records: into how many polls they fall is chance."""

    def events(lines):
        kinds = [re.sub(r'("name":"(records_consumed|offsets_committed)").*', r"\1", line) for line in lines]
        return list(dict.fromkeys(kinds))

    return (events(lines) for lines in sides)


def groups(both):
    consume = "kafka-console-consumer --topic one --from-beginning --timeout-ms 20000"
    both(f"{consume} --group first --max-messages 5", clean=by_partition)
    both("kafka-consumer-groups --list")
    both("kafka-consumer-groups --list --state")
    both("kafka-consumer-groups --list --state Stable")
    both("kafka-consumer-groups --list --type classic")
    both("kafka-consumer-groups --list --type consumer")
    both("kafka-groups --list")
    both("kafka-groups --list --consumer")
    for what in ["", "--offsets --verbose", "--state", "--state --verbose", "--members", "--members --verbose"]:
        both(f"kafka-consumer-groups --describe --group first {what}")
    both("kafka-consumer-groups --describe --all-groups")
    for what in ["", "--state", "--members"]:
        both(f"kafka-consumer-groups --describe --group nobody {what}")


def members(both):
    describe = "kafka-consumer-groups --describe --group alive"
    with both.member("alive", "one", 3) as alive:
        for member in alive:
            eventually(lambda: member.state()[0] == LEFT, "the member has read all records")
            member.commit("metadata")
        for what in ["", "--offsets --verbose", "--state", "--members", "--members --verbose"]:
            both(f"{describe} {what}")
        both("kafka-consumer-groups --list --state Stable")
        both("kafka-consumer-groups --reset-offsets --group alive --topic one --to-earliest --execute")
        both("kafka-consumer-groups --delete-offsets --group alive --topic one")
        both("kafka-consumer-groups --delete-offsets --group alive --topic two")
        both("kafka-consumer-groups --delete --group alive")
    both(f"{describe} --state")
    with both.member("silent", "one", 3):
        both("kafka-consumer-groups --describe --group silent --state")
    with both.member("alive-static", "one", 3, instance="here"):
        both("kafka-consumer-groups --describe --group alive-static --members --verbose")
    both("kafka-consumer-groups --describe --group alive-static --members --verbose")


def reset_offsets(both):
    first = "kafka-consumer-groups --reset-offsets --group first"
    both(f"{first} --topic one --to-earliest")
    both(f"{first} --topic one --to-earliest --dry-run")
    both(f"{first} --topic one --to-earliest --execute")
    both(f"{first} --topic one:0 --to-offset 4 --execute")
    both(f"{first} --topic one:0 --to-offset 1000 --execute")
    both(f"{first} --topic one:1,2 --shift-by 2 --execute")
    both(f"{first} --topic one:1 --shift-by -100 --execute")
    both(f"{first} --all-topics --to-latest --execute --export")
    both(f"{first} --topic one --to-datetime 2020-01-01T00:00:00.000 --execute")
    both(f"{first} --topic one --to-datetime 2099-01-01T00:00:00.000 --execute")
    both(f"{first} --topic one --by-duration PT1H --execute")
    both(f"{first} --topic one --to-current --execute")
    both(f"{first} --from-file {{file}} --execute", file="one,0,4\none,2,3\n")
    both("kafka-consumer-groups --describe --group first")
    both("kafka-consumer-groups --reset-offsets --group made --topic one --topic two --to-latest --execute")
    both("kafka-consumer-groups --reset-offsets --group unmade --topic nowhere --to-latest --execute")
    both("kafka-consumer-groups --describe --group made")
    both("kafka-console-consumer --topic one --group first --max-messages 2 --timeout-ms 20000", clean=counts)


def counts(*sides):
    """Only how many lines there are: which partition comes first is chance."""
    return ([f"{len(lines)} lines"] for lines in sides)


def delete_groups(both):
    both("kafka-consumer-groups --delete-offsets --group made --topic two")
    both("kafka-consumer-groups --delete-offsets --group made --topic one:7")
    both("kafka-consumer-groups --delete-offsets --group nobody --topic one")
    both("kafka-consumer-groups --describe --group made")
    both("kafka-consumer-groups --delete --group made")
    both("kafka-consumer-groups --delete --group made")
    both("kafka-consumer-groups --delete --group nobody --group first")
    both("kafka-consumer-groups --list", differs=FORGOTTEN)


def one_broker(both):
    """What has one obvious answer on a single broker without security."""
    both("kafka-cluster cluster-id")
    both("kafka-cluster list-endpoints")
    both("kafka-leader-election --election-type PREFERRED --all-topic-partitions")
    for kind in ["PREFERRED", "UNCLEAN"]:
        both(f"kafka-leader-election --election-type {kind} --topic one --partition 0")
    both("kafka-leader-election --election-type PREFERRED --topic nowhere --partition 0")
    both("kafka-acls --list")
    both("kafka-acls --add --allow-principal User:someone --operation Read --topic one", differs=NO_ACLS)
    both("kafka-configs --entity-type users --describe")
    both("kafka-configs --entity-type users --entity-name someone --describe")
    both("kafka-configs --entity-type clients --entity-name someone --describe")
    both("kafka-configs --entity-type users --entity-default --describe")
    both("kafka-transactions describe-producers --topic two --partition 0")
    both("kafka-transactions describe-producers --topic verifiable --partition 0")
