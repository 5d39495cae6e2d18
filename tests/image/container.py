"""A container of the image under test: started, asked, killed, and gone after its test.

Everything goes through the engine's command line (`PKV_ENGINE`: docker or podman), in the words that
both understand. What has to happen inside happens in a helper container that shares the other one's
processes or volumes, because the image under test may have nothing inside, not even a shell.
"""

import json
import os
import subprocess
import time
import unittest
import urllib.error
import urllib.request

ENGINE = os.environ["PKV_ENGINE"]
IMAGE = os.environ["PKV_IMAGE"]
# Any image with a shell.
HELPER = os.environ["PKV_HELPER_IMAGE"]

TOKEN = "a-token-of-these-tests"

# Seconds. Generous: what is tested may share two cores with a build.
DEADLINE = 60

# What runs here is on this machine, whatever proxy leads out of it.
http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def engine(*arguments):
    """What the engine prints; raises if it fails."""
    done = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=2 * DEADLINE)
    if done.returncode != 0:
        raise RuntimeError(f"{ENGINE} {' '.join(arguments)}: {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def inspect(what, kind):
    return json.loads(engine("inspect", "--type", kind, what))[0]


def eventually(what, question, deadline=DEADLINE):
    """Asks until the answer is a true one, and returns that."""
    end = time.monotonic() + deadline
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.02)


class Container:
    """A running pkv, with `options` of `run`, `variables` of its own and perhaps a `command`."""

    def __init__(self, *options, command=(), token=TOKEN, image=IMAGE):
        self.token = token
        variables = [f"--env=SRH_TOKEN={token}"] if token else []
        options = ["--publish=127.0.0.1::7860", *variables, *options]
        self.id = engine("run", "--detach", *options, image, *command)

    def remove(self):
        subprocess.run([ENGINE, "rm", "--force", "--volumes", self.id], capture_output=True, timeout=DEADLINE)

    def url(self):
        # The engine may choose another port at every start.
        return "http://" + engine("port", self.id, "7860/tcp").splitlines()[0]

    def get(self, path, url=None):
        """Status and body."""
        try:
            with http.open((url or self.url()) + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            # Nobody listens yet, or any more.
            return 0, ""

    def wait_until_ready(self):
        url = self.url()
        try:
            eventually("ready", lambda: self.get("/ready", url)[0] == 200)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None
        return self

    def client(self):
        """A function that runs a command; it knows the address, which lasts until the next start."""
        url, token = self.url(), self.token

        def command(*words):
            body = json.dumps(words).encode()
            request = urllib.request.Request(url, body, {"Authorization": f"Bearer {token}"})
            with http.open(request, timeout=30) as answer:
                return json.load(answer)["result"]

        return command

    def run(self, *words):
        return self.client()(*words)

    def state(self):
        return inspect(self.id, "container")["State"]

    def stop(self):
        """Its exit code after SIGTERM."""
        engine("stop", "--time", "10", self.id)
        return self.state()["ExitCode"]

    def kill(self):
        engine("kill", "--signal", "KILL", self.id)
        eventually("killed", lambda: not self.state()["Running"])

    def start(self):
        engine("start", self.id)
        return self.wait_until_ready()

    def logs(self):
        done = subprocess.run([ENGINE, "logs", self.id], capture_output=True, text=True, timeout=DEADLINE)
        return done.stdout + done.stderr

    def among_its_processes(self, script, user="1000:1000"):
        """What a shell prints that sees the container's processes and is not one of them."""
        options = ["--rm", f"--pid=container:{self.id}", f"--user={user}"]
        return engine("run", *options, "--entrypoint=/bin/sh", HELPER, "-c", script)

    def pids(self, name):
        """The ids of its processes of that name, as they are inside."""
        script = 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(cat $p/comm)"; done'
        lines = (line.split(maxsplit=1) for line in self.among_its_processes(script).splitlines())
        return [int(pid) for pid, *command in lines if command == [name]]


class ContainerTest(unittest.TestCase):
    """A test whose containers and volumes go with it."""

    def container(self, *options, **others):
        container = Container(*options, **others)
        self.addCleanup(container.remove)
        return container

    def ready(self, *options, **others):
        return self.container(*options, **others).wait_until_ready()

    def volume(self):
        name = engine("volume", "create")
        self.addCleanup(engine, "volume", "rm", "--force", name)
        return name
