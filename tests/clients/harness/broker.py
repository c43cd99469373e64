"""The broker under test: `$SENDLOG --listen 127.0.0.1:PORT --data DIR`, or one that already runs (BOOTSTRAP, DATA).

What starts one is called `launch` in this harness: launch(data, log, listen, settings), so that Kafka itself
(kafka.py) can stand in for it.

Always true: it prints `listening on 127.0.0.1:PORT` on stdout when it is ready and nothing else there; its log on
stderr goes to a file; it is signalled by its pid, and ends with exit code 0 on SIGTERM.
"""

import select
import signal
import subprocess

from harness.report import Failure

START_SECONDS = 60
STOP_SECONDS = 60
READY = b"listening on "
ANY_PORT = "127.0.0.1:0"


class Broker:
    exit_code = 0

    def __init__(self, binary, data, log, listen=ANY_PORT, settings=None):
        self.data = data
        keys = [option for key, value in (settings or {}).items() for option in ("--set", f"{key}={value}")]
        self.execute([binary, "--listen", listen, "--data", data, *keys], log)

    def execute(self, command, log):
        with open(log, "ab") as stderr:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        try:
            self.bootstrap = self.wait_until_ready()
        except Failure:
            self.kill()
            raise

    def wait_until_ready(self):
        if not select.select([self.child.stdout], [], [], START_SECONDS)[0]:
            raise Failure(f"the broker did not say that it listens within {START_SECONDS} s")
        line = self.child.stdout.readline()
        if not line.startswith(READY):
            raise Failure(f"the broker's first line is {line!r}, not '{READY.decode()}...'")
        return line[len(READY) :].decode().strip()

    def check_alive(self):
        """Fails if it has ended, so that no client waits for it in vain."""
        if self.child.poll() is not None:
            raise Failure(f"the broker has ended with exit code {self.child.returncode}")

    def stop(self):
        """Asks it to stop, and fails unless it does so in time, with the right exit code and nothing more to say."""
        self.check_alive()
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"the broker did not stop within {STOP_SECONDS} s of SIGTERM") from None
        more = self.child.stdout.read()
        self.child.stdout.close()
        if code != self.exit_code:
            raise Failure(f"the broker ended with exit code {code} on SIGTERM")
        if more:
            raise Failure(f"the broker printed more than one line on stdout: {more[:200]!r}")

    def kill(self):
        """kill -9, if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()

    close = kill


class RunningBroker:
    """A broker that somebody else started and will stop."""

    def __init__(self, bootstrap, data):
        self.bootstrap = bootstrap
        self.data = data

    def check_alive(self):
        pass

    def close(self):
        pass
