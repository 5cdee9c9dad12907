# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The student solves held-out problems while it is trained, and the best one is exported.

What is held out here are the training problems, since so small a student solves no others.
"""

import shutil
from pathlib import Path

import pytest
import torch
from distill_runs import FORMAT, losses, make_run, rows, start_and_kill, train, weights

from nemo_reasoning.config import LoRA, Verify
from nemo_reasoning.distill import checkpoints
from nemo_reasoning.files import read_json
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.traces import read_jsonl
from nemo_reasoning.verify import Verifier

pytestmark = pytest.mark.slow
PROBLEMS = 8
SETTINGS = {
    "ranks": 2,
    "examples": PROBLEMS,
    "global_batch_size": PROBLEMS,
    "micro_batch_size": PROBLEMS // 2,
    "lr": 5e-3,
    "min_lr_ratio": 1.0,
    "weight_decay": 0.0,
}
LONG = {"train_iters": 80, "save_interval": 25, "val_period": 10, "keep_best": True}
SHORT = {"train_iters": 3, "val_period": 2}
LAYOUTS = {
    "pp2": {"tensor_model_parallel_size": 1, "pipeline_model_parallel_size": 2},
    "dp2": {"tensor_model_parallel_size": 1},
    "lora": {"peft": "lora", "lora": LoRA(rank=4, alpha=8, dropout=0.1)},
}
MEASURED = "validation_accuracy"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("validation")

    def run(name: str, **settings) -> Path:
        made = make_run(root / name, **(SETTINGS | settings))
        return Path(shutil.copy(made / "curate" / "sft.jsonl", made / "curate" / "sft_validation.jsonl")).parents[1]

    made = {"straight": run("straight", **LONG), "killed": run("killed", **LONG)}
    start_and_kill(made["killed"], SETTINGS["ranks"], _has_a_best_one_after_a_checkpoint)
    made |= {"short": run("short", **SHORT), "off": run("off", train_iters=3)}
    made["left"] = run("left", exit_duration_in_mins=1e-3, **SHORT)
    for name, layout in LAYOUTS.items():
        made[f"{name}_best"] = run(f"{name}_best", train_iters=2, val_period=1, keep_best=True, **layout)
        made |= {f"{name}_{steps}": run(f"{name}_{steps}", train_iters=steps, **layout) for steps in (1, 2)}
    train([made["left"], made["left"], *made.values()], SETTINGS["ranks"])
    return made


def _has_a_best_one_after_a_checkpoint(directory: Path) -> bool:
    """It is to be dropped, and the one before it to be kept."""
    complete, best = checkpoints.latest(directory), directory.parent / "best"
    return complete is not None and any(int(path.name) > complete.step for path in best.glob("[0-9]*"))


def measured(run: Path) -> dict[int, float]:
    """Accuracy by step."""
    return {row["step"]: row[MEASURED] for row in rows(run) if MEASURED in row}


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = (weights(run / "distill" / "hf") for run in (one, other))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_accuracy_rises_and_the_first_best_is_exported(runs):
    found, metrics = measured(runs["straight"]), read_json(runs["straight"] / "metrics.json")
    assert list(found) == list(range(10, 81, 10)) and found[10] < max(found.values()) > 0.5
    best = next(step for step, accuracy in found.items() if accuracy == max(found.values()))
    assert metrics["exported_step"] == metrics["best_step"] == best
    assert metrics["best_validation_accuracy"] == metrics[MEASURED] == found[best]
    assert f"exported step {best}: {found[best]:.1%} of the held-out problems" in metrics["summary"]
    assert [path.name for path in (runs["straight"] / "distill" / "best").iterdir()] == [f"{best:07d}"]


def test_an_untrained_student_writes_on_to_the_limit(runs):
    first = next(row for row in rows(runs["straight"]) if MEASURED in row)
    assert first["validation_truncated_rate"] > 0.5 > first["validation_format_rate"]


def test_transformers_solves_as_many_with_what_was_exported(runs):
    run = runs["straight"]
    tokenizer, model = load_tokenizer(str(run / "distill" / "hf")), load_model(str(run / "distill" / "hf"), torch.float)
    pairs = []
    for row in read_jsonl(run / "curate" / "sft.jsonl"):
        prompt = torch.tensor([FORMAT.encode_prompt(tokenizer, row["problem"])])
        ids = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=128)
        answer = FORMAT.parse(FORMAT.decode(tokenizer, ids[0, prompt.shape[1] :].tolist())).answer
        pairs.append((answer, row["answer"]))
    with Verifier(Verify()) as verifier:
        solved = sum(verdict.status == "correct" for verdict in verifier.check_batch(pairs))
    assert len(pairs) == PROBLEMS and solved / PROBLEMS == read_json(run / "metrics.json")[MEASURED]


def test_a_killed_run_measures_and_exports_the_same(runs):
    assert rows(runs["killed"]) == rows(runs["straight"])
    assert read_json(runs["killed"] / "metrics.json") == read_json(runs["straight"] / "metrics.json")
    assert_same_weights(runs["killed"], runs["straight"])


def test_a_run_that_had_to_leave_measures_when_it_continues(runs):
    assert (runs["left"] / "interrupted.txt").read_text().count("\n") == 2
    assert rows(runs["left"]) == rows(runs["short"]) and list(measured(runs["short"])) == [2, 3]


def test_measuring_changes_nothing(runs):
    assert losses(runs["short"]) == losses(runs["off"]) and not measured(runs["off"])
    assert_same_weights(runs["short"], runs["off"])
    assert not (runs["short"] / "distill" / "best").exists()
    metrics = [read_json(runs[name] / "metrics.json") for name in ("short", "off")]
    assert metrics[0]["exported_step"] == 3 and "exported_step" not in metrics[1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_best_is_exported_in_every_layout(runs, layout):
    """None of two steps solves anything, so the first is the best: what a training of one step exports."""
    assert measured(runs[f"{layout}_best"]) == {1: 0.0, 2: 0.0}
    assert_same_weights(runs[f"{layout}_best"], runs[f"{layout}_1"])
    assert losses(runs[f"{layout}_best"]) == losses(runs[f"{layout}_2"]), "measuring and exporting changed the training"
