# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What we hang into Bridge's training loop: data, metrics, early stop, checkpoint record, export."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from megatron.bridge.data.base import DatasetBuildContext, DatasetProvider
from megatron.bridge.data.packing import PackedSequenceSpecs
from megatron.bridge.training.callbacks import Callback, CallbackContext

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.distill import best, checkpoints, comparison, health
from nemo_reasoning.distill.dataset import EncodedDataset
from nemo_reasoning.distill.export import export
from nemo_reasoning.distill.health import Monitor, Unhealthy
from nemo_reasoning.distill.throughput import Throughput
from nemo_reasoning.distill.tracking import Trackers
from nemo_reasoning.leaving import Leaving
from nemo_reasoning.manifest import StageRun, read_metrics

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LOSS = "lm loss"
DIVERGENCE = "logits distillation loss"
"""Bridge's names of a step's loss, and of its divergence from the teacher."""


def is_writer() -> bool:
    """Whether this is the rank that writes the metrics."""
    return torch.distributed.get_rank() == torch.distributed.get_world_size() - 1


@dataclass(kw_only=True)
class TraceDatasetProvider(DatasetProvider):
    """Hands encoded traces to Bridge.

    Bridge's batch sampler draws from them: shuffled by seed and epoch, resumable by consumed
    samples, so the order depends neither on the parallel layout nor on interruptions.

    Attributes:
        directory: Holds the encoded `train` and, where there is one, `validation`.
        seq_length: Longest input.
        length_multiple: See `EncodedDataset`.
        packed_multiple: See `EncodedDataset`.
        validation_batch: Global batch size of the validation.
        seed: Seed of the order.
        pad_to_max_length: Bridge sets it where pipeline parallelism needs one length.
    """

    directory: str
    seq_length: int
    length_multiple: int
    validation_batch: int
    seed: int
    packed_multiple: int | None = None
    pad_to_max_length: bool = False
    dataloader_type: Literal["batch"] = "batch"
    num_workers: int = 0
    persistent_workers: bool = False
    pin_memory: bool = False

    def build_datasets(self, context: DatasetBuildContext) -> tuple[Any, Any, None]:
        """Build the training and the validation split; there is no test split."""
        self._train = self._dataset("train", 1)
        validation = self._dataset("validation", self.validation_batch) if self.validation_batch else None
        return self._train, validation, None

    @property
    def enable_offline_packing(self) -> bool:
        """Bridge gives the documents' boundaries to the inner pipeline stages only if this says so."""
        return self.packed_multiple is not None

    @property
    def offline_packing_specs(self) -> PackedSequenceSpecs | None:
        """What Bridge wants beside `enable_offline_packing`."""
        return PackedSequenceSpecs(packed_sequence_size=self.seq_length) if self.enable_offline_packing else None

    @property
    def counts(self) -> np.ndarray:
        """What this rank has drawn for training so far; see `EncodedDataset.counts`."""
        return self._train.counts

    def sample(self, tokens: int) -> torch.Tensor:
        """The first training row's first ids, repeated where they are fewer than `tokens`."""
        ids, _ = self._dataset("train", 1)[0][0]
        return torch.from_numpy(np.resize(ids, tokens).astype(np.int64))

    def _dataset(self, split: str, fill: int) -> EncodedDataset:
        shape = (self.seq_length, self.length_multiple, self.packed_multiple, fill, self.pad_to_max_length)
        return EncodedDataset(Path(self.directory) / split, *shape)


class ProgressCallback(Callback):
    """Logs steps and validations, watches their health, stops early, and records complete checkpoints.

    Bridge gives the loss to the last pipeline stage only; the last rank, which belongs to it,
    writes the log.
    """

    def __init__(
        self,
        distill: Distill,
        stage: StageRun,
        data: TraceDatasetProvider,
        resumed: checkpoints.Checkpoint | None,
        trackers: Trackers,
        leaving: Leaving,
    ) -> None:
        self._distill, self._stage, self._data = distill, stage, data
        self._trackers, self._leaving = trackers, leaving
        self._writes = is_writer()
        self._stopped_early = bool(resumed and resumed.stopped_early)
        rows = list(read_metrics(stage.directory))
        self._validated = {row["step"] for row in rows if "validation_loss" in row}
        self._monitor = Monitor(distill.spike_window, distill.spike_threshold)
        self._monitor.replay(row for row in rows if "loss" in row)
        self._throughput, self._steps = Throughput(), 0

    def on_train_step_start(self, context: CallbackContext) -> None:
        """Remember what the step begins with."""
        self._started = time.perf_counter()
        self._counts = self._data.counts
        self._lr = context.optimizer.param_groups[0]["lr"]

    def on_train_step_end(self, context: CallbackContext) -> None:
        """Judge and log the step.

        Raises:
            Unhealthy: Training must not go on from here.
        """
        step = context.state.train_state.step + 1
        loss, grad_norm, leave, *counts = self._over_ranks(context)
        supervised, tokens, squares = map(int, counts)
        self._judge(step, loss, grad_norm, supervised)
        if leave and step < context.state.cfg.train.train_iters:
            context.state.cfg.train.exit_interval = step  # Bridge saves and exits when it has counted the step
        self._throughput.add(time.perf_counter() - self._started, supervised, tokens, squares)
        self._steps += 1
        if step % self._distill.log_interval and step < context.state.cfg.train.train_iters:
            return
        if self._writes:
            measured = self._throughput.row(context.state.cfg, self._steps)
            row = {"step": step, "loss": loss, "grad_norm": grad_norm, "lr": self._lr, "tokens": supervised}
            if DIVERGENCE in context.loss_dict:
                row["teacher_divergence"] = context.loss_dict[DIVERGENCE].item()
            self._log({**row, "all_tokens": tokens, **measured})
            self._stage.progress(step, context.state.cfg.train.train_iters, f"loss {loss:.3f}")
        self._throughput, self._steps = Throughput(), 0

    def _over_ranks(self, context: CallbackContext) -> list[float]:
        """Loss, gradient norm, ranks that want to leave, and the global batch's `EncodedDataset.counts`.

        The same on all ranks.
        """
        from megatron.core import parallel_state

        loss = context.loss_dict[LOSS].item() if self._writes else 0.0
        norm = float(context.grad_norm or 0.0) if self._writes else 0.0
        counted = (
            parallel_state.is_pipeline_last_stage()
            and parallel_state.get_tensor_model_parallel_rank() == 0
            and parallel_state.get_context_parallel_rank() == 0
        )
        counts = (self._data.counts - self._counts) * counted
        values = torch.tensor([loss, norm, self._leaving.wanted, *counts], dtype=torch.float64, device="cuda")
        if torch.distributed.get_world_size() > 1:
            torch.distributed.all_reduce(values)
        return values.tolist()

    def _judge(self, step: int, loss: float, grad_norm: float, supervised: int) -> None:
        trouble = self._monitor.observe(loss, grad_norm, supervised)
        if trouble is None:
            return
        if health.action(self._distill, trouble) != "warn":
            raise Unhealthy(step, trouble)
        if self._writes:
            print(f"step {step}: {trouble.what}", flush=True)
            self._stage.log({"step": step, "warning": trouble.what})

    def _log(self, row: dict[str, Any]) -> None:
        self._stage.log(row)
        self._trackers.log(row)

    def on_eval_end(self, context: CallbackContext) -> None:
        """Log the validation loss; end the training where it is low enough."""
        state = context.state
        loss = context.total_loss_dict[LOSS].item() if LOSS in context.total_loss_dict else None
        step = state.train_state.step
        if self._writes and step not in self._validated:
            self._log({"step": step, "validation_loss": loss})
        self._validated.add(step)
        if step < state.cfg.train.train_iters and self._is_low(loss):
            self._stopped_early = True
            state.cfg.train.train_iters = step
        if step >= state.cfg.train.train_iters:
            state.train_state.do_valid = False  # Bridge would validate once more after the last step

    def _is_low(self, loss: float | None) -> bool:
        if self._distill.stop_loss is None:
            return False
        low = torch.tensor([loss is not None and loss < self._distill.stop_loss], dtype=torch.int, device="cuda")
        torch.distributed.all_reduce(low, op=torch.distributed.ReduceOp.MAX)
        return bool(low.item())

    def on_checkpoint_save(self, context: CallbackContext) -> None:
        """Record the checkpoint: Bridge calls this once all ranks have written it."""
        if torch.distributed.get_rank() == 0:
            step = context.state.train_state.step
            final = step >= context.state.cfg.train.train_iters
            complete = checkpoints.Checkpoint(step, final, self._stopped_early)
            checkpoints.record(Path(context.state.cfg.checkpoint.save), complete)


class ExportCallback(Callback):
    """Exports the trained weights from the training processes, which saves loading them in another."""

    def __init__(self, config: Config, student: str, tokenizer: "PreTrainedTokenizerBase", target: Path) -> None:
        self._config, self._student, self._tokenizer, self._target = config, student, tokenizer, target

    def on_train_end(self, context: CallbackContext) -> None:
        """Write the Hugging Face directory: the trained student, or the best one that was measured."""
        if self._config.distill.keep_best:
            if torch.distributed.get_rank() == 0:
                best.place(self._target.parent, self._target)
            return
        ids = context.state.cfg.dataset.sample(comparison.length(self._config.distill) + 1)
        export(self._config, self._student, self._tokenizer, context.model, ids, self._target)
