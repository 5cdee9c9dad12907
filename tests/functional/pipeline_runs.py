# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A small run of the whole pipeline, as a user starts it, and all that it measures."""

import json
import re
import subprocess
import sys
from pathlib import Path

SMALL = (
    "experiment=smoke",
    "data.generator.num_traces=600",
    "data.generator.num_evaluation=20",
    "distill.train_iters=8",
    "distill.save_interval=3",
    "distill.eval_interval=4",
    "grpo.max_num_steps=3",
    "grpo.num_prompts_per_step=4",
    "grpo.checkpoint_interval=1",
    "evaluate.num_samples=4",
)
CLOCK = re.compile("second|tflops|mfu|memory")
"""Metrics that no two runs have alike."""
STAGES = ("prepare", "curate", "distill", "grpo", "evaluate", "report")


def command(root, *overrides):
    return [sys.executable, "-m", "nemo_reasoning.cli", *SMALL, f"paths.root={root}", *overrides]


def run(root, *overrides, **options):
    return subprocess.run(command(root, *overrides), capture_output=True, text=True, timeout=500, **options)


def measured(run_directory: Path) -> dict:
    """All that a run measured, without what depends on the clock."""

    def rows(stage):
        lines = (run_directory / stage / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if not CLOCK.search(k)} for line in lines]

    results = json.loads((run_directory / "evaluate" / "results.json").read_text())
    return {
        "curated": (run_directory / "curate" / "sft.jsonl").read_text().replace(str(run_directory), ""),
        "distill": rows("distill"),
        "grpo": rows("grpo"),
        "rollouts": (run_directory / "grpo" / "rollouts.jsonl").read_text(),
        "evaluate": {name: model["metrics"] for name, model in results["models"].items()},
    }
