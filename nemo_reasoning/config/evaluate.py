# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The measurement: which models, on which problems, sampled how."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nemo_reasoning.config.base import NonNegative, Positive, PositiveFloat, Section
from nemo_reasoning.config.data import Source
from nemo_reasoning.config.engine import Server

TopP = Annotated[float, Field(gt=0, le=1)]


class Sampling(Section):
    """How the completions of a problem are drawn, besides the greedy one (T 0.6, top_p 0.95 as published for R1)."""

    num_samples: NonNegative = 8
    """Sampled completions per problem, besides the greedy one; 0 measures the greedy one alone."""
    temperature: PositiveFloat = 0.6
    top_p: TopP = 0.95
    max_new_tokens: Positive = 32768


class Benchmark(Source):
    """Problems to measure on, and what is particular to them; what is null is as for the others."""

    path: str | None = None
    """As in other sources; null takes the run's own held-out problems."""
    split: str = "test"
    """Hub split."""
    prompt: str = "{problem}"
    """What is put to the model; must hold `{problem}`."""
    choices: list[str] = []
    """Columns with the wrong options of multiple choice. The options are shuffled with the run's seed and lettered,
    and the letter of `layout.answer` becomes the gold answer."""
    num_samples: NonNegative | None = None
    temperature: PositiveFloat | None = None
    top_p: TopP | None = None
    max_new_tokens: Positive | None = None

    @field_validator("prompt")
    @classmethod
    def _holds_the_problem(cls, value: str) -> str:
        if "{problem}" not in value:
            raise ValueError("it should hold {problem}")
        return value


class Evaluate(Sampling):
    """The measurement before and after."""

    models: dict[str, str | None] = {
        "base": "${model.path}",
        "distilled": "${paths.run}/distill/hf",
        "grpo": "${paths.run}/grpo/hf",
    }
    """What to measure, by name, in the order of training: directories, hub names or, of a server, its names."""
    benchmarks: dict[str, Benchmark | None] = {}
    """What to measure on, by name (benchmark=[aime24,math500]); none is the run's own held-out problems."""
    engine: Literal["in_process", "vllm", "openai_server"] = "in_process"
    """What samples: the sampler of this package, vLLM in this process, or a server."""
    server: Server = Server()
    """The server, where that is the engine; its model's name comes from `models`."""
    vllm: dict[str, Any] = {}
    """Further arguments of `vllm.LLM`, such as `{tensor_parallel_size: 4, gpu_memory_utilization: 0.9}`."""
    pass_at_k: list[Positive] = [1, 4, 8]
    """Those above a benchmark's number of samples are left out."""
    precision: Literal["bf16", "fp32"] = "bf16"
    max_problems: Positive | None = None
    """Measure on the first so many problems only."""
    batch_size: Positive = 256
    """Problems sampled together, in process."""

    def sampling(self, benchmark: Benchmark) -> Sampling:
        """How the completions of this benchmark's problems are drawn."""
        own = {name: getattr(benchmark, name) for name in Sampling.model_fields}
        return Sampling(**{name: getattr(self, name) if value is None else value for name, value in own.items()})
