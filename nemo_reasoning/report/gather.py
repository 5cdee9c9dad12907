# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run has left so far, read for the page; what is missing is None or empty.

Long lists and texts are cut to the limits below, which the page states.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import orjson
import yaml

from nemo_reasoning.config import StageName
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json
from nemo_reasoning.manifest import ROLLOUTS, Manifest, read_manifest, read_metrics

Row = dict[str, Any]

MAX_PROBLEMS = 200
"""Problems in the browser."""
MAX_STEPS = 20
"""GRPO steps in the browser, spread over those that were written out."""
MAX_GROUPS = 8
"""Groups of a step in the browser."""
MAX_TEXT = 4000
"""Characters of a text; of a longer one, its beginning and its end are shown."""


@dataclass(frozen=True)
class RunData:
    """A run, as far as it has come.

    Attributes:
        name: Of the run.
        seed: Of the run; None where the settings have none.
        settings: The resolved configuration, as YAML text.
        manifests: Per stage in the pipeline's order, None where it has not run.
        generated: What the teacher wrote and cost, where the stage generate is done.
        funnel: Curation's counts.
        dropped: `{step, reason, detail, id, file, line, problem, completion, gold, answer}` of
            examples of what curation dropped.
        distill: Metrics log of the distillation.
        grpo: Metrics log of GRPO.
        results: Evaluation's figures on the run's own held-out problems.
        benchmarks: Those on each named benchmark.
        problems: `{id, problem, answer, outputs: [per model]}` of the first problems.
        lengths: Per model, how many sampled completions have which number of tokens.
        num_problems: Problems that were evaluated.
        rollouts: `{step, groups: [{problem, prompt, answer, rollouts: [...]}]}` of some steps.
    """

    name: str
    seed: int | None
    settings: str
    manifests: dict[str, Manifest | None]
    generated: Row | None
    funnel: Row | None
    dropped: list[Row]
    distill: list[Row]
    grpo: list[Row]
    results: Row | None
    benchmarks: dict[str, Row]
    problems: list[Row]
    lengths: dict[str, Counter[int]]
    num_problems: int
    rollouts: list[Row]


def gather(run: Path) -> RunData:
    """Read a run's directory.

    Raises:
        InputError: It is not the directory of a run.
    """
    resolved = run / "resolved.yaml"
    if not resolved.is_file():
        raise InputError(
            f"{run} is not the directory of a run (it holds no resolved.yaml); give one, such as runs/demo."
        )
    settings = resolved.read_text()
    values = _settings(resolved, settings)
    funnel = _json(run / "curate" / "funnel.json")
    manifests = {name: read_manifest(run / name) for name in get_args(StageName) if name != "report"}
    generate = manifests["generate"]
    evaluate = run / "evaluate"
    own = evaluate if (evaluate / "results.json").exists() else evaluate / "held_out"
    results = _json(own / "results.json")
    problems, lengths, count = _completions(own / "completions", list(results["models"]) if results else [])
    return RunData(
        name=str(values.get("name", run.name)),
        seed=values.get("seed"),
        settings=settings,
        manifests=manifests,
        generated=generate.metrics if generate and generate.done else None,
        funnel=funnel,
        dropped=_dropped(funnel) if funnel else [],
        distill=list(read_metrics(run / "distill")),
        grpo=list(read_metrics(run / "grpo")),
        results=results,
        benchmarks={
            path.parent.name: read_json(path) for path in sorted(evaluate.glob("*/results.json")) if path.parent != own
        },
        problems=problems,
        lengths=lengths,
        num_problems=count,
        rollouts=_rollouts(run / "grpo" / ROLLOUTS),
    )


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or its beginning and end with a note of how much lies between."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


def spread(items: Sequence[int], limit: int) -> list[int]:
    """At most `limit` of the items, the first and the last among them, evenly spaced."""
    if len(items) <= limit:
        return list(items)
    places = {math.floor(i * (len(items) - 1) / (limit - 1) + 0.5) for i in range(limit)}
    return [items[place] for place in sorted(places)]


def _settings(path: Path, text: str) -> Row:
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML ({str(error).splitlines()[0]}).") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings; run the pipeline in this directory first.")
    return values


def _json(path: Path) -> Row | None:
    return read_json(path) if path.exists() else None


def _rows(path: Path) -> Iterator[Row]:
    """Rows of a log that may still grow: a last line that is not complete is left out."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield orjson.loads(line)


def _dropped(funnel: Row) -> list[Row]:
    """Examples of all steps, each with its step's name."""
    return [
        {key: shorten(value) if isinstance(value, str) else value for key, value in example.items()}
        | {"step": step["name"]}
        for step in funnel["steps"]
        for example in step["examples"]
    ]


def _completions(directory: Path, models: list[str]) -> tuple[list[Row], dict[str, Counter[int]], int]:
    """Browser rows of the first problems, and the lengths of all samples by model."""
    problems: list[Row] = []
    lengths: dict[str, Counter[int]] = {name: Counter() for name in models}
    count = 0
    paths = [directory / f"{name}.jsonl" for name in models]
    if not models or not all(path.exists() for path in paths):
        return problems, {}, 0
    for rows in zip(*map(_rows, paths), strict=False):
        count += 1
        for name, row in zip(models, rows, strict=True):
            lengths[name].update(sample["num_tokens"] for sample in row["samples"])
        if len(problems) < MAX_PROBLEMS:
            outputs = [_output(row) for row in rows]
            first = rows[0]
            problems.append(
                {
                    "id": first["id"],
                    "problem": shorten(first["problem"]),
                    "answer": first["answer"],
                    "outputs": outputs,
                }
            )
    return problems, lengths, count


def _output(row: Row) -> Row:
    """One model's greedy completion of a problem, and the answers of its samples."""
    greedy, samples = row["greedy"], row["samples"]
    answers = Counter((sample["extracted"], sample["verdict"]) for sample in samples)
    return {
        "text": shorten(greedy["text"]),
        "verdict": greedy["verdict"],
        "extracted": greedy["extracted"],
        "num_tokens": greedy["num_tokens"],
        "truncated": greedy["truncated"],
        "num_samples": len(samples),
        "num_correct": sum(sample["verdict"] == "correct" for sample in samples),
        "answers": [
            {"answer": None if answer is None else shorten(answer, 200), "verdict": verdict, "count": count}
            for (answer, verdict), count in answers.most_common(8)
        ],
    }


def _rollouts(path: Path) -> list[Row]:
    """Groups of rollouts of the steps that are shown; the file is read twice and never held."""
    steps = spread(sorted({row["step"] for row in _rows(path)}), MAX_STEPS)
    groups: dict[int, dict[int, Row]] = {step: {} for step in steps}
    for row in _rows(path):
        shown = groups.get(row["step"])
        if shown is None or (row["group"] not in shown and len(shown) >= MAX_GROUPS):
            continue
        texts = {name: shorten(row.get(name, "")) for name in ("problem", "prompt")}  # older logs have no prompt
        head = {**texts, "answer": row["answer"], "rollouts": []}
        shown.setdefault(row["group"], head)["rollouts"].append(_rollout(row))
    return [{"step": step, "groups": list(of_step.values())} for step, of_step in groups.items()]


def _rollout(row: Row) -> Row:
    kept = ("num_tokens", "truncated", "reward", "components", "advantage", "masked", "verdict")
    return {"text": shorten(row["completion"]), **{key: row.get(key) for key in kept}}
