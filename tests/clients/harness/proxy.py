"""A proxy that stands before a broker and loses answers to produce requests, but never a request.

It hands frames on as they are: u32 length, then in a request i16 API key, i16 version, i32 correlation id, and in an
answer i32 correlation id. When the answer to a produce request comes, the broker has appended; now and then the proxy
then closes the connection instead of handing the answer on, and the client cannot know.

Always true: the broker must advertise the proxy's address, or clients would go past it after their first request.
"""

import contextlib
import socket
import struct
import threading

PRODUCE = 0


class Proxy:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.broker = None  # HOST:PORT, before the first connection
        self.lock = threading.Lock()  # of all that follows
        self.every = self.left = self.answers = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def lose(self, every, count):
        """From now on loses each `every`th answer to a produce request, `count` in all."""
        with self.lock:
            self.every, self.left, self.answers = every, count, 0

    def accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                host, port = self.broker.split(":")
                Connection(self, client, socket.create_connection((host, int(port))))

    def loses_this(self):
        """Whether an answer to a produce request, which has just come, is one that gets lost."""
        with self.lock:
            self.answers += 1
            loses = self.left > 0 and self.answers % self.every == 0
            self.left -= loses
            return loses

    def close(self):
        self.listener.close()


class Connection:
    def __init__(self, proxy, client, broker):
        self.proxy = proxy
        self.sockets = client, broker
        self.produced = set()  # correlation ids of produce requests without an answer
        threading.Thread(target=self.pump, args=(client, broker, self.request), daemon=True).start()
        threading.Thread(target=self.pump, args=(broker, client, self.answer), daemon=True).start()

    def pump(self, source, target, passes):
        """Hands frames on while `passes` says so, then closes both ends."""
        with contextlib.suppress(OSError), source.makefile("rb") as frames:
            while len(head := frames.read(4)) == 4:
                body = frames.read(struct.unpack(">I", head)[0])
                if not passes(body):
                    break
                target.sendall(head + body)
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def request(self, body):
        key, _, correlation_id = struct.unpack_from(">hhi", body)
        if key == PRODUCE:
            self.produced.add(correlation_id)
        return True

    def answer(self, body):
        correlation_id = struct.unpack_from(">i", body)[0]
        if correlation_id not in self.produced:
            return True
        self.produced.remove(correlation_id)
        return not self.proxy.loses_this()
