# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What each stage needs, on a laptop and on a cluster, and whether that is here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from nemo_reasoning.config import StageName
from nemo_reasoning.doctor import cluster
from nemo_reasoning.doctor.finding import Finding

if TYPE_CHECKING:
    from nemo_reasoning.config import Config

STAGES: tuple[str, ...] = get_args(StageName)
Place = Literal["laptop", "cluster", "any"]
"""Where an engine is at home; a stage of `any` has one engine, which runs on both."""


@dataclass(frozen=True)
class Engine:
    """One way in which a stage can run.

    Attributes:
        stage: The stage, or `launch` for submission to a cluster.
        place: Where it is at home.
        program: What runs.
        needs: Names of findings without which it cannot.
    """

    stage: str
    place: Place
    program: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether an engine can run here.

    Attributes:
        engine: The engine.
        selected: The stage is asked for, and this engine is one that it may use.
        blocked_by: Names of the findings that stop it.
        unseen: Names of what it needs and was not looked at.
    """

    engine: Engine
    selected: bool
    blocked_by: tuple[str, ...]
    unseen: tuple[str, ...]

    @property
    def runs(self) -> bool | None:
        """It can run; None where not all that it needs was looked at."""
        if self.blocked_by:
            return False
        return None if self.unseen else True


def engines(config: "Config | None") -> list[Engine]:
    """All engines; their needs follow the configuration, where there is one."""
    always = ("python", "requirements", "disk")
    bridge = ("torch", "megatron-core", "megatron-bridge")
    gpus = ("driver", "cuda", "gpus", "gpu-count", "nccl", "transformer-engine")
    steps = ("rensa",) if config and _dedups_fuzzily(config) else ()
    made = ("torch",) if config and (config.model.scratch or config.model.gguf) else ()
    curator = ("model", "nemo-curator", *steps)
    return [
        Engine("prepare", "any", "in its process", (*always, "model", *made)),
        Engine("generate", "any", "a teacher behind a server", (*always, "openai")),
        Engine("curate", "laptop", "Curator in processes of this machine", (*always, *curator)),
        Engine("curate", "cluster", "Curator on Ray", (*always, *curator, "ray")),
        Engine("distill", "laptop", "Megatron-Bridge on the CPU", (*always, "model", *bridge, "cpu-training")),
        Engine("distill", "cluster", "Megatron-Bridge on GPUs", (*always, "model", *bridge, *gpus)),
        Engine("grpo", "laptop", "embedded engine on the CPU", (*always, "model", "torch")),
        Engine("grpo", "cluster", "NeMo-RL", (*always, "model", "torch", "nemo-rl", "nemo-rl-workers", "driver")),
        Engine("evaluate", "any", "in its process, on the CPU", (*always, "model", "torch")),
        Engine("report", "any", "in its process", (*always, "plotly")),
        Engine(
            "launch", "any", "NeMo-Run", ("python", "requirements", *cluster.needs(config.cluster if config else None))
        ),
    ]


def _dedups_fuzzily(config: "Config") -> bool:
    return any(step.filter == "fuzzy_dedup" for step in config.curate.active_steps.values())


def chosen(config: "Config | None", place: str | None) -> dict[str, str]:
    """The engines that the configuration, or `--engine`, decides: place by stage."""
    decided = {} if place is None else dict.fromkeys(STAGES, place)
    if config:
        executor = config.curate.executor
        decided.setdefault("curate", "laptop" if executor in ("in_process", "processes") else "cluster")
        decided.setdefault("grpo", "laptop" if config.grpo.engine == "embedded" else "cluster")
    return decided


def asked(config: "Config | None", stages: Sequence[str]) -> set[str]:
    """The rows that must run here: the stages, unless the configuration sends them elsewhere."""
    kind = config.cluster.kind if config else "here"
    names = set(stages or (config.stages if config else STAGES))
    if kind == "here":
        return names
    return {*names, "launch"} if kind == "local" else {"launch"}


def judge(
    findings: Sequence[Finding], config: "Config | None", stages: Sequence[str] = (), place: str | None = None
) -> list[Verdict]:
    """Whether each engine can run, as far as was looked.

    Args:
        findings: What was found; what was not looked at blocks nothing.
        config: The configuration, where one is given.
        stages: Stages that are asked for; none: those of the configuration, or all.
        place: Engines that are asked for (`--engine`).
    """
    seen = {finding.name for finding in findings}
    blocking = {finding.name for finding in findings if finding.blocks}
    decided, names = chosen(config, place), asked(config, stages)
    return [
        Verdict(
            engine,
            engine.stage in names and engine.place in ("any", decided.get(engine.stage, engine.place)),
            tuple(need for need in engine.needs if need in blocking),
            tuple(need for need in engine.needs if need not in seen),
        )
        for engine in engines(config)
    ]


def stopped(verdicts: Sequence[Verdict]) -> list[str]:
    """The stages that are asked for and cannot run here by any engine that they may use."""
    able: Mapping[str, Collection[bool]] = {v.engine.stage: [] for v in verdicts if v.selected}
    for verdict in verdicts:
        if verdict.selected:
            able[verdict.engine.stage].append(not verdict.blocked_by)
    return [stage for stage, runs in able.items() if not any(runs)]


def status(findings: Sequence[Finding], verdicts: Sequence[Verdict], strict: bool) -> int:
    """The exit status: 2 where a stage that is asked for cannot run; 1 for anything wrong, if strict; else 0."""
    if stopped(verdicts):
        return 2
    wrong = any(finding.level in ("warning", "error") for finding in findings)
    return 1 if strict and wrong else 0
