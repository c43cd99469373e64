"""confluent-kafka (librdkafka) under test. By hand: python confluent_adapter.py 127.0.0.1:9092, then type `topics`."""

import sys
import threading
import time

from commands import READ_SECONDS, idempotent, serve
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from harness import records
from members import Member

OFFSET_TAIL = -2000  # librdkafka's RD_KAFKA_OFFSET_TAIL(n) is this minus n
UNKNOWN_TOPIC_OR_PARTITION = 3
# librdkafka's own errors, as the code of the broker's error that they stand for.
LOCAL_ERRORS = {-190: UNKNOWN_TOPIC_OR_PARTITION, -188: UNKNOWN_TOPIC_OR_PARTITION, -140: 1}


class Confluent:
    def __init__(self, bootstrap):
        self.base = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.base)
        self.flooding = None
        self.group = None  # the member and its consumer

    def create(self, topic, partitions, *configs):
        new = NewTopic(topic, int(partitions), config=dict(config.split("=", 1) for config in configs))
        self.admin.create_topics([new])[topic].result()

    def delete(self, topic):
        self.admin.delete_topics([topic])[topic].result()

    def topics(self):
        return list(self.admin.list_topics(timeout=READ_SECONDS).topics)

    def partitions(self, topic):
        # Not list_topics(topic): that creates an unknown topic.
        found = self.admin.describe_topics(TopicCollection([topic]))[topic].result()
        return [len(found.partitions)]

    def producer(self, acks, **more):
        config = {"acks": acks, "linger.ms": 20, "enable.idempotence": idempotent(acks)}
        return Producer({**self.base, **config, **more})

    def produce(self, topic, codec, acks, path, batch_bytes=1_000_000):
        producer = self.producer(acks, **{"compression.type": codec, "batch.size": batch_bytes})
        offsets = []
        errors = []

        def delivered(error, message):
            if error:
                errors.append(error)
            else:
                offsets.append(message.offset())

        with open(path) as lines:
            for line in lines:
                record = records.parse(line.rstrip("\n"))
                headers = [(name.decode(), value) for name, value in record.headers]
                producer.produce(
                    topic, record.value, record.key, int(line.split(" ", 1)[0]),
                    timestamp=record.timestamp, headers=headers, on_delivery=delivered,
                )
        producer.flush(READ_SECONDS)
        if errors:
            raise KafkaException(errors[0])
        return [-1 if acks == "0" else offsets[-1]]

    def consumer(self):
        # A group.id is obligatory here; with assign() and no commits no group is ever joined.
        config = {"group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error"}
        return Consumer({**self.base, **config})

    def consume(self, topic, partition, start, count, path):
        if start == "beginning":
            offset = OFFSET_BEGINNING
        elif start.startswith("end-"):
            offset = OFFSET_TAIL - int(start[4:])
        else:
            offset = int(start)
        consumer = self.consumer()
        deadline = time.monotonic() + READ_SECONDS
        left = int(count)
        try:
            # consume() never says that a topic or partition does not exist; this does.
            consumer.get_watermark_offsets(TopicPartition(topic, int(partition)), timeout=READ_SECONDS)
            consumer.assign([TopicPartition(topic, int(partition), offset)])
            with open(path, "w") as out:
                while left:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{left} records are missing after {READ_SECONDS} s")
                    for message in consumer.consume(min(left, 1000), timeout=0.2):
                        if message.error():
                            raise KafkaException(message.error())
                        print(line_of(message), file=out)
                        left -= 1
        finally:
            consumer.close()

    def offset(self, topic, partition, which):
        specs = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest, "max": OffsetSpec.max_timestamp}
        spec = specs[which]() if which in specs else OffsetSpec.for_timestamp(int(which))
        at = TopicPartition(topic, int(partition))
        return [self.admin.list_offsets({at: spec})[at].result().offset]

    def join(self, group, topics, path, *options):
        options = dict(option.split("=", 1) for option in options)
        names = {"instance": "group.instance.id", "assignor": "partition.assignment.strategy"}
        consumer = Consumer({
            **self.base, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "session.timeout.ms": options.pop("session", 10_000), "heartbeat.interval.ms": 300,
            **{names[name]: value for name, value in options.items()},
        })

        def poll():
            messages = consumer.consume(1000, timeout=0.05)
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
            return [(message.partition(), message.offset(), line_of(message)) for message in messages]

        member = Member(poll, path)
        consumer.subscribe(
            topics.split(","),
            on_assign=lambda _, partitions: member.on_assign([at.partition for at in partitions]),
            on_revoke=lambda _, partitions: member.on_revoke([at.partition for at in partitions]),
        )
        member.start()
        self.group = member, consumer, topics

    def member(self):
        return self.group[0].state()

    def commit(self, metadata):
        member, consumer, topic = self.group

        def commit():
            offsets = member.positions.items()
            offsets = [TopicPartition(topic, partition, offset, metadata) for partition, offset in offsets]
            for at in consumer.commit(offsets=offsets, asynchronous=False):
                if at.error:
                    raise KafkaException(at.error)

        member.call(commit)

    def leave(self):
        member, consumer, _ = self.group
        member.end()
        consumer.close()

    def committed(self, group, topic):
        found = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        found = [at for at in found.topic_partitions if at.topic == topic and at.offset >= 0]
        return [f"{at.partition}:{at.offset}:{at.metadata or ''}" for at in found]

    def groups(self):
        found = self.admin.list_consumer_groups().result()
        if found.errors:
            raise found.errors[0]
        return [group.group_id for group in found.valid]

    def describe_group(self, group):
        found = self.admin.describe_consumer_groups([group])[group].result()
        partitions = sorted(at.partition for member in found.members for at in member.assignment.topic_partitions)
        return [found.state.name.capitalize(), len(found.members), *partitions]

    def delete_group(self, group):
        self.admin.delete_consumer_groups([group])[group].result()

    def configs(self, kind, name):
        resource = ConfigResource(kind, name)
        entries = self.admin.describe_configs([resource])[resource].result().values()
        return [f"{entry.name}:{ConfigSource(entry.source).name}:{entry.value}" for entry in entries]

    def alter(self, kind, name, *changes):
        def entry(key, equals, value):
            operation = AlterConfigOpType.SET if equals else AlterConfigOpType.DELETE
            return ConfigEntry(key, value, incremental_operation=operation)

        entries = [entry(*change.partition("=")) for change in changes]
        resource = ConfigResource(kind, name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result()

    def replace(self, kind, name, *configs):
        resource = ConfigResource(kind, name, set_config=dict(config.split("=", 1) for config in configs))
        self.admin.alter_configs([resource])[resource].result()

    def grow(self, topic, count):
        self.admin.create_partitions([NewPartitions(topic, int(count))])[topic].result()

    def delete_records(self, topic, partition, offset):
        at = TopicPartition(topic, int(partition), int(offset))
        self.admin.delete_records([at])[at].result()

    def cluster(self):
        found = self.admin.describe_cluster().result()
        return [found.cluster_id, found.controller.id, *(f"{node.id}:{node.host}:{node.port}" for node in found.nodes)]

    def flood(self, topic, acks, path, count=None):
        # A short queue, so that what piles up while the broker is down stays readable.
        self.flooding = Flood(self.producer(acks, **{"queue.buffering.max.messages": 20_000}), topic, path, count)
        self.flooding.start()

    def stop(self):
        return [self.flooding.finish()]


def line_of(message):
    headers = [(name.encode(), value) for name, value in message.headers() or []]
    record = records.Record(message.timestamp()[1], message.key(), message.value(), headers)
    return records.line(message.partition(), message.offset(), record)


class Flood(threading.Thread):
    PADDING = b"." * 100
    PAUSE_SECONDS = 0.1

    def __init__(self, producer, topic, path, count):
        super().__init__(daemon=True)
        self.producer = producer
        self.topic = topic
        self.is_paced = count is not None
        self.burst = int(int(count) * self.PAUSE_SECONDS) if self.is_paced else 1000
        self.acked = open(path, "w")
        self.ending = threading.Event()
        self.sent = 0

    def run(self):
        while not self.ending.is_set():
            try:
                for _ in range(self.burst):
                    value = b"%d %s" % (self.sent, self.PADDING)
                    self.producer.produce(self.topic, value, b"%d" % self.sent, 0, on_delivery=self.delivered)
                    self.sent += 1
            except BufferError:  # the queue is full, perhaps because the broker is down
                self.producer.poll(0.1)
            self.producer.poll(0)
            self.acked.flush()
            if self.is_paced:
                self.ending.wait(self.PAUSE_SECONDS)

    def delivered(self, error, message):
        if not error:
            print(message.offset(), message.key().decode(), file=self.acked)

    def finish(self):
        self.ending.set()
        self.join()
        left = self.producer.flush(READ_SECONDS)
        self.acked.close()
        if left:
            raise TimeoutError(f"{left} records are not acknowledged after {READ_SECONDS} s")
        return self.sent


def error_code(error):
    if not isinstance(error, KafkaException):
        return 0
    code = error.args[0].code()
    return LOCAL_ERRORS.get(code, max(code, 0))


serve(Confluent(sys.argv[1]), error_code)
