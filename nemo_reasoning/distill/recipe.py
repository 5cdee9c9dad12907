# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From our configuration to Megatron-Bridge's: one recipe for CPU and GPU.

It starts from Bridge's own full fine-tuning recipe and sets what a reasoning distillation
needs. Where a machine has no CUDA or no Transformer Engine, a few overrides follow.
"""

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.distill.checks import FP8_ALIGNMENT, data_parallel_size, length_unit
from nemo_reasoning.errors import InputError

if TYPE_CHECKING:
    import torch
    from megatron.bridge.models.gpt_provider import GPTModelProvider
    from megatron.bridge.training.config import ConfigContainer
    from megatron.bridge.training.mixed_precision import MixedPrecisionConfig

MIXED_PRECISION = {
    "bf16": "bf16_mixed",
    "fp8": "bf16_with_fp8_current_scaling_mixed",
    "fp8_blockwise": "bf16_with_fp8_subchannel_scaling_mixed",
    "mxfp8": "bf16_with_mxfp8_mixed",
}
"""Bridge's recipe of each precision."""

MUON_SCALE = 0.2
"""Gives Muon's updates the size of AdamW's, so that one learning rate serves both (arXiv 2502.16982, section 2.2)."""


def train_iters(distill: Distill, rows: int) -> int:
    """Optimizer steps of a training on `rows` training sequences.

    Bridge's sampler leaves out what does not fill an epoch's last batch (others in each epoch).
    """
    if distill.num_epochs is None:
        return distill.train_iters
    return math.ceil(distill.num_epochs * (rows // distill.global_batch_size))


def with_train_iters(config: Config, rows: int) -> Config:
    """The configuration with `num_epochs` turned into the `train_iters` of `rows` training sequences."""
    steps = {"train_iters": train_iters(config.distill, rows), "num_epochs": None}
    return config.model_copy(update={"distill": config.distill.model_copy(update=steps)})


def weights_dtype(distill: Distill) -> "torch.dtype":
    """Type of the model's weights; FP8 recipes too keep and export bf16 ones."""
    import torch

    return torch.float32 if distill.precision == "fp32" else torch.bfloat16


def forward_step(distill: Distill) -> Callable[..., Any]:
    """Bridge's forward step, with or without a teacher."""
    from megatron.bridge.training import gpt_step

    return gpt_step.forward_step_modelopt if distill.teacher else gpt_step.forward_step


def build_config(config: Config, student: str, data: Path, output: Path) -> "ConfigContainer":
    """Build Bridge's configuration of a fine-tuning.

    Args:
        config: The run's configuration.
        student: Hugging Face directory of the student.
        data: Directory with the encoded splits (see `encoding.encode`).
        output: Directory of the checkpoints.

    Raises:
        InputError: What is configured needs a library that is not there.
    """
    import torch
    from megatron.bridge.recipes.common import _sft_common

    bridge = _sft_common()
    bridge.model = _student(config.distill, student)
    bridge.mixed_precision = _mixed_precision(config.distill)
    bridge.rng.seed = config.seed + 1  # Bridge wants a positive one
    bridge.tokenizer.tokenizer_type = "NullTokenizer"  # the data is tokenized already
    bridge.tokenizer.tokenizer_model = None
    bridge.tokenizer.vocab_size = bridge.model.vocab_size
    _set_training(bridge, config.distill)
    _set_optimizer(bridge, config.distill)
    _set_data(bridge, config, data)
    _set_checkpoint(bridge, config.distill, student, output)
    bridge.logger.tensorboard_dir = None
    bridge.logger.log_timers_to_tensorboard = False
    bridge.logger.skip_train_metrics_log = True  # our callback logs
    _set_trained_weights(bridge, config.distill)
    if torch.cuda.is_available():
        _set_overlap(bridge)
    else:
        _override_for_cpu(bridge)
    return bridge


def _mixed_precision(distill: Distill) -> "MixedPrecisionConfig | None":
    """Bridge's recipe, but with bf16 weights for FP8 ones too, so that none is exported rounded to FP8."""
    from megatron.bridge.training.mixed_precision import get_mixed_precision_config

    if distill.precision == "fp32":
        return None
    recipe = get_mixed_precision_config(MIXED_PRECISION[distill.precision])
    recipe.fp8_param_gather = recipe.reuse_grad_buf_for_mxfp8_param_ag = False
    return recipe


def _student(distill: Distill, student: str) -> "GPTModelProvider":
    model = provider(distill, student, load_weights=False)
    if distill.teacher is None:
        return model
    from nemo_reasoning.distill import teacher

    return teacher.attach(distill, model)


def provider(distill: Distill, directory: str, *, load_weights: bool) -> "GPTModelProvider":
    """Bridge's provider of a Hugging Face model, with our parallel layout and precision."""
    from megatron.bridge import AutoBridge
    from megatron.bridge.models.gpt_provider import local_layer_spec

    dtype = weights_dtype(distill)
    model = AutoBridge.from_hf_pretrained(directory, torch_dtype=dtype).to_megatron_provider(load_weights=load_weights)
    model.tensor_model_parallel_size = distill.tensor_model_parallel_size
    model.pipeline_model_parallel_size = distill.pipeline_model_parallel_size
    model.context_parallel_size = distill.context_parallel_size
    model.sequence_parallel = distill.sequence_parallel
    model.seq_length = distill.seq_length
    model.params_dtype = model.pipeline_dtype = dtype
    model.bf16, model.fp16 = distill.precision != "fp32", False
    # Every learned token weighs the same, whatever the micro batch or data-parallel size.
    model.calculate_per_token_loss = True
    # Bridge's fused cross entropy casts gradients to bf16, also in fp32.
    model.cross_entropy_loss_fusion = distill.precision != "fp32"
    _set_recompute(model, distill)
    if importlib.util.find_spec("transformer_engine") is None:
        model.transformer_layer_spec = local_layer_spec
        model.gradient_accumulation_fusion = model.persist_layer_norm = False
        model.masked_softmax_fusion = model.apply_rope_fusion = False  # kernels of Apex and Transformer Engine
        model.cross_entropy_fusion_impl = "native"
    return model


def _set_recompute(model: "GPTModelProvider", distill: Distill) -> None:
    if distill.recompute == "selective":  # flash attention keeps no scores, so the MLP is what is worth it
        model.recompute_granularity, model.recompute_modules = "selective", ["mlp"]
    elif distill.recompute == "full":
        model.recompute_granularity = "full"
        model.recompute_method, model.recompute_num_layers = "uniform", 1


def _set_training(bridge: "ConfigContainer", distill: Distill) -> None:
    bridge.train.train_iters = distill.train_iters
    bridge.train.global_batch_size = distill.global_batch_size
    bridge.train.micro_batch_size = distill.micro_batch_size
    bridge.scheduler.lr_warmup_iters = round(distill.warmup_ratio * distill.train_iters)
    bridge.scheduler.lr_decay_iters = distill.train_iters
    bridge.ddp.average_in_collective = False  # would average over ranks, not over tokens


def _set_optimizer(bridge: "ConfigContainer", distill: Distill) -> None:
    optimizer = bridge.optimizer
    optimizer.lr, optimizer.min_lr = distill.lr, distill.lr * distill.min_lr_ratio
    optimizer.adam_beta1, optimizer.adam_beta2 = distill.adam_beta1, distill.adam_beta2
    optimizer.adam_eps = distill.adam_eps
    optimizer.clip_grad = distill.clip_grad
    # The scheduler's values override the optimizer's.
    optimizer.weight_decay = distill.weight_decay
    bridge.scheduler.start_weight_decay = bridge.scheduler.end_weight_decay = distill.weight_decay
    if distill.precision == "fp32":
        optimizer.bf16, optimizer.params_dtype = False, bridge.model.params_dtype
    if distill.optimizer == "muon":
        _set_muon(bridge)


def _set_muon(bridge: "ConfigContainer") -> None:
    """Muon with its own way to distribute its state, as Bridge's recipe for Kimi K2 has it (bf16 only)."""
    if importlib.util.find_spec("emerging_optimizers") is None:
        raise InputError("distill.optimizer=muon needs the package emerging-optimizers; install it, or set adam.")
    optimizer = bridge.optimizer
    optimizer.optimizer = "dist_muon" if bridge.model.bf16 else "muon"
    optimizer.muon_nesterov = True
    optimizer.muon_extra_scale_factor = MUON_SCALE
    optimizer.use_distributed_optimizer = bridge.ddp.use_distributed_optimizer = False


def _set_trained_weights(bridge: "ConfigContainer", distill: Distill) -> None:
    """Adapters, frozen weights, and learning rates of groups of weights."""
    if distill.peft == "lora":
        from megatron.bridge.peft.lora import LoRA

        lora = distill.lora
        modules = list(lora.target_modules)
        bridge.peft = LoRA(target_modules=modules, dim=lora.rank, alpha=lora.alpha, dropout=lora.dropout)
    if distill.freeze or distill.lr_multipliers:
        from nemo_reasoning.distill.weights import GroupLearningRates, mark

        bridge.model.register_pre_wrap_hook(lambda chunks: mark(chunks, distill.freeze, distill.lr_multipliers))
        bridge.optimizer_config_override_provider = GroupLearningRates(dict(distill.lr_multipliers))


def _set_overlap(bridge: "ConfigContainer") -> None:
    """Hide the communication of gradients and weights behind computation.

    Bridge switches each off where there is one replica only. Weights are gathered early only by
    the distributed optimizer. Overlap inside tensor parallelism needs user buffers of fixed
    shapes and MPI or a bootstrap of its own, so it stays off.
    """
    from megatron.bridge.training.comm_overlap import CommOverlapConfig

    gathers = None if bridge.optimizer.use_distributed_optimizer else False
    bridge.comm_overlap = CommOverlapConfig(tp_comm_overlap=False, overlap_param_gather=gathers)


def _set_data(bridge: "ConfigContainer", config: Config, data: Path) -> None:
    from nemo_reasoning.distill.data import document_multiple, rows
    from nemo_reasoning.distill.dataset import PAD_MULTIPLE
    from nemo_reasoning.distill.hooks import TraceDatasetProvider

    distill = config.distill
    has_validation = (data / "validation").exists()
    validation_rows = rows(distill, data / "validation") if has_validation else 0
    unit = distill.micro_batch_size * data_parallel_size(distill)
    batch = min(distill.global_batch_size, -(-validation_rows // unit) * unit)
    bridge.dataset = TraceDatasetProvider(
        directory=str(data),
        seq_length=distill.seq_length,
        length_multiple=length_unit(distill) * (1 if distill.precision in FP8_ALIGNMENT else PAD_MULTIPLE),
        packed_multiple=document_multiple(distill) if distill.packing else None,
        validation_batch=batch,
        seed=config.seed,
    )
    bridge.validation.eval_interval = distill.eval_interval
    bridge.validation.eval_global_batch_size = batch or None
    bridge.validation.eval_iters = -(-validation_rows // batch) if batch else 0


def _set_checkpoint(bridge: "ConfigContainer", distill: Distill, student: str, output: Path) -> None:
    bridge.checkpoint.pretrained_checkpoint = student
    bridge.checkpoint.save = str(output)
    bridge.checkpoint.load = None
    bridge.checkpoint.save_interval = distill.save_interval
    bridge.checkpoint.most_recent_k = 1
    bridge.checkpoint.save_tokenizer_assets = False


def _override_for_cpu(bridge: "ConfigContainer") -> None:
    model = bridge.model
    model.masked_softmax_fusion = model.bias_activation_fusion = model.bias_dropout_fusion = False
    model.apply_rope_fusion = model.cross_entropy_loss_fusion = False
    bridge.dist.distributed_backend = "gloo"
