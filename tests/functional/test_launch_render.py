# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a dry run prints and writes, against files that were reviewed line by line (docs/launch.md).

A change that is meant is written with `WRITE_GOLDEN=1 pytest tests/functional/test_launch_render.py`, and reviewed.
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from launch_runs import configured

from nemo_reasoning import launch

pytest.importorskip("nemo_run")

GOLDEN = Path(__file__).parents[1] / "golden" / "launch"
SLURM = ("cluster=slurm", "cluster.account=acme", "cluster.check_shared_disk=false")
TWO = ("cluster.stages.distill.segments=2", "cluster.stages.grpo.segments=2")
EIGHT = ("experiment=qwen2_5_math_7b_openr1", *SLURM, *TWO)
RUNS = {
    "qwen2_5_math_7b_openr1_8_gpus": EIGHT,
    "qwen2_5_32b_64_gpus": ("experiment=qwen2_5_32b", "plan.gpus=64", *SLURM, *TWO, "stages=[distill,report]"),
    "grpo_qwen2_5_32b_64_gpus": (
        "experiment=grpo_qwen2_5_32b",
        "grpo.nemo_rl.num_nodes=8",
        *SLURM,
        *TWO,
        "cluster.partition=batch",
        "+cluster.environment.NCCL_DEBUG=WARN",
        "cluster.environment_file=/home/me/secrets.env",
    ),
    "teacher_2_nodes": (
        "experiment=qwen2_5_1_5b",
        "teacher=vllm_job",
        "data=generated",
        "data.problems.path=problems.jsonl",
        "cluster.stages.generate.nodes=2",
        "cluster.stages.generate.segments=1",
        *SLURM,
        "stages=[generate]",
    ),
    "smoke_slurm_lab": ("experiment=smoke", "cluster=slurm_lab"),
    "smoke_local": ("experiment=smoke", "cluster=local"),
}
VARIABLES = (
    "HF_HOME",
    "HF_TOKEN",
    "WANDB_API_KEY",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_TOKEN",
    "OPENAI_API_KEY",
    "LOGLEVEL",
)


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """An empty directory to run in, no input, and none of the variables that would be passed on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # NeMo-Run's shell commands read it, which pytest forbids
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def rendered(capsys, *overrides):
    """The output of a dry run, without what differs from machine to machine."""
    launch.submit(configured(*overrides, "launch.dry_run=true", "launch.code=ship"))
    out = capsys.readouterr().out.replace(str(Path.cwd()), "<dir>").replace(str(Path(sys.executable).parent), "<bin>")
    return re.sub(r"_\d{19}\b", "_<id>", out)


@pytest.mark.parametrize("name", RUNS)
def test_the_scripts_are_those_that_were_reviewed(name, capsys):
    Path("problems.jsonl").write_text("{}\n")
    text, golden = rendered(capsys, *RUNS[name]), GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_a_dry_run_says_what_would_be_refused_and_shows_everything(tmp_path, capsys):
    slurm = ("cluster=slurm", "cluster.account=acme", "launch.dry_run=true", "launch.code=ship")
    launch.submit(configured("experiment=smoke", *slurm, f"paths.root={tmp_path}/runs", "stages=[report]"))
    said = capsys.readouterr()
    assert "this would be refused: paths.run=" in said.err
    assert "own disk" in said.err
    assert "Nothing was submitted." in said.out


def test_over_ssh_nothing_is_written_where_the_cluster_has_its_files(tmp_path, capsys):
    far = ("cluster=slurm_ssh", "cluster.account=acme", "cluster.tunnel.host=login", "cluster.tunnel.user=me")
    out = rendered(capsys, "experiment=smoke", *far, "paths.root=/lustre/nobody/runs", "stages=[distill]")
    launch_directory = "/lustre/nobody/runs/smoke/launch"
    assert f"srun --output {launch_directory}/experiments/smoke/smoke_<id>/distill-1/log-smoke.distill-1_%j" in out
    assert "--chdir /lustre/nobody/runs/smoke" in out
    assert f"export PYTHONPATH={launch_directory}/code" in out
    assert [path.name for path in tmp_path.iterdir()] == ["smoke-launch"]
    assert not Path("/lustre").exists()


def test_every_script_is_valid_shell_and_written(tmp_path, capsys):
    rendered(capsys, *EIGHT)
    scripts = list(tmp_path.rglob("dry_run/**/*.sh"))
    names = {path.name for path in scripts}
    assert {"prepare-1_sbatch.sh", "distill-1_sbatch.sh", "distill-2_sbatch.sh", "report-1.sh"} <= names
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
    assert not (tmp_path / "runs" / "qwen2_5_math_7b_openr1" / "resolved.yaml").exists()


def test_secrets_pass_by_name_and_are_written_nowhere(tmp_path, monkeypatch, capsys):
    canary = "canary-5f1d"
    monkeypatch.setenv("HF_TOKEN", canary)
    monkeypatch.setenv("WANDB_API_KEY", canary)
    out = rendered(capsys, *EIGHT)
    assert "--container-env PYTHONSAFEPATH,PYTHONPATH,HF_HOME,HF_TOKEN,WANDB_API_KEY" in out
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert canary not in out
    assert [path for path in written if canary.encode() in path.read_bytes()] == []
