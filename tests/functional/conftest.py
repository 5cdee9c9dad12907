# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What functional tests share."""

from pathlib import Path

import pipeline_runs
import pytest


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The root of a small run of all stages; its directory there is `smoke`."""
    root = tmp_path_factory.mktemp("finished")
    result = pipeline_runs.run(root)
    assert result.returncode == 0, result.stdout + result.stderr
    return root
