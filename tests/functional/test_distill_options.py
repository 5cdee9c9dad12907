# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What is trained, by what, and for how long: real trainings of a small student."""

from pathlib import Path

import pytest
import torch
import yaml
from distill_runs import losses, make_run, rows, student_of, train, weights

from nemo_reasoning.compose import read_resolved, write_resolved
from nemo_reasoning.config import LoRA
from nemo_reasoning.files import read_json

pytestmark = pytest.mark.slow
SETTINGS = {"train_iters": 2, "weight_decay": 0.0, "min_lr_ratio": 1.0}
OPTIONS = {
    "plain": {},
    "frozen": {"freeze": ["embedding", "layers.0"]},
    "frozen_recomputed": {"freeze": ["embedding", "layers.0"], "recompute": "full"},
    "groups": {"lr_multipliers": {"layers.1": 0.1, "final_layernorm": 0.5}},
    "recomputed": {"recompute": "full"},
    "recomputed_mlp": {"recompute": "selective"},
    "lora": {"peft": "lora", "lora": LoRA(rank=4, alpha=8)},
    "muon": {"optimizer": "muon"},
    "epochs": {"train_iters": None, "num_epochs": 1.5, "global_batch_size": 8, "micro_batch_size": 8},
}
ADAPTED = ("q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight")
MLP = ("gate_proj.weight", "up_proj.weight", "down_proj.weight")


PIPELINE = {"tensor_model_parallel_size": 1, "pipeline_model_parallel_size": 2, "micro_batch_size": 8}
FROZEN = {"freeze": ["embedding", "layers.0"], "train_iters": 3}
PARALLEL = {
    "groups_pp2": OPTIONS["groups"] | PIPELINE,  # stages number their layers each from 0
    "lora_pp2": OPTIONS["lora"] | PIPELINE,
    "frozen_pp2": FROZEN | PIPELINE,  # nothing is trained on the first stage
    "frozen_tp2": FROZEN,
    "frozen_dp2": FROZEN | {"tensor_model_parallel_size": 1, "micro_batch_size": 8},
}
INTERRUPTED = ("lora", "muon", "groups", "frozen_pp2")
"""What is trained once more, with an interruption after every step."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("options")
    made = {name: make_run(root / name, **(SETTINGS | options)) for name, options in OPTIONS.items()}
    made["extended"] = _extended(make_run(root / "extended", **SETTINGS))
    train([*made.values(), *_interrupted(root, made, OPTIONS)], 1)
    return made


@pytest.fixture(scope="module")
def parallel(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("parallel")
    made = {name: make_run(root / name, ranks=2, **(SETTINGS | options)) for name, options in PARALLEL.items()}
    train([*made.values(), *_interrupted(root, made, PARALLEL, ranks=2)], 2)
    return made


def _interrupted(root: Path, made: dict[str, Path], options: dict[str, dict], **more) -> list[Path]:
    """The same runs as `made` with a time limit that has passed, each as often as it has steps."""
    goes = []
    for name in set(INTERRUPTED) & set(options):
        settings = SETTINGS | options[name] | more
        made[f"{name}_interrupted"] = make_run(root / f"{name}_interrupted", exit_duration_in_mins=1e-3, **settings)
        goes += [made[f"{name}_interrupted"]] * settings["train_iters"]
    return goes


def _extended(run: Path) -> Path:
    """Give the student of a run another position embedding."""
    config = read_resolved(run / "resolved.yaml")
    model = config.model.model_copy(update={"rope_theta": 3e5, "max_position_embeddings": 1024})
    write_resolved(config.model_copy(update={"model": model}), run / "resolved.yaml")
    return run


def moved(run: Path) -> dict[str, torch.Tensor]:
    """How far each weight has moved."""
    before, after = weights(student_of(run)), weights(run / "distill" / "hf")
    return {name: after[name] - before[name] for name in after}


@pytest.mark.parametrize("name", ["frozen", "frozen_recomputed"])
def test_frozen_weights_stay_and_the_others_move(runs, name):
    _assert_frozen(runs[name])


@pytest.mark.parametrize("name", ["frozen_pp2", "frozen_tp2", "frozen_dp2"])
def test_frozen_weights_stay_in_every_layout(parallel, name):
    _assert_frozen(parallel[name])
    saved = parallel[name] / "distill" / "checkpoints" / "iter_0000003" / "run_config.yaml"
    assert yaml.safe_load(saved.read_text())["optimizer"]["use_distributed_optimizer"]
    assert losses(parallel[name]) == pytest.approx(losses(parallel["frozen_tp2"]), rel=1e-6)


def _assert_frozen(run: Path) -> None:
    for weight, change in moved(run).items():
        frozen = "embed_tokens" in weight or "layers.0." in weight
        assert (change.abs().max() == 0) == frozen, weight


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interruption_changes_nothing(request, name):
    made = request.getfixturevalue("parallel" if name in PARALLEL else "runs")
    straight, interrupted = made[name], made[f"{name}_interrupted"]
    assert len((interrupted / "interrupted.txt").read_text().splitlines()) == len(losses(straight)) - 1
    assert rows(interrupted) == rows(straight)
    ours, theirs = (weights(run / "distill" / "hf") for run in (interrupted, straight))
    assert all(torch.equal(ours[weight], theirs[weight]) for weight in theirs)


def test_recomputing_changes_nothing(runs):
    assert losses(runs["frozen"]) == losses(runs["frozen_recomputed"])
    assert losses(runs["plain"]) == losses(runs["recomputed"]) == losses(runs["recomputed_mlp"])
    plain = weights(runs["plain"] / "distill" / "hf")
    for name in ("recomputed", "recomputed_mlp"):
        other = weights(runs[name] / "distill" / "hf")
        assert all(torch.equal(plain[weight], other[weight]) for weight in plain)


def test_groups_have_their_learning_rates(runs):
    """Adam's first steps have the size of the learning rate, whatever the gradient."""
    plain, grouped = moved(runs["plain"]), moved(runs["groups"])
    for weight, change in grouped.items():
        factor = 0.1 if "layers.1." in weight else 0.5 if weight == "model.norm.weight" else 1.0
        largest, wanted = change.abs().max().item(), factor * plain[weight].abs().max().item()
        assert largest == pytest.approx(wanted, rel=0.15), weight
    assert [row["lr"] for row in rows(runs["groups"]) if "lr" in row] == [1e-3, 1e-3], "the log has the optimizer's"


def test_lora_is_merged_and_of_low_rank(runs):
    for weight, change in moved(runs["lora"]).items():
        if not weight.endswith((*ADAPTED, *MLP)):
            assert not change.any(), weight
            continue
        values = torch.linalg.svdvals(change)
        assert values[3] > 1e3 * values[4], f"{weight} did not change by exactly rank 4"


def test_muon_orthogonalizes_the_matrices(runs):
    """Newton-Schulz brings the singular values of a step near each other; Adam's differ by far more.

    So few examples give gradients of low rank, so the first quarter is compared.
    """

    def spread(name: str) -> float:
        values = torch.linalg.svdvals(moved(runs[name])["model.layers.1.self_attn.o_proj.weight"])
        return (values[0] / values[len(values) // 4]).item()

    assert spread("muon") < 2 < spread("plain")
    assert losses(runs["muon"])[1] < losses(runs["muon"])[0]


def test_epochs_become_steps(runs):
    assert [row["step"] for row in rows(runs["epochs"]) if "loss" in row] == [1, 2, 3]


def test_an_extended_student_is_trained_and_exported_so(runs):
    exported = read_json(runs["extended"] / "distill" / "hf" / "config.json")
    assert exported["rope_parameters"] == {"rope_type": "default", "rope_theta": 3e5}
    assert exported["max_position_embeddings"] == 1024
    assert losses(runs["extended"]) != losses(runs["plain"]), "it was trained with the student's own base"


def test_pipeline_stages_find_their_layers(runs, parallel):
    assert losses(parallel["groups_pp2"]) == pytest.approx(losses(runs["groups"]), rel=1e-6)
    one, two = moved(runs["groups"]), moved(parallel["groups_pp2"])
    for weight, change in two.items():
        torch.testing.assert_close(change, one[weight], rtol=0, atol=1e-5)


def test_lora_is_merged_from_all_stages(parallel):
    changed = {weight for weight, change in moved(parallel["lora_pp2"]).items() if change.any()}
    assert changed == {weight for weight in moved(parallel["lora_pp2"]) if weight.endswith((*ADAPTED, *MLP))}
