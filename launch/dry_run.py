# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What would be submitted: written to `dry_run` in `launch.output`, and printed."""

from collections.abc import Sequence
from pathlib import Path

from nemo_reasoning.config import Config
from nemo_reasoning.files import remove, write_bytes
from nemo_reasoning.launch import experiment, remote
from nemo_reasoning.launch.checks import missing_images
from nemo_reasoning.launch.plan import Job

PLAN = "plan.txt"


def show(jobs: Sequence[Job], config: Config) -> None:
    """Write and print each generated script, and for each job its image, mounts and dependencies."""
    far = config.cluster.tunnel.host is not None
    directory = (remote.directory(config) if far else Path(config.launch.output).absolute()) / "dry_run"
    remove(directory)
    scripts = experiment.render(jobs, config, directory)
    text = "\n".join(map(describe, jobs)) + "\n"
    write_bytes(directory / PLAN, text.encode())
    print(text)
    for name, script in scripts.items():
        print(f"{'=' * 20} {name}\n{script}")
    for sentence in missing_images(jobs, config):
        print(sentence)
    print(f"Nothing was submitted. All of this is in {directory}")


def describe(job: Job) -> str:
    """A job in a few lines."""
    after = [f"{name} has ended" for name in job.after_any] + [f"{name} has succeeded" for name in job.after_ok]
    rows = {
        "after": ", ".join(after),
        "nodes": f"{job.nodes}, each {job.gpus} GPUs" if job.gpus else f"{job.nodes}",
        "time": job.time,
        "runs": f"{job.launcher} with {job.ranks} ranks a node" if job.launcher == "torchrun" else job.launcher,
        "image": job.image,
        "mounts": ", ".join(job.mounts),
        "sets": ", ".join(job.environment),
        "passes": ", ".join(job.passed),
        "command": " ".join([job.python, *job.arguments]),
    }
    return "\n".join([job.name, *(f"  {key}: {value}" for key, value in rows.items() if value)])
