# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Sampling a teacher."""

from typing import Annotated, Literal

from pydantic import Field

from nemo_reasoning.config.base import NonNegativeFloat, Positive, Section, Share
from nemo_reasoning.config.engine import Server


class Generate(Section):
    """Traces of a teacher behind a server, for the problems of `data.problems`."""

    server: Server = Server()
    num_samples: Positive = 4
    """Completions of each problem."""
    stop_after_correct: Positive | None = None
    """Ask no more for a problem that has so many correct completions; None asks for all. Then no more are asked
    for at a time than could still be needed, and the pass rate is that of the completions up to the last needed."""
    max_problems: Positive | None = None
    """Sample the first so many problems only."""
    system_prompt: str | None = None
    """Sent to the teacher before every problem; None sends none (DeepSeek's advice for R1)."""
    instruction: str = "Please reason step by step, and put your final answer within \\boxed{}."
    """Put below every problem; DeepSeek's advice for mathematics with R1. "" puts none."""
    temperature: NonNegativeFloat = 0.6
    """DeepSeek's setting for R1, as is `top_p`."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_new_tokens: Positive = 32768
    """Length limit of a completion, thinking included."""
    max_failed_share: Share = 0.01
    """The stage is done only when no more than this share of the samples has failed for good or for now; otherwise
    the same command asks for the failed ones again."""
    at_max_cost: Literal["stop", "finish"] = "stop"
    """At the server's `max_cost`: stop, so that the run can go on after it has been raised, or finish with the
    traces that there are."""
