# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning compare`: evaluated models on the same problems, in the terminal and as a page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemo_reasoning.arguments import Parser, numbers
from nemo_reasoning.files import check_file_place, write_bytes

if TYPE_CHECKING:
    from nemo_reasoning.report.candidates import Comparison

WIDTH = 160
"""Columns where the output goes to a file."""


def main(arguments: list[str]) -> int:
    """Print a table per benchmark and write the page."""
    given = _parser().parse_args(arguments)
    pass_at_k = numbers("--pass-at-k", given.pass_at_k)
    if given.out:
        check_file_place(given.out)
    from nemo_reasoning.report import candidates, comparison

    found = candidates.find_candidates(given.runs)
    compared = [
        candidates.compare_on(exam, found, pass_at_k) for exam in candidates.shared_exams(found, given.benchmark)
    ]
    terminal = Console(highlight=False)
    if not terminal.is_terminal:
        terminal.width = WIDTH
    for one in compared:
        _show(one, terminal)
    page = given.out or found[-1].run / "report" / "comparison.html"
    write_bytes(page, comparison.render(compared, found).encode())
    terminal.print(Text(f"page: {page}"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nemo-reasoning compare",
        description="Compare evaluated models on the problems that all of them answered; the others with the first.",
        epilog="A run stands for its last model; RUN:MODEL names another, and a lone RUN compares all its models.",
    )
    parser.add_argument("runs", metavar="RUN[:MODEL]", nargs="+", help="directory of a run, such as runs/demo:grpo")
    parser.add_argument("--benchmark", metavar="NAME", help="compare on this one only")
    parser.add_argument(
        "--pass-at-k", default="4,8,16,64", metavar="K,...", help="figures of this kind, where samples allow"
    )
    parser.add_argument("--out", metavar="PAGE.html", type=Path, help="default: report/comparison.html of the last run")
    return parser


def _show(compared: "Comparison", terminal: Console) -> None:
    """Each figure with its interval, and below it the difference to the first model with its own and a p-value."""
    from nemo_reasoning.report.page import interval, significance

    count = len(compared.problems)
    table = Table(
        title=f"{compared.exam}: {count:,} problem{'s' * (count != 1)}", title_justify="left", title_style="bold"
    )
    for column in ("", *compared.labels):
        table.add_column(Text(column), justify="right" if column else "left")
    for metric in compared.figures[0]:
        found = [figures.get(metric) for figures in compared.figures]
        scale = 1.0 if metric.endswith("_tokens") else 100.0
        cells = [f"{scale * one['value']:.1f} {interval(one, scale)}" if one else "" for one in found]
        table.add_row(metric.replace("_", " "), *cells)
    table.add_section()
    for metric in dict.fromkeys(name for one in compared.differences for name in one["metrics"]):
        changes = [one["metrics"].get(metric) for one in compared.differences]
        cells = [f"{100 * one['value']:+.1f} {significance(one)}" if one else "" for one in changes]
        table.add_row(f"difference, {metric}", "", *cells)
    table.add_row("gained, lost", "", *(f"{one['gained']}, {one['lost']}" for one in compared.differences))
    terminal.print(table)
    for line in remarks(compared):
        terminal.print(Text(line), soft_wrap=True)
    terminal.print()


def remarks(compared: "Comparison") -> list[str]:
    """What a reader must know of this comparison besides its figures."""
    lines = ["percent, but for tokens; intervals at 95 %, by problem; p-values of the paired test"]
    if any(compared.left_out):
        left = ", ".join(f"{n:,} of {label}" for label, n in zip(compared.labels, compared.left_out, strict=True) if n)
        lines.append(f"left out, since not all of them answered these problems: {left}")
    for name, values in compared.settings.items():
        lines.append(f"measured differently: {name} = {' | '.join(map(str, values))}")
    return lines
