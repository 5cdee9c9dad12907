# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our jobs as NeMo-Run's tasks and executors, one kind of cluster at a time."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Config
from nemo_reasoning.config.cluster import seconds
from nemo_reasoning.errors import InputError, first_line
from nemo_reasoning.launch import containers
from nemo_reasoning.launch.plan import Job
from nemo_reasoning.launch.shell import exports, read_file, untraced

if TYPE_CHECKING:
    from nemo_run import Executor, Script

RENDEZVOUS_PORT = 29500
WAIT = "--wait=0"
"""NeMo-Run's 60 s would kill the first node's ranks while they still export the model."""
SAVE_SIGNAL_S = 120
"""Slurm sends SIGTERM so long before a job's end, for stages that have no timer of their own."""


def nemo_run() -> Any:
    """The library, which takes seconds to import.

    Raises:
        InputError: It is not installed, or its own requirements are missing.
    """
    try:
        import nemo_run
        from nemo_run.core.frontend.console.api import CONSOLE
    except Exception as error:
        raise InputError(
            f"NeMo-Run cannot be imported ({first_line(error)}); "
            "install it with `pip install 'nemo-reasoning[launch]'`."
        ) from None
    CONSOLE.quiet = True  # it speaks of its own files, in the middle of what we print
    return nemo_run


def task(job: Job, config: Config, directory: Path) -> "Script":
    """What NeMo-Run is to run: a line of shell, a module under its torchrun, or a script in `directory`."""
    run = nemo_run()
    if config.cluster.kind not in ("local", "slurm"):
        return run.Script(path=str(containers.write_script(job, config, directory)))
    if job.launcher == "torchrun":
        return run.Script(path=job.arguments[1], args=list(job.arguments[2:]), entrypoint="python", m=True)
    variables = read_file(job.environment_file) if config.cluster.kind == "local" else []  # Slurm's: in `setup_lines`
    return run.Script(inline="\n".join([*variables, f"exec {shlex.join([job.python, *job.arguments])}", ""]))


def executor(job: Job, config: Config, directory: Path) -> "Executor":
    """Where NeMo-Run is to run it.

    Args:
        job: The job.
        config: The run.
        directory: Where NeMo-Run writes, on the machine that has the scheduler.

    Raises:
        InputError: A setting that this kind of cluster needs is missing.
    """
    run = nemo_run()
    match config.cluster.kind:
        case "slurm":
            return _slurm(job, config, directory)
        case "docker":
            return containers.docker(job, run)
        case "kubernetes":
            return containers.kubernetes(job, config, run)
        case "lepton":
            return containers.lepton(job, config, run)
        case _:
            return run.LocalExecutor(env_vars=dict(job.environment), packager=run.Packager())


def _slurm(job: Job, config: Config, directory: Path) -> "Executor":
    run, cluster = nemo_run(), config.cluster
    own = [*job.environment, *job.passed]
    return run.SlurmExecutor(
        account=cluster.account,
        partition=job.partition,
        qos=cluster.qos,
        job_name_prefix=f"{config.name}.",
        time=job.time,
        nodes=job.nodes,
        ntasks_per_node=1,
        torchrun_nproc_per_node=job.ranks if job.launcher == "torchrun" else None,
        cpus_per_task=job.cpus,
        gpus_per_node=job.gpus if job.gpus and cluster.gpu_request == "gpus_per_node" else None,
        gres=f"gpu:{job.gpus}" if job.gpus and cluster.gpu_request == "gres" else None,
        exclusive=True if cluster.exclusive else None,
        mem=cluster.mem,
        signal=f"TERM@{signal_seconds(job.time)}",
        container_image=job.image,
        container_mounts=list(job.mounts),
        container_env=own if job.image else None,  # else variables of the image's own would win
        srun_args=[WAIT, *(["--no-container-mount-home"] if job.image else []), *cluster.srun],
        additional_parameters={"kill-on-invalid-dep": "yes", **cluster.sbatch},
        setup_lines="\n".join(setup_lines(job, cluster.setup)),
        launcher=run.Torchrun(rdzv_port=RENDEZVOUS_PORT, rdzv_id=1) if job.launcher == "torchrun" else None,
        packager=run.Packager(),
        tunnel=tunnel(config, directory),
        poll_estimated_start_time=False,
    )


def setup_lines(job: Job, more: list[str]) -> list[str]:
    """Shell that each job begins with: its variables, exactly as they are given (NeMo-Run would not quote them).

    NeMo-Run's SLURM_UNBUFFEREDIO makes srun's output a terminal, and the log a film of progress bars.
    """
    python = Path(job.python)
    torchrun = (
        [f"export PATH={shlex.quote(str(python.parent))}:$PATH"] if python.is_absolute() and not job.image else []
    )
    end = f"${{SLURM_JOB_END_TIME:-$(($(date +%s) + {seconds(job.time)}))}}"
    return [
        "unset SLURM_UNBUFFEREDIO",
        *exports(job.environment),
        f'export SLURM_JOB_END_TIME="{end}"',
        *torchrun,
        *untraced(read_file(job.environment_file)),
        *more,
    ]


def signal_seconds(time: str) -> int:
    """How long before a job's end SIGTERM comes."""
    return min(SAVE_SIGNAL_S, seconds(time) // 10)


def tunnel(config: Config, directory: Path) -> Any:
    """NeMo-Run's way to the login node."""
    run, way = nemo_run(), config.cluster.tunnel
    if way.host is None:
        return run.LocalTunnel(job_dir=str(directory / "experiments"))
    job_dir = way.job_dir or f"{config.launch.output}/experiments"
    return run.SSHTunnel(host=way.host, user=way.user, port=way.port, identity=way.identity, job_dir=job_dir)
