# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What functional tests share."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import addition_student
import pipeline_runs
import pytest
import slurm_lab

RAY = ("test_curation_demo.py", "test_launch_ray.py", "test_nemo_rl_loop.py", "test_nemo_rl_stage.py")
"""Files whose tests start Ray; Curator's Xenna fails where a second Ray runs on the machine."""


@pytest.fixture(scope="module", autouse=True)
def one_ray(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the tests of one file at a time start Ray, where several processes run tests."""
    if request.path.name not in RAY:
        yield
        return
    with Path(tempfile.gettempdir(), "nemo_reasoning_tests_ray.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The root of a small run of all stages; its directory there is `smoke`."""
    root = tmp_path_factory.mktemp("finished")
    result = pipeline_runs.run(root)
    assert result.returncode == 0, result.stdout + result.stderr
    return root


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> Path:
    """The directory of a tiny student with random weights."""
    return addition_student.make(tmp_path_factory.mktemp("student") / "student")


@pytest.fixture(scope="module")
def slurm() -> Iterator[dict[str, str]]:
    """A real Slurm of its own on this machine: the environment for its commands."""
    if reason := slurm_lab.missing():
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="slurm-"))  # a socket's path must be short
    with slurm_lab.running(directory) as environment:
        yield environment
    shutil.rmtree(directory)
