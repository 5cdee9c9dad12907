# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The problems of a benchmark, as they are put to a model."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from nemo_reasoning.config import Benchmark
from nemo_reasoning.errors import InputError
from nemo_reasoning.traces import BrokenRow, Problem, read_problems

Row = dict[str, Any]
LETTERS = "ABCDEFGHIJ"


def read_benchmark(name: str, benchmark: Benchmark, seed: int, limit: int | None = None) -> list[Row]:
    """The problems of a benchmark that has a path: rows {id, problem, answer}, in file order.

    Args:
        name: For messages.
        benchmark: Where they are and how they are put.
        seed: Shuffles the options of multiple choice; the same for every model of a run.
        limit: Take the first so many.

    Raises:
        InputError: There are none, they cannot be read, or one cannot be used: figures of a
            part would not be those of the benchmark.
    """
    layout = benchmark.layout
    source = benchmark.model_copy(update={"layout": layout.model_copy(update={"extra": benchmark.choices})})
    rows = [put(problem, benchmark, seed) for problem in islice(read_problems(source, _refuse), limit)]
    if not rows:
        raise InputError(f"the benchmark {name} ({benchmark.path}) holds no problem.")
    repeated = [one for one, count in Counter(row["id"] for row in rows).items() if count > 1]
    if repeated:
        raise InputError(f"the benchmark {name} has the id {repeated[0]} twice; set its layout.id to a column of ids.")
    return rows


def put(problem: Problem, benchmark: Benchmark, seed: int) -> Row:
    """One problem as it is put to the model, and the answer that is right for it.

    Raises:
        InputError: It has no gold answer, or lacks an option.
    """
    if problem.answer is None:
        _refuse(BrokenRow(problem.file, problem.line, "there is no gold answer"))
    text, answer = problem.problem, problem.answer
    if benchmark.choices:
        wrong = [problem.row[column] for column in benchmark.choices]
        if not all(isinstance(option, str) and option.strip() for option in wrong):
            _refuse(BrokenRow(problem.file, problem.line, "an option is not a text"))
        lettered, answer = letter(answer, [option.strip() for option in wrong], f"{seed}/{problem.id}")
        text = f"{text}\n\n{lettered}"
    return {"id": problem.id, "problem": benchmark.prompt.replace("{problem}", text), "answer": answer}


def letter(right: str, wrong: Sequence[str], seed: str) -> tuple[str, str]:
    """The options, shuffled and lettered, one a line; and the letter of the right one.

    Args:
        right: The right option.
        wrong: The others, at most nine.
        seed: The order depends on this text alone, and on no library's generator.
    """
    order = sorted(range(len(wrong) + 1), key=lambda place: hashlib.sha256(f"{seed}/{place}".encode()).digest())
    options = [right, *wrong]
    lines = [f"{LETTERS[place]}) {options[index]}" for place, index in enumerate(order)]
    return "\n".join(lines), LETTERS[order.index(0)]


def _refuse(row: BrokenRow) -> None:
    raise InputError(f"line {row.line} of {row.file} cannot be used: {row.reason}; a benchmark is measured whole.")
