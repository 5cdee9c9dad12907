# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds and validates Bridge's real configuration of many trainings, and says what is in it.

`python distill_recipes_worker.py CONFIGS`: CONFIGS is a directory of `NAME.yaml` (resolved
configurations); each gets `NAME.json`. It runs in a process of its own, since Bridge is
redirected to the CPU for good.
"""

import os
import sys
from pathlib import Path

from nemo_reasoning.compose import read_resolved
from nemo_reasoning.config import Config
from nemo_reasoning.distill import compat, recipe, student
from nemo_reasoning.files import write_json

ROWS = {"train": 1280, "validation": 100}


def main(directory: Path) -> None:
    compat.install()
    data = make_data(directory / "data")
    for path in sorted(directory.glob("*.yaml")):
        write_json(path.with_suffix(".json"), values(read_resolved(path), data, directory / path.stem))


def make_data(directory: Path) -> Path:
    """As much of encoded data as the configuration looks at: how many rows there are."""
    for split, rows in ROWS.items():
        for place, name in ((directory / split, "examples"), (directory / split / "bins", "bins")):
            place.mkdir(parents=True, exist_ok=True)
            write_json(place / "meta.json", {"key": "", name: rows, "efficiency": 1.0})
    return directory


def values(config: Config, data: Path, stage: Path) -> dict:
    """What matters of the validated configuration, and Bridge's own estimate of the memory."""
    from megatron.bridge.training.config import runtime_config_update
    from megatron.bridge.training.utils.theoretical_memory_utils import estimate_training_memory

    config = recipe.with_train_iters(config, ROWS["train"])
    os.environ["WORLD_SIZE"] = str(config.distill.num_processes)
    directory = student.make(config.model, config.model.path, stage)
    bridge = recipe.build_config(config, str(directory), data, stage / "checkpoints")
    runtime_config_update(bridge)  # as Bridge does before it trains; ends in validate()
    model, optimizer, scheduler = bridge.model, bridge.optimizer, bridge.scheduler
    estimate = estimate_training_memory(bridge, config.distill.global_batch_size)
    return {
        "shape": [
            model.num_layers,
            model.hidden_size,
            model.num_attention_heads,
            model.num_query_groups,
            model.kv_channels,
            model.ffn_hidden_size,
            model.vocab_size,
            model.share_embeddings_and_output_weights,
        ],
        "qk_norm": model.qk_layernorm,
        "qkv_bias": model.add_qkv_bias,
        "theta": model.rotary_base,
        "seq_length": model.seq_length,
        "parallel": [
            model.tensor_model_parallel_size,
            model.pipeline_model_parallel_size,
            model.context_parallel_size,
            bridge.data_parallel_size,
        ],
        "sequence_parallel": model.sequence_parallel,
        "recompute": [model.recompute_granularity, model.recompute_modules, model.recompute_method],
        "types": [str(model.params_dtype), model.bf16, optimizer.bf16],
        "fp8": [model.fp8_recipe, model.fp8_param] if model.fp8 else None,
        "length_multiple": bridge.dataset.length_multiple,
        "per_token_loss": model.calculate_per_token_loss,
        "lr": [optimizer.lr, optimizer.min_lr, scheduler.lr_decay_style],
        "adam": [optimizer.optimizer, optimizer.adam_beta1, optimizer.adam_beta2, optimizer.adam_eps],
        "weight_decay": [optimizer.weight_decay, scheduler.start_weight_decay, scheduler.end_weight_decay],
        "clip_grad": optimizer.clip_grad,
        "steps": [bridge.train.train_iters, scheduler.lr_warmup_iters, scheduler.lr_decay_iters],
        "warmup_samples": scheduler.lr_warmup_steps,
        "batch": [bridge.train.global_batch_size, bridge.train.micro_batch_size],
        "distributed_optimizer": [optimizer.use_distributed_optimizer, bridge.ddp.use_distributed_optimizer],
        "lora": bridge.peft and [bridge.peft.target_modules, bridge.peft.dim, bridge.peft.alpha, bridge.peft.dropout],
        "learning_rates": getattr(bridge.optimizer_config_override_provider, "multipliers", None),
        "state_bytes": estimate.weight_and_optimizer_bytes,
        "activation_bytes": estimate.activation.memory_bytes,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
