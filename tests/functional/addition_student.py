# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A tiny student with random weights, whose tokenizer knows additions."""

from pathlib import Path

from nemo_reasoning.config import ScratchModel
from nemo_reasoning.demo.student import make_student

SHAPE = ScratchModel(hidden_size=64, intermediate_size=96, num_hidden_layers=2, max_position_embeddings=96)


def make(directory: Path, shape: ScratchModel = SHAPE) -> Path:
    texts = [f"What is {a} plus {b}? <think>\n{a}+{b}\n</think>" for a in range(30) for b in range(30)]
    make_student(directory, shape, texts, seed=0)
    return directory
