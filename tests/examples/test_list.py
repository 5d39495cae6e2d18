"""Nothing is there to be copied that nothing checks: each file under examples/, each block of the README."""

import os
import re
import unittest

import test_examples
import test_providers
import test_testcontainers
from test_examples import EXAMPLES

ROOT = os.path.join(EXAMPLES, "..")

# Each file under examples/, and the tests that run or check it.
CHECKS = {
    "compose/compose.yaml": [test_examples.Compose.test_bundled],
    "compose-external/compose.yaml": [test_examples.Compose.test_external],
    "compose-external/tokens.json": [test_examples.Compose.test_external],
    "fly/fly.toml": [
        test_providers.Fly.test_its_settings_are_documented,
        test_providers.Fly.test_the_image_does_what_it_sets,
    ],
    "github-actions/test.yml": [
        test_examples.GitHubActions.test_its_service_is_healthy_and_its_first_step_succeeds,
    ],
    "kubernetes/pkv.yaml": [
        test_examples.Kubernetes.test_it_is_what_kubernetes_takes,
        test_examples.Kubernetes.test_its_container_runs_with_what_it_sets,
    ],
    "render/render.yaml": [
        test_providers.Render.test_its_settings_are_documented,
        test_providers.Render.test_the_image_does_what_it_sets,
    ],
    "systemd/pkv.service": [test_examples.Systemd.test_systemd_has_nothing_to_say_against_the_unit],
    "testcontainers-python/test_pkv.py": [test_testcontainers.Testcontainers.test_python],
    "testcontainers-typescript/pkv.test.ts": [test_testcontainers.Testcontainers.test_typescript],
}

# What the README marks its blocks with, and the file that runs them or compares them. The two commands
# of the first block are what all of this is started with.
READERS = {
    "tests/examples": "tests/examples/test_readme.py",
    "tests/sdk": "tests/sdk/js/readme.test.js",
    "tests/it/backup.rs": "tests/it/backup.rs",
    "tests/it/start/banner.rs": "tests/it/start/banner.rs",
    "tests/it/start/tokens_file.rs": "tests/it/start/tokens_file.rs",
    "scripts/test": None,
}


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class List(unittest.TestCase):
    def test_every_example_is_checked(self):
        walk = [os.path.join(at, name) for at, _, names in os.walk(EXAMPLES) for name in names]
        found = [os.path.relpath(path, EXAMPLES) for path in walk]
        self.assertEqual(sorted(found), sorted(CHECKS))

    def test_every_example_is_shown_in_the_readme(self):
        readme = text("README.md")
        directories = {name.split("/")[0] for name in CHECKS}
        self.assertEqual([name for name in directories if f"](examples/{name}/" not in readme], [])

    def test_every_block_of_the_readme_says_what_tests_it(self):
        readme = text("README.md")
        fences = re.findall(r"(?m)^(.*)\n```\w", readme)
        self.assertEqual(2 * len(fences), len(re.findall("(?m)^ *```", readme)), "a block of no language")
        markers = [re.fullmatch("<!-- tested: (.*) -->", line) for line in fences]
        for line, marker in zip(fences, markers):
            self.assertTrue(marker and marker[1] in READERS, f"a block after {line!r}")
        self.assertEqual({marker[1] for marker in markers}, set(READERS), "a reader of nothing")
        for marker, reader in READERS.items():
            if reader:
                self.assertIn(f"tested: {marker}", text(reader).replace("\\/", "/"))
