# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Ray on two "nodes" that are both this machine, as the tasks of a Slurm job would start it."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

DRIVER = """
import ray, sys
ray.init()
print("nodes", sorted(int(node["Resources"]["topo_rank"]) for node in ray.nodes()))
print("answer", ray.get(ray.remote(lambda: 6 * 7).remote()))
sys.exit(7)
"""


def start(node, directory):
    slurm = {"SLURM_JOB_ID": "12", "SLURM_NNODES": "2", "SLURM_NODEID": str(node)}
    command = [sys.executable, "-m", "nemo_reasoning.launch.ray_cluster", str(directory), "-c", DRIVER]
    with (directory / f"log{node}").open("w") as log:
        environment = {**os.environ, **slurm, "PYTHONSAFEPATH": "1"}
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


@pytest.fixture
def nodes(tmp_path):
    started = [start(node, tmp_path) for node in (0, 1)]
    yield started
    for node in started:
        node.kill()
        node.wait()


def test_the_command_runs_once_on_all_nodes_and_its_status_is_the_jobs(nodes, tmp_path):
    head, other = nodes
    assert head.wait(timeout=500) == 7, (tmp_path / "log0").read_text()
    assert other.wait(timeout=100) == 0, (tmp_path / "log1").read_text()
    assert "nodes [1, 2]" in (tmp_path / "log0").read_text()
    assert "answer 42" in (tmp_path / "log0").read_text()
    assert "answer" not in (tmp_path / "log1").read_text()
    assert not (tmp_path / "12-0" / "token").exists()
