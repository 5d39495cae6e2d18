"""As little as a container can be given: no root, no capability, nothing to write to but the data."""

import re
import urllib.error

from container import ENGINE, ContainerTest, eventually

STRICT = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=100")

# What pkv takes of the container's memory for data if it is not told: 60 %.
MEMORY = 256 << 20
DATA = MEMORY * 6 // 10


class Confined(ContainerTest):
    def keeps(self, *options):
        """A container that has kept a value over its own end, and its log."""
        volume = self.volume()
        options = (f"--volume={volume}:/data", *options)
        container = self.ready(*options)
        self.assertEqual(container.run("SET", "k", "v"), "OK")
        self.assertEqual(container.stop(), 0, container.logs())
        container.remove()
        successor = self.ready(*options)
        self.assertEqual(successor.run("GET", "k"), "v")
        return successor

    def test_nothing_can_be_written_but_the_data(self):
        # Podman would add a /tmp of its own.
        bare = ["--read-only-tmpfs=false"] if ENGINE == "podman" else []
        container = self.keeps(*STRICT, *bare, "--memory=256m")
        status = container.among_its_processes("cat /proc/1/status; cat /proc/1/mountinfo")
        self.assertRegex(status, r"CapEff:\s+0000000000000000")
        self.assertRegex(status, r"CapBnd:\s+0000000000000000")
        self.assertRegex(status, r"NoNewPrivs:\s+1")
        self.assertRegex(status, r"(?m)^\d+ \d+ \S+ \S+ / ro[, ]")

    def test_a_small_tmp_will_do_as_well(self):
        self.keeps(*STRICT, "--tmpfs=/tmp:size=1m")

    def test_memory_that_is_full_ends_nothing(self):
        container = self.ready(*STRICT, "--memory=256m", "--memory-swap=256m")
        run = container.client()
        info = run("INFO", "memory")
        self.assertEqual(int(re.search(r"maxmemory:(\d+)", info)[1]), DATA)
        refusal = None
        for number in range(2 * DATA >> 20):
            try:
                run("SET", f"k{number}", "x" * (1 << 20))
            except urllib.error.HTTPError as error:
                refusal = error.read().decode()
                break
        self.assertIn("OOM command not allowed", refusal or "no refusal")
        self.assertEqual(run("STRLEN", "k0"), 1 << 20)
        self.assertTrue(container.state()["Running"])
        self.assertEqual(run("INFO", "server").count("redis_version"), 1)
        self.assertEqual(len(container.pids("redis-server")), 1)

    def test_any_user_will_do(self):
        for user in ["123456:0", "123456:123456", "1000:0"]:
            with self.subTest(user=user):
                container = self.keeps(*STRICT, f"--user={user}")
                uid, gid = user.split(":")
                status = container.among_its_processes("cat /proc/1/status", user=user)
                self.assertRegex(status, rf"Uid:\s+{uid}\s+{uid}\s")
                self.assertRegex(status, rf"Gid:\s+{gid}\s+{gid}\s")
                self.assertRegex(container.logs(), r"data +/data\n")

    def test_without_a_volume_the_data_is_the_container_s(self):
        for user in ["1000:1000", "123456:0"]:
            with self.subTest(user=user):
                container = self.ready(f"--user={user}")
                self.assertEqual(container.run("SET", "k", "v"), "OK")
                self.assertEqual(container.stop(), 0)
                container.start()
                self.assertEqual(container.run("GET", "k"), "v")

    def test_data_that_cannot_be_kept_is_said_loudly(self):
        for options in [STRICT, ()]:
            with self.subTest(options=options):
                container = self.ready(*options, f"--volume={self.volume()}:/data:ro")
                self.assertEqual(container.run("SET", "k", "v"), "OK")
                eventually("a warning", lambda: "IN MEMORY ONLY" in container.logs())
