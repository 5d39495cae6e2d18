"""Whatever ends, every write that was acknowledged is there afterwards."""

import threading
import time

from container import HELPER, ContainerTest, engine, eventually

# Seconds of writing before something is killed.
WRITING = 1

WRITERS = 4


class Load:
    """Threads that write until they are stopped, and what was acknowledged to them."""

    def __init__(self, container):
        self.acknowledged = []
        self.stopped = threading.Event()
        run = container.client()
        self.threads = [threading.Thread(target=self.write, args=(run, n)) for n in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def write(self, run, writer):
        number = 0
        while not self.stopped.is_set():
            number += 1
            key = f"{writer}:{number}"
            try:
                if run("SET", key, key) == "OK":
                    self.acknowledged.append(key)
            except (OSError, ValueError):
                # Not acknowledged. Whoever is down is not asked too often.
                time.sleep(0.01)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self.acknowledged


class Data(ContainerTest):
    def under_load(self, container, break_it):
        """Breaks something while clients write; what was acknowledged before and afterwards."""
        load = Load(container)
        self.addCleanup(load.stop)
        eventually("writes", lambda: len(load.acknowledged) > 50)
        time.sleep(WRITING)
        before = len(load.acknowledged)
        break_it()
        return load, before

    def assert_all_there(self, container, keys):
        run = container.client()
        missing = []
        for at in range(0, len(keys), 1000):
            part = keys[at : at + 1000]
            missing += [key for key, value in zip(part, run("MGET", *part)) if value != key]
        self.assertFalse(missing, f"{len(missing)} of {len(keys)} acknowledged writes are lost")

    def test_redis_is_killed(self):
        container = self.ready()
        old = container.pids("redis-server")
        kill = f"kill -9 {old[0]}"
        load, before = self.under_load(container, lambda: container.among_its_processes(kill))
        eventually("writes again", lambda: len(load.acknowledged) > before + 200)
        self.assert_all_there(container, load.stop())
        self.assertNotEqual(container.pids("redis-server"), old)

    def test_the_container_is_killed_and_with_it_pkv(self):
        container = self.ready()
        load, _ = self.under_load(container, container.kill)
        acknowledged = load.stop()
        self.assertEqual(container.state()["ExitCode"], 137)
        container.start()
        self.assert_all_there(container, acknowledged)

    def test_pkv_alone_is_killed(self):
        # With its processes in those of another container, as with Kubernetes' shareProcessNamespace:
        # the only way for it to be killed alone, since nobody inside can kill process 1.
        pod = engine("run", "--detach", "--entrypoint=/bin/sleep", HELPER, "1000000")
        self.addCleanup(engine, "rm", "--force", pod)
        container = self.ready(f"--pid=container:{pod}")
        (pkv,) = container.pids("pkv")
        self.assertNotEqual(pkv, 1)
        load, _ = self.under_load(container, lambda: container.among_its_processes(f"kill -9 {pkv}"))
        acknowledged = load.stop()
        eventually("the end of the container", lambda: not container.state()["Running"])
        container.start()
        self.assert_all_there(container, acknowledged)

    def test_sigterm_ends_it_cleanly_and_another_container_has_the_data(self):
        volume = f"--volume={self.volume()}:/data"
        container = self.ready(volume)
        codes = []
        load, _ = self.under_load(container, lambda: codes.append(container.stop()))
        acknowledged = load.stop()
        self.assertEqual(codes, [0], container.logs())
        container.remove()
        self.assert_all_there(self.ready(volume), acknowledged)
