# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The environment of NeMo-RL's processes."""

import os
import subprocess
import sys
from pathlib import Path

from nemo_reasoning.grpo.nemo_rl.convert import environment


def test_this_package_is_on_the_path_without_its_neighbours(tmp_path):
    made = environment("/repo", tmp_path)
    first, second = made["PYTHONPATH"].split(os.pathsep)[:2]
    assert first == "/repo"
    assert [entry.name for entry in Path(second).iterdir()] == ["nemo_reasoning"]
    assert environment("/repo", tmp_path) == made
    where = [sys.executable, "-c", "import nemo_reasoning; print(nemo_reasoning.__file__)"]
    found = subprocess.run(where, env=made, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert found.startswith(second)
