"""The client library of this project (src/client/) against the broker and against Kafka 4.1: the same program, both must pass.

The program is examples/client_check. By hand: tests/clients/run library
"""

import contextlib
import subprocess

from harness.kafka import Kafka
from harness.report import Failure, Skip

PROGRAM_SECONDS = 300


def check_library(report, launch, binary, home):
    if not binary.exists():
        raise Skip(f"{binary} is not built: cargo build --release --example client_check")
    for name, start in [("Kafka 4.1", Kafka), ("the broker", launch)]:
        with contextlib.ExitStack() as ending:
            folder = home / name.replace(" ", "-")
            broker = start(folder, folder.with_suffix(".log"))
            ending.callback(broker.close)
            with report.check(f"library: Producer, Consumer and Admin work with {name}"):
                run(binary, broker)


def run(binary, broker):
    done = subprocess.run([binary, broker.bootstrap], capture_output=True, text=True, timeout=PROGRAM_SECONDS)
    if done.returncode != 0:
        raise Failure(f"{binary.name}: {done.stdout.splitlines()[-3:]} {done.stderr.strip()[-500:]}")
