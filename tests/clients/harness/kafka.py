"""Apache Kafka 4.1 itself, one KRaft node from the jars of java/pom.xml: what the broker under test is compared with.

With SENDLOG=kafka it is also what all the other suites start, which shows that they ask for no more than what Kafka does.
By hand: SENDLOG=kafka tests/clients/run groups

Always true: a directory is formatted once; a later start on it may use other ports.
"""

import socket
import subprocess
import time

from harness import install
from harness.broker import ANY_PORT, START_SECONDS, Broker
from harness.report import Failure

NODE_ID = 1  # sendlog's default too
CLUSTER_ID = "c2VuZGxvZy1jbGllbnRzLQ"  # any 16 bytes in Base64
STARTED = "Kafka Server started"

# One broker's worth of everything, nothing that waits, and as few threads and files as it can do with.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": NODE_ID,
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.cleaner.dedupe.buffer.size": 2_097_152,
}


class Kafka(Broker):
    exit_code = 143  # a JVM's on SIGTERM

    def __init__(self, data, log, listen=ANY_PORT, settings=None):
        self.data = data
        self.log = log
        self.began = log.stat().st_size if log.exists() else 0
        self.bootstrap = f"127.0.0.1:{free_port()}" if listen == ANY_PORT else listen
        controller = f"127.0.0.1:{free_port()}"
        everything = {
            **SETTINGS,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.quorum.voters": f"{NODE_ID}@{controller}",
            "log.dirs": data,
            **(settings or {}),
        }
        config = data.with_name(f"{data.name}.properties")
        config.write_text("".join(f"{key}={value}\n" for key, value in everything.items()))
        if not (data / "meta.properties").exists():
            format_storage(config, log)
        self.execute([*install.java("kafka.Kafka", "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"), config], log)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while STARTED not in self.log.read_text(errors="replace")[self.began :]:
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failure(f"Kafka did not start within {START_SECONDS} s")
            time.sleep(0.1)  # between two polls
        return self.bootstrap


def format_storage(config, log):
    # KIP-966 is about replicas; with it each topic would show a min.insync.replicas that nobody has set.
    features = ["--feature", "eligible.leader.replicas.version=0"]
    command = [*install.java("kafka.tools.StorageTool"), "format", "-t", CLUSTER_ID, "-c", config, *features]
    with open(log, "ab") as out:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=START_SECONDS)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
