"""A test's own broker: started, used by a stock client, and gone with the test."""

import contextlib
import os
import subprocess

from confluent_kafka import Consumer, Producer


@contextlib.contextmanager
def broker(*topics):
    """The address of a broker with these topics; as a pytest fixture it works the same."""
    command = [os.environ.get("SENDLOG", "sendlog"), "--ephemeral", "--exit-with-parent", "--listen", "127.0.0.1:0"]
    for topic in topics:
        command += ["--topic", topic]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait()


with broker("orders:1") as address:
    producer = Producer({"bootstrap.servers": address})
    producer.produce("orders", value="hello from Python")
    producer.flush()
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    print(consumer.poll(30).value().decode())
    consumer.close()
