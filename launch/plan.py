# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From a checked configuration to the jobs of a cluster; pure, so that it can be looked at before anything is sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nemo_reasoning.config import Config, Resources
from nemo_reasoning.config.cluster import seconds
from nemo_reasoning.launch import mounts
from nemo_reasoning.launch.shapes import Launcher, shape_of
from nemo_reasoning.stages import Stage

MARGIN_S = 15 * 60
"""Training begins its last checkpoint this long before a job's end, or after 4/5 of a shorter one."""
CODE = "code"
"""Where the shipped package is, in `launch.output`."""

LIMITED = ("slurm",)
"""Kinds that end a job at its time limit; on others a stage is one job."""
MOUNTED = ("slurm", "docker")
"""Kinds whose containers are given directories of the host; others have a volume."""


@dataclass(frozen=True)
class Site:
    """What of the submitting machine the jobs depend on.

    Attributes:
        python: Interpreter where there are no containers.
        directory: The jobs' working directory, to which the run's paths are relative.
        variables: Names of the environment variables that are set.
        hf_home: Cache of the hub, where one is set.
    """

    python: str
    directory: Path
    variables: frozenset[str]
    hf_home: str | None = None


@dataclass(frozen=True)
class Job:
    """One job of a cluster: a segment of a stage.

    Attributes:
        name: `<stage>-<segment>`; unique in the plan.
        stage: Name of the stage.
        segment: From 1.
        segments: Of this stage.
        after_ok: Jobs that must have succeeded before.
        after_any: Jobs that must have ended before, however.
        launcher: What runs on the nodes: one process on one of them, torchrun's ranks on all, or Ray on all and
            the process on the first.
        nodes: How many.
        ranks: Processes on each node that torchrun starts.
        gpus: On each node.
        time: Limit, as sbatch writes it; empty where the cluster has none.
        partition: None is the cluster's default.
        cpus: Cores for the process on each node; None is the cluster's default.
        image: None where there are no containers.
        mounts: What the container sees, `FROM:TO` or `FROM:TO:ro`.
        python: Interpreter.
        arguments: After the interpreter.
        environment: Variables that are set.
        environment_file: File of more variables, which only the job reads.
        passed: Names of variables that come from the environment of the submission.
    """

    name: str
    stage: str
    segment: int
    segments: int
    after_ok: tuple[str, ...]
    after_any: tuple[str, ...]
    launcher: Launcher
    nodes: int
    ranks: int
    gpus: int
    time: str
    partition: str | None
    cpus: int | None
    image: str | None
    mounts: tuple[str, ...]
    python: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    environment_file: str | None
    passed: tuple[str, ...]


def jobs(config: Config, stages: list[Stage], site: Site) -> list[Job]:
    """The jobs of `stages`, in order: each segment after the one before, each stage after the last.

    Raises:
        InputError: A stage's nodes and GPUs do not fit its settings.
    """
    made: list[Job] = []
    for stage in stages:
        before = (made[-1].name,) if made else ()
        made += _segments(config, stage, before, site)
    return made


def prepared(config: Config) -> Config:
    """The configuration with the stages' own time limits set below those of their jobs."""
    if config.cluster.kind not in LIMITED:
        return config
    minutes = working_seconds(time_limit(config, "distill")) / 60
    wanted = config.distill.exit_duration_in_mins
    limit = minutes if wanted is None else min(wanted, minutes)
    distill = config.distill.model_copy(update={"exit_duration_in_mins": limit})
    return config.model_copy(update={"distill": distill})


def working_seconds(time: str) -> int:
    """How long a job with this limit may train before it must save."""
    limit = seconds(time)
    return max(limit - MARGIN_S, limit * 4 // 5)


def time_limit(config: Config, stage: str) -> str:
    """Limit of each of a stage's jobs; empty where the cluster has none."""
    return (_asked(config, stage).time or config.cluster.time) if config.cluster.kind in LIMITED else ""


def _asked(config: Config, stage: str) -> Resources:
    return getattr(config.cluster.stages, stage)


def _segments(config: Config, stage: Stage, before: tuple[str, ...], site: Site) -> Iterator[Job]:
    asked, shape, hub = _asked(config, stage.name), shape_of(config, stage.name), _hub(config, site)
    segments = asked.segments if config.cluster.kind in LIMITED else 1
    for segment in range(1, segments + 1):
        yield Job(
            name=f"{stage.name}-{segment}",
            stage=stage.name,
            segment=segment,
            segments=segments,
            after_ok=before,
            after_any=(f"{stage.name}-{segment - 1}",) if segment > 1 else (),
            launcher=shape.launcher,
            nodes=shape.nodes,
            ranks=shape.ranks,
            gpus=shape.gpus,
            time=time_limit(config, stage.name),
            partition=asked.partition or config.cluster.partition,
            cpus=asked.cpus_per_task,
            image=_image(config, stage.name, asked),
            mounts=_mounts(config, [site.directory, *([hub] if hub else [])]),
            python=_python(config, stage.name, asked, site.python),
            arguments=_arguments(config, stage.name, shape.launcher, f"{segment}/{segments}", site.directory),
            environment=_environment(config, hub, shape.launcher == "torchrun" and shape.gpus > 0),
            environment_file=config.cluster.environment_file,
            passed=tuple(name for name in config.cluster.pass_environment if _passes(config, name, site)),
        )


def _image(config: Config, stage: str, asked: Resources) -> str | None:
    if not _in_containers(config):
        return None
    images = config.cluster.images
    image = asked.image
    serves = stage == "generate" and config.cluster.teacher  # the image with GPU libraries has vLLM
    if image is None and stage in ("prepare", "generate", "curate", "report") and not serves:
        image = images.nemo_curator
    elif image is None:
        image = images.nemo_rl if stage == "grpo" and config.grpo.engine == "nemo_rl" else images.nemo
    file = image_file(image)
    return str(file) if file else image


def _in_containers(config: Config) -> bool:
    return config.cluster.containers and config.cluster.kind != "local"


def image_file(image: str) -> Path | None:
    """The squashfs file that an image is, absolute as pyxis needs it; None for a name in a registry."""
    if image.endswith(".sqsh") or image.startswith((".", "/", "~")):
        return Path(image).expanduser().absolute()
    return None


def _mounts(config: Config, more: list[Path]) -> tuple[str, ...]:
    wanted = config.cluster.kind in MOUNTED and _in_containers(config)
    return tuple(mounts.of(config, more)) if wanted else ()


def _python(config: Config, stage: str, asked: Resources, python: str) -> str:
    if asked.python:
        return asked.python
    if stage == "grpo" and config.grpo.engine == "nemo_rl":
        return config.grpo.nemo_rl.python
    return "python" if _in_containers(config) else python


def _arguments(config: Config, stage: str, launcher: Launcher, segment: str, directory: Path) -> tuple[str, ...]:
    job = ("-m", "nemo_reasoning.launch.job", stage, config.paths.run, "--segment", segment, "--chdir", str(directory))
    meeting = str(Path(config.launch.output, "ray").absolute())
    return ("-m", "nemo_reasoning.launch.ray_cluster", meeting, *job) if launcher == "ray" else job


def _hub(config: Config, site: Site) -> Path | None:
    """Where models and data of the hub are kept."""
    found = config.cluster.hf_home or site.hf_home
    if found is None and _in_containers(config):
        return Path(config.paths.root, "huggingface").absolute()
    return Path(found).absolute() if found else None


def _environment(config: Config, hub: Path | None, megatron: bool) -> dict[str, str]:
    """Variables of a job.

    The working directory is not searched for modules: it may hold another copy of this package. Before Blackwell,
    Megatron overlaps its communication only where kernels start in the order in which they were launched.
    """
    divided = config.distill.tensor_model_parallel_size > 1 or config.distill.context_parallel_size > 1
    ordered = {"CUDA_DEVICE_MAX_CONNECTIONS": "1"} if megatron and divided and config.plan.gpu != "b200" else {}
    code = {} if config.launch.code == "installed" else {"PYTHONPATH": str(Path(config.launch.output, CODE).absolute())}
    home = {"HF_HOME": str(hub)} if hub else {}
    return {"PYTHONSAFEPATH": "1", **code, **home, **ordered, **config.cluster.environment}


def _passes(config: Config, name: str, site: Site) -> bool:
    """A variable that is not set here is not asked for; over SSH and in a Secret it is set there."""
    cluster = config.cluster
    if cluster.kind in ("docker", "kubernetes"):  # NeMo-Run would write the values down
        return cluster.secret is not None
    return name in site.variables or cluster.tunnel.host is not None
