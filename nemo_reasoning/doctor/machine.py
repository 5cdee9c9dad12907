# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Cores, memory, disk, shared memory, limits of the process."""

import os
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from nemo_reasoning.doctor.finding import Finding

GIB = 2**30
MIN_CORES = 2
MIN_MEMORY = 4 * GIB
"""Two ranks of the smallest distillation: importing Megatron-Bridge alone takes 1.2 GB each (measured)."""
MIN_SHARED = GIB
"""Docker gives 64 MiB; NCCL, torch's loaders and Ray's object store lie in it."""
MIN_FILES = 65535
"""Ray's advice, which NeMo-RL's ray.sub follows."""
MIN_PROCESSES = 4096
CGROUP = Path("/sys/fs/cgroup")
INFINIBAND = Path("/sys/class/infiniband")


def cores(count: int, load: float) -> Finding:
    """CPU cores that this process may use, and the load of the last minute on the node."""
    what = f"{count} for this process, load {load:.1f}"
    if count < MIN_CORES:
        return Finding("cores", "machine", "warning", what, "give it more (--cpus, --cpus-per-task)")
    return Finding("cores", "machine", "ok", what)


def memory(available: int, limit: int | None) -> Finding:
    """Memory (bytes), and the limit that a container or job has."""
    usable = available if limit is None else min(available, limit)
    what = f"{usable / GIB:.1f} GiB free" + (f", limit {limit / GIB:.1f} GiB" if limit else "")
    if usable < MIN_MEMORY:
        fix = f"free some, or give the container or job more: distillation needs {MIN_MEMORY / GIB:.0f} GiB"
        return Finding("memory", "machine", "warning", what, fix)
    return Finding("memory", "machine", "ok", what)


def disk(place: str, free: float, needed_gb: float, writable: bool) -> Finding:
    """Free bytes where runs are written."""
    what = f"{free / 1e9:.1f} GB free at {place}"
    if not writable:
        return Finding("disk", "machine", "error", f"{place} cannot be written", "choose another paths.root")
    if free / 1e9 < needed_gb:
        fix = f"free some (paths.min_free_gb={needed_gb:g}) or choose another paths.root"
        return Finding("disk", "machine", "error", what, fix)
    return Finding("disk", "machine", "ok", what)


def shared_memory(size: int | None) -> Finding:
    """Size of /dev/shm (bytes); None where there is none."""
    fix = "start the container with --shm-size=64g or --ipc=host"
    if size is None:
        return Finding("shared-memory", "machine", "error", "there is no /dev/shm", fix)
    what = f"/dev/shm has {size / GIB:.2f} GiB"
    return Finding("shared-memory", "machine", *(("ok", what) if size >= MIN_SHARED else ("warning", what, fix)))


def open_files(soft: int, hard: int) -> Finding:
    """Limit of open files."""
    if _reaches(soft, MIN_FILES):
        return Finding("open-files", "machine", "ok", _amount(soft))
    fix = f"ulimit -n {MIN_FILES}" if _reaches(hard, MIN_FILES) else "ask the administrator to raise the hard limit"
    what = f"{_amount(soft)} of the {MIN_FILES} that Ray advises"
    return Finding("open-files", "machine", "warning", what, fix)


def processes(soft: int, hard: int) -> Finding:
    """Limit of processes and threads of this user."""
    if _reaches(soft, MIN_PROCESSES):
        return Finding("processes", "machine", "ok", _amount(soft))
    fix = f"ulimit -u {MIN_PROCESSES}" if _reaches(hard, MIN_PROCESSES) else "ask the administrator to raise it"
    return Finding("processes", "machine", "warning", f"{_amount(soft)}: Ray starts hundreds of threads", fix)


def locked_memory(soft: int, adapters: Sequence[str]) -> Finding:
    """Limit of locked memory, which NCCL needs for InfiniBand."""
    if adapters and soft != resource.RLIM_INFINITY:
        what = f"{soft / 2**20:.1f} MiB, too little for InfiniBand ({', '.join(adapters)})"
        fix = "docker run --ulimit memlock=-1; in Slurm PropagateResourceLimitsExcept=MEMLOCK"
        return Finding("locked-memory", "machine", "warning", what, fix)
    what = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft / 2**20:.1f} MiB; there is no InfiniBand here"
    return Finding("locked-memory", "machine", "ok", what)


def look(root: str, needed_gb: float) -> list[Finding]:
    """All of this machine.

    Args:
        root: Directory of all runs.
        needed_gb: Disk that a run needs free (GB).
    """
    place = existing(Path(root))
    return [
        cores(len(os.sched_getaffinity(0)), os.getloadavg()[0]),
        memory(psutil.virtual_memory().available, cgroup_limit(CGROUP)),
        disk(str(place), shutil.disk_usage(place).free, needed_gb, os.access(place, os.W_OK)),
        shared_memory(shutil.disk_usage("/dev/shm").total if Path("/dev/shm").is_dir() else None),
        open_files(*resource.getrlimit(resource.RLIMIT_NOFILE)),
        processes(*resource.getrlimit(resource.RLIMIT_NPROC)),
        locked_memory(resource.getrlimit(resource.RLIMIT_MEMLOCK)[0], _names(INFINIBAND)),
    ]


def existing(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def cgroup_limit(directory: Path) -> int | None:
    """Memory limit of this container or job (bytes); None where there is none."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = directory / name
        if file.exists() and (text := file.read_text().strip()).isdecimal():
            return int(text) if int(text) < 2**60 else None
    return None


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def _reaches(limit: int, wanted: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= wanted


def _amount(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else f"{limit:,}"
