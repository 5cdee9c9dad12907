# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The measurement itself, below the stages: what to ask, what the replies are worth, with which certainty.

The stage `evaluate` measures with it and stores everything; a trainer may call `measure`
between two steps. Engines give the replies, so nothing here knows where a model runs.
"""

from nemo_reasoning.measure.completions import judge, judged, measure, requests
from nemo_reasoning.measure.problems import read_benchmark
from nemo_reasoning.measure.scoring import Scores, compare, estimates, score

__all__ = ["Scores", "compare", "estimates", "judge", "judged", "measure", "read_benchmark", "requests", "score"]
