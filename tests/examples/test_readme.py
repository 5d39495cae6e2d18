"""The README's container commands do what the README says.

A block is tested if it follows the line `<!-- tested: tests/examples -->`. It is run as it stands, but
that `docker` is the engine at hand, that the images are the ones already built, and that containers,
volumes and ports have other names, so that nothing of the user's is touched. What it prints must
contain the texts of its `# => text` comments, in this order.
"""

import os
import re
import subprocess
import unittest

from container import DEADLINE, ENGINE
from test_examples import EXAMPLES, free_port

# Stands in for Docker's command. Building is what was done before; a request waits as a reader would.
DOCKER = """
docker() { if [ "$1" != build ]; then "$PKV_ENGINE" "$@"; fi; }
curl() { command curl --silent --show-error --retry 60 --retry-delay 1 --retry-all-errors "$@"; echo; }
"""


class Readme(unittest.TestCase):
    def test_every_marked_block(self):
        with open(os.path.join(EXAMPLES, "../README.md"), encoding="utf-8") as readme:
            text = readme.read()
        blocks = re.findall(r"^<!-- tested: tests/examples -->\s*^```sh\n(.*?)^```$", text, re.M | re.S)
        self.assertEqual(len(blocks), text.count("<!-- tested: tests/examples -->"))
        self.assertTrue(blocks)
        for number, block in enumerate(blocks):
            with self.subTest(block=block):
                self.run_block(block, f"pkv-readme-{os.getpid()}-{number}")

    def run_block(self, block, name):
        said = [text.strip() for text in re.findall(r"# => (.*)", block)]
        self.assertTrue(said, "no line says what it prints")
        port = free_port()
        mine = block.replace("--name pkv", f"--name {name}").replace("logs pkv", f"logs {name}")
        mine = mine.replace("pkv-data:", f"{name}:").replace("7860:7860", f"127.0.0.1:{port}:7860")
        mine = mine.replace("localhost:7860", f"127.0.0.1:{port}")
        self.addCleanup(subprocess.run, [ENGINE, "volume", "rm", "--force", name], capture_output=True)
        self.addCleanup(subprocess.run, [ENGINE, "rm", "--force", name], capture_output=True)
        done = subprocess.run(
            ["bash", "-eu", "-c", DOCKER + mine], env={**os.environ, "NO_PROXY": "127.0.0.1"},
            capture_output=True, text=True, timeout=2 * DEADLINE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        rest = done.stdout
        for text in said:
            before, found, rest = rest.partition(text)
            self.assertTrue(found, f"{text!r} is not in {before!r}")
