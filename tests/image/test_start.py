"""What somebody gets who types `docker run -p 7860:7860 pkv`."""

import os
import re
import subprocess
import tempfile
import time
import unittest

from container import DEADLINE, ContainerTest, eventually

# Milliseconds, from the start of pkv to Redis's first answer, with an empty store.
READY_WITHIN = 300

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Start(ContainerTest):
    def test_without_any_variable_it_serves_and_prints_a_token(self):
        container = self.ready(token=None)
        banner = eventually("banner", lambda: re.search(r"UPSTASH_REDIS_REST_TOKEN=(\S+)", container.logs()))
        container.token = banner[1]
        self.assertEqual(container.run("SET", "k", "v"), "OK")
        self.assertEqual(container.run("GET", "k"), "v")
        self.assertRegex(container.logs(), r"redis +8\.")
        self.assertRegex(container.logs(), r"data +/data\n")

        self.assertEqual(container.stop(), 0)
        container.start()
        self.assertEqual(container.run("GET", "k"), "v", "the token must stay the same")

    def test_json_commands_are_there(self):
        container = self.ready()
        self.assertEqual(container.run("JSON.SET", "k", "$", '{"a":[1]}'), "OK")
        self.assertEqual(container.stop(), 0)
        container.start()
        self.assertEqual(container.run("JSON.GET", "k", "$.a[0]"), "[1]")

    def test_it_is_soon_ready(self):
        took = []
        walls = []
        # The best of a few: the machine may be busy with something else.
        for _ in range(5):
            begun = time.monotonic()
            container = self.ready()
            walls.append(time.monotonic() - begun)
            said = eventually("banner", lambda: re.search(r"pkv ready in (\d+) ms", container.logs()))
            took.append(int(said[1]))
            container.remove()
        print(f"\n  ready in {min(took)} ms; {min(walls) * 1000:.0f} ms with the engine's `run`", flush=True)
        self.assertLess(min(took), READY_WITHIN)

    def test_upstash_s_client_does_what_the_readme_says(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
            snippet = re.search(r"```js\n(import \{ Redis \} from .@upstash/redis.*?)```", readme.read(), re.S)[1]
        said = re.findall(r"// => (.*)", snippet)
        self.assertTrue(said)
        container = self.ready()
        with tempfile.TemporaryDirectory() as directory:
            os.symlink(os.path.join(ROOT, "tests/sdk/js/node_modules"), os.path.join(directory, "node_modules"))
            with open(os.path.join(directory, "snippet.mjs"), "w", encoding="utf-8") as file:
                file.write(snippet)
            variables = {
                "UPSTASH_REDIS_REST_URL": container.url(),
                "UPSTASH_REDIS_REST_TOKEN": container.token,
                "UPSTASH_DISABLE_TELEMETRY": "1",
            }
            done = subprocess.run(
                ["node", "snippet.mjs"], cwd=directory, env={**os.environ, **variables},
                capture_output=True, text=True, timeout=DEADLINE, check=True,
            )
        self.assertEqual(done.stdout.splitlines(), said)

    def test_pkv_is_process_1_and_nobody_is_root(self):
        container = self.ready()
        script = "for p in /proc/[0-9]*; do echo ${p#/proc/} $(cat $p/comm) $(sed -n 's/^Uid:\\t//p' $p/status); done"
        processes = [line.split() for line in container.among_its_processes(script, user="1000").splitlines()]
        named = {name: (pid, set(uids)) for pid, name, *uids in processes}
        self.assertEqual(named["pkv"], ("1", {"1000"}))
        self.assertEqual(named["redis-server"][1], {"1000"})
        strangers = set(named) - {"pkv", "redis-server", "sh", "cat", "sed"}
        self.assertFalse(strangers, "nothing else runs")

    def test_orphans_are_reaped(self):
        container = self.ready()
        # The inner shell ends first, so that process 1 inherits what it has started.
        container.among_its_processes("for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 & ); done; sleep 0.3")
        dead = "grep -l '^State:.Z' /proc/[0-9]*/status || true"
        eventually("no zombies", lambda: not container.among_its_processes(dead), deadline=5)


if __name__ == "__main__":
    unittest.main()
