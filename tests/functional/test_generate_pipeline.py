# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A generation by the command line: killed in between, and followed by curation."""

import os
import socket
import subprocess
import sys

import fault_server
import generate_faults
import pytest
from fault_server import Running

from nemo_reasoning.traces import read_jsonl

pytest.importorskip("openai")
pytestmark = pytest.mark.slow


def test_killed_in_between_every_sample_is_there_once_and_the_cost_is_right(tmp_path):
    """The command line itself, killed with SIGKILL twice; what it says is compared with what the server billed."""
    found = generate_faults.measure(samples=240, kills=2, concurrency=16, share=0.1, stall_s=2.0, root=tmp_path)
    assert generate_faults.verdict(found) == []
    assert found["lost_requests"] > 0 or found["billed_again"] == 0


def test_from_problems_to_curated_data_in_one_command(tmp_path):
    """The pipeline: generate, then curate reads it; a second command does nothing again."""
    generate_faults.write_problems(tmp_path / "problems.jsonl", 30)
    with Running(share=0.05, stall=0.5) as server:
        overrides = [
            *(
                "experiment=demo",
                "data=[arithmetic,generated]",
                "name=g",
                f"paths.root={tmp_path}",
                "~data.traces.teacher",
            ),
            *("stages=[prepare,generate,curate]", f"data.problems.path={tmp_path}/problems.jsonl"),
            *(
                f"generate.server.base_url={server.url}",
                "generate.server.model=teacher",
                "data.generator.num_traces=200",
            ),
            *("curate.steps.token_length=null", "curate.steps.per_problem=null", "data.generator.num_evaluation=20"),
        ]
        command = [sys.executable, "-m", "nemo_reasoning.cli", *overrides]
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=os.environ)
            assert done.returncode == 0, done.stderr
            asked = sum(server.log()["attempts"].values())
    assert "generate was done before" in done.stdout
    assert asked >= 120
    kept = list(read_jsonl(tmp_path / "g" / "curate" / "sft.jsonl"))
    traces = list(read_jsonl(tmp_path / "g" / "generate" / "traces.jsonl"))
    right = {row["problem"] for row in traces if row["verdict"] == "correct"}
    assert len(traces) == 120
    assert kept
    assert {row["problem"] for row in kept} <= right


def test_a_job_runs_its_teacher_beside_the_stage(tmp_path):
    """`cluster.teacher`, as on a cluster: the job starts the server, the stage waits for it, both end."""
    generate_faults.write_problems(tmp_path / "problems.jsonl", 10)
    port = free_port()
    overrides = [
        *("experiment=demo", "data=[arithmetic,generated]", "name=g", f"paths.root={tmp_path}", "stages=[generate]"),
        *("teacher=vllm_job", f"data.problems.path={tmp_path}/problems.jsonl", "generate.server.model=teacher"),
        *(f"generate.server.base_url=http://127.0.0.1:{port}/v1", "cluster=local", "launch.code=ship"),
        f"cluster.teacher=[{sys.executable},{fault_server.__file__},--port,{port},--delay,0.01]",
    ]
    command = [sys.executable, "-m", "nemo_reasoning.cli", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert len(list(read_jsonl(tmp_path / "g" / "generate" / "traces.jsonl"))) == 40
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
