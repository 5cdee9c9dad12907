# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from nemo_reasoning.config import Cluster
from nemo_reasoning.doctor import cluster, examine
from nemo_reasoning.doctor.probe import Ran


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Puts commands of these names and scripts before all others."""

    def put(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return put


def test_a_command_that_answers(commands):
    commands("sbatch", "echo slurm-wlm 24.05.1")
    (finding,) = examine._command("sbatch")
    assert (finding.level, finding.what) == ("ok", "slurm-wlm 24.05.1")


def test_a_command_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [examine._command(name)[0].level for name in cluster.COMMANDS] == ["absent"] * len(cluster.COMMANDS)


def test_a_cluster_without_accounting(commands):
    commands("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    (finding,) = examine._command("sacct")
    assert (finding.level, finding.what) == ("error", "Slurm accounting storage is disabled")
    assert "slurmdbd" in finding.fix


def test_a_controller_that_does_not_answer(commands, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 0.5)
    commands("squeue", "sleep 60")
    (finding,) = examine._command("squeue")
    assert finding.level == "error"
    assert "slurmctld" in finding.fix


def test_slurm_without_a_configuration(commands):
    commands("sbatch", "echo 'sbatch: fatal: Could not establish a configuration source' >&2; exit 1")
    (finding,) = examine._command("sbatch")
    assert finding.level == "error"
    assert "SLURM_CONF" in finding.fix


def test_pyxis(commands):
    commands("srun", "echo '      --container-image=[USER@][REGISTRY#]IMAGE[:TAG]|PATH'")
    assert [finding.level for finding in examine._command("srun")] == ["ok", "ok"]
    commands("srun", "echo '  -n, --ntasks=ntasks'")
    assert [finding.level for finding in examine._command("srun")] == ["ok", "absent"]
    assert cluster.pyxis(Ran("missing")).level == "absent"


def test_what_each_kind_of_cluster_needs():
    assert set(cluster.needs(None)) == {"nemo-run", "sbatch", "srun", "scancel", "squeue", "sacct", "pyxis"}
    assert "pyxis" not in cluster.needs(Cluster(kind="slurm", containers=False))
    assert cluster.needs(Cluster(kind="docker")) == ("nemo-run", "docker")
    assert cluster.needs(Cluster(kind="slurm", tunnel={"host": "login"})) == ("nemo-run", "ssh")
    assert cluster.needs(Cluster(kind="local", containers=False)) == ("nemo-run",)
