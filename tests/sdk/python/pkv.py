"""A pkv for the tests, and what else they share."""

import asyncio
import inspect
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

DEADLINE = 30
"""Longest wait for anything, in seconds."""

TOKEN = "token-of-the-sdk-tests"

NAMESPACES = {"json"}
"""Where the clients keep commands of a family: `redis.json.get`."""


@contextmanager
def running_pkv():
    """Gives the URL of a pkv; ends it as an operator would and checks that it ends well."""
    with TemporaryDirectory(prefix="pkv-python-") as directory:
        output, log = Path(directory, "stdout"), Path(directory, "stderr")
        # Nothing of the caller's but the server to run may change what is tested.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SRH_", "PKV_"))}
        with output.open("wb") as stdout, log.open("wb") as stderr:
            pkv = subprocess.Popen(
                [os.environ["PKV_BIN"]],
                cwd=directory,
                env={
                    **inherited,
                    "PKV_REDIS_SERVER": os.environ["PKV_REDIS_SERVER"],
                    "PKV_BIND": "127.0.0.1",
                    "PKV_DATA_DIR": f"{directory}/data",
                    "SRH_PORT": "0",
                    "SRH_TOKEN": TOKEN,
                },
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            yield _url_once_ready(pkv, output, log)
            pkv.terminate()
            status = pkv.wait(DEADLINE)
            assert status == 0, f"pkv ended with {status}:\n{log.read_text()}"
        finally:
            if pkv.poll() is None:
                pkv.kill()
                pkv.wait()


def _url_once_ready(pkv, output, log):
    deadline = time.monotonic() + DEADLINE
    while True:
        ended = pkv.poll() is not None
        lines = output.read_text().splitlines()
        if any(line.startswith("pkv ready in ") for line in lines):
            break
        if ended or time.monotonic() > deadline:
            problem = f"ended early ({pkv.returncode})" if ended else "is not ready"
            raise AssertionError(f"pkv {problem}:\n{output.read_text()}{log.read_text()}")
        time.sleep(0.01)
    name = "UPSTASH_REDIS_REST_URL="
    return next(line.removeprefix(name) for line in lines if line.startswith(name))


class Awaited:
    """The asynchronous client as if it were the synchronous one: its results are waited for.

    So one set of tests serves both clients.
    """

    def __init__(self, target, loop: asyncio.AbstractEventLoop):
        self._target = target
        self._loop = loop

    def __getattr__(self, name):
        method = getattr(self._target, name)
        if name in NAMESPACES:
            return Awaited(method, self._loop)
        if not callable(method):
            return method

        def call(*args, **kwargs):
            result = method(*args, **kwargs)
            if inspect.isawaitable(result):
                return self._loop.run_until_complete(result)
            return Awaited(result, self._loop)  # a pipeline

        return call
