"""The image does what the files for Fly.io, Render and Railway need, and the files say what those read.

Nothing is deployed from here. A file's settings are compared with the ones that the provider documents, and
the image is run with what the file sets, as the provider would: its variables, its volume, its port, its
health check, its signal.

Sources: fly.io/docs/reference/configuration, render.com/docs/blueprint-spec, render.com/docs/web-services,
docs.railway.com/volumes ("Volumes are mounted as the root user").
"""

import os
import tomllib

from container import HELPER, ContainerTest, engine, eventually
from test_examples import EXAMPLES, example

# What the files use of what is documented, and the type of each value.
FLY = {
    "app": str,
    "kill_timeout": int,
    "build": {"dockerfile": str, "build-target": str},
    "env": {"PKV_DATA_DIR": str},
    "mounts": {"source": str, "destination": str, "initial_size": str},
    "http_service": {
        "internal_port": int,
        "force_https": bool,
        "auto_stop_machines": str,
        "auto_start_machines": bool,
        "min_machines_running": int,
        "checks": [{"method": str, "path": str, "grace_period": str, "interval": str, "timeout": str}],
    },
    "vm": [{"size": str, "memory": str}],
}
RENDER = {
    "services": [
        {
            "type": str,
            "name": str,
            "runtime": str,
            "plan": str,
            "healthCheckPath": str,
            "envVars": [{"key": str, "value": str, "generateValue": bool}],
            "disk": {"name": str, "mountPath": str, "sizeGB": int},
        }
    ]
}


def strangers(value, known, path=""):
    """The settings that are not documented, or of another type."""
    if isinstance(known, dict) and isinstance(value, dict):
        parts = [(value[name], known.get(name), f"{path}.{name}") for name in value]
    elif isinstance(known, list) and isinstance(value, list):
        parts = [(item, known[0], path) for item in value]
    else:
        return [] if type(value) is known else [path]
    return [found for part in parts for found in strangers(*part)]


class Provider(ContainerTest):
    def answers(self, path, url, container):
        eventually(path, lambda: container.get(path, url)[0] == 200)


class Fly(Provider):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(EXAMPLES, "fly/fly.toml"), "rb") as file:
            cls.file = tomllib.load(file)

    def test_its_settings_are_documented(self):
        self.assertEqual(strangers(self.file, FLY), [])
        self.assertIn(self.file["http_service"]["auto_stop_machines"], ["off", "stop", "suspend"])

    def test_the_image_does_what_it_sets(self):
        service, mount = self.file["http_service"], self.file["mounts"]
        self.assertEqual(service["internal_port"], 7860)
        target = self.file["build"]["build-target"]
        options = [f"--env={name}={value}" for name, value in self.file["env"].items()]
        options.append(f"--volume={self.volume()}:{mount['destination']}")
        options.append("--memory=" + self.file["vm"][0]["memory"])
        container = self.container(*options, image=f"pkv:{target}")
        self.answers(service["checks"][0]["path"], container.url(), container)
        self.assertEqual(container.run("SET", "k", "v"), "OK")

        # Scaled to zero, with Fly's default signal, and back again.
        engine("kill", "--signal", "INT", container.id)
        eventually("stopped", lambda: not container.state()["Running"], deadline=self.file["kill_timeout"])
        self.assertEqual(container.state()["ExitCode"], 0)
        container.remove()
        # All but the volume is new.
        container = self.ready(*options, image=f"pkv:{target}")
        self.assertEqual(container.run("GET", "k"), "v")


class Render(Provider):
    @classmethod
    def setUpClass(cls):
        (cls.file,) = example("render/render.yaml")

    def test_its_settings_are_documented(self):
        self.assertEqual(strangers(self.file, RENDER), [])

    def test_the_image_does_what_it_sets(self):
        (service,) = self.file["services"]
        values = {variable["key"]: variable.get("value", "generated") for variable in service["envVars"]}
        options = [f"--env={name}={value}" for name, value in values.items()]
        options.append(f"--volume={self.volume()}:{service['disk']['mountPath']}")
        # Render names the port; this is its default.
        options += ["--env=PORT=10000", "--publish=127.0.0.1::10000"]
        container = self.container(*options, token=None, image="pkv:latest")
        url = "http://" + engine("port", container.id, "10000/tcp").splitlines()[0]
        self.answers(service["healthCheckPath"], url, container)
        self.answers("/ready", url, container)
        # The data is where the disk is.
        self.assertRegex(container.logs(), rf"data +{service['disk']['mountPath']}\n")


class Volumes(Provider):
    def of_root(self):
        """A volume as a new disk is: not empty, and nobody else's."""
        volume = f"--volume={self.volume()}:/data"
        script = "mkdir /data/lost+found && chmod 755 /data"
        engine("run", "--rm", "--user=0", volume, "--entrypoint=/bin/sh", HELPER, "-c", script)
        return volume

    def test_root_may_use_root_s(self):
        container = self.ready(self.of_root(), "--user=0", "--env=PKV_DATA_DIR=/data", image="pkv:minimal")
        self.assertEqual(container.run("SET", "k", "v"), "OK")

    def test_to_others_root_s_is_an_error(self):
        container = self.container(self.of_root(), "--env=PKV_DATA_DIR=/data", image="pkv:minimal")
        eventually("the end", lambda: not container.state()["Running"])
        self.assertEqual(container.state()["ExitCode"], 1)
        self.assertIn("cannot write to /data", container.logs())
