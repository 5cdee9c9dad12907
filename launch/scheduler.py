# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the cluster says of submitted jobs, and ending them: Slurm's own commands, or NeMo-Run's for other kinds."""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from nemo_reasoning.config.cluster import Tunnel
from nemo_reasoning.errors import InputError

PATIENCE_S = 60
"""A cluster's command that takes longer is given up."""
ACTIVE = frozenset(
    ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED", "RESIZING", "SUSPENDED", "SIGNALING", "SUBMITTED")
)
"""States of a job that has not ended (Slurm's names, and one of NeMo-Run's)."""


@dataclass(frozen=True)
class State:
    """A job as the cluster sees it.

    Attributes:
        name: Slurm's name of the state, such as RUNNING.
        elapsed: Time since it started, as Slurm writes it.
        reason: Why it is in this state, where the cluster says so.
    """

    name: str
    elapsed: str = ""
    reason: str = ""

    @property
    def active(self) -> bool:
        """It has not ended."""
        return self.name in ACTIVE


def slurm_states(ids: Sequence[str], tunnel: Tunnel) -> dict[str, State]:
    """States by job number: of the accounting, which may know a job only after seconds, then of the controller.

    Raises:
        InputError: Slurm cannot be asked.
    """
    wanted, states, errors = ",".join(ids), {}, []
    for command in (
        ["sacct", "-X", "-n", "-P", "-j", wanted, "-o", "JobIDRaw,State,Elapsed,Reason"],
        ["squeue", "-h", "-t", "all", "-j", wanted, "-o", "%i|%T|%M|%r"],  # fails for a job that it has forgotten
    ):
        try:
            states |= dict(map(_state, _run(command, tunnel).splitlines()))
        except InputError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]
    return states


def slurm_cancel(ids: Sequence[str], tunnel: Tunnel) -> None:
    """End jobs.

    Raises:
        InputError: Slurm refused.
    """
    _run(["scancel", *ids], tunnel)


def other_states(handles: Sequence[str]) -> dict[str, State]:
    """States by NeMo-Run's names of the jobs, on clusters that are not Slurm's."""
    runner = _runner()
    found = {handle: runner.status(handle) for handle in handles}
    return {handle: State(status.state.name) for handle, status in found.items() if status is not None}


def other_cancel(handles: Sequence[str]) -> None:
    """End jobs on clusters that are not Slurm's."""
    runner = _runner()
    for handle in handles:
        runner.cancel(handle)


def _runner():  # noqa: ANN202 - a class of torchx, which loads where it is needed
    from nemo_reasoning.launch.executors import nemo_run

    nemo_run()
    from nemo_run.run.torchx_backend.runner import get_runner

    return get_runner()


def _state(row: str) -> tuple[str, State]:
    number, name, elapsed, reason = row.split("|")
    told = "" if reason in ("None", "Unknown") else reason
    return number, State(name.split()[0], elapsed, told)  # "CANCELLED by 0"


def _run(command: list[str], tunnel: Tunnel) -> str:
    """What a command of Slurm prints, on this machine or at the other end of the tunnel.

    Raises:
        InputError: It is not there, failed, or did not answer.
    """
    try:
        done = subprocess.run(
            [*_ssh(tunnel), shlex.join(command)] if tunnel.host else command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is not on this machine; ask from a login node of the cluster.") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{command[0]} did not answer within {PATIENCE_S} seconds; try again.") from None
    if done.returncode:
        said = "; ".join(done.stderr.strip().splitlines()).rstrip(".")
        raise InputError(f"{command[0]} failed: {said or f'status {done.returncode}'}.")
    return done.stdout


def _ssh(tunnel: Tunnel) -> list[str]:
    port = ["-p", str(tunnel.port)] if tunnel.port else []
    identity = ["-i", tunnel.identity] if tunnel.identity else []
    return ["ssh", "-o", "BatchMode=yes", *port, *identity, f"{tunnel.user}@{tunnel.host}", "--"]
