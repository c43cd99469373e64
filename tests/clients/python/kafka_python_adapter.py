"""kafka-python under test. By hand: python kafka_python_adapter.py 127.0.0.1:9092, then type `topics`."""

import re
import sys
import time

from commands import READ_SECONDS, idempotent, serve
import kafka.errors
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource, KafkaAdminClient, OffsetSpec
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from harness import records
from members import Member


class KafkaPython:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.group = None  # the member and its consumer

    def create(self, topic, partitions, *configs):
        configs = dict(config.split("=", 1) for config in configs)
        self.admin.create_topics({topic: {"num_partitions": int(partitions), "configs": configs}})

    def delete(self, topic):
        self.admin.delete_topics([topic])

    def topics(self):
        return self.admin.list_topics()

    def partitions(self, topic):
        (found,) = self.admin.describe_topics([topic])
        if found["error_code"]:
            raise for_code(found["error_code"])(topic)
        return [len(found["partitions"])]

    def produce(self, topic, codec, acks, path, batch_bytes=16_384):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all" if acks == "all" else int(acks),
            compression_type=None if codec == "none" else codec,
            linger_ms=20,
            batch_size=int(batch_bytes),
            enable_idempotence=idempotent(acks),
        )
        try:
            futures = []
            with open(path) as lines:
                for line in lines:
                    record = records.parse(line.rstrip("\n"))
                    headers = [(name.decode(), value) for name, value in record.headers]
                    partition = int(line.split(" ", 1)[0])
                    futures.append(producer.send(topic, record.value, record.key, headers, partition, record.timestamp))
            producer.flush(READ_SECONDS)
            offsets = [future.get(READ_SECONDS).offset for future in futures]
        finally:
            producer.close()
        return [-1 if acks == "0" else offsets[-1]]

    def consume(self, topic, partition, start, count, path):
        at = TopicPartition(topic, int(partition))
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="none",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
        deadline = time.monotonic() + READ_SECONDS
        left = int(count)
        try:
            # poll() never says that a topic or partition does not exist.
            if at.partition not in (consumer.partitions_for_topic(topic) or []):
                raise UnknownTopicOrPartitionError(str(at))
            consumer.assign([at])
            if start == "beginning":
                consumer.seek_to_beginning(at)
            elif start.startswith("end-"):
                consumer.seek(at, consumer.end_offsets([at])[at] - int(start[4:]))
            else:
                consumer.seek(at, int(start))
            with open(path, "w") as out:
                while left:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{left} records are missing after {READ_SECONDS} s")
                    for message in consumer.poll(200, max_records=left).get(at, []):
                        print(line_of(message), file=out)
                        left -= 1
        finally:
            consumer.close()

    def offset(self, topic, partition, which):
        specs = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST, "max": OffsetSpec.MAX_TIMESTAMP}
        at = TopicPartition(topic, int(partition))
        return [self.admin.list_partition_offsets({at: specs.get(which) or int(which)})[at].offset]

    def join(self, group, topics, path, *options):
        options = dict(option.split("=", 1) for option in options)
        more = {"partition_assignment_strategy": [CooperativeStickyAssignor]} if "assignor" in options else {}
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
            session_timeout_ms=int(options.get("session", 10_000)), heartbeat_interval_ms=300,
            group_instance_id=options.get("instance"), **more,
        )

        def poll():
            # With polls of 50 ms a member in thirty never gets over its first rebalance, against Kafka too.
            fetched = consumer.poll(300, max_records=1000)
            return [(each.partition, each.offset, line_of(each)) for batch in fetched.values() for each in batch]

        member = Member(poll, path)
        consumer.subscribe(topics.split(","), listener=Listener(member))
        member.start()
        self.group = member, consumer, topics

    def member(self):
        return self.group[0].state()

    def commit(self, metadata):
        member, consumer, topic = self.group

        def commit():
            offsets = member.positions.items()
            consumer.commit({
                TopicPartition(topic, partition): OffsetAndMetadata(offset, metadata, -1)
                for partition, offset in offsets
            })

        member.call(commit)

    def leave(self):
        member, consumer, _ = self.group
        member.end()
        consumer.close()

    def committed(self, group, topic):
        found = self.admin.list_group_offsets(group)[group].items()
        return [f"{at.partition}:{of.offset}:{of.metadata}" for at, of in found if at.topic == topic and of.offset >= 0]

    def groups(self):
        return [group["group_id"] for group in self.admin.list_groups()]

    def describe_group(self, group):
        found = self.admin.describe_groups([group])[group]
        if found["error"]:
            raise KafkaError(found["error"])
        partitions = []
        for member in found["members"]:
            for topic in (member["member_assignment"] or {}).get("assigned_partitions", []):
                partitions += topic["partitions"]
        return [found["group_state"], len(found["members"]), *sorted(partitions)]

    def delete_group(self, group):
        result = self.admin.delete_groups([group])[group]
        if result != "OK":
            raise getattr(kafka.errors, result)(group)

    def configs(self, kind, name):
        found = self.admin.describe_configs([ConfigResource(kind, name)], config_filter="all")[kind][name]
        return [f"{key}:{entry['config_source']}:{entry['value']}" for key, entry in found.items()]

    def alter(self, kind, name, *changes):
        changes = [change.partition("=") for change in changes]
        changes = {key: (AlterConfigOp.SET, value) if is_set else (AlterConfigOp.DELETE, None) for key, is_set, value in changes}
        resource = ConfigResource(kind, name, changes)
        check(self.admin.alter_configs([resource], raise_on_unknown=False)[kind][name])

    def replace(self, kind, name, *configs):
        # AlterConfigs both times. The second call alone would add what was set before.
        check(self.admin.reset_configs([ConfigResource(kind, name, {})], incremental=False)[kind][name])
        resource = ConfigResource(kind, name, dict(config.split("=", 1) for config in configs))
        check(self.admin.alter_configs([resource], raise_on_unknown=False, incremental=False)[kind][name])

    def grow(self, topic, count):
        self.admin.create_partitions({topic: int(count)})

    def delete_records(self, topic, partition, offset):
        self.admin.delete_records({TopicPartition(topic, int(partition)): int(offset)})

    def log_dirs(self, topic):
        (broker,) = self.admin.describe_log_dirs([topic])
        topics = [each for log_dir in broker["log_dirs"] for each in log_dir["topics"]]
        partitions = [each for found in topics for each in found["partitions"]]
        return [f"{each['partition_index']}:{each['partition_size']}" for each in partitions]

    def cluster(self):
        found = self.admin.describe_cluster()
        nodes = [f"{node['broker_id']}:{node['host']}:{node['port']}" for node in found["brokers"]]
        return [found["cluster_id"], found["controller_id"], *nodes]


def check(result):
    """Raises what kafka-python only tells: `OK`, or a text with the code of an error."""
    if result != "OK":
        raise for_code(int(re.match(r"\[Error (\d+)\]", result)[1]))(result)


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_assigned(self, assigned):
        self.member.on_assign([at.partition for at in assigned])

    def on_partitions_revoked(self, revoked):
        self.member.on_revoke([at.partition for at in revoked])


def line_of(message):
    headers = [(name.encode(), value) for name, value in message.headers]
    record = records.Record(message.timestamp, message.key, message.value, headers)
    return records.line(message.partition, message.offset, record)


def error_code(error):
    return max(error.errno, 0) if isinstance(error, KafkaError) else 0


serve(KafkaPython(sys.argv[1]), error_code)
