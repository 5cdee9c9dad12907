# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions that were stored by this package or by a peer, as rows that can be judged and scored.

One row of a file may hold one completion, a list of them, or, in this package's own files, a
greedy one and samples. Rows of one problem, also of several files, are put together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from pydantic import TypeAdapter, ValidationError

from nemo_reasoning.errors import InputError, nearest
from nemo_reasoning.traces.files import numbered_rows
from nemo_reasoning.traces.layouts import value_at

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a file has what; a name, or a path such as `resps.0`.

    Attributes:
        completion: The completion, or a list of them.
        gold: The gold answer.
        problem: What rows of one problem share; without it each row is a problem.
        think_tags: What is written for `<think>` and `</think>`.
    """

    completion: str = "completion"
    gold: str = "answer"
    problem: str = "problem"
    think_tags: tuple[str, str] = ("<think>", "</think>")


LAYOUTS = {
    "plain": Fields(),
    "skythought": Fields("code", "gt", "question", ("<|begin_of_thought|>", "<|end_of_thought|>")),
    "nemo_skills": Fields("generation", "expected_answer", "problem"),
    "lm_eval": Fields("resps.0", "target", "doc_id"),
}
"""Those of SkyThought, of NeMo-Skills' `output*.jsonl` and of lm-evaluation-harness's samples."""


class _Completion(TypedDict):
    text: str
    truncated: bool
    num_tokens: int | None


class _OwnRow(TypedDict):
    """What is read of a row of `completions/<model>.jsonl`."""

    id: str | int
    answer: str | None
    greedy: _Completion | None
    samples: list[_Completion]


_OWN_ROW = TypeAdapter(_OwnRow)


def read_stored(files: Sequence[Path], fields: Fields) -> list[Row]:
    """Rows {id, answer, greedy, samples} with unjudged completions, in the order of the problems.

    Files of this package (rows with `greedy` and `samples`) need no fields. A completion is
    {text, truncated, num_tokens, file, line}; `num_tokens` is None where the file does not say.

    Raises:
        InputError: There is none, or a row does not have what it should.
    """
    problems: dict[str, Row] = {}
    for file in files:
        for line, row in numbered_rows(file):
            place = f"line {line} of {file}"
            if not isinstance(row, dict):
                raise InputError(f"{place} is no JSON object.")
            found = _own(row, place) if "samples" in row and "greedy" in row else _foreign(row, fields, place)
            _add(problems, found, str(file), line, place)
    if not problems:
        raise InputError(f"{', '.join(map(str, files))} is empty.")
    return list(problems.values())


def _add(problems: dict[str, Row], found: Row, file: str, line: int, place: str) -> None:
    """Put a row with the others of its problem."""
    whole = problems.setdefault(found["id"], {**found, "greedy": None, "samples": []})
    if whole["answer"] != found["answer"]:
        raise InputError(f"{place} has the gold answer {found['answer']!r}, an earlier row of its problem another.")
    if found["greedy"]:
        whole["greedy"] = {**found["greedy"], "file": file, "line": line}
    whole["samples"] += [{**sample, "file": file, "line": line} for sample in found["samples"]]


def _own(row: Row, place: str) -> Row:
    """A row of `completions/<model>.jsonl`."""
    try:
        return dict(_OWN_ROW.validate_python(row))
    except ValidationError as error:
        finding = error.errors()[0]
        what = f"{'.'.join(map(str, finding['loc']))}: {finding['msg']}"
        raise InputError(f"{place} is no row of completions of this package ({what}).") from None


def _foreign(row: Row, fields: Fields, place: str) -> Row:
    for name in (fields.completion, fields.gold):
        if name.partition(".")[0] not in row and name not in row:
            raise InputError(f"{place} has no field '{name}'{nearest(name, row)}")
    value, gold = value_at(row, fields.completion), value_at(row, fields.gold)
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputError(f"the field '{fields.completion}' in {place} is no text.")
    for tag, ours in zip(fields.think_tags, Fields().think_tags, strict=True):
        texts = [text.replace(tag, ours) for text in texts]
    problem = value_at(row, fields.problem)
    return {
        "id": place if problem is None else str(problem),
        "answer": gold if gold is None else str(gold),
        "greedy": None,
        "samples": [_completion(row, text) for text in texts],
    }


def _completion(row: Row, text: str) -> Row:
    """Optional fields of a row: `truncated`, `finish_reason` and `num_tokens`."""
    tokens = row.get("num_tokens")
    return {
        "text": text,
        "truncated": row.get("truncated") is True or row.get("finish_reason") == "length",
        "num_tokens": tokens if isinstance(tokens, int) else None,
    }


def completions(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """Each completion with the place of its problem, the greedy ones first."""
    for index, row in enumerate(rows):
        for one in (row["greedy"], *row["samples"]):
            if one is not None:
                yield index, one
