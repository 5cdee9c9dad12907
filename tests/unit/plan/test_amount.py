# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps and hours follow from what the run has counted so far."""

import pytest

from nemo_reasoning.config import Config, Distill, Model, Paths, Plan
from nemo_reasoning.files import write_json
from nemo_reasoning.manifest import Manifest
from nemo_reasoning.plan.amount import amount
from nemo_reasoning.plan.report import plan


@pytest.fixture
def config(tmp_path) -> Config:
    distill = Distill(train_iters=None, num_epochs=2.0, num_processes=8, tensor_model_parallel_size=8)
    model = Model(path="Qwen/Qwen3-8B-Base")
    return Config(model=model, distill=distill, plan=Plan(trace_tokens=4096), paths=Paths(run=str(tmp_path)))


def curated(tmp_path, status="done", tokens=None):
    metrics = {"kept": 100_000, "validation": 1_000, "tokens": tokens}
    directory = tmp_path / "curate"
    directory.mkdir(exist_ok=True)
    Manifest("curate", status, {}, {}, "", 0.0, metrics=metrics).write(directory)


def test_without_data_there_are_no_hours(config):
    made = plan(config)
    assert (made.steps, made.hours) == (None, None)
    assert any("Set plan.traces" in note for note in made.notes)


def test_the_configured_amount_counts_until_something_is_curated(config, tmp_path):
    given = config.model_copy(update={"plan": Plan(traces=128 * 80, trace_tokens=4096)})
    assert plan(given).steps == 2 * 10
    curated(tmp_path, status="running")
    assert plan(given).steps == 2 * 10


def test_what_curation_has_counted_goes_before_the_configuration(config, tmp_path):
    curated(tmp_path, tokens=100_000 * 8192)
    assert amount(config)[:2] == (99_000, 8192)
    made = plan(config)
    assert made.steps == 2 * (99_000 * 8192 // 32768 // 128)
    assert made.hours == pytest.approx(made.steps * made.step_seconds / 3600)
    assert any("99,000 traces of 8,192 tokens on average, as the run has curated" in note for note in made.notes)


def test_a_length_that_curation_has_not_counted_is_the_configured_one(config, tmp_path):
    curated(tmp_path)
    assert amount(config)[:2] == (99_000, 4096)


def test_what_is_encoded_goes_before_everything(config, tmp_path):
    curated(tmp_path, tokens=1)
    directory = tmp_path / "distill" / "data" / "train"
    directory.mkdir(parents=True)
    write_json(directory / "meta.json", {"examples": 50_000, "tokens": 50_000 * 1000})
    assert amount(config)[:2] == (50_000, 1000)
