# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be known to fail before anything is submitted."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.launch.plan import Job, image_file
from nemo_reasoning.preflight import check_run

PLAIN = re.compile(r"[\w./@+=:#~-]+", re.ASCII)
"""What the schedulers' options and NeMo-Run's scripts carry without quotes."""
OWN_TO_A_MACHINE = {"tmpfs", "ramfs", "devtmpfs", "overlay", "squashfs"}
"""File systems that no other machine sees."""


def check(config: Config) -> None:
    """Check the run as far as it can be seen from here.

    Raises:
        InputError: The first thing that would fail.
    """
    _check_needs(config)
    for what, path in (("paths.run", config.paths.run), ("launch.output", config.launch.output)):
        _check_plain(what, str(Path(path).absolute()))
    _check_plain("name", config.name)
    if config.cluster.tunnel.host is not None:
        _check_tunnel(config)
        return
    check_run(config)


def check_jobs(jobs: Sequence[Job], config: Config) -> None:
    """Check what the jobs name: images and directories.

    Raises:
        InputError: An image file does not exist, or a path cannot be written into a scheduler's option.
    """
    for sentence in missing_images(jobs, config):
        raise InputError(sentence)
    for job in jobs:
        for mount in job.mounts:
            _check_plain(f"a mount of {job.name}", mount)


def missing_images(jobs: Sequence[Job], config: Config) -> Iterator[str]:
    """A sentence for each image that is a file here and does not exist."""
    stages = {job.image: job.stage for job in reversed(jobs) if job.image}
    for image, stage in stages.items():
        file = image_file(image) if config.cluster.tunnel.host is None else None
        if file and not file.exists():
            yield (
                f"the image {file} of the stage {stage} does not exist; build it from Dockerfile.nemo "
                f"(docs/containers.md), or give another: cluster.stages.{stage}.image=..., cluster.images."
            )


NEEDS = {
    "slurm": {"account": "the Slurm account to charge"},
    "kubernetes": {
        "volume": "the claim of the shared disk that holds the run",
        "volume_path": "where that disk is seen, here and in the pods",
    },
    "lepton": {
        "volume": "the path of the storage that holds the run",
        "volume_path": "where it is seen, here and in the containers",
        "node_group": "the node group",
        "resource_shape": "the kind of machine",
    },
}
"""What has no default for a kind of cluster, and what it is."""


def _check_needs(config: Config) -> None:
    cluster = config.cluster
    for name, what in NEEDS.get(cluster.kind, {}).items():
        if not getattr(cluster, name):
            raise InputError(f"cluster.{name} has no value; give {what}: cluster.{name}=...")
    for what, path in (("paths.run", Path(config.paths.run).absolute()), ("the working directory", Path.cwd())):
        if cluster.volume_path and not path.is_relative_to(cluster.volume_path):
            raise InputError(
                f"{what} ({path}) is not in cluster.volume_path={cluster.volume_path}, all that the jobs see of this "
                "machine; run the command in there."
            )


def _check_plain(what: str, text: str) -> None:
    wrong = PLAIN.sub("", text)
    if wrong:
        raise InputError(
            f"{what} ({text}) has the character {wrong[0]!r}, which schedulers do not take in a path or a name; "
            "choose another."
        )


def _check_tunnel(config: Config) -> None:
    if config.cluster.kind != "slurm":
        raise InputError(f"cluster.tunnel is for Slurm; cluster.kind={config.cluster.kind} has no use for it.")
    if config.cluster.tunnel.user is None:
        raise InputError("cluster.tunnel.user has no value; give your name on the cluster.")
    if not Path(config.paths.run).is_absolute():
        raise InputError(
            f"paths.run={config.paths.run} would be in an unknown place over SSH; give the cluster's: paths.root=/..."
        )


def check_shared(config: Config) -> None:
    """Refuse a directory that is certainly this machine's alone; whether another is shared, only the jobs can tell.

    Raises:
        InputError: The run's directory is on such a disk.
    """
    cluster, run = config.cluster, Path(config.paths.run).absolute()
    if cluster.kind != "slurm" or cluster.tunnel.host is not None or not cluster.check_shared_disk:
        return
    kinds = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    kind = next((kinds[place] for place in (run, *run.parents) if place in kinds), "")
    if kind in OWN_TO_A_MACHINE or run.is_relative_to(tempfile.gettempdir()):
        raise InputError(
            f"paths.run={run} is on this machine's own disk, which the jobs do not see; choose a paths.root on the "
            "cluster's shared disk, or set cluster.check_shared_disk=false."
        )
