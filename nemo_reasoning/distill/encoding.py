# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Training examples, rendered and masked by the reasoning format, as flat arrays on disk.

Rank 0 encodes the traces once, many of them in several processes; every rank maps the arrays into memory.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from nemo_reasoning.contract import Example, ReasoningFormat
from nemo_reasoning.distill import parallel
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json, sha256, whole, write_json
from nemo_reasoning.traces import read_jsonl

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

META = "meta.json"
MANY = 4096
"""From so many traces on, other processes help: starting them takes seconds."""
COUNTS = ("examples", "dropped", "dropped_for_stop_token", "cut", "tokens", "learned_tokens")


class Encoded(NamedTuple):
    """The arrays of an encoded directory.

    Attributes:
        ids: Token ids of all examples in a row, int32, mapped into memory.
        mask: 1 where the token is learned, uint8, mapped into memory.
        offsets: Where each example begins, and the end, int64. Shape: (num_examples + 1,).
    """

    ids: np.ndarray
    mask: np.ndarray
    offsets: np.ndarray


def encode(
    source: Path,
    target: Path,
    fmt: ReasoningFormat,
    tokenizer: "PreTrainedTokenizerBase",
    seq_length: int,
    truncation: Literal["drop", "error", "cut"],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Encode the traces of a JSONL file into a directory of flat arrays; a current one is kept.

    Args:
        source: Rows with `id`, `problem` and `messages`, of which the last is the target.
        target: Written whole: what `load` reads, and `meta.json` with the counts.
        fmt: The reasoning format.
        tokenizer: The student's tokenizer.
        seq_length: An example may have one token more, since inputs and labels are shifted.
        truncation: What to do with a longer one: drop it, refuse it, or keep its beginning
            without a stop token. One whose text quotes the stop token is always dropped.
        progress: Called with the rows that were encoded, and all rows.

    Raises:
        InputError: An example is too long and `truncation` is `error`, or none is left.
    """
    key = _key(source, fmt, tokenizer, seq_length, truncation)
    if (target / META).exists() and read_json(target / META)["key"] == key:
        return
    counts = Counter(dict.fromkeys(COUNTS, 0))
    with whole(target) as temporary:
        temporary.mkdir()
        examples = _examples(source, fmt, tokenizer, counts, progress)
        _write(temporary, _fitting(examples, seq_length, truncation, counts), counts)
        if not counts["examples"]:
            raise InputError(f"no example of {source} has at most distill.seq_length={seq_length} tokens; raise it.")
        write_json(temporary / META, {"key": key, **counts})


def load(directory: Path) -> Encoded:
    """Map the arrays of an encoded directory into memory."""
    ids = np.memmap(directory / "input_ids.bin", np.int32, "r")
    mask = np.memmap(directory / "loss_mask.bin", np.uint8, "r")
    return Encoded(ids, mask, np.load(directory / "offsets.npy", allow_pickle=False))


def check_mask(example: Example, stop_id: int, name: str) -> None:
    """Check that an example teaches something, not its prompt, and when to stop.

    Raises:
        InputError: The mask is empty or all ones, or the stop token is not learned.
    """
    learned = sum(example.loss_mask)
    if not 0 < learned < len(example.loss_mask):
        raise InputError(f"the loss mask of example {name} is {'all ones' if learned else 'empty'}; check format.")
    if example.input_ids[-1] != stop_id or not example.loss_mask[-1]:
        raise InputError(f"example {name} does not end with a learned stop token; check format.stop_token.")


def counts(directory: Path) -> dict[str, int]:
    """What was counted while encoding a directory.

    `examples` and their `tokens` and `learned_tokens`; `cut`, how many of them were; `dropped`
    ones, of which `dropped_for_stop_token` quoted the stop token in their text.
    """
    meta = read_json(directory / META)
    return {name: meta[name] for name in COUNTS}


def _key(source: Path, fmt: ReasoningFormat, tokenizer: "PreTrainedTokenizerBase", *settings: Any) -> str:
    parts = (sha256(source), fmt.fingerprint(tokenizer), fmt.model_dump_json(), settings, COUNTS)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _examples(
    source: Path,
    fmt: ReasoningFormat,
    tokenizer: "PreTrainedTokenizerBase",
    counts: Counter,
    progress: Callable[[int, int], None],
) -> Iterator[tuple[str, Example]]:
    """The sound examples, each with its place for messages."""
    with source.open("rb") as lines:
        total = sum(1 for _ in lines)
    rendered = functools.partial(_rendered, fmt, tokenizer, fmt.stop_id(tokenizer))
    workers = parallel.processes() if total >= MANY else 1
    for done, (name, example) in enumerate(parallel.in_order(rendered, read_jsonl(source), workers)):
        if done % parallel.BATCH == 0:
            progress(done, total)
        if example is None:
            counts.update(dropped=1, dropped_for_stop_token=1)
        else:
            yield f"example {name} of {source}", example


def _rendered(
    fmt: ReasoningFormat, tokenizer: "PreTrainedTokenizerBase", stop_id: int, row: dict[str, Any]
) -> tuple[str, Example | None]:
    """A row's id and example; None where its text holds the stop token, and would teach to stop there."""
    example = fmt.encode_example(tokenizer, row["problem"], row["messages"][-1]["content"])
    check_mask(example, stop_id, row["id"])
    stops_early = stop_id in example.input_ids[example.loss_mask.index(1) : -1]
    return row["id"], None if stops_early else example


def _fitting(
    examples: Iterable[tuple[str, Example]], seq_length: int, truncation: str, counts: Counter
) -> Iterator[Example]:
    """What is kept of the examples under the truncation policy."""
    for name, example in examples:
        if len(example.input_ids) <= seq_length + 1:
            yield example
            continue
        if truncation == "error":
            raise InputError(_too_long(name, len(example.input_ids), seq_length))
        beginning = Example(example.input_ids[: seq_length + 1], example.loss_mask[: seq_length + 1])
        if truncation == "cut" and any(beginning.loss_mask):
            counts["cut"] += 1
            yield beginning
        else:
            counts["dropped"] += 1


def _too_long(name: str, tokens: int, seq_length: int) -> str:
    return (
        f"{name} has {tokens - 1} tokens, more than distill.seq_length={seq_length}; "
        "raise it, or set distill.truncation to drop or cut."
    )


def _write(directory: Path, examples: Iterable[Example], counts: Counter) -> None:
    offsets = [0]
    with (directory / "input_ids.bin").open("wb") as ids, (directory / "loss_mask.bin").open("wb") as mask:
        for example in examples:
            np.asarray(example.input_ids, np.int32).tofile(ids)
            np.asarray(example.loss_mask, np.uint8).tofile(mask)
            offsets.append(offsets[-1] + len(example.input_ids))
            counts.update(examples=1, tokens=len(example.input_ids), learned_tokens=sum(example.loss_mask))
    np.save(directory / "offsets.npy", np.asarray(offsets))
