# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import orjson

from nemo_reasoning.grpo.rollout_log import rewind
from nemo_reasoning.manifest import ROLLOUTS, StageRun, read_metrics


def test_rewind_drops_later_rows_and_a_cut_line(tmp_path):
    stage = StageRun("grpo", tmp_path)
    for step in (1, 2, 3):
        stage.log({"step": step})
    lines = [orjson.dumps({"step": step, "group": group}) + b"\n" for step in (1, 2, 3) for group in (0, 1)]
    (tmp_path / ROLLOUTS).write_bytes(b"".join(lines) + b'{"step": 3, "gro')
    rewind(stage, 2)
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2]
    assert (tmp_path / ROLLOUTS).read_bytes() == b"".join(lines[:4])


def test_rewind_to_the_start_leaves_nothing(tmp_path):
    stage = StageRun("grpo", tmp_path)
    stage.log({"step": 1})
    rewind(stage, 0)
    assert list(read_metrics(tmp_path)) == []
