# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The student as it is, between two training steps, on held-out problems; and its best state kept.

The weights are gathered from all ranks as for an export. Rank 0 puts them into a Hugging Face
model, samples and verifies, while the others wait for its figures, by which all then decide alike.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from megatron.bridge.training.callbacks import Callback, CallbackContext

from nemo_reasoning.config import Config
from nemo_reasoning.distill import best, comparison, held_out, teacher
from nemo_reasoning.distill.export import export
from nemo_reasoning.distill.hooks import is_writer
from nemo_reasoning.distill.recipe import weights_dtype
from nemo_reasoning.distill.tracking import Trackers
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.models import load_model
from nemo_reasoning.sampling import Sampler
from nemo_reasoning.verify import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Weights = Iterable[tuple[str, torch.Tensor]]


class ValidationCallback(Callback):
    """Measures every `val_period` steps and after the last, and keeps the best student where that is wanted."""

    def __init__(
        self,
        config: Config,
        stage: StageRun,
        student: str,
        tokenizer: "PreTrainedTokenizerBase",
        trackers: Trackers,
    ) -> None:
        self._config, self._stage, self._student = config, stage, student
        self._tokenizer, self._trackers = tokenizer, trackers
        self._problems = held_out.read(config, tokenizer, stage.directory.parent) if _measures() else []
        rows = read_metrics(stage.directory)
        self._measured = {row["step"]: row[held_out.ACCURACY] for row in rows if held_out.ACCURACY in row}

    def on_train_start(self, context: CallbackContext) -> None:
        """Measure what an earlier process left unmeasured, because it had to leave."""
        step = context.state.train_state.step
        if step and step % self._config.distill.val_period == 0:
            self._measure(context, step)

    def on_train_step_end(self, context: CallbackContext) -> None:
        """Measure, unless the process is about to leave."""
        step = context.state.train_state.step + 1
        if step % self._config.distill.val_period == 0 and context.state.cfg.train.exit_interval != step:
            with _settled(context):
                self._measure(context, step)

    def on_train_end(self, context: CallbackContext) -> None:
        """Measure after the last step."""
        self._measure(context, context.state.train_state.step)

    def on_checkpoint_save(self, context: CallbackContext) -> None:
        """Drop what no resumed process will go back to."""
        if torch.distributed.get_rank() == 0:
            best.drop_older(self._stage.directory)

    def _measure(self, context: CallbackContext, step: int) -> None:
        if step in self._measured:
            return
        row = dict(zip(held_out.RATES, self._rates(context.model), strict=True))
        if self._config.distill.keep_best and row[held_out.ACCURACY] > max(self._measured.values(), default=-1.0):
            self._keep(context, step)
        self._measured[step] = row[held_out.ACCURACY]
        if is_writer():
            self._stage.log({"step": step, **row})
            self._trackers.log({"step": step, **row})

    def _rates(self, model: list[Any]) -> list[float]:
        """What `held_out.measure` gives on rank 0, on all ranks."""
        rates = torch.zeros(len(held_out.RATES), dtype=torch.float64, device="cuda")
        weights = self._gathered(model)
        if _measures():
            rates.copy_(torch.tensor(self._solve(weights), dtype=torch.float64))
        else:
            deque(weights, maxlen=0)
        torch.distributed.broadcast(rates, src=0)
        return rates.tolist()

    def _gathered(self, model: list[Any]) -> Iterator[tuple[str, torch.Tensor]]:
        """All weights by Hugging Face's names, one after the other; every rank must take them all."""
        from megatron.bridge import AutoBridge
        from megatron.core.utils import unwrap_model

        bridge = AutoBridge.from_hf_pretrained(self._student, torch_dtype=weights_dtype(self._config.distill))
        chunks = unwrap_model(model)
        with torch.no_grad(), teacher.hidden(chunks):
            yield from bridge.export_hf_weights(chunks, cpu=False, show_progress=False)

    def _solve(self, weights: Weights) -> list[float]:
        config, distill = self._config, self._config.distill
        model = load_model(self._student, weights_dtype(distill), config.model)
        fill(model, weights)
        model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        sampler = Sampler(model, config.format.stop_id(self._tokenizer), self._tokenizer.pad_token_id)
        limit = distill.val_max_new_tokens or distill.seq_length
        with Verifier(config.verify) as verifier:
            return held_out.measure(sampler, self._tokenizer, config.format, self._problems, verifier, limit)

    def _keep(self, context: CallbackContext, step: int) -> None:
        """Export the student, which is the best so far."""
        ids = context.state.cfg.dataset.sample(comparison.length(self._config.distill) + 1)
        target = best.path(self._stage.directory, step)
        export(self._config, self._student, self._tokenizer, context.model, ids, target)
        for chunk in context.model:
            chunk.train()  # the export compares losses in evaluation mode


def fill(model: "PreTrainedModel", weights: Weights) -> None:
    """Copy all of a model's weights into it.

    Raises:
        RuntimeError: One is missing, or none of the model's.
    """
    parameters = dict(model.named_parameters())
    for name, tensor in weights:
        parameter = parameters.pop(name, None)
        if parameter is None:
            raise RuntimeError(f"the student has no weight {name}")
        parameter.data.copy_(tensor)
    if parameters:
        raise RuntimeError(f"the trained model lacks {', '.join(sorted(parameters))}")


@contextmanager
def _settled(context: CallbackContext) -> Iterator[None]:
    """Have all weights in place where gathering them overlaps with the next step; so does Bridge to validate."""
    from megatron.bridge.training import train

    config, model, optimizer = context.state.cfg, context.model, context.optimizer
    overlaps = config.ddp.overlap_param_gather, config.ddp.use_megatron_fsdp
    if not train.should_disable_forward_pre_hook(overlaps[1], config.optimizer.use_distributed_optimizer, overlaps[0]):
        yield
    elif model[0].remove_forward_pre_hook_handles:
        train.disable_forward_pre_hook(model, optimizer=optimizer)
        yield
        train.enable_forward_pre_hook(model)
    else:  # after the first step of a process they are not enabled yet
        train.force_param_sync(model, optimizer=optimizer)
        yield


def _measures() -> bool:
    return torch.distributed.get_rank() == 0
