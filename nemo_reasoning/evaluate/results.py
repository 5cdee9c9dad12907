# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`results.json`: every figure with its interval, the paired differences, and all that they depend on."""

from itertools import pairwise
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.evaluate.benchmarks import Exam, judged_by, sampling_settings
from nemo_reasoning.evaluate.subjects import Subject
from nemo_reasoning.measure import compare, estimates, score
from nemo_reasoning.traces import read_jsonl

Row = dict[str, Any]


def summarize(config: Config, exam: Exam, subjects: list[Subject]) -> Row:
    """The content of a benchmark's `results.json`, from stored completions alone."""
    scores = {s.name: score(read_jsonl(exam.completions(s)), config.evaluate.pass_at_k) for s in subjects}
    models = {
        s.name: {
            "path": s.path,
            "digest": s.digest,
            "metrics": estimates(scores[s.name]),
            "verdicts": scores[s.name].verdicts,
            **({"cost": scores[s.name].cost} if scores[s.name].cost else {}),
        }
        for s in subjects
    }
    comparisons = [
        {"from": first, "to": second, **compare(scores[first], scores[second])} for first, second in pairwise(scores)
    ]
    return {
        **({"benchmark": exam.name, **_origin(config, exam)} if exam.name else {}),
        "settings": _settings(config, exam),
        "num_problems": len(exam.problems),
        "models": models,
        "comparisons": comparisons,
    }


def headline(results: dict[str, Row]) -> Row:
    """Metrics for the manifest: the first accuracy of each model on each benchmark, and the sentence."""
    metrics: Row = {"num_problems": sum(found["num_problems"] for found in results.values())}
    sentences = []
    for benchmark, found in results.items():
        name = next(iter(next(iter(found["models"].values()))["metrics"]))
        figures = {model: values["metrics"][name] for model, values in found["models"].items()}
        at = f"{benchmark}/" if benchmark else ""
        metrics |= {f"{at}{name}/{model}": figure["value"] for model, figure in figures.items()}
        parts = [f"{model} {f['value']:.1%} [{f['low']:.1%}, {f['high']:.1%}]" for model, f in figures.items()]
        on = f"{benchmark}, {found['num_problems']:,} problems" if benchmark else f"{found['num_problems']:,} problems"
        sentences.append(f"{name} accuracy on {on}: {', '.join(parts)}")
    late = sum(model["verdicts"]["timeout"] for found in results.values() for model in found["models"].values())
    sentences += [f"{late:,} checks reached verify.timeout_s"] if late else []
    return {**metrics, "summary": "; ".join(sentences)}


def _settings(config: Config, exam: Exam) -> Row:
    """Both the sampling's and the verdicts' settings, flat."""
    sampling, judging = sampling_settings(config, exam), judged_by(config, exam)
    versions = judging["versions"] | sampling.get("versions", {})
    return {**sampling, **judging, "versions": versions}


def _origin(config: Config, exam: Exam) -> Row:
    """Where a named benchmark's problems come from, and how they are put."""
    benchmark = config.evaluate.benchmarks[exam.name]
    return {"source": benchmark.model_dump(mode="json", include={"path", "subset", "split", "limit", "prompt"})}
