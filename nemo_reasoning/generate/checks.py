# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be known to be wrong before the teacher is asked."""

import importlib.util
from pathlib import Path

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.traces import local_files

TRACES = "traces.jsonl"
"""The stage's output, in its directory."""


def check(config: Config, *, curated: bool) -> None:
    """Check problems, server, package and key.

    Args:
        config: The run's.
        curated: Curation runs too, so it has to read what is generated.

    Raises:
        InputError: Something is missing.
    """
    from nemo_reasoning.engines.openai_server import read_key

    problems, server = config.data.problems, config.generate.server
    if problems is None:
        raise InputError(
            "there are no problems for the teacher; choose data=generated and set data.problems.path=..., "
            "or take generate out of the stages."
        )
    for file in local_files(problems.path):
        if file.stat().st_size == 0:
            raise InputError(f"the data file {file} is empty.")
    if server.base_url is None:
        raise InputError(
            "there is no teacher; choose one (teacher=deepseek, nvidia or local) or set generate.server.base_url."
        )
    if server.model is None:
        raise InputError(f"set generate.server.model to the teacher's name at {server.base_url}.")
    if importlib.util.find_spec("openai") is None:
        raise InputError("the stage generate needs the openai package; install nemo-reasoning[generate].")
    read_key(server.api_key_env, "generate.server")
    stop, samples = config.generate.stop_after_correct, config.generate.num_samples
    if stop is not None and stop > samples:
        raise InputError(f"generate.stop_after_correct={stop} cannot come of generate.num_samples={samples}.")
    made = Path(config.paths.run) / "generate" / TRACES
    if curated and not any(Path(source.path) == made for source in config.data.traces.values()):
        raise InputError(
            f"curation would not read what the teacher writes; choose data=generated, or add a source to data.traces "
            f"with path={made}."
        )
