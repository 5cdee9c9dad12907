# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning doctor`: the findings, what to do about them, and which stages can run here.

Exit status: 0 where every stage that is asked for can run; 2 where one cannot; with `--strict`,
1 where anything at all is wrong. `--json` prints one object: `schema` (1), `package` (version),
`findings` (name, area, level, what, fix), `stages` (stage, engine, program, selected, runs, which
is null where not all was looked at, blocked_by) and `status`.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemo_reasoning import __version__
from nemo_reasoning.arguments import Parser, add_config_dir, composed_from
from nemo_reasoning.doctor.engines import STAGES, Verdict, judge, status, stopped
from nemo_reasoning.doctor.examine import AREAS, examine
from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.errors import InputError, nearest

if TYPE_CHECKING:
    from nemo_reasoning.config import Config

SCHEMA = 1
LOOKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("error", "red"), "absent": ("-", "dim")}
RUNS = {True: ("yes", "green"), False: ("no", "red"), None: ("not looked at", "dim")}
WIDTH = 160
"""Columns where the output goes to a file."""


def main(arguments: list[str], configure: "Callable[[list[str]], Config]") -> int:
    """Look, print, and give the exit status.

    Args:
        arguments: Of the command line.
        configure: Composes and checks the configuration that settings and Hydra's options describe.

    Raises:
        InputError: An argument or setting is wrong.
    """
    given, settings = _parse(arguments)
    config = configure(composed_from(given, settings)) if settings else None
    with Console(stderr=True).status("looking; the imports of the NeMo stack take a while"):
        findings = examine(config, given.area or AREAS, quick=given.quick)
    verdicts = judge(findings, config, given.stage, given.engine)
    result = status(findings, verdicts, given.strict)
    if given.json:
        print(json.dumps(as_dict(findings, verdicts, result), indent=2))
    else:
        _print(findings, verdicts)
    return result


def as_dict(findings: Sequence[Finding], verdicts: Sequence[Verdict], result: int) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "schema": SCHEMA,
        "package": __version__,
        "findings": [asdict(finding) for finding in findings],
        "stages": [
            {
                "stage": verdict.engine.stage,
                "engine": verdict.engine.place,
                "program": verdict.engine.program,
                "selected": verdict.selected,
                "runs": verdict.runs,
                "blocked_by": list(verdict.blocked_by),
            }
            for verdict in verdicts
        ],
        "status": result,
    }


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the settings, which may stand anywhere."""
    options = [argument for argument in arguments if "=" not in argument or argument.startswith("--")]
    given = _parser().parse_args(options)
    for name in given.stage:
        if name not in STAGES:
            raise InputError(f"{name} is not a stage{nearest(name, STAGES)}")
    for name in given.area:
        if name not in AREAS:
            raise InputError(f"{name} is not an area of the doctor{nearest(name, AREAS)}")
    return given, [argument for argument in arguments if argument not in options]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nemo-reasoning doctor",
        usage="nemo-reasoning doctor [OPTIONS] [SETTING=VALUE ...]",
        description="Whether this environment is right for each stage; with settings, for that run.",
        epilog="exit status: 0 every stage that is asked for can run here; 2 one cannot; 1 with --strict only",
    )
    parser.add_argument("--stage", nargs="+", action="extend", default=[], metavar="NAME", help="ask for these only")
    parser.add_argument("--engine", choices=["laptop", "cluster"], help="ask for this engine of each stage")
    parser.add_argument("--area", nargs="+", action="extend", default=[], metavar="NAME", help="look at these only")
    parser.add_argument("--quick", action="store_true", help="import no library: seconds instead of a minute")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where anything at all is wrong")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_config_dir(parser)
    return parser


def _print(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(_findings(findings))
    fixes = worth_fixing(findings, verdicts)
    if fixes:
        console.print("\n[bold]What to do[/]")
    for finding in fixes:
        console.print(Text.assemble((finding.name, "bold"), f": {finding.fix}"))
    console.print()
    console.print(_stages(verdicts))
    if names := stopped(verdicts):
        console.print(f"[red]Cannot run here: {', '.join(names)}.[/]")


def worth_fixing(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> list[Finding]:
    """What stops a stage that is asked for, then what is wrong otherwise (a cluster only matters to submission)."""
    failed = stopped(verdicts)
    needed = {name for v in verdicts if v.selected and v.engine.stage in failed for name in v.blocked_by}
    wrong = [f for f in findings if f.level in ("error", "warning") and f.area != "cluster"]
    first = [finding for finding in findings if finding.name in needed]
    return [*first, *(finding for finding in wrong if finding not in first)]


def _findings(findings: Sequence[Finding]) -> Table:
    table = Table("", "", "", "", box=None, show_header=False, pad_edge=False)
    area = None
    for finding in findings:
        word, style = LOOKS[finding.level]
        shown = "" if finding.area == area else finding.area
        table.add_row(Text(shown, "bold"), finding.name, Text(word, style), Text(finding.what))
        area = finding.area
    return table


def _stages(verdicts: Sequence[Verdict]) -> Table:
    table = Table("stage", "engine", "", "runs here", "because of", box=None, pad_edge=False)
    for verdict in verdicts:
        word, style = RUNS[verdict.runs]
        row = [verdict.engine.stage, verdict.engine.place, verdict.engine.program]
        weight = "" if verdict.selected else "dim"
        shown = [Text(cell, weight) for cell in row]
        table.add_row(
            *shown, Text(word, style if verdict.selected else "dim"), Text(", ".join(verdict.blocked_by), weight)
        )
    return table
