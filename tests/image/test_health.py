"""What the engine learns from the image's HEALTHCHECK."""

import json
import os
import subprocess
import tempfile

from container import ENGINE, HELPER, IMAGE, ContainerTest, engine, eventually, inspect

# What the image's own command is asked with here, so that nobody waits for a minute.
SOON = "--interval=1s --timeout=5s --start-period=1s --retries=2"


def hasty_image():
    """The image with its own health check, asked sooner and more often."""
    image = inspect(IMAGE, "image")
    kind, *command = (image["Config"].get("Healthcheck") or image["Healthcheck"])["Test"]
    assert kind == "CMD", "without a shell"
    tag = f"pkv-hasty:{os.getpid()}"
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "Dockerfile"), "w", encoding="utf-8") as file:
            file.write(f"FROM {IMAGE}\nHEALTHCHECK {SOON} CMD {json.dumps(command)}\n")
        options = ["--format=docker"] if ENGINE == "podman" else []
        engine("build", "--quiet", *options, "--tag", tag, directory)
    return tag


def health(container):
    """healthy or unhealthy, as soon as the engine knows."""
    if ENGINE == "podman":
        # Where systemd is not there to do it, podman checks when it is told to.
        subprocess.run([ENGINE, "healthcheck", "run", container.id], capture_output=True, timeout=30)
    state = container.state()
    return (state.get("Health") or state["Healthcheck"])["Status"]


class Health(ContainerTest):
    @classmethod
    def setUpClass(cls):
        cls.image = hasty_image()
        cls.addClassCleanup(engine, "rmi", "--force", cls.image)

    def becomes(self, container, status):
        eventually(status, lambda: health(container) == status)

    def test_healthy_when_ready_and_unhealthy_when_redis_cannot_start(self):
        volume = f"--volume={self.volume()}:/data"
        container = self.ready(volume, image=self.image)
        self.becomes(container, "healthy")
        container.run("SET", "k", "v" * 10_000)
        self.assertEqual(container.stop(), 0)

        # Damage where the first SET begins: Redis refuses the file, and pkv stays to say so.
        damage = "for f in /data/appendonlydir/*.aof; do printf damage | dd of=$f bs=1 seek=23 conv=notrunc; done"
        engine("run", "--rm", volume, "--user=1000", "--entrypoint=/bin/sh", HELPER, "-c", damage)
        engine("start", container.id)
        self.becomes(container, "unhealthy")
        self.assertEqual(container.get("/ready")[0], 503)
        self.assertTrue(container.state()["Running"])

    def test_it_asks_at_the_port_that_was_chosen(self):
        for variable in ["SRH_PORT", "PORT"]:
            with self.subTest(variable=variable):
                container = self.container(f"--env={variable}=8123", image=self.image)
                self.becomes(container, "healthy")
