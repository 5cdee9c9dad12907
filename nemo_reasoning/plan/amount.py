# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How much there is to learn: counted where the run has come so far, else as configured."""

from pathlib import Path
from typing import NamedTuple

from nemo_reasoning.config import Config
from nemo_reasoning.files import read_json
from nemo_reasoning.manifest import read_manifest


class Amount(NamedTuple):
    """The training traces.

    Attributes:
        traces: Their number; None where it is not known.
        tokens: Their average length, likewise.
        source: Where these come from, for a note.
    """

    traces: int | None
    tokens: float | None
    source: str


def amount(config: Config) -> Amount:
    """What the run has encoded, else what it has curated, else what the section `plan` says.

    Curation counts the tokens of completions, and only where a step filters by them; what it has
    not counted is taken from the configuration.
    """
    run, given = Path(config.paths.run), config.plan
    encoded = run / "distill" / "data" / "train" / "meta.json"
    if encoded.exists():
        counts = read_json(encoded)
        return Amount(counts["examples"], counts["tokens"] / counts["examples"], "as the run has encoded them")
    curated = read_manifest(run / "curate")
    if curated is None or not curated.done:
        return Amount(given.traces, given.trace_tokens, "as the section plan says")
    kept, tokens = curated.metrics["kept"], curated.metrics["tokens"]
    if tokens is None:
        source = "their number as the run has curated them, their length as plan.trace_tokens says"
        return Amount(kept - curated.metrics["validation"], given.trace_tokens, source)
    return Amount(kept - curated.metrics["validation"], tokens / kept, "as the run has curated them, without prompts")
