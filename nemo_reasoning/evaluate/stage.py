# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage `evaluate`: every model of the run on the same problems.

For each model and benchmark: sample what is not there yet, judge it, compute the figures.
Each step is redone only where something that it depends on has changed, so other settings
of the verifier cost no sampling, and a killed run goes on where it was.
"""

from collections.abc import Callable, Container, Iterator
from itertools import batched
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.engines.base import Engine, Request
from nemo_reasoning.errors import InputError
from nemo_reasoning.evaluate import store
from nemo_reasoning.evaluate.benchmarks import Exam, find_exams, judged_by, sampled_by
from nemo_reasoning.evaluate.results import headline, summarize
from nemo_reasoning.evaluate.subjects import Subject, find_subjects, open_engine
from nemo_reasoning.files import write_json
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.measure.completions import completion, judge, requests, unjudged
from nemo_reasoning.traces import read_jsonl
from nemo_reasoning.verify import Verifier

Row = dict[str, Any]
OpenEngine = Callable[[Config, Subject, float], Engine]
PATIENCE = 4.0
"""Multiple of `verify.timeout_s` that a check gets in the end: figures must not depend on the machine's load."""
JUDGED_TOGETHER = 64
"""Problems whose completions are in memory at a time."""


def run(config: Config, stage: StageRun, engine: OpenEngine = open_engine) -> dict[str, Any]:
    """Write `completions/<model>.jsonl` and `results.json`, in a directory per benchmark where some are named.

    Args:
        config: Of the run.
        stage: Where to write.
        engine: Opens the engine with a model.

    Raises:
        InputError: A model or the problems are not there, a model does not fit the format, or
            completions could not be had.
    """
    subjects = find_subjects(config)
    exams = find_exams(config, stage.directory)
    for path in (*stage.directory.glob("results.json"), *stage.directory.glob("*/results.json")):
        path.unlink()  # figures of other settings; the completions may still be right
    progress = Progress(stage, len(subjects) * sum(len(exam.problems) for exam in exams))
    for subject in subjects:
        progress.begin(subject.name)
        _sample_all(config, subject, exams, progress, engine)
        with Verifier(config.verify) as verifier:
            for exam in exams:
                _judge(config, subject, exam, verifier)
    progress.end()
    results = {exam.name: summarize(config, exam, subjects) for exam in exams}
    for exam in exams:
        write_json(exam.directory / "results.json", results[exam.name])
    return headline(results)


class Progress:
    """How many problems have been answered, over all models and benchmarks."""

    def __init__(self, stage: StageRun, total: int) -> None:
        self._stage, self._total, self._done, self._note = stage, total, 0.0, ""

    def begin(self, note: str) -> None:
        """A model is next."""
        self._note = note
        self.add(0)

    def add(self, problems: float) -> None:
        """So many more are answered; of a part of its completions, a part of one."""
        self._done += problems
        self._stage.progress(int(self._done + 1e-6), self._total, self._note)

    def end(self) -> None:
        """All are."""
        self._stage.progress(self._total, self._total)


def _sample_all(config: Config, subject: Subject, exams: list[Exam], progress: Progress, open_one: OpenEngine) -> None:
    """Sample a model on each benchmark that lacks completions; the model is loaded at most once."""
    engine: Engine | None = None
    try:
        for exam in exams:
            made_from = sampled_by(config, exam, subject)
            found = store.made_by(exam.completions(subject))
            if found and found["sampled_by"] == made_from:
                progress.add(len(exam.problems))
                continue
            with store.Replies(store.replies_path(exam.completions(subject)), made_from) as replies:
                if len(replies) < exam.num_requests:
                    engine = engine or open_one(config, subject, _spent(config, subject, exams))
                _sample(config, subject, exam, replies, engine, progress)
    finally:
        if engine is not None:
            engine.close()


def _spent(config: Config, subject: Subject, exams: list[Exam]) -> float:
    """What the completions that are there have cost."""
    if config.evaluate.engine != "openai_server":
        return 0.0
    paths = [exam.completions(subject) for exam in exams]
    rows = (row for path in paths if path.exists() for row in read_jsonl(path))
    judged = sum(one.get("cost", 0.0) for row in rows for one in (row["greedy"], *row["samples"]))
    return judged + sum(store.spent(store.replies_path(path)) for path in paths)


def _sample(
    config: Config, subject: Subject, exam: Exam, replies: store.Replies, engine: Engine | None, progress: Progress
) -> None:
    """Ask for what the log lacks.

    Raises:
        InputError: Some completions could not be had; the others are kept.
    """
    share = len(exam.problems) / exam.num_requests
    progress.add(share * len(replies))
    together = config.evaluate.batch_size * max(1, exam.sampling.num_samples)
    failed: list[str] = []
    for params, wanted in requests(exam.problems, config.format, exam.sampling, f"{config.seed}/{subject.name}"):
        for batch in _missing(wanted, replies, together if config.evaluate.engine == "in_process" else None):
            for reply in engine.complete(batch, params):
                if reply.error:
                    failed.append(f"{reply.error} {reply.error_text}".strip())
                    continue
                progress.add(0 if reply.id in replies else share)
                replies.add(reply.id, completion(reply, config.format))
    if failed:
        raise InputError(
            f"{len(failed)} of {exam.num_requests} completions of {subject.name} could not be had ({failed[0]}); "
            "what came is kept, and the same command asks for the rest."
        )


def _missing(wanted: list[Request], replies: Container[str], together: int | None) -> Iterator[list[Request]]:
    """What is still to be asked: single requests, or whole batches, which come out the same only as such."""
    if together is None:
        wanted = [request for request in wanted if request.id not in replies]
    for batch in batched(wanted, together or max(1, len(wanted))):
        if any(request.id not in replies for request in batch):
            yield list(batch)


def _judge(config: Config, subject: Subject, exam: Exam, verifier: Verifier) -> None:
    """Judge the completions, or judge them again where other settings did."""
    path, made_from, made_with = exam.completions(subject), sampled_by(config, exam, subject), judged_by(config, exam)
    found = store.made_by(path)
    if found and (found["sampled_by"], found["judged_by"]) == (made_from, made_with):
        return
    if found and found["sampled_by"] == made_from:
        rows = ({**old, **new} for old, new in zip(read_jsonl(path), exam.problems, strict=True))
        store.write_rows(path, _judged(config, rows, verifier), made_from, made_with)
        return
    with store.Replies(store.replies_path(path), made_from) as replies:
        num_samples = exam.sampling.num_samples
        rows = (unjudged(problem, index, replies, num_samples) for index, problem in enumerate(exam.problems))
        store.write_rows(path, _judged(config, rows, verifier), made_from, made_with)


def _judged(config: Config, rows: Iterator[Row], verifier: Verifier) -> Iterator[Row]:
    for batch in batched(rows, JUDGED_TOGETHER):
        yield from judge(batch, config.format, verifier, PATIENCE)
