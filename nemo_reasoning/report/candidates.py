# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluated models of one or several runs, brought together on the problems that all of them answered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from nemo_reasoning.errors import InputError, nearest
from nemo_reasoning.files import read_json
from nemo_reasoning.measure import Scores, compare, estimates, score

Row = dict[str, Any]
OWN = "held-out problems"
"""What a run's own problems are called, which are no named benchmark."""


class Answers:
    """The judged completions of a model on a benchmark, by problem; one row is in memory at a time."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path} does not exist; run the stage evaluate of that run.")
        self._path = path

    @cached_property
    def places(self) -> dict[tuple[str, int], tuple[int, str | None]]:
        """Place in the file and gold answer of each problem: its id, and which of that id it is."""
        found: dict[tuple[str, int], tuple[int, str | None]] = {}
        seen: Counter[str] = Counter()
        place = 0
        with self._path.open("rb") as lines:
            for line in lines:
                row = orjson.loads(line)
                found[row["id"], seen[row["id"]]] = (place, row["answer"])
                seen[row["id"]] += 1
                place += len(line)
        return found

    def rows(self, problems: Sequence[tuple[str, int]]) -> Iterator[Row]:
        """The rows of these problems, in their order."""
        with self._path.open("rb") as file:
            for problem in problems:
                file.seek(self.places[problem][0])
                yield orjson.loads(file.readline())


@dataclass(frozen=True)
class Candidate:
    """An evaluated model.

    Attributes:
        label: Unique among those that are compared.
        run: Directory of its run.
        model: Its name in the run.
        exams: Directory with `results.json` and `completions/` of each benchmark.
    """

    label: str
    run: Path
    model: str
    exams: dict[str, Path]

    def answers(self, exam: str) -> Answers:
        """Its completions on a benchmark."""
        return Answers(self.exams[exam] / "completions" / f"{self.model}.jsonl")

    def settings(self, exam: str) -> Row:
        """How it was measured."""
        return _results(self.exams[exam])["settings"]


@dataclass(frozen=True)
class Comparison:
    """Candidates on one benchmark.

    Attributes:
        exam: Name of the benchmark.
        labels: Of the candidates; the others are compared with the first.
        problems: Those that all of them answered.
        left_out: How many each answered that another did not.
        scores: Of each candidate, on these problems.
        figures: Each metric with its interval, per candidate.
        differences: To the first, of each other candidate: metrics, gained and lost.
        settings: What was set differently: name, and the value of each candidate.
    """

    exam: str
    labels: list[str]
    problems: list[tuple[str, int]]
    left_out: list[int]
    scores: list[Scores]
    figures: list[dict[str, dict[str, float]]]
    differences: list[Row]
    settings: dict[str, list[Any]]


def find_candidates(names: Sequence[str]) -> list[Candidate]:
    """The candidates that `RUN` or `RUN:MODEL` name.

    A lone run without a model stands for all its models; else a run stands for its last one.

    Raises:
        InputError: There is no such run or model, or only one candidate.
    """
    found = [candidate for name in names for candidate in _of_run(name, all_models=len(names) == 1)]
    if len(found) < 2:
        raise InputError("there is only one model to compare; give another RUN or RUN:MODEL.")
    labels = Counter(candidate.label for candidate in found)
    if repeated := [label for label, count in labels.items() if count > 1]:
        raise InputError(f"{repeated[0]} is given twice.")
    return found


def compare_on(exam: str, candidates: Sequence[Candidate], pass_at_k: Sequence[int]) -> Comparison:
    """Compare the candidates on a benchmark that all of them have.

    Raises:
        InputError: They have no problem in common, or one has another gold answer elsewhere.
    """
    answers = [candidate.answers(exam) for candidate in candidates]
    common = [problem for problem in answers[0].places if all(problem in one.places for one in answers)]
    if not common:
        raise InputError(f"{candidates[0].label} and the others have no problem of {exam} in common.")
    for problem in common:
        if len({one.places[problem][1] for one in answers}) > 1:
            raise InputError(f"the problem {problem[0]} of {exam} has not the same gold answer in all runs.")
    scores = [score(one.rows(common), pass_at_k) for one in answers]
    return Comparison(
        exam=exam,
        labels=[candidate.label for candidate in candidates],
        problems=common,
        left_out=[len(one.places) - len(common) for one in answers],
        scores=scores,
        figures=[estimates(one) for one in scores],
        differences=[compare(scores[0], one) for one in scores[1:]],
        settings=_differing([dict(_flat(candidate.settings(exam))) for candidate in candidates]),
    )


def shared_exams(candidates: Sequence[Candidate], wanted: str | None = None) -> list[str]:
    """The benchmarks that all candidates were measured on, or the one that is wanted.

    Raises:
        InputError: There is none, or not this one.
    """
    shared = [exam for exam in candidates[0].exams if all(exam in one.exams for one in candidates)]
    if wanted is not None and wanted not in shared:
        raise InputError(f"not all of them were measured on {wanted}{nearest(wanted, shared)}")
    if not shared:
        raise InputError("these models were measured on no common benchmark.")
    return shared if wanted is None else [wanted]


def _of_run(name: str, *, all_models: bool) -> list[Candidate]:
    run, model = _split(name)
    exams = _exams(run)
    models = list(_results(next(iter(exams.values())))["models"])
    if model is not None and model not in models:
        raise InputError(f"{run} has no evaluated model {model}{nearest(model, models)}")
    chosen = [model] if model else models if all_models else models[-1:]
    return [Candidate(f"{run.resolve().name}:{one}", run, one, exams) for one in chosen]


def _split(name: str) -> tuple[Path, str | None]:
    """`RUN:MODEL`, where a path may hold colons too."""
    run, colon, model = name.rpartition(":")
    if colon and not Path(name).is_dir():
        return Path(run), model
    return Path(name), None


def _exams(run: Path) -> dict[str, Path]:
    found = [*run.glob("evaluate/results.json"), *sorted(run.glob("evaluate/*/results.json"))]
    if not found:
        raise InputError(f"{run} is not the directory of an evaluated run (there is no evaluate/results.json in it).")
    names = {path.parent: _results(path.parent).get("benchmark", "held_out") for path in found}
    return {OWN if name == "held_out" else name: place for place, name in names.items()}


def _results(directory: Path) -> Row:
    path = directory / "results.json"
    found = read_json(path)
    if not isinstance(found, dict) or not {"models", "settings"} <= found.keys():
        raise InputError(f"{path} holds no results of an evaluation; run the stage evaluate of that run again.")
    return found


def _flat(values: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _differing(settings: Sequence[Row]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for one in settings for name in one)
    values = {name: [one.get(name) for one in settings] for name in names}
    return {name: found for name, found in values.items() if any(one != found[0] for one in found)}
