"""The programs of docs/testing.md, each run as it is shown: it starts a broker, sends and reads a record, stops it.

Of each: it prints the record that it read and nothing else, and ends with 0; no broker and no data are left. Then it
is run again and killed with SIGKILL as soon as its broker is ready: nothing is left either.
"""

import os
import signal
import subprocess
import time

from harness import install
from harness.report import Failure

SECONDS_MAX = 120
NAMES = {"rust": "Rust", "python": "Python", "go": "Go", "node": "Node", "java": "Java"}


def run_all(report, sendlog, home):
    for language, prepare in install.examples().items():
        with report.attempt(f"examples: {language}"):
            command, more = prepare()
            scratch = home / language
            scratch.mkdir()
            environment = {**os.environ, **{key: str(value) for key, value in more.items()}, "TMPDIR": str(scratch)}
            with report.check(f"examples: {language}: a record comes back, and nothing is left"):
                runs(command, {**environment, "SENDLOG": str(sendlog)}, language, home / f"{language}.log")
                nothing_left(scratch)
            with report.check(f"examples: {language}: killed, it leaves no broker and no data"):
                is_killed(command, environment, sendlog, scratch)


def runs(command, environment, language, log):
    with open(log, "wb") as stderr:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
            timeout=SECONDS_MAX,
        )
    expected = f"hello from {NAMES[language]}\n".encode()
    if (done.returncode, done.stdout) != (0, expected):
        raise Failure(f"exit code {done.returncode}, printed {done.stdout!r}, not {expected!r}; see {log}")


def is_killed(command, environment, sendlog, scratch):
    """A script starts the broker: it says its pid and keeps the ready line to itself, so that the program waits."""
    pid_file, script = scratch / "pid", scratch / "sendlog.sh"
    script.write_text(f'#!/bin/sh\necho $$ > "{pid_file}"\nexec "{sendlog}" "$@" > "{scratch}/ready"\n')
    script.chmod(0o755)
    program = subprocess.Popen(
        command, env={**environment, "SENDLOG": str(script)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        ready = scratch / "ready"
        until("the broker is ready", lambda: ready.exists() and b"listening on" in ready.read_bytes())
        broker = int(pid_file.read_text())
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    until("the broker has ended", lambda: not is_running(broker))
    for path in [pid_file, script, ready]:
        path.unlink()
    nothing_left(scratch)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def nothing_left(scratch):
    left = [path.name for path in scratch.iterdir() if path.name.startswith("sendlog-")]
    if left:
        raise Failure(f"{', '.join(left)} is left in the directory for temporary files")


def until(what, holds):
    deadline = time.monotonic() + SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            raise Failure(f"this did not come true: {what}")
        time.sleep(0.01)
