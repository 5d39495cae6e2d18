"""What is asked for, and what the answer has to be."""

import base64
import json
from dataclasses import dataclass, replace

from gateway import Request, Wrong

SMALL = "0123456789abcdef"
LARGE = SMALL * 4096
WRITTEN = "x" * 100
HASH = {f"field:{number:03}": SMALL for number in range(1000)}
# 100 000 items make a reply of 1.1 MB.
ITEMS = [f"{number:08}" for number in range(100_000)]

# As `@upstash/redis` sends them under Node.js; `Upstash-Sync-Token` comes with every request but the first.
SDK_HEADERS = (
    ("Content-Type", "application/json"),
    ("Upstash-Encoding", "base64"),
    ("Upstash-Telemetry-Runtime", "node@v22.11.0"),
    ("Upstash-Telemetry-Platform", "unknown"),
    ("Upstash-Telemetry-Sdk", "@upstash/redis@v1.35.6"),
    ("Upstash-Sync-Token", "1jgd7nsd1g2vs"),
    ("Accept", "*/*"),
    ("Accept-Language", "*"),
    ("Sec-Fetch-Mode", "cors"),
    ("User-Agent", "node"),
    ("Accept-Encoding", "gzip, deflate"),
)

GET = ["GET", "bench:small"]
# Half writes: what a transaction is for.
TEN = [["SET", "bench:written", WRITTEN], GET] * 5


@dataclass(frozen=True)
class Workload:
    """`result` is the whole reply's JSON, or what it stands for."""

    name: str
    text: str
    request: Request
    result: object
    connections: int = 64
    commands: int = 1
    streams: int = 0

    def check(self, reply):
        """Raises if the reply is not the right one. Its length is what each of the run's has to have."""
        if reply.status != 200:
            raise Wrong(f"status {reply.status}: {reply.body[:80]!r}")
        try:
            result = json.loads(reply.body)
        except ValueError as error:
            raise Wrong(f"no JSON: {reply.body[:80]!r}") from error
        if self.meaning(result) != self.meaning(self.result):
            raise Wrong(f"another reply: {reply.body[:80]!r}")
        return reply.length

    def meaning(self, result):
        # A hash has no order.
        if self.name == "W9" and isinstance(result, dict) and isinstance(result.get("result"), list):
            return sorted(zip(result["result"][::2], result["result"][1::2], strict=False))
        # Webdis names the command.
        if self.name == "W6" and isinstance(result, dict):
            return list(result.values())
        return result


def post(path, body, headers=()):
    return Request("POST", path, json.dumps(body, separators=(",", ":")).encode(), headers)


def items(commands):
    return [{"result": "OK" if command[0] == "SET" else SMALL} for command in commands]


W1 = Workload("W1", "GET 16 B", post("/", GET), {"result": SMALL})
WORKLOADS = [
    replace(W1, name="W1 c1", connections=1),
    W1,
    replace(W1, name="W1 c1000", connections=1000),
    Workload("W2", "SET 100 B", post("/", ["SET", "bench:written", WRITTEN]), {"result": "OK"}),
    Workload("W3", "pipeline of 50 GETs", post("/pipeline", [GET] * 50), items([GET] * 50), commands=50),
    Workload("W4", "GET 64 KiB", post("/", ["GET", "bench:large"]), {"result": LARGE}),
    Workload("W5", "multi-exec of 10", post("/multi-exec", TEN), items(TEN), commands=10),
    Workload("P10", "pipeline of W5's 10", post("/pipeline", TEN), items(TEN), commands=10),
    Workload("W6", "path GET", Request("GET", "/get/bench:small"), {"result": SMALL}),
    Workload(
        "W7",
        "SDK: GET in /pipeline, base64",
        post("/pipeline", [GET], SDK_HEADERS),
        [{"result": base64.b64encode(SMALL.encode()).decode()}],
    ),
    replace(W1, name="W8", text="W1 beside 1000 streams", streams=1000),
    Workload(
        "W9",
        "HGETALL of 1000 fields",
        post("/", ["HGETALL", "bench:hash"]),
        {"result": [text for pair in HASH.items() for text in pair]},
    ),
    # As many replies at once as connections: 64 of them are 70 MB, and nobody's everyday load.
    Workload(
        "W10",
        "LRANGE of 100 000 items",
        post("/", ["LRANGE", "bench:list", "0", "-1"]),
        {"result": ITEMS},
        connections=4,
    ),
]

# The same on a server that does nothing else. The requests are W1's to the byte, and W4's but for the method.
BARE = [
    *WORKLOADS[:3],
    Workload("W4", "GET 64 KiB", Request("GET", "/64k"), {"result": LARGE}),
]

# What redis-benchmark does by itself: 50 GETs of W1's key to a pipeline, over its usual 50 connections.
STRAIGHT = replace(W1, name="P50", text="redis-benchmark -P 50, commands", connections=50)


# What is read.
ROWS = [
    ["SET", "bench:small", SMALL],
    ["SET", "bench:large", LARGE],
    ["DEL", "bench:hash", "bench:list"],
    ["HSET", "bench:hash", *(text for pair in HASH.items() for text in pair)],
    *(["RPUSH", "bench:list", *ITEMS[at : at + 1000]] for at in range(0, len(ITEMS), 1000)),
]


def fill(gateway, rows=tuple(ROWS)):
    for row in rows:
        reply = gateway.ask(post("/", row))
        # Some answer what they do not understand with 200.
        if reply.status != 200 or not reply.body.startswith(b'{"result":'):
            raise Wrong(f"{row[0]}: status {reply.status}: {reply.body[:80]!r}")


def fill_by_path(gateway):
    """What a server without JSON bodies can be asked for."""
    gateway.ask(Request("GET", f"/SET/bench:small/{SMALL}"))
