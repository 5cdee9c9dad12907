# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Held-out problems that the student is measured on while it is trained, and how well it solves them.

They are those of the validation traces, whose problems curation keeps out of training. Problems
of the evaluation, which curation may have been told to let pass, are left out here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.distill.data import SOURCES
from nemo_reasoning.errors import InputError
from nemo_reasoning.measure import judge
from nemo_reasoning.traces import read_jsonl
from nemo_reasoning.verify import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from nemo_reasoning.sampling import Sampler

ACCURACY = "validation_accuracy"
RATES = (ACCURACY, "validation_truncated_rate", "validation_format_rate")
"""What is measured: shares of the problems solved, of completions cut at a length limit, and of well-formed ones."""


@dataclass(frozen=True)
class HeldOut:
    """A problem as it is put to the student.

    Attributes:
        prompt: Token ids.
        answer: The gold answer.
    """

    prompt: list[int]
    answer: str


def read(config: Config, tokenizer: "PreTrainedTokenizerBase", run: Path) -> list[HeldOut]:
    """The problems to measure on, each once, in the order of the file.

    Where they are more than `val_max_problems`, the text of a problem alone decides (by its SHA-256), so
    that runs that are compared take the same.

    Args:
        config: The run's configuration.
        tokenizer: The student's.
        run: The run's directory.

    Raises:
        InputError: There is none with an answer whose prompt is shorter than `seq_length`.
    """
    path = run / "curate" / SOURCES["validation"]
    never = {row["problem"] for row in _rows(run / "prepare" / "evaluation.jsonl")}
    answered = (row for row in _rows(path) if row["answer"] is not None)
    rows = {row["problem"]: row for row in answered if row["problem"] not in never}
    prompts = {text: config.format.encode_prompt(tokenizer, text) for text in _chosen(rows, config.distill)}
    fitting = {text: prompt for text, prompt in prompts.items() if len(prompt) < config.distill.seq_length}
    if not fitting:
        raise InputError(
            f"distill.val_period needs held-out problems with answers, and {path} has none that fits "
            "distill.seq_length; raise curate.validation_share, or set distill.val_period=0."
        )
    return [HeldOut(prompt, rows[text]["answer"]) for text, prompt in fitting.items()]


def check(config: Config, tokenizer: "PreTrainedTokenizerBase", student: str, run: Path) -> None:
    """Check before the training that there is something to measure on, and that the student can be sampled.

    Raises:
        InputError: There is not, or it cannot.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from nemo_reasoning.transformer import check_supported

    settings = AutoConfig.from_pretrained(student, trust_remote_code=config.model.trust_remote_code)
    with torch.device("meta"):
        check_supported(AutoModelForCausalLM.from_config(settings))
    print(f"{len(read(config, tokenizer, run)):,} held-out problems to measure on", flush=True)


def measure(
    sampler: "Sampler",
    tokenizer: "PreTrainedTokenizerBase",
    fmt: ReasoningFormat,
    problems: Sequence[HeldOut],
    verifier: Verifier,
    max_new_tokens: int,
) -> list[float]:
    """Solve each problem once, greedily.

    Returns:
        The shares that `RATES` names.
    """
    from nemo_reasoning.sampling import SamplingParams

    made = sampler.sample([problem.prompt for problem in problems], SamplingParams(max_new_tokens, temperature=0.0))
    rows = [
        {
            "answer": problem.answer,
            "greedy": {"text": fmt.decode(tokenizer, one.token_ids), "truncated": one.truncated},
            "samples": [],
        }
        for problem, (one,) in zip(problems, made, strict=True)
    ]
    found = [row["greedy"] for row in judge(rows, fmt, verifier)]
    return [
        fmean(one["verdict"] == "correct" for one in found),
        fmean(one["truncated"] for one in found),
        fmean(one["well_formed"] for one in found),
    ]


def summary(distill: Distill, rows: Sequence[dict[str, Any]], steps: int) -> dict[str, Any]:
    """What the measurements say in the end; nothing where there were none.

    Args:
        distill: The stage's settings.
        rows: The metrics log.
        steps: Steps that the training took.
    """
    measured = {row["step"]: row[ACCURACY] for row in rows if ACCURACY in row}
    if not measured:
        return {}
    best = max(measured, key=measured.__getitem__)
    exported = best if distill.keep_best else steps
    return {
        ACCURACY: measured[exported],
        "exported_step": exported,
        "best_step": best,
        "best_validation_accuracy": measured[best],
    }


def sentence(found: dict[str, Any]) -> str:
    """How `summary` ends a sentence."""
    if not found:
        return ""
    exported, best = found["exported_step"], found["best_step"]
    more = f"; step {best} solved {found['best_validation_accuracy']:.1%}" if best != exported else ""
    return f", exported step {exported}: {found[ACCURACY]:.1%} of the held-out problems{more}"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return read_jsonl(path) if path.exists() else iter(())


def _chosen(rows: dict[str, Any], distill: Distill) -> list[str]:
    digests = {text: hashlib.sha256(text.encode()).digest() for text in rows}
    kept = set(sorted(rows, key=digests.__getitem__)[: distill.val_max_problems])
    return [text for text in rows if text in kept]
