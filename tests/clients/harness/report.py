"""What `run` prints: a line for each check, and at the end the counts that CI reads.

    ok   java: consume zstd from the beginning
    FAIL java: stored codec zstd: java-zstd-0 at 4711: codec none
    skip go: no toolchain 'go' on PATH
    took    12 s java
    57 passed, 1 failed, 1 skipped
"""

import contextlib
import multiprocessing
import time


class Failure(Exception):
    """What a check saw is wrong; the message says what was wanted and what came."""


class Skip(Exception):
    """A check cannot be made here; the message says what is missing."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.took = {}  # suite -> seconds

    @contextlib.contextmanager
    def check(self, name):
        """Runs its block as one check: ok, unless the block raises Failure, Skip or anything else."""
        before = self.failed + self.skipped
        with self.attempt(name):
            yield
        if self.failed + self.skipped == before:
            self.passed += 1
            print(f"ok   {name}", flush=True)

    @contextlib.contextmanager
    def attempt(self, name):
        """Runs its block, of which only failure is worth a line: an installation, a group of checks."""
        try:
            yield
        except Skip as missing:
            self.skip(name, missing)
        except Failure as wrong:
            self.fail(name, wrong)
        except Exception as broken:  # a bug in the harness or a dead broker: reported, never swallowed
            self.fail(name, f"{type(broken).__name__}: {broken}")

    @contextlib.contextmanager
    def timed(self, suite):
        """Counts the time of its block for the suite, and makes of it an attempt."""
        began = time.monotonic()
        with self.attempt(suite):
            yield
        self.took[suite] = self.took.get(suite, 0) + time.monotonic() - began

    @contextlib.contextmanager
    def beside(self, work):
        """Does `work`, checks that report here, in a process of its own while its block runs, and counts what that came to."""
        ours, theirs = multiprocessing.Pipe()

        def report():
            self.__init__()
            work()
            theirs.send(vars(self))

        process = multiprocessing.get_context("fork").Process(target=report)
        process.start()
        theirs.close()
        try:
            yield
            self.add(ours)
        except BaseException:
            process.terminate()  # it ends what it has started
            raise
        finally:
            process.join()

    def add(self, pipe):
        try:
            came = pipe.recv()
        except EOFError:
            return self.fail("harness: what runs beside", "it ended without a count")
        self.passed += came["passed"]
        self.failed += came["failed"]
        self.skipped += came["skipped"]
        self.took.update(came["took"])

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {name}: {why}", flush=True)

    def close(self):
        """Prints what took how long, then the counts, alone on the last line, and returns the exit code."""
        for suite, seconds in sorted(self.took.items(), key=lambda each: -each[1]):
            if seconds >= 1:
                print(f"took {seconds:5.0f} s {suite}")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0
