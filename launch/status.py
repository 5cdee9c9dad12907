# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning status|logs|cancel RUN`: what runs, what it last said, and ending it."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from nemo_reasoning.arguments import Parser
from nemo_reasoning.compose import read_resolved
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json
from nemo_reasoning.launch import scheduler, submission
from nemo_reasoning.launch.scheduler import State
from nemo_reasoning.manifest import PROGRESS, Manifest, read_manifest, read_metrics
from nemo_reasoning.process import LOG
from nemo_reasoning.stage import ERROR
from nemo_reasoning.stages import STAGES, Stage, selected

POLL_S = 1.0
FIGURES = 6
"""Metrics of the last line that are shown."""
LOG_WIDTH = 160


@dataclass(frozen=True)
class Watched:
    """A submitted job and what the cluster says of it; `state` is None where it no longer knows."""

    name: str
    stage: str
    handle: str
    id: str
    directory: Path
    state: State | None


def status(arguments: list[str]) -> int:
    """Print the jobs and stages of a run; 0 where all is done or goes on, 1 where something failed."""
    given = _parser("status", "What of a run is done, runs, waits or failed.").parse_args(arguments)
    config = _config(given.run)
    jobs = _jobs(config)
    table = Table("stage", "jobs", "state", "", box=None, pad_edge=False)
    for stage in selected(config):
        mine = [job for job in jobs if job.stage == stage.name]
        table.add_row(stage.name, ", ".join(map(_written, mine)), state(stage, config, mine), _last_word(stage, config))
    terminal = Terminal(highlight=False, markup=False)
    terminal.width = max(terminal.width, LOG_WIDTH) if not terminal.is_terminal else terminal.width
    terminal.print(table)
    return int(any(state(stage, config, jobs).startswith("failed") for stage in selected(config)))


def logs(arguments: list[str]) -> int:
    """Print the end of a stage's log and say where all of it is."""
    parser = _parser("logs", "The log of a stage; without its name, of the last that started.")
    parser.add_argument("stage", nargs="?", choices=STAGES)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--follow", action="store_true", help="go on until the stage has ended")
    given = parser.parse_args(arguments)
    config = _config(given.run)
    stage = STAGES[given.stage] if given.stage else _last_started(config)
    files = list(_logs(stage, config))
    if not files:
        raise InputError(f"the stage {stage.name} has no log yet; `nemo-reasoning status {given.run}` says why.")
    for file in files:
        print(f"==> {file}")
        print("\n".join(file.read_text(errors="replace").splitlines()[-given.lines :]))
    if given.follow:
        _follow(files[0], stage, config)
    return 0


def cancel(arguments: list[str]) -> int:
    """End the jobs of a run that have not ended; what they saved stays, and the same command continues it."""
    given = _parser("cancel", "End the jobs of a run.").parse_args(arguments)
    config = _config(given.run)
    if submission.read(config) is None:
        raise InputError(f"{given.run} was not submitted to a cluster; interrupt the command that runs it.")
    going = [job for job in _jobs(config) if job.state is not None and job.state.active]
    if not going:
        print("no job of this run is waiting or running.")
    elif config.cluster.kind == "slurm":
        scheduler.slurm_cancel([job.id for job in going], config.cluster.tunnel)
    else:
        scheduler.other_cancel([job.handle for job in going])
    for job in going:
        print(f"cancelled {job.id or job.handle} {job.name}")
    return 0


def state(stage: Stage, config: Config, jobs: list[Watched]) -> str:
    """A stage's state in a word or two: its own record decides, then what the cluster says of its jobs."""
    manifest = read_manifest(stage.directory(config))
    mine = [job.state for job in jobs if job.stage == stage.name and job.state is not None]
    if manifest is not None and manifest.done:
        return "done"
    if any(each.name == "RUNNING" for each in mine):
        return "running"
    if any(each.active for each in mine):
        return "waits to go on" if manifest else "waits"
    if mine:
        return _why_ended(stage, config, mine[-1], manifest)
    if manifest is None:
        return "not begun"
    return "interrupted" if manifest.status == "interrupted" else "begun"


def _why_ended(stage: Stage, config: Config, last: State, manifest: Manifest | None) -> str:
    if (stage.directory(config) / ERROR).exists():
        return "failed"
    if manifest is None and last.name == "CANCELLED":
        return "cancelled"
    if manifest is None and last.name == "COMPLETED":
        return "not begun"
    return "interrupted" if last.name in ("CANCELLED", "COMPLETED", "TIMEOUT") else f"failed ({last.name.lower()})"


def _last_word(stage: Stage, config: Config) -> str:
    """Why it failed, what it made, or the last line of its metrics and how far it is."""
    directory = stage.directory(config)
    manifest = read_manifest(directory)
    if manifest is not None and manifest.done:
        return str(manifest.metrics.get("summary", ""))
    if (directory / ERROR).exists():
        return (directory / ERROR).read_text(errors="replace").strip()
    return "; ".join(part for part in (_progress(directory), _figures(directory)) if part)


def _progress(directory: Path) -> str:
    if not (directory / PROGRESS).exists():
        return ""
    row = read_json(directory / PROGRESS)
    return " ".join(str(part) for part in (row["note"], f"{row['done']}/{row['total'] or '?'}") if part)


def _figures(directory: Path) -> str:
    """The last line of the metrics log."""
    last: dict[str, Any] = {}
    for row in read_metrics(directory):
        last = row
    shown = [f"{key} {value:.4g}" for key, value in last.items() if isinstance(value, int | float)]
    return ", ".join(shown[:FIGURES])


def _written(job: Watched) -> str:
    known = f" {job.state.name}" if job.state else ""
    elapsed = f" {job.state.elapsed}" if job.state and job.state.elapsed else ""
    return f"{job.id or job.name}{known}{elapsed}"


def _jobs(config: Config) -> list[Watched]:
    """The jobs of the last submission; none where the run was not submitted."""
    recorded = submission.read(config) or []
    if config.cluster.kind == "slurm" and recorded:
        states = scheduler.slurm_states([row["id"] for row in recorded], config.cluster.tunnel)
    elif recorded:
        states = scheduler.other_states([row["handle"] for row in recorded])
    else:
        states = {}
    return [
        Watched(
            row["job"]["name"],
            row["job"]["stage"],
            row["handle"],
            row["id"],
            Path(row["directory"]),
            states.get(row["id"], states.get(row["handle"])),
        )
        for row in recorded
    ]


def _last_started(config: Config) -> Stage:
    begun = [stage for stage in selected(config) if read_manifest(stage.directory(config)) is not None]
    return begun[-1] if begun else selected(config)[0]


def _logs(stage: Stage, config: Config) -> Iterator[Path]:
    """The stage's own log, then those that the scheduler wrote for its jobs."""
    own = stage.directory(config) / LOG
    if own.exists():
        yield own
    for row in submission.read(config) or []:
        if row["job"]["stage"] == stage.name:
            yield from sorted(Path(row["directory"]).glob("*.out"))


def _follow(file: Path, stage: Stage, config: Config) -> None:
    """Print what is added to the log while the stage is not done and its jobs have not ended."""
    with file.open(errors="replace") as log:
        log.seek(0, 2)
        while state(stage, config, _jobs(config)) in ("running", "begun", "waits", "waits to go on"):
            print(log.read(), end="", flush=True)
            time.sleep(POLL_S)
        print(log.read(), end="", flush=True)


def _config(run: Path) -> Config:
    """The run's settings, with its directory as it is given: seen from elsewhere, or after a move, it is another."""
    resolved = run / "resolved.yaml"
    if not resolved.exists():
        raise InputError(f"{run} is not a run's directory; it has no resolved.yaml.")
    config = read_resolved(resolved)
    paths = config.paths.model_copy(update={"run": str(run)})
    output = Path(config.launch.output)
    if output.is_relative_to(config.paths.run):
        output = run / output.relative_to(config.paths.run)
    launch = config.launch.model_copy(update={"output": str(output)})
    return config.model_copy(update={"paths": paths, "launch": launch})


def _parser(word: str, description: str) -> argparse.ArgumentParser:
    parser = Parser(prog=f"nemo-reasoning {word}", description=description)
    parser.add_argument("run", metavar="RUN_DIRECTORY", type=Path)
    return parser
