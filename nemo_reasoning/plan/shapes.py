# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The shape of a dense decoder, and how many parameters it has."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """A Qwen2, Qwen3 or Llama model.

    Attributes:
        architecture: Its `model_type`.
        layers: Number of transformer layers.
        hidden: Width of the residual stream.
        heads: Query heads.
        kv_heads: Key/value heads.
        head_dim: Width of a head.
        ffn: Width of the gated MLP.
        vocab: Rows of the embedding.
        tied: Embedding and output layer are one matrix.
        rope_theta: Base of the rotary position embedding.
        positions: Longest sequence it was made for.
    """

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    tied: bool
    rope_theta: float
    positions: int

    @property
    def query(self) -> int:
        """Width of all query heads."""
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        """Width of all key heads, and of all value heads."""
        return self.kv_heads * self.head_dim

    @property
    def qk_norm(self) -> bool:
        """Queries and keys are normalized."""
        return self.architecture == "qwen3"

    @property
    def layer_matrices(self) -> int:
        """Parameters of a layer that tensor parallelism divides: its matrices and the biases of Qwen2."""
        projections = self.query + 2 * self.key
        bias = projections if self.architecture == "qwen2" else 0
        return self.hidden * (projections + self.query + 3 * self.ffn) + bias

    @property
    def layer_norms(self) -> int:
        """Parameters of a layer that every tensor-parallel rank holds."""
        return 2 * self.hidden + (2 * self.head_dim if self.qk_norm else 0)

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, and of the output layer."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """All parameters."""
        embeddings = self.embedding * (1 if self.tied else 2)
        return self.layers * (self.layer_matrices + self.layer_norms) + self.hidden + embeddings

    def settings(self) -> dict[str, Any]:
        """As a Hugging Face `config.json` names it; the inverse of `from_settings`."""
        return {
            "model_type": self.architecture,
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "intermediate_size": self.ffn,
            "vocab_size": self.vocab,
            "tie_word_embeddings": self.tied,
            "rope_theta": self.rope_theta,
            "max_position_embeddings": self.positions,
        }


def from_settings(settings: dict[str, Any]) -> Shape:
    """The shape that a Hugging Face `config.json` describes, as `models.read_settings` gives it."""
    heads, hidden = settings["num_attention_heads"], settings["hidden_size"]
    rope = settings.get("rope_parameters") or settings
    return Shape(
        architecture=settings["model_type"],
        layers=settings["num_hidden_layers"],
        hidden=hidden,
        heads=heads,
        kv_heads=settings.get("num_key_value_heads") or heads,
        head_dim=settings.get("head_dim") or hidden // heads,
        ffn=settings["intermediate_size"],
        vocab=settings["vocab_size"],
        tied=settings.get("tie_word_embeddings", False),
        rope_theta=rope.get("rope_theta", 1e4),
        positions=settings["max_position_embeddings"],
    )
