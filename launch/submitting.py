# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks, plan, code, jobs: what happens between the command and the cluster."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nemo_reasoning import pipeline
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.launch import checks, code, dry_run, experiment, remote, scheduler, submission
from nemo_reasoning.launch.experiment import Submitted
from nemo_reasoning.launch.plan import CODE, Job, Site, jobs, prepared
from nemo_reasoning.manifest import read_manifest
from nemo_reasoning.process import StageFailed
from nemo_reasoning.stages import STAGES, selected


def submit(config: Config) -> None:
    """Submit the stages that are not done, or with `launch.dry_run` show what would be submitted.

    Raises:
        InputError: Something given cannot be used, or the jobs could not be submitted.
    """
    checks.check(config)
    config, site = prepared(config), _site(config)
    if config.launch.dry_run:
        _say_all(_notes(config))
        dry_run.show(jobs(config, selected(config), site), config)
        return
    checks.check_shared(config)
    _say_all([note] if (note := code.check(config)) else [])
    if config.cluster.tunnel.host is not None:
        _submit_far(config, site)
        return
    planned = _claim(config, site)
    if not planned:
        _say_all(["all stages are done already; nothing was submitted."])
        return
    output = Path(config.launch.output).absolute()
    submitted = experiment.run(planned, config, output)
    submission.write(submitted, config, output)
    if config.cluster.kind in experiment.DETACHED:
        _show(submitted, config)
    else:
        _check_done(planned, config)


def _site(config: Config) -> Site:
    """What the jobs find: this machine's interpreter and directory, or over SSH the cluster's."""
    variables = frozenset(os.environ)
    if config.cluster.tunnel.host is None:
        return Site(sys.executable, Path.cwd(), variables, os.environ.get("HF_HOME"))
    return Site("python", Path(config.paths.run), variables)


def _submit_far(config: Config, site: Site) -> None:
    """Submit all stages, whatever is done there: a job whose stage is done ends at once."""
    remote.send(config)
    submitted = experiment.run(jobs(config, selected(config), site), config, remote.directory(config))
    submission.write(submitted, config, remote.directory(config))
    remote.send_record(config)
    _show(submitted, config)


def _claim(config: Config, site: Site) -> list[Job]:
    """Make the run's directory ready for the jobs; gives those that are left to do."""
    _check_not_submitted(config)
    with pipeline.locked(Path(config.paths.run)):
        pipeline.claim(config)
        planned = jobs(config, submission.remaining(config), site)
        checks.check_jobs(planned, config)
        if planned and config.launch.code != "installed":
            code.ship(Path(config.launch.output) / CODE)
    return planned


def _check_not_submitted(config: Config) -> None:
    """Refuse to submit a run twice.

    Raises:
        InputError: Jobs of the last submission have not ended.
    """
    numbers = [row["id"] for row in submission.read(config) or [] if row["id"].isdecimal()]
    if config.cluster.kind != "slurm" or not numbers:
        return
    states = scheduler.slurm_states(numbers, config.cluster.tunnel)
    going = [number for number, state in states.items() if state.active]
    if going:
        raise InputError(
            f"{config.paths.run} is submitted already (job {', '.join(going)}); "
            f"wait for it, or end it: nemo-reasoning cancel {config.paths.run}."
        )


def _notes(config: Config) -> list[str]:
    """What would keep a dry run from being submitted, and what one should know."""
    notes: list[str | None] = []
    for check in (checks.check_shared, code.check):
        try:
            notes.append(check(config))
        except InputError as error:
            notes.append(f"this would be refused: {error}")
    return [note for note in notes if note]


def _show(submitted: Sequence[Submitted], config: Config) -> None:
    for each in submitted:
        after = ", ".join([*each.job.after_any, *each.job.after_ok])
        print(f"{each.id} {each.job.name}{f' after {after}' if after else ''}")
    print(f"`nemo-reasoning status {config.paths.run}` says how it goes; the same command continues the run.")


def _check_done(planned: Sequence[Job], config: Config) -> None:
    """Say what became of jobs that were waited for.

    Raises:
        StageFailed: A stage did not finish.
    """
    for name in dict.fromkeys(job.stage for job in planned):
        directory = STAGES[name].directory(config)
        manifest = read_manifest(directory)
        if manifest is None or not manifest.done:
            raise StageFailed(directory, 1)
        print(f"{name} done: {manifest.metrics.get('summary', '')}")


def _say_all(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"nemo-reasoning: {note}", file=sys.stderr)
