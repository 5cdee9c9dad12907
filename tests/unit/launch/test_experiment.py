# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from launch_runs import configured

from nemo_reasoning.launch import experiment
from nemo_reasoning.launch.plan import Site, jobs
from nemo_reasoning.stages import selected


@dataclass
class Executor:
    """What of NeMo-Run's SlurmExecutor takes part: it writes `--dependency=<type>:<numbers joined by colons>`."""

    numbers: list = field(default_factory=list)
    dependency_type: str = "afterok"

    def parse_deps(self):
        return self.numbers

    def option(self):
        return f"{self.dependency_type}:{':'.join(self.parse_deps())}"


@pytest.fixture(scope="module")
def job():
    config = configured("experiment=smoke", "cluster=slurm", "cluster.account=a")
    return jobs(config, selected(config), Site("python", Path("/"), frozenset()))[0]


@pytest.mark.parametrize(
    ("after_any", "after_ok", "numbers", "option"),
    [
        ((), ("curate-1",), ["4"], "afterok:4"),
        (("distill-1",), (), ["5"], "afterany:5"),
        (("distill-1",), ("curate-1",), ["5", "4"], "afterany:5,afterok:4"),
        (("distill-1",), ("a-1", "b-1"), ["5", "3", "4"], "afterany:5,afterok:3:4"),
    ],
)
def test_a_segment_waits_for_both_kinds(job, after_any, after_ok, numbers, option):
    made = Executor(numbers)
    experiment._depend(made, replace(job, after_any=after_any, after_ok=after_ok))
    assert made.option() == option


def test_what_the_scheduler_said_is_the_reason():
    class Result:
        stderr = "sbatch: error: Invalid account\nsbatch: error: Batch job submission failed.\n"

    error = RuntimeError("Encountered a bad command exit code!")
    error.result = Result()
    assert experiment._reason(error) == "sbatch: error: Invalid account; sbatch: error: Batch job submission failed"
    assert experiment._reason(RuntimeError("no route.\nmore")) == "no route"
