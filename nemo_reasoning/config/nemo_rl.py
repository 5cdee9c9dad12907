# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What NeMo-RL needs to know besides the algorithm: the cluster, its shapes, its container."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nemo_reasoning.config.base import Positive, Section, Share


class NemoRLStage(Section):
    """One of several GRPO runs in a row, each from the last one's model (DeepScaleR's growing context)."""

    max_num_steps: Positive
    max_total_sequence_length: Positive
    """Prompt and completion together (tokens); a completion may fill all of it."""
    overrides: dict[str, Any] = {}
    """Added to `grpo.nemo_rl.overrides` for this stage."""


class NemoRL(Section):
    """GRPO on a cluster with NeMo-RL, inside its container."""

    repo: str = "/opt/nemo-rl"
    """Checkout of NeMo-RL, v0.7 or main; the container's own by default."""
    python: str = "/opt/nemo_rl_venv/bin/python"
    """Interpreter of NeMo-RL's driver."""
    backend: Literal["dtensor", "megatron"] = "dtensor"
    """What trains; vLLM generates."""
    num_nodes: Positive = 1
    gpus_per_node: Positive = 8
    tensor_model_parallel_size: Positive = 1
    pipeline_model_parallel_size: Positive = 1
    """Megatron only."""
    context_parallel_size: Positive = 1
    sequence_parallel: bool = False
    activation_checkpointing: bool = True
    generation_tensor_parallel_size: Positive = 1
    gpu_memory_utilization: Annotated[Share, Field(gt=0)] = 0.6
    """Share of a GPU's memory that vLLM may take."""
    max_prompt_tokens: Positive = 1024
    """Problems with a longer prompt are left out; with `grpo.max_new_tokens` this is the sequence length."""
    stages: list[NemoRLStage] = []
    """Runs in a row instead of one of `grpo.max_num_steps` steps."""
    overrides: dict[str, Any] = {}
    """Settings in NeMo-RL's own names, nested as in its YAML; they are checked against its schema and win,
    but for what our hooks serve, which is refused."""
