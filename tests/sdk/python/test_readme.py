"""The README's Python does what the README says; js/readme.test.js has the rules."""

import os
import re
import subprocess
import sys
from pathlib import Path

from upstash_redis import Redis

from pkv import DEADLINE, TOKEN


def test_the_python_blocks_print_what_they_say(url, settings, tmp_path):
    readme = Path(os.environ["PKV_README"]).read_text(encoding="utf-8")
    block = r"^<!-- tested: tests/sdk -->\s*^```python\n(.*?)^```$"
    blocks = re.findall(block, readme, re.MULTILINE | re.DOTALL)
    assert blocks, "the README has no Python block that is marked as tested"
    for code in blocks:
        says = [text.rstrip() for text in re.findall(r"# => (.*)$", code, re.MULTILINE)]
        assert says, f"no line of this block says what it prints:\n{code}"
        with Redis(**settings) as redis:
            redis.flushdb()
        assert lines_printed_by(code, url, tmp_path) == says


def lines_printed_by(code, url, directory):
    """Runs a program as a user would."""
    Path(directory, "snippet.py").write_text(code, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "snippet.py"],
        cwd=directory,
        env={
            **os.environ,
            "UPSTASH_REDIS_REST_URL": url,
            "UPSTASH_REDIS_REST_TOKEN": TOKEN,
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )
    assert ran.returncode == 0, ran.stderr
    return [line.rstrip() for line in ran.stdout.splitlines()]
