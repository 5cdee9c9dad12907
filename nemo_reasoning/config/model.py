# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The student."""

from typing import Literal, get_args

from pydantic import model_validator

from nemo_reasoning.config.base import Positive, PositiveFloat, Section

Architecture = Literal["qwen2", "qwen3", "llama"]
STUDENTS: tuple[str, ...] = get_args(Architecture)
"""`model_type` of the models that can be trained; Qwen2.5's is qwen2."""


class ScratchModel(Section):
    """Shape of a student that is trained from random weights (the demo's)."""

    architecture: Architecture = "qwen2"
    hidden_size: Positive = 128
    intermediate_size: Positive = 352
    num_hidden_layers: Positive = 3
    num_attention_heads: Positive = 4
    num_key_value_heads: Positive = 2
    max_position_embeddings: Positive = 512
    tie_word_embeddings: bool = True
    vocab_size: Positive = 384
    """Size of the byte-level BPE vocabulary that is trained on the teacher's traces."""


class Model(Section):
    """The student."""

    path: str = "???"
    """Hugging Face directory or hub name."""
    revision: str | None = None
    """Hub revision; None is the default branch."""
    trust_remote_code: bool = False
    rope_theta: PositiveFloat | None = None
    """Base of the rotary position embedding, where it is not the model's own: a larger one is trained to
    reach further (open-r1 gave Qwen2.5-Math 300,000 for 32,768 positions)."""
    max_position_embeddings: Positive | None = None
    """Positions of the extended model."""
    scratch: ScratchModel | None = None
    """Make the student at `path` from random weights and a tokenizer of its own."""
    gguf: str | None = None
    """Make the student at `path` from this GGUF file, or from the one inside this Python package."""

    @model_validator(mode="after")
    def _one_source(self) -> "Model":
        if self.scratch and self.gguf:
            raise ValueError("model.scratch and model.gguf exclude each other; set one of them to null")
        return self
