"""Idempotent producers whose answers get lost (proxy.py): each record is in the log once, in order.

A producer sends batch after batch with acks=all and up to five requests in flight, and must send again whatever it got
no answer for, though the broker has appended it.
By hand: tests/clients/run retries [CLIENT]...; with IDEMPOTENT=0 it must fail.
"""

from harness import records
from harness.adapter import Client
from harness.broker import ANY_PORT
from harness.proxy import Proxy
from harness.report import Failure
from harness.suite import expect

RECORDS = 2000
BATCH_BYTES = 4000  # some hundred batches in all
EVERY = 12  # which answers are lost
LOST = 10


def lose_answers(report, launch, clients, reader_command, home):
    """`clients` is {name: what starts it for a broker and a folder}."""
    home.mkdir()
    proxy = Proxy()
    settings = {"advertised.listeners": f"PLAINTEXT://{proxy.address}"}
    broker = launch(home / "data", home / "broker.log", ANY_PORT, settings)
    try:
        proxy.broker = broker.bootstrap
        reader = Client("reader", reader_command, broker, home)
        for name, start in clients.items():
            with report.check(f"{name}: retries: {LOST} answers are lost, all records are there once and in order"):
                client = start(broker, home)
                try:
                    produce_and_read(client, reader, proxy)
                finally:
                    client.close()
        reader.close()
        with report.check("retries: the broker stops cleanly"):
            broker.stop()
    finally:
        proxy.close()
        broker.kill()


def produce_and_read(client, reader, proxy):
    topic = f"{client.name}-retried"
    client.create(topic, 1)
    lines = [records.line(0, i, record) for i, record in enumerate(records.make(records.VARIED, RECORDS))]
    proxy.lose(EVERY, LOST)
    last = client.produce(topic, "none", "all", lines, BATCH_BYTES)
    if proxy.left:
        raise Failure(f"only {LOST - proxy.left} of {LOST} answers were lost: {proxy.answers} produce requests in all")
    expect(RECORDS, reader.offset(topic, 0, "latest"), "latest")
    records.compare(lines, reader.consume(topic, 0, "beginning", RECORDS))
    expect(RECORDS - 1, last, "the last record was acknowledged at")
