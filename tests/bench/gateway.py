"""A server under load: where it is, and what it answers.

HTTP is spoken here by hand, because the length of a whole reply, headers included, is wanted: wrk counts bytes.
"""

import socket
import urllib.parse
from dataclasses import dataclass, field

# Seconds. Longer than any reply takes, under any load here.
PATIENCE = 30


class Wrong(Exception):
    """A reply that is not what it has to be, or none."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: tuple = ()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes
    length: int  # of all of it, in bytes


@dataclass
class Gateway:
    """`pids` has a process id for each name that CPU time is to be told for; a peer's are not known."""

    name: str
    url: str
    token: str = ""
    pids: dict = field(default_factory=dict)
    # What every request carries, unless it says otherwise.
    usual: tuple = ()

    def connect(self):
        address = urllib.parse.urlsplit(self.url)
        return socket.create_connection((address.hostname, address.port or 80), timeout=PATIENCE)

    def headers(self, request):
        """All that a request carries, but for `Host` and the length of its body."""
        authorization = [("Authorization", f"Bearer {self.token}")] if self.token else []
        return list(dict([*authorization, *self.usual, *request.headers]).items())

    def send(self, connection, request):
        head = [f"{request.method} {request.path} HTTP/1.1", "Host: " + urllib.parse.urlsplit(self.url).netloc]
        head += [f"{name}: {value}" for name, value in self.headers(request)]
        if request.body:
            head.append(f"Content-Length: {len(request.body)}")
        connection.sendall("\r\n".join([*head, "", ""]).encode() + request.body)

    def ask(self, request):
        try:
            with self.connect() as connection, connection.makefile("rb") as file:
                self.send(connection, request)
                return read_reply(file)
        except (OSError, ValueError) as error:
            raise Wrong(f"no reply: {error}") from error


def read_head(file):
    """Status, headers (names in lower case) and length of a reply's head."""
    lines = []
    while True:
        line = file.readline()
        if not line:
            raise Wrong("no reply: the connection was closed")
        lines.append(line)
        if line == b"\r\n":
            break
    pairs = (line.decode("latin-1").partition(":")[::2] for line in lines[1:-1])
    headers = {name.lower(): value.strip() for name, value in pairs}
    return int(lines[0].split()[1]), headers, sum(map(len, lines))


def read_reply(file):
    status, headers, length = read_head(file)
    if headers.get("transfer-encoding") == "chunked":
        body, extra = read_chunks(file)
    else:
        body, extra = file.read(int(headers.get("content-length", 0))), 0
    return Reply(status, headers, body, length + len(body) + extra)


def read_chunks(file):
    """The body, and how many bytes the chunks' own lines take."""
    body, extra = b"", 0
    while True:
        line = file.readline()
        size = int(line.split(b";")[0], 16)
        body += file.read(size)
        extra += len(line) + len(file.readline())
        if size == 0:
            return body, extra
