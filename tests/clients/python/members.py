"""A member of a consumer group, polled by a thread of its own; the same for both Python clients."""

import queue
import threading

from commands import READ_SECONDS


class Member(threading.Thread):
    """`poll()` returns (partition, offset, line) of what there is to read, within a moment.

    Everything else that needs the consumer is done by the same thread, between two polls.
    """

    def __init__(self, poll, path):
        super().__init__(daemon=True)
        self.poll = poll
        self.out = open(path, "w")
        self.assigned = set()
        self.positions = {}  # partition -> the offset after what was read since it was assigned
        self.assignments = self.revoked = self.read = 0
        self.tasks = queue.Queue()
        self.ending = threading.Event()
        self.error = None

    def run(self):
        try:
            with self.out as out:
                while not self.ending.is_set():
                    while not self.tasks.empty():
                        self.tasks.get()()
                    fetched = self.poll()
                    for partition, offset, line in fetched:
                        print(line, file=out)
                        self.positions[partition] = offset + 1
                    out.flush()
                    self.read += len(fetched)
        except Exception as error:
            self.error = error

    def on_assign(self, partitions):
        self.assignments += 1
        self.assigned |= set(partitions)

    def on_revoke(self, partitions):
        self.revoked += len(partitions)
        self.assigned -= set(partitions)
        for partition in partitions:
            self.positions.pop(partition, None)

    def state(self):
        if self.error:
            raise self.error
        return [self.read, self.assignments, self.revoked, *sorted(self.assigned)]

    def call(self, action):
        """Has the thread run `action`, and returns or raises what that did."""
        done = queue.Queue()

        def task():
            try:
                done.put((action(), None))
            except Exception as error:
                done.put((None, error))

        self.tasks.put(task)
        result, error = done.get(timeout=READ_SECONDS)
        if error:
            raise error
        return result

    def end(self):
        self.ending.set()
        self.join(READ_SECONDS)
