"""The servers that are started here: pkv as people run it, and the bare one. They end with the bench."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time

import machine
from gateway import Gateway, Request, Wrong
from workloads import post

# Seconds.
START = 60
STOP = 20

# Between two looks at a server that is starting, in seconds: a start takes some milliseconds.
LOOK = 0.0005

HEALTH = Request("GET", "/health")

# What the images set for the C library's memory (Dockerfile).
MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "524288",
    "MALLOC_TRIM_THRESHOLD_": "2097152",
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A process; what it says goes to a file."""

    def __init__(self, command, variables, log):
        names = ("PATH", "TMPDIR", "LANG")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        self.log = log
        self.begun = time.monotonic()
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, env={**kept, **variables}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self.pid = self.process.pid

    def until(self, gateway, request, is_right):
        """Seconds from its start to the first right answer."""
        while time.monotonic() < self.begun + START and self.process.poll() is None:
            try:
                if is_right(gateway.ask(request)):
                    return time.monotonic() - self.begun
            except Wrong:
                pass
            time.sleep(LOOK)
        with open(self.log, encoding="utf-8", errors="replace") as file:
            raise RuntimeError(f"a server did not start:\n{file.read()}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bare(Server):
    """The upper limit: `bare.rs`."""

    def __init__(self, program, directory):
        port = free_port()
        super().__init__([program], {"PORT": str(port)}, os.path.join(directory, "bare.log"))
        self.gateway = Gateway("bare", f"http://127.0.0.1:{port}", pids={"bare": self.pid})
        self.until(self.gateway, Request("GET", "/64k"), lambda reply: reply.status == 200)


class Pkv(Server):
    """A token, an empty data directory and a port of its own; all else is as it comes.

    Its Redis also listens on `redis_port`, for redis-benchmark; no request of pkv's goes that way.
    """

    def __init__(self, program, redis_server, directory, wrapper=(), variables=None):
        self.directory = tempfile.mkdtemp(prefix="pkv-", dir=directory)
        port, self.redis_port, token = free_port(), free_port(), secrets.token_hex(24)
        said = {
            "SRH_TOKEN": token,
            "SRH_PORT": str(port),
            "PKV_BIND": "127.0.0.1",
            "PKV_DATA_DIR": os.path.join(self.directory, "data"),
            "PKV_REDIS_SERVER": redis_server,
            "PKV_REDIS_PORT": str(self.redis_port),
        }
        log = os.path.join(self.directory, "log")
        super().__init__([*wrapper, program], {**MEMORY, **said, **(variables or {})}, log)
        self.gateway = Gateway("pkv", f"http://127.0.0.1:{port}", token, {"pkv": self.pid})
        try:
            self.health = self.until(self.gateway, HEALTH, lambda reply: reply.status == 200)
            ping = post("/", ["PING"])
            self.answer = self.until(self.gateway, ping, lambda reply: reply.body == b'{"result":"PONG"}')
        except BaseException:
            self.stop()
            raise
        self.gateway.pids["redis"] = machine.children(self.pid)[0]

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory, ignore_errors=True)
