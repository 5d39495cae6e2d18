"""Streams of events that are open and idle while something else is measured."""

import secrets

from gateway import Request, Wrong, read_head
from workloads import post


class Streams:
    """`count` subscribers of one channel."""

    def __init__(self, gateway, count):
        self.gateway = gateway
        self.channel = f"bench:{secrets.token_hex(8)}"
        self.count = count
        self.open = []

    def __enter__(self):
        try:
            for _ in range(self.count):
                self.subscribe()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for connection, file in self.open:
            file.close()
            connection.close()

    def subscribe(self):
        connection = self.gateway.connect()
        file = connection.makefile("rb")
        self.open.append((connection, file))
        self.gateway.send(connection, Request("GET", f"/subscribe/{self.channel}"))
        status, headers, _ = read_head(file)
        if status != 200 or not headers.get("content-type", "").startswith("text/event-stream"):
            raise Wrong(f"no stream of events: status {status}")
        self.expect(file, f"data: subscribe,{self.channel},1")

    def check(self):
        """Each of them is alive: a message reaches all."""
        if not self.open:
            return
        self.gateway.ask(post("/", ["PUBLISH", self.channel, "hello"]))
        for _, file in self.open:
            self.expect(file, f"data: message,{self.channel},hello")

    def expect(self, file, event):
        """The next event; sizes of chunks, empty lines and heartbeats are passed over."""
        for line in file:
            if line.startswith(b"data: "):
                if line.decode().strip() != event:
                    raise Wrong(f"another event: {line[:80]!r}")
                return
        raise Wrong("a stream ended")
