# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From curated traces to the rows that the training draws: encoded, and packed where configured."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.distill import encoding, packing
from nemo_reasoning.manifest import StageRun

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SOURCES = {"train": "sft.jsonl", "validation": "sft_validation.jsonl"}
"""The curated file of each split; there may be none for the validation."""


def prepare(config: Config, tokenizer: "PreTrainedTokenizerBase", stage: StageRun) -> None:
    """Encode and pack each split of the curated traces into a directory of its name, and say what came of it.

    Raises:
        InputError: An example breaks the rules of `encoding.encode`.
    """
    distill, curated, data = config.distill, stage.directory.parent / "curate", stage.directory / "data"
    for split, source in SOURCES.items():
        if split == "validation" and not (curated / source).exists():
            continue
        directory = data / split
        limits = distill.seq_length, distill.truncation
        progress = functools.partial(stage.progress, note=f"encoding traces, {split}")
        encoding.encode(curated / source, directory, config.format, tokenizer, *limits, progress)
        if distill.packing:
            packing.pack_directory(directory, distill.seq_length, document_multiple(distill), config.seed)
        print(f"{split}: {_described(measured(distill, directory))}", flush=True)


def rows(distill: Distill, directory: Path) -> int:
    """Number of rows of a split, of which batches are made: bins if packed, else examples."""
    return packing.counts(directory)["bins"] if distill.packing else encoding.counts(directory)["examples"]


def measured(distill: Distill, directory: Path) -> dict[str, float]:
    """The counts of a split, for the log and the manifest; packed, with bins and their efficiency."""
    counts = encoding.counts(directory)
    if not distill.packing:
        return counts
    packed = packing.counts(directory)
    return {**counts, "bins": packed["bins"], "packing_efficiency": packed["efficiency"]}


def document_multiple(distill: Distill) -> int:
    """What a packed document's length must be a multiple of: context parallelism halves its share of each."""
    return 2 * distill.context_parallel_size if distill.context_parallel_size > 1 else 1


def _described(counts: dict[str, float]) -> str:
    parts = [f"{counts['examples']:,} examples, {counts['tokens']:,} tokens"]
    if "bins" in counts:
        parts.append(f"packed into {counts['bins']:,} sequences, {counts['packing_efficiency']:.1%} full")
    for name, what in (("dropped", "dropped"), ("cut", "cut without a stop token")):
        if counts[name]:
            parts.append(f"{counts[name]:,} {what}")
    return ", ".join(parts)
