# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Metrics to TensorBoard, Weights & Biases and MLflow: real ones, offline, continued after a restart."""

import importlib.util

import pytest

from nemo_reasoning.config import Config, Distill, Model
from nemo_reasoning.config.distill import MLflow, WandB
from nemo_reasoning.distill import tracking
from nemo_reasoning.distill.tracking import Trackers
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json


def config(**settings):
    return Config(name="tracked", model=Model(path="x"), distill=Distill(**settings))


def log(settings, directory, steps, resumed):
    with Trackers(settings, directory, resumed) as trackers:
        for step in steps:
            trackers.log({"step": step, "loss": 10.0 - step, "note": "not a number"})


def test_tensorboard_forgets_what_a_killed_process_logged(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log(config(), tmp_path, range(1, 8), 0)
    log(config(), tmp_path, range(5, 10), 4)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["scalars"] == ["distill/loss"]
    assert [event.step for event in events.Scalars("distill/loss")] == list(range(1, 10))


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed")
@pytest.mark.slow
def test_mlflow_continues_its_run(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    settings = config(tensorboard=False, mlflow=MLflow(experiment="distillation"))
    log(settings, tmp_path, (1, 2), 0)
    log(settings, tmp_path, (3, 4), 2)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("distillation")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == read_json(tmp_path / tracking.IDS)["mlflow"] and run.info.run_name == "tracked"
    assert [metric.value for metric in client.get_metric_history(run.info.run_id, "distill/loss")] == [9, 8, 7, 6]


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
@pytest.mark.slow
def test_wandb_continues_its_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    for patience in ("WANDB__SERVICE_WAIT", "WANDB_INIT_TIMEOUT"):  # its service starts slowly on a busy machine
        monkeypatch.setenv(patience, "300")
    settings = config(tensorboard=False, wandb=WandB(project="distillation"))
    log(settings, tmp_path, (1, 2), 0)
    log(settings, tmp_path, (3, 4), 2)
    run_id = read_json(tmp_path / tracking.IDS)["wandb"]
    written = list((tmp_path / "wandb").glob(f"offline-run-*-{run_id}*"))  # of one second: numbered
    assert len(written) == len(list((tmp_path / "wandb").glob("offline-run-*"))) >= 1


def test_what_is_missing_is_said_before_training(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    tracking.check(Distill())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(InputError, match="no key; set WANDB_API_KEY"):
        tracking.check(Distill(wandb=WandB(project="x")))
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI does not say"):
        tracking.check(Distill(mlflow=MLflow(experiment="x")))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"distill.tensorboard needs the package tensorboard; install it"):
        tracking.check(Distill())
    tracking.check(Distill(tensorboard=False))
