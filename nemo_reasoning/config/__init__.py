# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The typed schema of conf/: what may be configured, in which range, and by default how.

The class default IS the vetted setting and the only place where it is written; the YAML
groups under conf/ hold what differs from it. Hydra composes them over these defaults, and
`compose.load` checks the result: the first thing that is wrong becomes one sentence.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, model_validator

from nemo_reasoning.config.base import NonNegative, NonNegativeFloat, Section
from nemo_reasoning.config.cluster import Cluster, Resources
from nemo_reasoning.config.curate import Curate
from nemo_reasoning.config.data import Arithmetic, Data, Layout, Source
from nemo_reasoning.config.distill import Distill, LoRA
from nemo_reasoning.config.engine import Price, Server
from nemo_reasoning.config.evaluate import Benchmark, Evaluate, Sampling
from nemo_reasoning.config.generate import Generate
from nemo_reasoning.config.grpo import GRPO, Reward
from nemo_reasoning.config.launch import Launch
from nemo_reasoning.config.model import Model, ScratchModel
from nemo_reasoning.config.plan import Plan
from nemo_reasoning.config.steps import (
    BoxedInput,
    Completeness,
    Correctness,
    Curriculum,
    Decontamination,
    Difficulty,
    Domain,
    ExactDedup,
    FuzzyDedup,
    GoldSanity,
    Language,
    LanguageId,
    Loop,
    MajorityVote,
    Mixture,
    PassRate,
    PerProblem,
    RepeatedLines,
    Repetition,
    Sample,
    Selection,
    Step,
    StepBase,
    StepTest,
    ThinkFormat,
    TokenLength,
)
from nemo_reasoning.config.verify import Verify
from nemo_reasoning.contract import ReasoningFormat

__all__ = [
    "GRPO",
    "Arithmetic",
    "Benchmark",
    "BoxedInput",
    "Cluster",
    "Completeness",
    "Config",
    "Correctness",
    "Curate",
    "Curriculum",
    "Data",
    "Decontamination",
    "Difficulty",
    "Distill",
    "Domain",
    "Evaluate",
    "ExactDedup",
    "FuzzyDedup",
    "Generate",
    "GoldSanity",
    "Language",
    "LanguageId",
    "Launch",
    "Layout",
    "LoRA",
    "Loop",
    "MajorityVote",
    "Mixture",
    "Model",
    "PassRate",
    "Paths",
    "PerProblem",
    "Plan",
    "Price",
    "RepeatedLines",
    "Repetition",
    "Resources",
    "Reward",
    "Sample",
    "Sampling",
    "ScratchModel",
    "Selection",
    "Server",
    "Source",
    "StageName",
    "Step",
    "StepBase",
    "StepTest",
    "ThinkFormat",
    "TokenLength",
    "Verify",
]

StageName = Literal["prepare", "generate", "curate", "distill", "grpo", "evaluate", "report"]


def _name(value: str) -> str:
    if "/" in value or not value.strip("."):
        raise ValueError("it should name one directory, with no '/'")
    return value


class Paths(Section):
    """Where a run writes."""

    root: str = "runs"
    """Directory of all runs."""
    run: str = "${paths.root}/${name}"
    """This run's directory; each stage has a directory of its own in it."""
    min_free_gb: NonNegativeFloat = 1.0
    """A run does not start with less free disk than this (GB)."""


class Config(Section):
    """A run."""

    name: Annotated[str, AfterValidator(_name)] = "???"
    """Name of the run, and of its directory in `paths.root`."""
    seed: NonNegative = 0
    stages: list[StageName] = ["prepare", "curate", "distill", "grpo", "evaluate", "report"]
    """Stages to run; each runs in the pipeline's order."""
    from_stage: StageName | None = Field(default=None, alias="from")
    """Start at this stage; those before it must be done."""
    overwrite: bool = False
    """Redo what was made with another configuration instead of refusing."""
    paths: Paths = Paths()
    model: Model = Model()
    data: Data = Data()
    format: ReasoningFormat = ReasoningFormat()
    generate: Generate = Generate()
    curate: Curate = Curate()
    verify: Verify = Verify()
    distill: Distill = Distill()
    plan: Plan = Plan()
    grpo: GRPO = GRPO()
    evaluate: Evaluate = Evaluate()
    cluster: Cluster = Cluster()
    launch: Launch = Launch()

    @model_validator(mode="wrap")
    @classmethod
    def _home(cls, values: Any, handler: ModelWrapValidatorHandler["Config"]) -> "Config":
        """`~/` is the home directory where the stages run; behind `cluster.tunnel` that is not this machine's."""
        config = handler(values)
        return config if config.cluster.tunnel.host else handler(_at_home(values))


def _at_home(value: Any) -> Any:
    """The value with the `~/` of the paths in it written out."""
    if isinstance(value, dict):
        return {name: _at_home(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_at_home(inner) for inner in value]
    return f"{Path.home()}{value[1:]}" if isinstance(value, str) and value.startswith("~/") else value
