# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Bridge's own finetune(), from the last complete checkpoint, again where a recovery is wanted."""

import contextlib
import functools
import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.distill import best, checkpoints, health, recipe
from nemo_reasoning.distill.health import Unhealthy
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.leaving import Leaving
from nemo_reasoning.manifest import CHECKPOINTS, StageRun
from nemo_reasoning.models import load_tokenizer

if TYPE_CHECKING:
    from megatron.bridge.training.config import ConfigContainer


def train(config: Config, stage: StageRun, student: str, init: str) -> None:
    """Train to the end and export; every rank calls this.

    Args:
        config: The run's configuration.
        stage: The stage's directory and log.
        student: Hugging Face directory of the student.
        init: Directory of the weights to start from (see `start.find`).

    Raises:
        InputError: Training went wrong and must not, or cannot, be recovered.
        Interrupted: The time limit was reached or SIGTERM came; a checkpoint was written.
    """
    directory = stage.directory / CHECKPOINTS
    logging.getLogger("megatron.bridge.training.pretrain").addFilter(_is_failure)
    while True:
        rewind(stage)
        try:
            _train_once(config, stage, student, init)
            return
        except Unhealthy as error:
            trouble = Unhealthy(error.step, error.trouble)  # its traceback would keep the model in memory
        except SystemExit:  # Bridge's way of saying that it saved and leaves
            raise Interrupted(_why_interrupted(config, directory)) from None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _on_first_rank(functools.partial(_recover, config.distill, stage, trouble))


def _is_failure(record: logging.LogRecord) -> bool:
    """Bridge logs every exception as a failure, also its own way to leave and ours to go back."""
    return not (record.exc_info and isinstance(record.exc_info[1], SystemExit | Unhealthy))


def rewind(stage: StageRun) -> None:
    """Remove what came after the last complete checkpoint: files, and rows of the log."""
    directory = stage.directory / CHECKPOINTS

    def back() -> None:
        checkpoints.clean(directory)
        complete = checkpoints.latest(directory)
        step = complete.step if complete else -1
        stage.rewind(step)
        best.drop_after(stage.directory, step)

    _on_first_rank(back)


def _train_once(config: Config, stage: StageRun, student: str, init: str) -> None:
    from megatron.bridge.training.finetune import finetune

    from nemo_reasoning.distill.hooks import ExportCallback, ProgressCallback, is_writer
    from nemo_reasoning.distill.tracking import Trackers

    directory = stage.directory / CHECKPOINTS
    bridge = recipe.build_config(config, student, stage.directory / "data", directory)
    bridge.checkpoint.pretrained_checkpoint = init
    _set_health(bridge, stage)
    complete = checkpoints.latest(directory)
    if complete:
        _resume(bridge, complete, directory)
    tokenizer = load_tokenizer(student, config.model)
    finish = ExportCallback(config, student, tokenizer, stage.directory / "hf")
    with contextlib.ExitStack() as stack:
        # Bridge's own limit breaks off a validation, whose result is lost, and asks all ranks twice in every step.
        leaving = stack.enter_context(Leaving(config.distill.exit_duration_in_mins))
        trackers = Trackers(config, stage.directory, complete.step if complete else 0)
        if is_writer():
            stack.enter_context(trackers)
        progress = ProgressCallback(config.distill, stage, bridge.dataset, complete, trackers, leaving)
        measuring = []
        if config.distill.val_period:
            from nemo_reasoning.distill.validation import ValidationCallback

            measuring = [ValidationCallback(config, stage, student, tokenizer, trackers)]
        finetune(bridge, recipe.forward_step(config.distill), callbacks=[progress, *measuring, finish])


def _set_health(bridge: "ConfigContainer", stage: StageRun) -> None:
    """Our monitor judges; Bridge's own checks would end one rank without a word to the others."""
    bridge.rerun_state_machine.check_for_nan_in_loss = False
    bridge.ddp.check_for_nan_in_grad = False
    skipped = health.skipped_steps(stage.directory)
    bridge.train.iterations_to_skip = skipped
    while bridge.train.train_iters in skipped:  # the last step must be one that is saved
        bridge.train.train_iters -= 1


def _resume(bridge: "ConfigContainer", complete: checkpoints.Checkpoint, directory: Path) -> None:
    bridge.checkpoint.load = str(complete.path(directory))
    if complete.final:  # only the validation or the export is left
        bridge.train.train_iters = complete.step
        bridge.checkpoint.save = None


def _recover(distill: Distill, stage: StageRun, trouble: Unhealthy) -> None:
    complete = checkpoints.latest(stage.directory / CHECKPOINTS)
    step = complete.step if complete else 0
    recovery = health.recover(distill, stage.directory, trouble, step)
    print(f"{trouble}; back to step {step}, without the data of steps {recovery.skipped}", flush=True)


def _on_first_rank(work: Callable[[], None]) -> None:
    """Run `work` on rank 0 while the others wait; its `InputError` is raised on all."""
    sentence: list[str | None] = [None]
    if torch.distributed.get_rank() == 0:
        try:
            work()
        except InputError as error:
            sentence[0] = str(error)
    torch.distributed.broadcast_object_list(sentence)
    if sentence[0] is not None:
        raise InputError(sentence[0])


def _why_interrupted(config: Config, directory: Path) -> str:
    complete = checkpoints.latest(directory)
    step = complete.step if complete else 0
    return f"at step {step:,} of {config.distill.train_iters:,}, whose checkpoint is saved"
