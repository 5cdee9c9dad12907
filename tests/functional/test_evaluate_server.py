# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage `evaluate` with a model behind a server that fails now and then, and with a kill in between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_server import Running

from nemo_reasoning import compose
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.evaluate.stage import run
from nemo_reasoning.files import read_json
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.traces import read_jsonl, write_jsonl

PROBLEMS = [{"id": f"p{i}", "problem": f"What is {i} + {2 * i}?", "answer": str(3 * i)} for i in range(40)]
SAMPLES = 3


def settings(root: Path, url: str, **server) -> Config:
    write_jsonl(root / "run" / "prepare" / "evaluation.jsonl", PROBLEMS)
    (root / "run" / "evaluate").mkdir(exist_ok=True)
    server = {"base_url": url, "concurrency": 8, "first_delay_s": 0.01, "stall_timeout_s": 2.0} | server
    return Config.model_validate(
        {
            "name": "test",
            "paths": {"root": str(root), "run": str(root / "run")},
            "model": {"path": "none"},
            "grpo": {"init": f"{root}/run/distill/hf"},
            "evaluate": {
                "engine": "openai_server",
                "server": server,
                "models": {"teacher": "teacher"},
                "num_samples": SAMPLES,
                "pass_at_k": [1],
                "max_new_tokens": 512,
            },
        }
    )


def stage(config: Config) -> StageRun:
    return StageRun("evaluate", Path(config.paths.run) / "evaluate")


def test_every_completion_is_measured_once_in_spite_of_faults(tmp_path):
    with Running(share=0.2) as server:
        price = {"prompt": 1.0, "completion": 2.0}
        config = settings(tmp_path, server.url, price=price)
        metrics = run(config, stage(config))
        billed = server.log()["billed"]
        rows = list(read_jsonl(stage(config).directory / "completions" / "teacher.jsonl"))
    assert [row["id"] for row in rows] == [row["id"] for row in PROBLEMS]
    assert all(len(row["samples"]) == SAMPLES for row in rows)
    assert all(one["well_formed"] and one["num_tokens"] for row in rows for one in (row["greedy"], *row["samples"]))
    found = read_json(stage(config).directory / "results.json")
    assert found["settings"]["engine"] == "openai_server" and found["settings"]["server"]["base_url"] == server.url
    assert 0.2 < found["models"]["teacher"]["metrics"]["greedy"]["value"] == metrics["greedy/teacher"] < 0.8
    assert "precision" not in found["settings"]
    paid = (billed["prompt_tokens"] + 2 * billed["completion_tokens"]) / 1e6
    assert found["models"]["teacher"]["cost"] >= paid - 1e-9 > 0


def test_a_killed_run_asks_only_for_what_it_lacks_and_ends_the_same(tmp_path):
    with Running(delay=0.02) as server:
        config = settings(tmp_path, server.url)
        run(config, stage(config))
        path = stage(config).directory / "completions" / "teacher.jsonl"
        whole, results = path.read_bytes(), (stage(config).directory / "results.json").read_bytes()
        for file in path.parent.iterdir():
            file.unlink()
        compose.write_resolved(config, Path(config.paths.run) / "resolved.yaml")
        server.reset()
        command = [sys.executable, "-m", "nemo_reasoning.stage", "evaluate", config.paths.run]
        process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        log = path.with_name("teacher.replies.jsonl")
        deadline = time.monotonic() + 120
        while not (log.exists() and log.read_bytes().count(b"\n") > 30) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        had = log.read_bytes().count(b"\n") - 1
        assert had >= 30
        server.reset()
        run(config, stage(config))
        asked = len(server.log()["requests"])
    assert asked == len(PROBLEMS) * (1 + SAMPLES) - had
    assert path.read_bytes() == whole and (stage(config).directory / "results.json").read_bytes() == results


def test_what_came_is_kept_when_some_completions_cannot_be_had(tmp_path):
    with Running() as server:
        config = settings(tmp_path, server.url, max_retries=0)
        server.script("500", "500", {})
        with pytest.raises(
            InputError, match=r"^2 of 160 completions of teacher could not be had \(http_500.*asks for the rest"
        ):
            run(config, stage(config))
        server.reset()
        run(config, stage(config))
        assert len(server.log()["requests"]) == 2
    assert read_json(stage(config).directory / "results.json")["num_problems"] == len(PROBLEMS)
