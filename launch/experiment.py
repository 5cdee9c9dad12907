# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A plan as one experiment of NeMo-Run: rendered, or submitted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError, first_line
from nemo_reasoning.files import write_bytes
from nemo_reasoning.launch.executors import executor, nemo_run, task
from nemo_reasoning.launch.plan import Job

if TYPE_CHECKING:
    from nemo_run import Experiment


DETACHED = ("slurm",)
"""Kinds whose jobs go on without this command; the others are waited for."""


@dataclass(frozen=True)
class Submitted:
    """A job that the cluster knows.

    Attributes:
        job: As planned.
        handle: NeMo-Run's name of it.
        id: The scheduler's; empty where there is none.
        directory: Where its logs are, on the cluster.
    """

    job: Job
    handle: str
    id: str
    directory: str


def render(jobs: Sequence[Job], config: Config, directory: Path) -> dict[str, str]:
    """Write all that NeMo-Run generates to `directory`; gives each script by its name, in the order of the jobs."""
    with _experiment(jobs, config, directory) as experiment:
        experiment.dryrun(log=False, delete_exp_dir=False)
        place = Path(experiment._exp_dir)
        for added in experiment.jobs:
            if (text := _request(added)) is not None:
                write_bytes(place / f"{added.id}.yaml", text.encode())
    return {path.name: path.read_text() for job in jobs for path in _scripts(job, directory, place)}


def _request(added: Any) -> str | None:
    """What is asked of Docker or Kubernetes, as YAML; None for what is asked by a script."""
    request = added._dryrun_info.request
    if hasattr(added.executor, "get_job_body"):
        return yaml.safe_dump(added.executor.get_job_body(request.name, request.cmd), sort_keys=False)
    return str(request) if hasattr(request, "containers") else None


def _scripts(job: Job, directory: Path, place: Path) -> Iterator[Path]:
    """Those of NeMo-Run, and our own where it has none."""
    for path in (place / f"{job.name}_sbatch.sh", place / f"{job.name}.yaml", *place.glob(f"{job.name}/scripts/*.sh")):
        if path.exists():
            yield path
    yield from directory.glob(f"scripts/{job.name}.sh")


def run(jobs: Sequence[Job], config: Config, directory: Path) -> list[Submitted]:
    """Submit the jobs; where the scheduler knows no dependencies, run them one after the other and wait."""
    with _experiment(jobs, config, directory) as experiment:
        try:
            experiment.run(sequential=False, detach=config.cluster.kind in DETACHED)
        except Exception as error:
            _take_back(experiment)
            raise InputError(f"the jobs could not be submitted: {_reason(error)}.") from None
        return [_submitted(job, added) for job, added in zip(jobs, experiment.jobs, strict=True)]


def _take_back(experiment: "Experiment") -> None:
    """Cancel the first jobs of a chain whose others could not be submitted."""
    for added in experiment.jobs:
        if added.handle:
            added.cancel(experiment._runner)


def _reason(error: Exception) -> str:
    """What the scheduler's command said, where it was one."""
    said = getattr(getattr(error, "result", None), "stderr", "").strip()
    return "; ".join(said.splitlines()).rstrip(".") if said else first_line(error)


@contextmanager
def _experiment(jobs: Sequence[Job], config: Config, directory: Path) -> "Iterator[Experiment]":
    made = nemo_run().Experiment(
        config.name,
        base_dir=str(directory.absolute()),
        log_level="WARN",
        clean_mode=True,
        enable_goodbye_message=False,
        skip_status_at_exit=True,
        serialize_metadata_for_scripts=False,
    )
    with made as experiment:
        for job in jobs:
            where = executor(job, config, directory)
            dependencies = [*job.after_any, *job.after_ok]
            experiment.add(task(job, config, directory), executor=where, name=job.name, dependencies=dependencies)
            _depend(experiment.jobs[-1].executor, job)
        yield experiment


def _depend(made: Any, job: Job) -> None:
    """Let a Slurm job wait for some jobs however they end, and for others to succeed; NeMo-Run knows one kind only.

    It joins the numbers that `parse_deps` gives by colons, behind the kind.
    """
    if not hasattr(made, "parse_deps") or not job.after_any:
        return
    made.dependency_type = "afterany"
    numbers: Callable[[], list[str]] = made.parse_deps

    def parse() -> list[str]:
        found = numbers()
        head, tail = found[: len(job.after_any)], found[len(job.after_any) :]
        return [":".join(head) + (",afterok:" + ":".join(tail) if tail else "")]

    made.parse_deps = parse


def _submitted(job: Job, added: Any) -> Submitted:
    if not added.launched:
        raise InputError(f"the job {job.name} could not be submitted.")
    path = added.handle.partition("://")[2].split("/")
    return Submitted(job, added.handle, path[1] if len(path) > 1 else "", added.executor.job_dir)
