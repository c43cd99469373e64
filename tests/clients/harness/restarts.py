"""A broker of its own, stopped and killed under a group of each client: every member carries on where it was.

By hand: tests/clients/run groups [CLIENT]...
"""

from harness.broker import ANY_PORT
from harness.groups import Groups, committed, decoded, expect_equal, wait_for_partitions
from harness.suite import eventually


class Restarts:
    def __init__(self, report, launch, home):
        self.report = report
        self.launch = launch
        self.home = home
        self.groups = []
        home.mkdir()
        self.start(ANY_PORT)

    def start(self, listen):
        self.broker = self.launch(self.home / "data", self.home / "broker.log", listen)

    def run(self, clients):
        """`clients` is {name: what starts it for a broker and a folder}."""
        started = []
        try:
            for name, start in clients.items():
                with self.report.attempt(f"{name}: restarts"):
                    started.append(start(self.broker, self.home))
                    self.begin(started[-1])
            for how, end in [("SIGTERM", lambda: self.broker.stop()), ("kill -9", lambda: self.broker.kill())]:
                self.survive(how, end)
            for groups in self.groups:
                groups.member.leave()
            with self.report.check("restarts: the broker stops cleanly"):
                self.broker.stop()
        finally:
            for client in started:
                client.close()
            self.broker.kill()

    def begin(self, client):
        groups = Groups(client, None, self.report)
        groups.first_run()
        groups.member = groups.join(client)
        wait_for_partitions(groups.member, [0, 1, 2])
        self.groups.append(groups)

    def survive(self, how, end):
        """Every member reads a round and commits it, then the broker is ended and started again."""
        for groups in self.groups:
            wait_for_partitions(groups.member, [0, 1, 2])
            groups.read_a_round(groups.member)
            groups.member.commit(how)
        end()
        self.start(self.broker.bootstrap)
        for groups in self.groups:
            groups.client.broker = self.broker
        for groups in self.groups:
            with groups.check(f"committed offsets and a member survive {how} of the broker"):
                # A new client, as in kill.py.
                reader = groups.client.again(f"{groups.client.name}-reader")
                try:
                    eventually(lambda: groups.group in reader.ask("groups"), "the group is listed")
                    expect_equal(groups.ends(how), committed(reader, groups.group, groups.topic))
                finally:
                    reader.close()
                groups.read_a_round(groups.member)

    def dump(self, tools):
        """kafka-dump-log finds in __consumer_offsets what was committed last."""
        with self.report.check("restarts: kafka-dump-log --offsets-decoder shows the committed offsets"):
            got = {groups.group: {} for groups in self.groups}
            for key, value in decoded(tools, self.broker.data):
                if "partition" in key["data"] and value:
                    # confluent-kafka ends metadata with a zero byte.
                    offset, metadata = value["data"]["offset"], value["data"]["metadata"].rstrip("\0")
                    got[key["data"]["group"]][key["data"]["partition"]] = (offset, metadata)
            expect_equal({groups.group: groups.ends("") for groups in self.groups}, got)
