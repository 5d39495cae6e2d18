"""What the image is, before it runs."""

import os
import re
import tarfile
import tempfile
import unittest

from container import HELPER, IMAGE, engine, inspect

MINIMAL = IMAGE.endswith(":minimal")

# Bytes, uncompressed. The JSON module is 2 MB of it, and pkv 5.6: 1 MB more than if it were built to be
# small (see Cargo.toml).
LARGEST = (27.6 if MINIMAL else 100) * 1_000_000

# All that there is in the minimal image, and all that the other one has beyond its base.
PARTS = r"""
usr/local/bin/pkv
usr/local/lib/pkv/libpkv_json.so
usr/bin/redis-(server|cli|check-rdb|check-aof|benchmark)
(usr/)?lib(64)?/(\S+/)?(ld-linux-\S+|[^/]+)\.so(\.[\d.]+)?
etc/ssl/certs/ca-certificates.crt
etc/(passwd|group|nsswitch.conf)
usr/share/doc/[^/]+/copyright
var/lib/dpkg/status.d/[^/]+
""".split()

# What Debian's packages bring or change beside that.
OF_PACKAGES = r"""
etc/(gshadow|shadow|subuid|subgid|ld.so.cache|ca-certificates.conf)
etc/ssl/(openssl.cnf|certs/\S+)
etc/(adduser|deluser).conf
usr/sbin/(add|del)(user|group)
usr/share/ca-certificates/\S+
usr/bin/(openssl|c_rehash|lua-any)
usr/sbin/(update-ca-certificates)
usr/lib/(ssl|systemd|tmpfiles.d|sysusers.d|engines-3)\S*
usr/lib/\S+/(engines-3|ossl-modules)/\S+
usr/share/(bash-completion|debconf|perl5|doc|doc-base)/\S+
usr/share/man\S+
var/lib/dpkg/\S+
var/lib/(systemd|apt)/\S+
""".split()


def files(image):
    """Path to (size, mode, time) of every file that is no directory, and the directories' modes."""
    container = engine("create", "--entrypoint=/none", image, "none")
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "image.tar")
            engine("export", "--output", path, container)
            with tarfile.open(path) as tar:
                members = [(member.name.removeprefix("./"), member) for member in tar]
    finally:
        engine("rm", "--force", "--volumes", container)
    plain = {name: (member.size, member.mode, member.mtime) for name, member in members if not member.isdir()}
    return plain, {name: member.mode & 0o7777 for name, member in members if member.isdir()}


class Image(unittest.TestCase):
    def test_it_is_small(self):
        size = inspect(IMAGE, "image")["Size"]
        print(f"\n  {IMAGE}: {size / 1e6:.1f} MB", flush=True)
        self.assertLess(size, LARGEST)

    def test_there_is_in_it_what_is_needed_and_no_more(self):
        found, directories = files(IMAGE)
        base = {} if MINIMAL else files(HELPER)[0]
        # The engine's own, made when a container is.
        engines = re.compile(r"(etc/(hosts|hostname|resolv.conf|mtab)|\.dockerenv|run/.*|dev/.*|proc/.*|sys/.*)")
        new = {name for name, what in found.items() if base.get(name) != what and not engines.fullmatch(name)}
        patterns = PARTS if MINIMAL else PARTS + OF_PACKAGES
        allowed = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        self.assertEqual(sorted(name for name in new if not allowed.fullmatch(name)), [])
        for needed in ["usr/local/bin/pkv", "usr/local/lib/pkv/libpkv_json.so", "usr/bin/redis-server", "etc/ssl/certs/ca-certificates.crt"]:
            self.assertIn(needed, found)
        self.assertEqual("usr/bin/redis-cli" in found, not MINIMAL)
        self.assertEqual([directories[name] for name in ["data", "tmp"]], [0o1777, 0o1777])

    def test_its_settings(self):
        image = inspect(IMAGE, "image")
        config = image["Config"]
        self.assertEqual(config["User"], "1000:1000")
        self.assertEqual(config["Entrypoint"], ["/usr/local/bin/pkv"])
        self.assertFalse(config.get("Cmd"))
        self.assertEqual(list(config["ExposedPorts"]), ["7860/tcp"])
        self.assertEqual(list(config["Volumes"]), ["/data"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(
            config["Env"],
            [
                "PATH=/usr/local/bin:/usr/bin",
                "MALLOC_ARENA_MAX=2",
                "MALLOC_MMAP_THRESHOLD_=524288",
                "MALLOC_TRIM_THRESHOLD_=2097152",
            ],
        )
        check = config.get("Healthcheck") or image["Healthcheck"]
        self.assertEqual(check["Test"], ["CMD", "/usr/local/bin/pkv", "healthcheck"])
        labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
        self.assertEqual(labels["licenses"], "MIT")
        self.assertEqual(labels["revision"], os.environ["PKV_REVISION"])
        for name in ["title", "description"]:
            self.assertTrue(labels[name], name)
        self.assertEqual(f"pkv {labels['version']}", engine("run", "--rm", IMAGE, "--version"))

    def test_its_history_tells_no_secret(self):
        history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
        self.assertIn("pkv", history)
        self.assertNotRegex(history, r"(?i)(token|secret|passw\w*|credential\w*|api_?key)\s*[=:]")
        # Nor anything of the environment that it was built in.
        sensitive = re.compile(r"(?i)token|secret|passw|credential|key|proxy")
        for name, value in os.environ.items():
            if sensitive.search(name) and len(value) >= 8:
                self.assertNotIn(value, history, name)
