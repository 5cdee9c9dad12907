# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the stages run, and with which resources; groups under conf/cluster/ set what differs."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from nemo_reasoning.config.base import NonNegative, Positive, Section

SLURM_TIME = re.compile(
    r"(?P<minutes>\d+)(:(?P<seconds>\d+))?|(?P<h>\d+):(?P<m>\d+):(?P<s>\d+)|"
    r"(?P<days>\d+)-(?P<dh>\d+)(:(?P<dm>\d+))?(:(?P<ds>\d+))?"
)
"""sbatch's formats: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def seconds(time: str) -> int:
    """A time limit in seconds.

    Raises:
        ValueError: It is in none of sbatch's formats, or nothing.

    Example:
        >>> seconds("1-00:30:00")
        88200
    """
    found = SLURM_TIME.fullmatch(time)
    parts = {name: int(value or 0) for name, value in found.groupdict().items()} if found else {}
    total = (
        86400 * parts.get("days", 0)
        + 3600 * (parts.get("h", 0) + parts.get("dh", 0))
        + 60 * (parts.get("minutes", 0) + parts.get("m", 0) + parts.get("dm", 0))
        + parts.get("seconds", 0)
        + parts.get("s", 0)
        + parts.get("ds", 0)
    )
    if not total:
        raise ValueError("a time limit is written MINUTES, HH:MM:SS or D-HH:MM:SS")
    return total


def _written(value: object) -> object:
    """A number as sbatch reads it (minutes), or as an argument of a command."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _time(value: str) -> str:
    seconds(value)
    return value


def _variable(name: str) -> str:
    if not VARIABLE.fullmatch(name):
        raise ValueError("a variable's name has letters, digits and underscores only")
    return name


Time = Annotated[str, BeforeValidator(_written), AfterValidator(_time)]
Argument = Annotated[str, BeforeValidator(_written)]
Variable = Annotated[str, AfterValidator(_variable)]


class Tunnel(Section):
    """How the cluster's login node is reached."""

    host: str | None = None
    """Login node to reach by SSH; None submits from this machine, which is one."""
    user: str | None = None
    port: Positive | None = None
    identity: str | None = None
    """Private key; None asks for the password."""
    job_dir: str | None = None
    """Directory on the cluster for the scripts and the jobs' logs; None is `launch` in the run's directory."""


class Images(Section):
    """The container images, built from Dockerfile.nemo: squashfs files or names in a registry."""

    nemo: str = "${paths.root}/images/nemo.sqsh"
    """Of nvcr.io/nvidia/nemo: distillation, the embedded GRPO engine, evaluation."""
    nemo_rl: str = "${paths.root}/images/nemo-rl.sqsh"
    """Of nvcr.io/nvidia/nemo-rl: GRPO with NeMo-RL."""
    nemo_curator: str = "${paths.root}/images/nemo-curator.sqsh"
    """Of nvcr.io/nvidia/nemo-curator: preparation, generation, curation, the report."""


class Resources(Section):
    """What a stage is given; None is the cluster's, or what the stage's own settings ask for."""

    nodes: Positive | None = None
    gpus_per_node: NonNegative | None = None
    time: Time | None = None
    """Limit of each segment, as sbatch writes it."""
    segments: Positive = 1
    """Jobs in a row; each continues what the one before left, until the stage is done."""
    image: str | None = None
    python: str | None = None
    """Interpreter in the image."""
    partition: str | None = None
    cpus_per_task: Positive | None = None


class StageResources(Section):
    """Resources by stage."""

    prepare: Resources = Resources()
    generate: Resources = Resources()
    curate: Resources = Resources()
    distill: Resources = Resources(segments=4)
    grpo: Resources = Resources(segments=4)
    evaluate: Resources = Resources()
    report: Resources = Resources()


class Cluster(Section):
    """Where the stages run."""

    kind: Literal["here", "local", "slurm", "docker", "kubernetes", "lepton"] = "here"
    """`here`: in this command, one after the other. All others go through NeMo-Run; `local`: on this machine."""
    account: str | None = None
    """Slurm account that is charged."""
    partition: str | None = None
    qos: str | None = None
    time: Time = "04:00:00"
    """Limit of a job, as sbatch writes it; by stage in `stages`."""
    containers: bool = True
    """Jobs run in the images; else with this interpreter, which must then be on the cluster's shared disk."""
    images: Images = Images()
    stages: StageResources = StageResources()
    teacher: list[Argument] | None = None
    """Command of a server that the jobs of the stage `generate` run beside it, on the GPUs of
    `stages.generate` (several nodes: in their Ray cluster); None where the teacher runs elsewhere."""
    gpu_request: Literal["gpus_per_node", "gres", "none"] = "gpus_per_node"
    """How GPUs are asked for; `none` where whole nodes are given, or there are none."""
    exclusive: bool = True
    """Jobs get whole nodes; without, give `cpus_per_task` too."""
    mem: str | None = "0"
    """Memory of a node; "0" is all of it."""
    mounts: list[str] = []
    """More directories that the containers see, PATH or FROM:TO[:ro], besides the run's and those of its inputs."""
    hf_home: str | None = None
    """Cache of the hub (HF_HOME), on the shared disk; None is that of this command's environment, else, for containers,
    `huggingface` in `paths.root`."""
    environment: dict[Variable, str] = {}
    """Variables of all jobs. They are written into the scripts: no secrets here."""
    pass_environment: list[Variable] = [
        "HF_TOKEN",
        "WANDB_API_KEY",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_TOKEN",
        "OPENAI_API_KEY",
    ]
    """Names of variables, such as secrets, whose values the jobs get from the environment of this command; they are
    written nowhere."""
    environment_file: str | None = None
    """A file on the cluster's shared disk, of lines NAME=value, that each job reads: for secrets where the environment
    of this command does not reach (SSH, Docker)."""
    setup: list[str] = []
    """Lines of shell at the start of each job, on the first node, outside of the container (Slurm)."""
    check_shared_disk: bool = True
    """Refuse a run's directory that only this machine can see."""
    sbatch: dict[str, str] = {}
    """More options of sbatch, without the dashes."""
    srun: list[str] = []
    """More arguments of srun."""
    tunnel: Tunnel = Tunnel()
    namespace: str = "default"
    """Of Kubernetes."""
    volume: str | None = None
    """The shared disk that holds the run: a claim that many pods can write (Kubernetes), a path of the storage
    (Lepton)."""
    volume_path: str | None = None
    """Where it is seen, here and in the containers alike."""
    secret: str | None = None
    """Kubernetes: the Secret whose keys are the names of `pass_environment`."""
    node_group: str | None = None
    """Of Lepton."""
    resource_shape: str | None = None
    """Kind of machine of Lepton, such as gpu.8xh100-80gb."""

    @model_validator(mode="after")
    def _secrets_are_names(self) -> "Cluster":
        for name in self.environment:
            if name in self.pass_environment:
                raise ValueError(
                    f"environment.{name} would be written into the scripts; leave it to pass_environment alone"
                )
        return self
