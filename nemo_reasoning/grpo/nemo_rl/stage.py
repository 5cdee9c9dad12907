# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The GRPO stage on NeMo-RL: its runs in a row, each in a process of its own, then the model."""

import subprocess
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil
import torch

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.files import remove
from nemo_reasoning.grpo.nemo_rl import run as launcher
from nemo_reasoning.grpo.nemo_rl.convert import convert, environment
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.grpo.nemo_rl.translate import BASE, check, stages
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.process import LOG
from nemo_reasoning.stage import ERROR

WINDOW = 10
"""Steps over which accuracy and reward are averaged for the summary."""


def run(config: Config, stage: StageRun) -> dict[str, Any]:
    """Train `grpo.init` with NeMo-RL and write the result to `hf/` in the stage's directory.

    Raises:
        InputError: This is not NeMo-RL's container, a setting has no equivalent, or NeMo-RL failed.
        Interrupted: NeMo-RL saved a checkpoint and ended before its last step.
    """
    check(config)
    check_container(config)
    count = len(stages(config))
    for index, each in enumerate(stages(config)):
        last = index == count - 1
        job, _ = launcher.make_job(config, stage, index)
        target = stage.directory / "hf" if last else job.directory / "hf"
        if target.exists():
            continue
        step = launcher.latest_step(job)
        if step < each.max_num_steps:
            launch(config)
            step = advanced(stage, job, step)
        if step < each.max_num_steps:
            which = f" of run {index + 1} of {count}" if count > 1 else ""
            raise Interrupted(f"at step {step:,} of {each.max_num_steps:,}{which}, whose checkpoint is saved")
        # Between the runs in a row nothing is rounded away.
        dtype = torch.bfloat16 if last and config.grpo.precision == "bf16" else torch.float32
        convert(job, step, target, dtype)
    return summary(stage)


def advanced(stage: StageRun, job: Job, before: int) -> int:
    """The last step that NeMo-RL has saved.

    Raises:
        InputError: It is no later than `before`: another start would come no further.
    """
    step = launcher.latest_step(job)
    if step == before:
        raise InputError(f"NeMo-RL ended after step {step:,} and saved none; {stage.directory / LOG} says more.")
    return step


def check_container(config: Config) -> None:
    """Check that NeMo-RL is where the configuration says.

    Raises:
        InputError: It is not.
    """
    nemo_rl = config.grpo.nemo_rl
    for path, key in ((Path(nemo_rl.python), "python"), (Path(nemo_rl.repo) / BASE, "repo")):
        if not path.exists():
            raise InputError(
                f"{path} does not exist; run this stage inside nvcr.io/nvidia/nemo-rl:v0.7.0, "
                f"or set grpo.nemo_rl.{key} to that of NeMo-RL v0.7 or later."
            )


def launch(config: Config) -> None:
    """Run NeMo-RL until it ends, in its own interpreter.

    Raises:
        InputError: It failed, or refused something, with its own sentence.
    """
    directory = Path(config.paths.run).absolute()
    remove(directory / "grpo" / ERROR)
    done = subprocess.run(
        command(config, directory), env=environment(config.grpo.nemo_rl.repo, directory / "grpo"), check=False
    )
    sentence = directory / "grpo" / ERROR
    if sentence.exists():
        raise InputError(sentence.read_text())
    if done.returncode not in (0, launcher.UNFINISHED):
        raise InputError(
            f"NeMo-RL failed with status {done.returncode}; {directory / 'grpo' / LOG} says more, "
            "and the same command continues the run."
        )


def command(config: Config, run_directory: Path) -> list[str]:
    """The launcher in NeMo-RL's interpreter; the time limit counts from the start of this process."""
    minutes = config.grpo.exit_duration_in_mins
    limit = [] if minutes is None else ["--exit-by", str(psutil.Process().create_time() + 60 * minutes)]
    return [config.grpo.nemo_rl.python, "-m", "nemo_reasoning.grpo.nemo_rl.run", str(run_directory), *limit]


def summary(stage: StageRun) -> dict[str, Any]:
    """The stage's metrics, from all the steps that were logged."""
    history = [row for row in read_metrics(stage.directory) if "rollouts" in row]
    count, first, last = sum(row["rollouts"] for row in history), history[:WINDOW], history[-WINDOW:]
    accuracies = [fmean(row["accuracy"] for row in rows) for rows in (first, last)]
    rewarded = [row["reward"] for row in last if row["reward"] is not None]
    return {
        "summary": f"{len(history):,} steps, {count:,} rollouts, training accuracy "
        f"{accuracies[0]:.0%} -> {accuracies[1]:.0%}",
        "steps": len(history),
        "reward": fmean(rewarded) if rewarded else None,
        "accuracy": accuracies[1],
        "first_accuracy": accuracies[0],
        "collapsed_at": next((row["step"] for row in history if "warning" in row), None),
        "unrewarded": sum(row["unrewarded"] for row in history),
        "rollouts": count,
        "tokens_sampled": sum(row["tokens"] for row in history),
    }
