# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Docker, Kubernetes and Lepton: each job is a script on the shared disk, which a container of its image runs.

NeMo-Run's own scripts would reach the containers only through copies, and its variables would be written into its
records. What it knows no dependencies for, it submits and waits for, one job after the other.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import write_bytes
from nemo_reasoning.launch.plan import Job
from nemo_reasoning.launch.shell import exports, read_file

if TYPE_CHECKING:
    from nemo_run import Executor

RENDEZVOUS_PORT = 29500
NODES = {
    "kubernetes": f'--node-rank "$PET_NODE_RANK" --rdzv-endpoint "$PET_MASTER_ADDR:{RENDEZVOUS_PORT}"',
    "lepton": f'--node-rank "$NODE_RANK" --rdzv-endpoint "$MASTER_ADDR:{RENDEZVOUS_PORT}"',
}
"""How torchrun finds the other nodes: Kubeflow's variables, and those of the script that NeMo-Run runs on Lepton."""
SHARED = "shared"
"""Name of the volume in a pod."""


def write_script(job: Job, config: Config, directory: Path) -> Path:
    """Write what the job's containers run."""
    path = directory / "scripts" / f"{job.name}.sh"
    lines = [*exports({**job.environment, "NNODES": str(job.nodes)}), *read_file(job.environment_file)]
    write_bytes(path, "\n".join(["#!/bin/bash", *lines, f"exec {command(job, config.cluster.kind)}", ""]).encode())
    return path


def command(job: Job, kind: str) -> str:
    """The job's process on each node, or torchrun, which starts its ranks, as shell."""
    if job.launcher != "torchrun":
        return shlex.join([job.python, *job.arguments])
    nodes = f"--nnodes {job.nodes} --rdzv-backend c10d --rdzv-id 1 {NODES[kind]}" if job.nodes > 1 else "--standalone"
    return f"torchrun {nodes} --nproc-per-node {job.ranks} {shlex.join(job.arguments)}"


def docker(job: Job, run: Any) -> "Executor":
    """A container on this machine; its limits are those that NVIDIA advises for its images.

    Raises:
        InputError: The job has several nodes.
    """
    if job.nodes > 1:
        raise InputError(f"the stage {job.stage} has {job.nodes} nodes, and Docker runs on one; take cluster=slurm.")
    return run.DockerExecutor(
        container_image=job.image,
        num_gpus=job.gpus or None,
        runtime="nvidia" if job.gpus else None,
        ipc_mode="host",
        ulimits=["memlock:-1", "stack:67108864"],
        volumes=list(job.mounts),
        packager=run.Packager(),
    )


def kubernetes(job: Job, config: Config, run: Any) -> "Executor":
    """A TrainJob of Kubeflow; secrets are keys of a Secret.

    Raises:
        InputError: Kubernetes cannot be reached, or its Python client is missing.
    """
    from nemo_run.core.execution.kubeflow import KubeflowExecutor

    cluster = config.cluster
    try:
        return KubeflowExecutor(
            namespace=cluster.namespace,
            image=job.image,
            num_nodes=job.nodes,
            nprocs_per_node=1,
            gpus_per_node=job.gpus or None,
            volumes=[
                {"name": SHARED, "persistentVolumeClaim": {"claimName": cluster.volume}},
                {"name": "shm", "emptyDir": {"medium": "Memory"}},
            ],
            volume_mounts=[
                {"name": SHARED, "mountPath": cluster.volume_path},
                {"name": "shm", "mountPath": "/dev/shm"},
            ],
            env_list=[
                {"name": name, "valueFrom": {"secretKeyRef": {"name": cluster.secret, "key": name, "optional": True}}}
                for name in job.passed
            ],
            restart_policy="Never",
            packager=run.Packager(),
        )
    except Exception as error:
        raise InputError(
            f"Kubernetes cannot be used ({type(error).__name__}: {error}); it needs a kubeconfig and "
            "`pip install 'nemo-run[kubeflow]'`."
        ) from None


def lepton(job: Job, config: Config, run: Any) -> "Executor":
    """A job of DGX Cloud Lepton; secrets are its own, of the same names."""
    cluster = config.cluster
    return run.LeptonExecutor(
        container_image=job.image,
        nemo_run_dir=str(Path(config.launch.output).absolute() / "nemo_run"),
        nodes=job.nodes,
        gpus_per_node=job.gpus,
        nprocs_per_node=1,
        node_group=cluster.node_group,
        resource_shape=cluster.resource_shape,
        secret_vars={name: name for name in job.passed},
        mounts=[{"path": cluster.volume, "mount_path": cluster.volume_path}],
        packager=run.Packager(),
    )
