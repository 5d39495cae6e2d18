"""The Testcontainers examples, run as their users run them, against Docker's socket or podman's.

They start the image that was built, by the engine's HTTP interface: nothing is pulled, and so
Testcontainers' own cleaner, which is an image of its own, stays out.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from container import DEADLINE, ENGINE, engine, eventually, inspect
from test_examples import EXAMPLES

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_MODULES = os.path.join(HERE, "node_modules")


def started():
    """What Testcontainers has made of the image and not removed."""
    image = inspect("pkv:latest", "image")["Id"]
    filters = ["--filter=label=org.testcontainers=true", f"--filter=ancestor={image}"]
    return set(engine("ps", "--all", "--quiet", *filters).split())


class Testcontainers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.variables = {**os.environ, "TESTCONTAINERS_RYUK_DISABLED": "true"}
        if ENGINE != "podman":
            return
        socket = os.path.join(directory.name, "podman.sock")
        service = subprocess.Popen(
            [ENGINE, "system", "service", "--time=0", f"unix://{socket}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(service.wait, DEADLINE)
        cls.addClassCleanup(service.terminate)
        eventually("podman's socket", lambda: os.path.exists(socket))
        cls.variables["DOCKER_HOST"] = f"unix://{socket}"
        # Where this runs in a container itself, they would look for the port at the gateway's address.
        cls.variables["TESTCONTAINERS_HOST_OVERRIDE"] = "127.0.0.1"
        cls.variables["TESTCONTAINERS_CONNECTION_MODE"] = "docker_host"
        cls.variables["NO_PROXY"] = "127.0.0.1"

    def run_it(self, name, *commands):
        """What the last command prints, with a copy of the example as its directory."""
        with tempfile.TemporaryDirectory() as directory:
            shutil.copytree(os.path.join(EXAMPLES, name), directory, dirs_exist_ok=True)
            os.symlink(NODE_MODULES, os.path.join(directory, "node_modules"))
            shutil.copy(os.path.join(HERE, "package.json"), directory)
            before = started()
            self.addCleanup(lambda: [engine("rm", "--force", left) for left in started() - before])
            for command in commands:
                done = subprocess.run(
                    command, cwd=directory, env=self.variables,
                    capture_output=True, text=True, timeout=2 * DEADLINE,
                )
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertFalse(started() - before, "the example leaves no container")
            return done.stdout

    def test_typescript(self):
        file = "pkv.test.ts"
        types = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
        said = self.run_it(
            "testcontainers-typescript",
            [os.path.join(NODE_MODULES, ".bin/tsc"), *types, file],
            ["node", "--import", "tsx", "--test", "--test-reporter=tap", file],
        )
        self.assertRegex(said, re.compile("^# pass 1$", re.MULTILINE))

    def test_python(self):
        said = self.run_it("testcontainers-python", [sys.executable, "-m", "pytest", "test_pkv.py"])
        self.assertIn("1 passed", said)
