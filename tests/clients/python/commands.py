"""The command loop that the two Python adapters share; the commands are described in harness/adapter.py."""

import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

READ_SECONDS = 30


def idempotent(acks):
    """Whether to produce idempotently, which Kafka allows with acks=all only."""
    return os.environ.get("IDEMPOTENT") == "1" and acks == "all"


def serve(client, error_code):
    """Answers commands with the client's methods until standard input ends.

    `error_code(exception)` is Kafka's code of an exception, or 0.
    """
    for line in sys.stdin:
        verb, *args = line.rstrip("\n").split("\t")
        try:
            answer = ["ok", *(getattr(client, verb.replace("-", "_"))(*args) or [])]
        except Exception as error:
            traceback.print_exc()
            answer = ["error", error_code(error), " ".join(str(error).split())]
        print(*answer, sep="\t", flush=True)
