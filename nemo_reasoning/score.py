# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning score`: verdicts, rewards and figures with intervals for stored completions."""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import batched
from pathlib import Path
from typing import Any

from nemo_reasoning.arguments import Parser, add_format, add_verify, numbers, reasoning_format, verify_settings
from nemo_reasoning.config import Reward
from nemo_reasoning.contract import Parsed
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import check_file_place
from nemo_reasoning.rewards import Rollout, Scores, check, score
from nemo_reasoning.stored import LAYOUTS, Fields, completions, read_stored
from nemo_reasoning.traces import write_jsonl
from nemo_reasoning.verify import STATUSES, Verdict, Verifier

Row = dict[str, Any]
BATCH = 4096
"""Completions that are verified together."""


def main(arguments: list[str]) -> int:
    """Print a summary; with `--out`, write a row for each completion."""
    given = _parser().parse_args(arguments)
    if given.out:
        check_file_place(given.out)
        if given.out.resolve() in {file.resolve() for file in given.files}:
            raise InputError(f"--out {given.out} is one of the files to score; give another name.")
    rewards = {name: Reward() for name in given.rewards.split(",") if name}
    check(rewards)
    pass_at_k = numbers("--pass-at-k", given.pass_at_k)
    problems = read_stored(given.files, _fields(given))
    rows = list(completions(problems))
    fmt = reasoning_format(given)
    parsed = [fmt.parse(one["text"], truncated=one["truncated"]) for _, one in rows]
    verdicts = _verdicts(given, problems, rows, parsed)
    scores = score(_rollouts(rows, parsed, verdicts), rewards, fmt)
    _print(parsed, verdicts, scores)
    _print_figures(_figures(problems, parsed, verdicts, pass_at_k), len(problems))
    if given.out:
        write_jsonl(given.out, _results(problems, rows, parsed, verdicts, scores))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nemo-reasoning score",
        description="Verdicts, rewards and figures with 95 % intervals for JSONL files of completions: rows with a "
        "completion (or a list of them) and a gold answer, or what `evaluate` stores. Rows of one problem, also of "
        "several files, are put together.",
    )
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="JSONL files, together one set")
    parser.add_argument("--layout", choices=LAYOUTS, default="plain", help="whose fields they have")
    for name in ("completion", "gold", "problem"):
        parser.add_argument(f"--{name}-field", metavar="NAME", help=f"field of the {name}, such as answer or resps.0")
    parser.add_argument(
        "--pass-at-k", default="4,8,16,64", metavar="K,...", help="figures of this kind, where samples allow"
    )
    parser.add_argument("--rewards", default="accuracy,format", help="names of rewards, with their default parameters")
    parser.add_argument("--out", metavar="OUT.jsonl", type=Path, help="write verdict and rewards of each completion")
    parser.add_argument("--workers", type=int, default=1, help="processes that run math-verify")
    add_format(parser)
    add_verify(parser)
    return parser


def _fields(given: argparse.Namespace) -> Fields:
    """Those of the layout, but for the named ones."""
    named = {name: getattr(given, f"{name}_field") for name in ("completion", "gold", "problem")}
    return replace(LAYOUTS[given.layout], **{name: field for name, field in named.items() if field})


def _figures(
    problems: list[Row], parsed: list[Parsed], verdicts: list[Verdict], pass_at_k: list[int]
) -> dict[str, dict[str, float]]:
    from nemo_reasoning import measure  # numpy, which --help can do without

    return measure.estimates(measure.score(measure.judged(problems, parsed, verdicts), pass_at_k))


def _verdicts(
    given: argparse.Namespace, problems: list[Row], rows: list[tuple[int, Row]], parsed: list[Parsed]
) -> list[Verdict]:
    pairs = [(one.answer, problems[index]["answer"]) for (index, _), one in zip(rows, parsed, strict=True)]
    with Verifier(verify_settings(given, given.workers)) as verifier:
        return [verdict for batch in batched(pairs, BATCH) for verdict in verifier.check_batch(batch)]


def _rollouts(rows: list[tuple[int, Row]], parsed: list[Parsed], verdicts: list[Verdict]) -> list[Rollout]:
    """Where the number of tokens is not known, characters are counted."""
    return [
        Rollout(one["text"], found, verdict, one["num_tokens"] or len(one["text"]), index)
        for (index, one), found, verdict in zip(rows, parsed, verdicts, strict=True)
    ]


def _print(parsed: list[Parsed], verdicts: list[Verdict], scores: Scores) -> None:
    total = len(verdicts)
    print(f"{'completions':<22}{total:>8}")
    counts = Counter(verdict.status for verdict in verdicts)
    for status in STATUSES:
        print(f"  {status:<20}{counts[status]:>8}{100 * counts[status] / total:>8.1f} %")
    broken = sum(one.problem is not None for one in parsed)
    print(f"{'format broken':<22}{broken:>8}{100 * broken / total:>8.1f} %")
    for name, values in [*scores.components.items(), ("total", scores.total)]:
        known = [value for value in values if value is not None]
        mean = f"{sum(known) / len(known):.4f}" if known else "none"
        print(f"{'mean ' + name:<22}{mean:>8}  of {len(known)}")


def _print_figures(figures: dict[str, dict[str, float]], num_problems: int) -> None:
    """Each figure with its interval, over problems."""
    print(f"{'problems':<22}{num_problems:>8}")
    for name, found in figures.items():
        scale, unit = (1, "") if name.endswith("_tokens") else (100, " %")
        value, low, high = (scale * found[key] for key in ("value", "low", "high"))
        print(f"  {name:<20}{value:>8.1f}{unit:<2} [{low:.1f}, {high:.1f}]")


def _results(
    problems: list[Row],
    rows: list[tuple[int, Row]],
    parsed: list[Parsed],
    verdicts: list[Verdict],
    scores: Scores,
) -> Iterator[Row]:
    for place, ((index, one), found, verdict) in enumerate(zip(rows, parsed, verdicts, strict=True)):
        yield {
            "file": one["file"],
            "line": one["line"],
            "extracted": verdict.extracted,
            "gold": problems[index]["answer"],
            "status": verdict.status,
            "method": verdict.method,
            "problem": found.problem,
            "rewards": {name: values[place] for name, values in scores.components.items()},
            "total": scores.total[place],
        }
