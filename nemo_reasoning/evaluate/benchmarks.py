# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the models are measured on, and all that a completion and its verdict depend on."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from nemo_reasoning import __version__
from nemo_reasoning.config import Benchmark, Config, Sampling
from nemo_reasoning.errors import InputError
from nemo_reasoning.evaluate.subjects import Subject, device
from nemo_reasoning.measure.problems import read_benchmark
from nemo_reasoning.traces import read_jsonl

Row = dict[str, Any]
PROMPTING = ("system_prompt", "prefill_think", "think_open", "chat_template", "stop_token")
"""Settings of the format that a completion depends on; the others only say how it is read."""


@dataclass(frozen=True)
class Exam:
    """A benchmark of this run, with its problems.

    Attributes:
        name: As in `evaluate.benchmarks`; "" for the run's own held-out problems alone.
        directory: Where its completions and results are written.
        problems: Rows {id, problem, answer}.
        sampling: How completions are drawn.
    """

    name: str
    directory: Path
    problems: list[Row]
    sampling: Sampling

    @property
    def num_requests(self) -> int:
        """Completions of all problems, the greedy ones included."""
        return len(self.problems) * (1 + self.sampling.num_samples)

    def completions(self, subject: Subject) -> Path:
        """The judged completions of a model."""
        return self.directory / "completions" / f"{subject.name}.jsonl"


def find_exams(config: Config, directory: Path) -> list[Exam]:
    """The benchmarks of the run with their problems; names set to null are left out.

    Raises:
        InputError: One has no problem, or they cannot be read.
    """
    named = {name: benchmark for name, benchmark in config.evaluate.benchmarks.items() if benchmark}
    if not named:
        own = Benchmark()
        return [Exam("", directory, _problems(config, "", own), config.evaluate.sampling(own))]
    for name in named:
        if "/" in name or name.startswith(".") or name == "completions":
            raise InputError(f"evaluate.benchmarks has the name '{name}', which cannot name a directory of its own.")
    return [
        Exam(name, directory / name, _problems(config, name, benchmark), config.evaluate.sampling(benchmark))
        for name, benchmark in named.items()
    ]


def _problems(config: Config, name: str, benchmark: Benchmark) -> list[Row]:
    if benchmark.path is not None:
        return read_benchmark(name, benchmark, config.seed, config.evaluate.max_problems)
    path = Path(config.paths.run) / "prepare" / "evaluation.jsonl"
    rows = list(islice(read_jsonl(path), config.evaluate.max_problems))
    if not rows:
        raise InputError(f"{path} holds no problem to evaluate on.")
    return [{**row, "problem": benchmark.prompt.replace("{problem}", row["problem"])} for row in rows]


def sampled_by(config: Config, exam: Exam, subject: Subject) -> Row:
    """All that a model's completions depend on."""
    return {"name": subject.name, "model": subject.digest, "settings": sampling_settings(config, exam)}


def sampling_settings(config: Config, exam: Exam) -> Row:
    """The settings that completions depend on."""
    evaluate = config.evaluate
    return {
        "seed": config.seed,
        **exam.sampling.model_dump(mode="json"),
        "engine": evaluate.engine,
        **(_server(config) if evaluate.engine == "openai_server" else _local(config)),
        "format": {name: getattr(config.format, name) for name in PROMPTING},
        "problems": _digest((row["id"], row["problem"]) for row in exam.problems),
    }


def judged_by(config: Config, exam: Exam) -> Row:
    """All that a verdict depends on, besides the completion."""
    return {
        "format": config.format.model_dump(mode="json"),
        "verify": config.verify.model_dump(mode="json"),
        "answers": _digest((row["id"], row["answer"]) for row in exam.problems),
        "versions": {"nemo_reasoning": __version__, "math-verify": version("math-verify")},
    }


def _server(config: Config) -> Row:
    server = config.evaluate.server
    return {"server": {name: getattr(server, name) for name in ("base_url", "send_seed", "extra_body")}}


def _local(config: Config) -> Row:
    vllm = config.evaluate.engine == "vllm"
    packages = ("torch", "transformers", "vllm") if vllm else ("torch", "transformers")
    return {
        **({"vllm": config.evaluate.vllm} if vllm else {}),
        "precision": config.evaluate.precision,
        "batch_size": config.evaluate.batch_size,
        "device": device(),
        "versions": {package: _version(package) for package in packages},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:  # PackageNotFoundError is one; the engine says it better
        return None


def _digest(rows: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(orjson.dumps(list(rows))).hexdigest()
