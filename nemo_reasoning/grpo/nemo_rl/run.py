# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""GRPO inside NeMo-RL's container: `python -m nemo_reasoning.grpo.nemo_rl.run RUN_DIRECTORY`.

Takes the next of the stage's runs in a row, from its last checkpoint, through NeMo-RL's own
`examples/run_grpo.py`. NeMo-RL ends with status 0 when it stops for its time limit, too: here
the exit status is 0 only when the last step is on the disk, and `UNFINISHED` when it is not.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning import contract
from nemo_reasoning.compose import read_resolved
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import write_bytes
from nemo_reasoning.grpo.nemo_rl import data, hooks, schema
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.grpo.nemo_rl.records import Recorder
from nemo_reasoning.grpo.nemo_rl.translate import BASE, ENVIRONMENT, PROCESSOR, VALIDATION, stages, translate
from nemo_reasoning.grpo.problems import read_problems, split
from nemo_reasoning.grpo.rollout_log import rewind
from nemo_reasoning.manifest import CHECKPOINTS, StageRun
from nemo_reasoning.models import load_tokenizer
from nemo_reasoning.stage import ERROR, die_with_parent

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNFINISHED = 75
"""Exit status of a run that was stopped before its last step; the same command continues it."""
MARGIN_S = 15 * 60
"""A Slurm job's last checkpoint is begun this long before its end."""


def main() -> int:
    """Train; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nemo_reasoning.grpo.nemo_rl.run")
    parser.add_argument("run_directory", type=Path)
    parser.add_argument("--exit-by", type=float, help="when to save and end, in seconds since the epoch")
    arguments = parser.parse_args()
    die_with_parent()
    try:
        return run(read_resolved(arguments.run_directory / "resolved.yaml"), arguments.exit_by)
    except InputError as error:
        print(error, file=sys.stderr)
        write_bytes(arguments.run_directory / "grpo" / ERROR, str(error).encode())
        return error.status


def run(config: Config, exit_by: float | None = None) -> int:
    """Train what is next, until it is done or time is up (seconds since the epoch); gives the exit status."""
    stage = StageRun("grpo", (Path(config.paths.run) / "grpo").absolute())
    index = next_index(config, stage)
    if index is None:
        return 0
    register(config)
    job = prepare(config, stage, index)
    start = time.time()
    limit = must_save_by(config.grpo.exit_duration_in_mins, exit_by, os.environ, start)
    write_config(job.directory / "config.yaml", values_for(job, limit))
    before = sum(earlier.max_num_steps for earlier in stages(config)[:index])
    rewind(stage, before + latest_step(job))
    total = sum(each.max_num_steps for each in stages(config))
    train(job, Recorder(stage, config.grpo, total, before), start)
    return 0 if latest_step(job) == job.stage.max_num_steps else UNFINISHED


def values_for(job: Job, must_save_by: str | None = None) -> dict[str, Any]:
    """What is handed to NeMo-RL: our settings, then the user's overrides, all keys known to it.

    Args:
        job: The run of NeMo-RL.
        must_save_by: As in `translate`.

    Raises:
        InputError: A key is unknown, or something is asked for that cannot be.
    """
    nemo_rl = job.config.grpo.nemo_rl
    ours = translate(job, must_save_by)
    values = schema.merged(schema.merged(ours, nemo_rl.overrides), job.stage.overrides)
    check_overrides(values, ours, job.config)
    schema.check(values, Path(nemo_rl.repo) / BASE)
    return values


def train(job: Job, recorder: Recorder, start: float) -> None:
    """Put our hooks into NeMo-RL and call its own entry point; its time limit counts from `start`."""
    hooks.install(recorder, start)
    sys.path.insert(0, job.config.grpo.nemo_rl.repo)  # `examples` is not in the installed package
    from examples import run_grpo

    sys.argv = ["run_grpo.py", "--config", str(job.directory / "config.yaml")]
    run_grpo.main()


def register(config: Config) -> None:
    """Make the environment, for training and for validation, and the processor known to NeMo-RL.

    Raises:
        InputError: NeMo-RL is not installed here, or is older than v0.7.
    """
    try:
        from nemo_rl.algorithms.grpo import MasterConfig
        from nemo_rl.data.processors import register_processor
        from nemo_rl.distributed.ray_actor_environment_registry import ACTOR_ENVIRONMENT_REGISTRY
        from nemo_rl.distributed.virtual_cluster import PY_EXECUTABLES
        from nemo_rl.environments.utils import register_env
    except ImportError as error:
        raise InputError(
            f"NeMo-RL cannot be imported here ({error}); run this stage inside nvcr.io/nvidia/nemo-rl:v0.7.0."
        ) from None
    if not hasattr(MasterConfig, "model_fields"):  # main calls itself 0.6, so the number does not tell
        raise InputError(
            "this NeMo-RL is older than v0.7 and has another configuration; "
            "run this stage inside nvcr.io/nvidia/nemo-rl:v0.7.0."
        )
    actor = "nemo_reasoning.grpo.nemo_rl.environment.ReasoningEnvironment"
    for name in (ENVIRONMENT, VALIDATION):
        register_env(name, actor)
    ACTOR_ENVIRONMENT_REGISTRY[actor] = PY_EXECUTABLES.SYSTEM  # register_env leaves this out
    register_processor(PROCESSOR, data.processor(config.format))


def next_index(config: Config, stage: StageRun) -> int | None:
    """Which of the runs in a row is not finished; None when all are."""
    for index, each in enumerate(stages(config)):
        if latest_step(Job(config, each, "", directory(stage, index), 0)) < each.max_num_steps:
            return index
    return None


def make_job(config: Config, stage: StageRun, index: int) -> tuple[Job, "PreTrainedTokenizerBase"]:
    """One of the runs in a row, and the tokenizer of the model that it starts from."""
    model = config.grpo.init if index == 0 else str(directory(stage, index - 1) / "hf")
    if Path(model).is_dir():
        model = str(Path(model).absolute())  # NeMo-RL's workers have directories of their own
    tokenizer = load_tokenizer(model, config.model)
    stop_id = config.format.stop_id(tokenizer)
    return Job(config, stages(config)[index], model, directory(stage, index).absolute(), stop_id), tokenizer


def prepare(config: Config, stage: StageRun, index: int) -> Job:
    """One of the runs in a row, with its problems written."""
    job, tokenizer = make_job(config, stage, index)
    contract.preflight(config.format, tokenizer, Path(job.model))
    longest = min(config.grpo.nemo_rl.max_prompt_tokens, job.stage.max_total_sequence_length - 1)
    learned, held_out = split(read_problems(config), config.grpo)
    left_out = data.write_problems(job.problems, learned, config.format, tokenizer, longest)
    print(f"{left_out} problems have a prompt of more than {longest} tokens and are left out", flush=True)
    data.check_enough(job.problems, config.grpo)
    repeated = [problem for problem in held_out for _ in range(config.grpo.val_samples_per_problem)]
    data.write_problems(job.validation, repeated, config.format, tokenizer, longest)
    return job


def directory(stage: StageRun, index: int) -> Path:
    """Where one of the runs in a row writes."""
    return stage.directory / CHECKPOINTS / f"stage_{index}"


def latest_step(job: Job) -> int:
    """The last step that NeMo-RL has saved; 0 where there is none."""
    steps = [path.name.removeprefix("step_") for path in job.checkpoints.glob("step_*")]
    return max((int(step) for step in steps if step.isdecimal()), default=0)


OURS = {
    "grpo": (
        "num_prompts_per_step",
        "num_generations_per_prompt",
        "max_num_steps",
        "adv_estimator",
        "normalize_rewards",
        "use_leave_one_out_baseline",
    ),
    "loss_fn": ("use_kl_in_reward",),
}
"""Settings of NeMo-RL that the hooks serve in its place, from ours."""
KL = ("reference_policy_kl_penalty", "reference_policy_kl_type", "kl_input_clamp_value", "kl_output_clamp_value")
"""Those of `loss_fn` that they serve where KL is taken off the rewards."""


def check_overrides(values: Mapping[str, Any], ours: Mapping[str, Any], config: Config) -> None:
    """Refuse what our environment and our hooks cannot serve.

    Args:
        values: What NeMo-RL is to be handed.
        ours: The same without the user's overrides.
        config: The run's configuration.

    Raises:
        InputError: Training would not pass through the hooks, a reward would not see its whole group, or
            the hooks would go by another value than NeMo-RL.
    """
    served = {**OURS, "loss_fn": OURS["loss_fn"] + (KL if config.grpo.use_kl_in_reward else ())}
    for section, name in ((section, name) for section, names in served.items() for name in names):
        if values[section][name] != ours[section][name]:
            raise InputError(f"grpo.nemo_rl.overrides cannot set {section}.{name}; set grpo.{name} instead.")
    if values["grpo"].get("async_grpo", {}).get("enabled"):
        raise InputError("asynchronous GRPO passes over our environment's masking; set async_grpo.enabled to false.")
    if (values.get("data_plane") or {}).get("enabled"):
        raise InputError("NeMo-RL's data plane passes over our environment's masking; set data_plane.enabled to false.")
    whole_group = {"length", "random"} & {name for name, reward in config.grpo.rewards.items() if reward}
    if values["policy"]["generation"]["vllm_cfg"].get("async_engine") and whole_group:
        raise InputError(
            f"the reward '{min(whole_group)}' compares the completions of a problem, and vLLM's async engine "
            "sends them one by one; set vllm_cfg.async_engine to false."
        )


def must_save_by(
    minutes: float | None, exit_by: float | None, environment: Mapping[str, str], now: float
) -> str | None:
    """When to save and end, counted from now, as NeMo-RL writes times; None never.

    Args:
        minutes: `grpo.exit_duration_in_mins`; counts from now where the stage did not say from when.
        exit_by: What the stage said, in seconds since the epoch.
        environment: A Slurm job's end stands in it, and goes where nothing else was said.
        now: Seconds since the epoch.
    """
    slurm_end = environment.get("SLURM_JOB_END_TIME")
    if exit_by is None and minutes is not None:
        exit_by = now + 60 * minutes
    if exit_by is None and slurm_end is not None:
        exit_by = int(slurm_end) - MARGIN_S
    return None if exit_by is None else duration(max(60.0, exit_by - now))


def duration(seconds: float) -> str:
    """Seconds as NeMo-RL writes times.

    Example:
        >>> duration(3 * 3600 + 45 * 60)
        '00:03:45:00'
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day:02}:{hour:02}:{minute:02}:{second:02}"


def write_config(path: Path, values: Mapping[str, Any]) -> None:
    """Write what NeMo-RL reads."""
    from omegaconf import OmegaConf

    write_bytes(path, OmegaConf.to_yaml(OmegaConf.create(dict(values))).encode())


if __name__ == "__main__":
    sys.exit(main())
