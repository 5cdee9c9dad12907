# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be known to fail before anything runs."""

import shutil
from pathlib import Path

from nemo_reasoning import distill, generate, rewards
from nemo_reasoning.config import Config, Evaluate, Model, Source
from nemo_reasoning.config.model import STUDENTS
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl import translate
from nemo_reasoning.models import check_model_directory, read_settings
from nemo_reasoning.stages import selected
from nemo_reasoning.traces import local_files

STUDENT_STAGES = {"prepare", "curate", "distill"}
"""Stages that make or read the student; what is only measured may be any model."""


def check_run(config: Config) -> None:
    """Check disk, files, model and settings that depend on each other, for the selected stages.

    Raises:
        InputError: The first thing that would fail.
    """
    names = {stage.name for stage in selected(config)}
    if not names:
        later = f", and from={config.from_stage} is after them" if config.from_stage and config.stages else ""
        raise InputError(f"no stage is left to run: stages=[{', '.join(config.stages)}]{later}; name one.")
    _check_disk(config)
    if "generate" in names:
        generate.check(config, curated="curate" in names)
    if "curate" in names and not config.data.traces:
        raise InputError("there are no teacher traces; choose a group (data=arithmetic) or set data.traces.")
    if names & {"prepare", "curate"}:
        _check_data(config)
    _check_model(config.model, names)
    if "distill" in names:
        distill.check(config)
    if "grpo" in names:
        rewards.check(config.grpo.rewards)
        if config.grpo.engine == "nemo_rl":
            translate.check(config)
    if "evaluate" in names:
        _check_evaluate(config.evaluate)


def _check_disk(config: Config) -> None:
    run = Path(config.paths.run).resolve()
    existing = next(place for place in (run, *run.parents) if place.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < config.paths.min_free_gb:
        raise InputError(
            f"only {free:.2f} GB are free at {existing}, less than paths.min_free_gb={config.paths.min_free_gb:g}; "
            "free some or choose another paths.root."
        )


def _check_model(model: Model, names: set[str]) -> None:
    made_by_prepare, exists = model.scratch or model.gguf, Path(model.path).is_dir()
    if not made_by_prepare:
        check_model_directory(model.path)
    if not names & STUDENT_STAGES or (made_by_prepare and "prepare" in names):
        return
    if made_by_prepare and not exists:
        raise InputError(f"the student {model.path} does not exist; run the stage prepare first.")
    if exists:
        read_settings(model.path, STUDENTS)


def _check_evaluate(evaluate: Evaluate) -> None:
    if evaluate.engine == "openai_server" and evaluate.server.base_url is None:
        raise InputError("evaluate.engine=openai_server needs its address; set evaluate.server.base_url.")


def _check_data(config: Config) -> None:
    data = config.data
    if data.generator is None and data.evaluation is None:
        raise InputError("there are no held-out problems; set data.evaluation.path.")
    for source in (*data.traces.values(), data.rl, data.evaluation):
        if source is not None and not _made_by_run(source, config):
            for file in local_files(source.path):
                if file.stat().st_size == 0:
                    raise InputError(f"the data file {file} is empty.")


def _made_by_run(source: Source, config: Config) -> bool:
    return Path(source.path).is_relative_to(config.paths.run)
