"""A Redis that speaks TLS, from an image that has no certificates but the authorities'."""

import json
import os
import urllib.error

from container import IMAGE, ContainerTest, engine

# It has what makes certificates; the minimal image has not.
DEBIAN = "pkv:latest"


class Tls(ContainerTest):
    def certificates(self):
        """A volume with an authority (ca.pem) and what it has signed for the host `redis`."""
        volume = self.volume()

        def openssl(*arguments):
            options = ["--rm", f"--volume={volume}:/data", "--workdir=/data", "--entrypoint=/usr/bin/openssl"]
            new = ["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "1"]
            engine("run", *options, DEBIAN, *new, *arguments)

        openssl("-subj", "/CN=An authority", "-keyout", "ca.key", "-out", "ca.pem")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        name = ["-subj", "/CN=redis", "-addext", "subjectAltName=DNS:redis"]
        openssl(*signed, *name, "-keyout", "redis.key", "-out", "redis.pem")
        return volume

    def test_an_authority_of_one_s_own_is_trusted_if_it_is_named(self):
        network = engine("network", "create", f"pkv-tls-{os.getpid()}").splitlines()[-1]
        self.addCleanup(engine, "network", "rm", "--force", network)
        volume = f"--volume={self.certificates()}:/certificates:ro"
        redis = engine(
            "run", "--detach", volume, f"--network={network}", "--network-alias=redis",
            "--entrypoint=/usr/bin/redis-server", IMAGE,
            "--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no", "--protected-mode", "no", "--save", "",
            "--tls-ca-cert-file", "/certificates/ca.pem",
            "--tls-cert-file", "/certificates/redis.pem", "--tls-key-file", "/certificates/redis.key",
        )
        self.addCleanup(engine, "rm", "--force", "--volumes", redis)
        options = [volume, f"--network={network}"]
        options += ["--env=SRH_MODE=env", "--env=SRH_CONNECTION_STRING=rediss://redis:6379"]

        trusting = self.ready(*options, "--env=SSL_CERT_FILE=/certificates/ca.pem")
        self.assertEqual(trusting.run("SET", "k", "v"), "OK")

        # The image's own authorities are there, and this is not one of them.
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.container(*options).run("GET", "k")
        self.assertEqual(refused.exception.code, 503)
        self.assertRegex(json.load(refused.exception)["error"], "(?i)certificate.*unknown ?issuer")
