"""kafka-python under test. By hand: python kafka_python_adapter.py 127.0.0.1:9092, then type `topics`."""

import sys
import time

from commands import READ_SECONDS, idempotent, serve
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from harness import records


class KafkaPython:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

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

    def produce(self, topic, codec, acks, path):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all" if acks == "all" else int(acks),
            compression_type=None if codec == "none" else codec,
            linger_ms=20,
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
                        headers = [(name.encode(), value) for name, value in message.headers]
                        record = records.Record(message.timestamp, message.key, message.value, headers)
                        print(records.line(message.partition, message.offset, record), file=out)
                        left -= 1
        finally:
            consumer.close()

    def offset(self, topic, partition, which):
        specs = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST, "max": OffsetSpec.MAX_TIMESTAMP}
        at = TopicPartition(topic, int(partition))
        return [self.admin.list_partition_offsets({at: specs.get(which) or int(which)})[at].offset]


def error_code(error):
    return max(error.errno, 0) if isinstance(error, KafkaError) else 0


serve(KafkaPython(sys.argv[1]), error_code)
