# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands by which a run is submitted: Slurm's, containers' and clouds'."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.doctor.probe import Ran

if TYPE_CHECKING:
    from nemo_reasoning.config.cluster import Cluster

SECONDS = 20.0
COMMANDS: dict[str, tuple[str, ...]] = {
    "sbatch": ("sbatch", "--version"),
    "srun": ("srun", "--help"),
    "scancel": ("scancel", "--version"),
    "squeue": ("squeue", "--noheader", "--user", "root"),
    "sacct": ("sacct", "--noheader", "--allocations", "--starttime", "now"),
    "enroot": ("enroot", "version"),
    "docker": ("docker", "version"),
    "kubectl": ("kubectl", "version", "--client"),
    "sky": ("sky", "--version"),
    "ssh": ("ssh", "-V"),
}
"""What is run; `squeue` and `sacct` ask Slurm's controller and its accounting."""
SLURM = ("sbatch", "srun", "scancel", "squeue", "sacct")
FIXES = {
    "squeue": "ask the administrator: slurmctld does not answer",
    "sacct": "ask the administrator for accounting (slurmdbd): the states of jobs come from it",
    "docker": "start Docker's daemon, or ask to be let to use it",
}


def command(name: str, ran: Ran) -> Finding:
    """One command: there or not, and answering or not."""
    if ran.end == "missing":
        fix = "use a login node of the cluster" if name in SLURM else f"install {name}, where the cluster needs it"
        return Finding(name, "cluster", "absent", "there is no such command", fix)
    if ran.end == "late":
        what = f"it did not answer in {SECONDS:.0f} s"
        return Finding(name, "cluster", "error", what, FIXES.get(name, f"look why {name} hangs"))
    if ran.end == "failed":
        return Finding(name, "cluster", "error", ran.reason, _fix(name, ran))
    lines = ran.output.strip().splitlines()
    shown = lines[0][:80] if lines and name not in ("squeue", "sacct", "srun") else "answers"
    return Finding(name, "cluster", "ok", shown)


def _fix(name: str, ran: Ran) -> str:
    if "configuration source" in ran.output:
        return "use a login node of the cluster, or set SLURM_CONF"
    return FIXES.get(name, f"correct the installation of {name}")


def pyxis(srun: Ran) -> Finding:
    """The plugin that starts containers in Slurm, by the options of `srun --help`."""
    if srun.end == "ok" and "--container-image" in srun.output:
        return Finding("pyxis", "cluster", "ok", "srun has --container-image")
    if srun.end != "ok":
        return Finding("pyxis", "cluster", "absent", "srun does not answer", "see srun")
    fix = "ask the administrator for pyxis and enroot, or set cluster.containers=false"
    return Finding("pyxis", "cluster", "absent", "srun has no --container-image", fix)


def needs(cluster: "Cluster | None") -> tuple[str, ...]:
    """The findings on which submission depends."""
    kind = cluster.kind if cluster else "slurm"
    if cluster and cluster.tunnel.host:
        return ("nemo-run", "ssh")
    containers = ("pyxis",) if cluster is None or cluster.containers else ()
    by_kind: Mapping[str, tuple[str, ...]] = {
        "slurm": (*SLURM, *containers),
        "docker": ("docker",),
        "kubernetes": ("kubectl",),
        "skypilot": ("sky",),
    }
    return ("nemo-run", *by_kind.get(kind, ()))
