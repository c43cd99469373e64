"""Members that join and vanish by the hundred each second, beside one real consumer that must not notice.

They close their connections without LeaveGroup, half of them with a reset. In groups of their own they join for good;
in the consumer's group they only ask for a member id, since each one that joined would rightly stop the group for a
session timeout. Meanwhile a producer sends and the consumer reads on; the broker forgets whoever has vanished.
By hand: tests/clients/run load

Always true: what is compared are counts of records, members, bytes and threads; time only ends a wait.
"""

from harness.adapter import ClientError
from harness.broker import ANY_PORT
from harness.groups import GROUP_ID_NOT_FOUND, Member, expect_equal, wait_for_partitions, wait_until_described
from harness.kafka import Kafka
from harness.report import Failure
from harness.suite import eventually

TOPIC = "beside"
GROUP = "real"
OTHER_GROUPS = [f"churned-{i}" for i in range(10)]
PER_SECOND = 500
SECONDS = 30
TAKE_OVER_SECONDS = 5
RECORDS_PER_SECOND = 2000
STEP_RECORDS = 1000  # the consumer gets on by so many,
STEP_SECONDS = 10  # or it does not get on
MEMORY_BOUND_BYTES = 32 << 20  # more than when the consumer was alone
THREADS_BOUND = 100  # more than when the consumer was alone, at the end; some idle ones may be kept
END_SECONDS = 60


def run_load(report, launch, confluent, go, home):
    """`confluent` and `go` are what starts a client for a broker and a folder."""
    broker = launch(home / "data", home / "broker.log", ANY_PORT)
    clients = []
    try:
        clients += [go(broker, home), confluent(broker, home)]
        clients.append(clients[1].again("consumer"))
        Load(report, broker, *clients).run()
        with report.check("load: the broker stops cleanly"):
            broker.stop()
    finally:
        for client in clients:
            client.close()
        broker.kill()


class Load:
    def __init__(self, report, broker, go, producer, consumer):
        self.report = report
        self.broker = broker
        self.go = go
        self.producer = producer
        self.consumer = consumer
        self.acked = producer.scratch / "acked"

    def run(self):
        with self.report.check("load: a consumer reads what is sent"):
            self.producer.create(TOPIC, 1)
            self.producer.ask("flood", TOPIC, "all", self.acked, RECORDS_PER_SECOND)
            self.member = Member(self.consumer, GROUP, [TOPIC])
            wait_for_partitions(self.member, [0])
            self.read_on()
            self.alone = memory_and_threads(self.broker)
        with self.report.check(f"load: {PER_SECOND} members join other groups and vanish each second: it reads on"):
            self.churn(OTHER_GROUPS, "joined")
        with self.report.check(f"load: {PER_SECOND} would-be members of its group vanish each second: it reads on"):
            self.churn([GROUP], "asked")
        with self.report.check("load: each record was read once, and the lag is zero"):
            self.read_to_the_end()
        with self.report.check(f"load: {PER_SECOND} join its group and vanish each second: it has it back"):
            self.producer.ask("flood", TOPIC, "all", self.acked, RECORDS_PER_SECOND)
            self.take_over()
            self.producer.ask("stop")
            self.member.leave()
        with self.report.check("load: whoever has vanished is forgotten, and the threads are gone"):
            self.forgotten()

    def churn(self, groups, how):
        """Starts members that vanish, and until the last of them has, the consumer must get on and on."""
        self.go.ask("churn", ",".join(groups), TOPIC, PER_SECOND, SECONDS, how)
        most = 0
        steps = 0
        while True:
            self.read_on()
            steps += 1
            most = max(most, memory_and_threads(self.broker)[0])
            vanished, total = map(int, self.go.ask("churned"))
            if vanished == total:
                break
        print(f"    {steps} steps of {STEP_RECORDS} records, at most {most >> 20} MiB, {self.alone[0] >> 20} MiB alone")
        # A JVM takes what it is given.
        if most > self.alone[0] + MEMORY_BOUND_BYTES and not isinstance(self.broker, Kafka):
            raise Failure(f"the broker had {most} bytes in memory, and {self.alone[0]} before")
        expect_equal(1, self.member.state()[1])

    def take_over(self):
        """Members that vanish become leaders and owners; when the last session has run out, the consumer has it all."""
        self.member.commit()
        self.go.ask("churn", GROUP, TOPIC, PER_SECOND, TAKE_OVER_SECONDS, "joined")
        eventually(lambda: len(set(self.go.ask("churned"))) == 1, "all have vanished", END_SECONDS)
        wait_until_described(self.go, GROUP, "Stable", 1)
        wait_for_partitions(self.member, [0])
        self.read_on()

    def read_on(self):
        wanted = self.member.state()[0] + STEP_RECORDS
        what = f"the consumer reads {STEP_RECORDS} records more"
        eventually(lambda: self.member.state()[0] >= wanted, what, STEP_SECONDS)

    def read_to_the_end(self):
        sent = int(self.producer.ask("stop")[0])
        eventually(lambda: self.member.state()[0] >= sent, f"{sent} records are read", END_SECONDS)
        offsets = [int(line.split(" ", 2)[1]) for line in self.member.read()]
        if offsets != list(range(sent)):
            raise Failure(f"{sent} records were sent, {len(offsets)} read, of which {len(set(offsets))} are different")
        self.member.commit()
        expect_equal([f"0:{sent}:"], self.consumer.ask("committed", GROUP, TOPIC))

    def members(self, group):
        """How many members the group has; none if there is no such group any more."""
        try:
            return int(self.go.ask("describe-group", group)[1])
        except ClientError as error:
            if error.code != GROUP_ID_NOT_FOUND:
                raise
            return 0

    def forgotten(self):
        for group in [*OTHER_GROUPS, GROUP]:
            eventually(lambda: self.members(group) == 0, f"{group} has no members", END_SECONDS)
        wanted = self.alone[1] + THREADS_BOUND
        eventually(lambda: memory_and_threads(self.broker)[1] <= wanted, f"at most {wanted} threads", END_SECONDS)


def memory_and_threads(broker):
    """The bytes that the broker has in memory, and how many threads it has."""
    with open(f"/proc/{broker.child.pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0]) << 10, int(fields["Threads"])
