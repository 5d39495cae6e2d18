"""Every file under examples/ does what it is for.

Compose files are run by `docker compose` or podman-compose. There is no cluster and no GitHub here: the
manifest is checked against Kubernetes' schemas and its pod run with what it sets, and the workflow's
service is started as GitHub's runner does it, and its steps that need nothing else are run. The unit is
read by systemd's own checker.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import yaml

from container import DEADLINE, ENGINE, ContainerTest, eventually, http
from test_health import health

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples")
TOKEN = "example_token"


def example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Compose(unittest.TestCase):
    def up(self, name):
        """Where the composition in that directory can be reached."""
        directory = os.path.join(EXAMPLES, name)
        compose = ["docker", "compose"] if ENGINE == "docker" else [sys.executable, "-m", "podman_compose"]
        port = free_port()
        variables = {**os.environ, "PORT": str(port), "COMPOSE_PROJECT_NAME": f"pkv-{os.getpid()}-{port}"}

        def run(*arguments):
            return subprocess.run(
                [*compose, *arguments], cwd=directory, env=variables,
                capture_output=True, text=True, timeout=2 * DEADLINE,
            )

        self.addCleanup(run, "down", "--volumes", "--timeout", "10")
        done = run("up", "--detach", "--no-build")
        self.assertEqual(done.returncode, 0, done.stderr)
        return f"http://127.0.0.1:{port}", run

    def answers(self, url, *words):
        """The answer, asked for until there is one."""
        body, headers = json.dumps(words).encode(), {"Authorization": f"Bearer {TOKEN}"}

        def ask():
            try:
                with http.open(urllib.request.Request(url, body, headers), timeout=10) as answer:
                    return json.load(answer)
            except OSError:
                return None

        return eventually(f"an answer to {words}", ask)["result"]

    def test_bundled(self):
        url, run = self.up("compose")
        self.assertEqual(self.answers(url, "SET", "k", "v"), "OK")
        self.assertEqual(self.answers(url, "GET", "k"), "v")
        # What is in the volume outlives the container.
        self.assertEqual(run("down").returncode, 0)
        done = run("up", "--detach", "--no-build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.answers(url, "GET", "k"), "v")

    def test_external(self):
        url, _ = self.up("compose-external")
        self.assertEqual(self.answers(url, "SET", "k", "v"), "OK")
        self.assertEqual(self.answers(url, "GET", "k"), "v")


class Kubernetes(ContainerTest):
    def test_it_is_what_kubernetes_takes(self):
        path = os.path.join(EXAMPLES, "kubernetes/pkv.yaml")
        done = subprocess.run(
            [sys.executable, "-m", "kubernetes_validate", "--strict", path],
            capture_output=True, text=True, timeout=DEADLINE,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_its_container_runs_with_what_it_sets(self):
        documents = {document["kind"]: document for document in example("kubernetes/pkv.yaml")}
        pod = documents["Deployment"]["spec"]["template"]
        (spec,) = pod["spec"]["containers"]
        security = spec["securityContext"]
        self.assertEqual(security["capabilities"]["drop"], ["ALL"])
        options = [f"--user={security['runAsUser']}:{security['runAsGroup']}", "--cap-drop=ALL"]
        if security["readOnlyRootFilesystem"]:
            options.append("--read-only")
        if not security["allowPrivilegeEscalation"]:
            options.append("--security-opt=no-new-privileges")
        options.append("--memory=" + spec["resources"]["limits"]["memory"].removesuffix("i").lower())
        (mount,) = spec["volumeMounts"]
        options.append(f"--volume={self.volume()}:{mount['mountPath']}")
        (variable,) = spec["env"]
        options.append(f"--env={variable['name']}=from-a-secret")
        container = self.container(*options, token=None, image=spec["image"])
        container.token = "from-a-secret"
        for probe in ["livenessProbe", "readinessProbe"]:
            path = spec[probe]["httpGet"]["path"]
            eventually(probe, lambda: container.get(path)[0] == 200)
        self.assertEqual(container.run("SET", "k", "v"), "OK")

        # Whom the service sends callers to.
        self.assertEqual(documents["Service"]["spec"]["selector"], pod["metadata"]["labels"])
        names = {port["name"]: port["containerPort"] for port in spec["ports"]}
        self.assertEqual(names[documents["Service"]["spec"]["ports"][0]["targetPort"]], 7860)


class GitHubActions(ContainerTest):
    def test_its_service_is_healthy_and_its_first_step_succeeds(self):
        (workflow,) = example("github-actions/test.yml")
        job = workflow["jobs"]["test"]
        service = job["services"]["pkv"]
        self.assertEqual(service["ports"], ["7860:7860"])
        variables = [f"--env={name}={value}" for name, value in service["env"].items()]
        # The runner starts it with these, without a command, and waits for its health.
        options = [*variables, *shlex.split(service.get("options", ""))]
        container = self.container(*options, token=None, image="pkv:latest")
        eventually("healthy", lambda: health(container) == "healthy")

        environment = {name: value.replace("http://localhost:7860", container.url()) for name, value in job["env"].items()}
        step = job["steps"][0]["run"]
        done = subprocess.run(
            ["bash", "-e", "-c", step], env={**os.environ, **environment, "NO_PROXY": "127.0.0.1"},
            capture_output=True, text=True, timeout=DEADLINE,
        )
        self.assertEqual((done.returncode, done.stdout), (0, '{"result":"OK"}'), done.stderr)


class Systemd(unittest.TestCase):
    def test_systemd_has_nothing_to_say_against_the_unit(self):
        with open(os.path.join(EXAMPLES, "systemd/pkv.service"), encoding="utf-8") as file:
            unit = file.read()
        # The checker looks whether the program is there.
        program = "ExecStart=/usr/local/bin/pkv\n"
        self.assertEqual(unit.count(program), 1)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pkv.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(unit.replace(program, f"ExecStart={sys.executable}\n"))
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
                capture_output=True, text=True, timeout=DEADLINE,
            )
        # A setting that it does not know is only a warning to it.
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
