# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Megatron-Bridge's training through our stage equals plain Hugging Face and torch AdamW."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import yaml
from distill_reference import hugging_face
from distill_runs import EXAMPLES, losses, make_run, rows, student_of, train, weights

from nemo_reasoning.compose import read_resolved
from nemo_reasoning.files import read_json
from nemo_reasoning.models import load_model, load_tokenizer

pytestmark = pytest.mark.slow
STEPS = 3
RELATIVE = 1e-5
"""Largest difference over the largest value, in loss, gradient norm and each weight after all steps."""
LAYOUTS = {
    "tp1": {"tensor_model_parallel_size": 1},
    "tp2": {"tensor_model_parallel_size": 2},
    "sp2": {"tensor_model_parallel_size": 2, "sequence_parallel": True},
    "pp2": {"tensor_model_parallel_size": 1, "pipeline_model_parallel_size": 2},
    "pp3": {"tensor_model_parallel_size": 1, "pipeline_model_parallel_size": 3},
    "dp2": {"tensor_model_parallel_size": 1},
}
# Every step takes all examples, in several micro batches of different token counts.
ROWS = {
    "packed": {"packing": True, "seq_length": 304, "global_batch_size": 6, "micro_batch_size": 1},
    "unpacked": {"packing": False, "global_batch_size": EXAMPLES, "micro_batch_size": EXAMPLES // 4},
}
torch.set_num_threads(1)


class Case(NamedTuple):
    """One training to compare; the distributed optimizer is always on."""

    layout: str
    architecture: str
    packing: str
    embeddings: str

    @property
    def ranks(self) -> int:
        return int(self.layout[-1])

    @property
    def model(self) -> tuple[str, str, int]:
        return self.architecture, self.embeddings, 3 if self.layout == "pp3" else 2

    @property
    def name(self) -> str:
        return "-".join(self)


# Each architecture in each layout; every two of the four columns in all their combinations.
CASES = [
    Case("tp1", "qwen2", "unpacked", "tied"),
    Case("tp1", "qwen3", "packed", "untied"),
    Case("tp1", "llama", "packed", "tied"),
    Case("tp2", "qwen2", "packed", "untied"),
    Case("tp2", "qwen3", "unpacked", "tied"),
    Case("tp2", "llama", "unpacked", "untied"),
    Case("sp2", "qwen2", "unpacked", "tied"),
    Case("sp2", "qwen3", "packed", "untied"),
    Case("sp2", "llama", "packed", "tied"),
    Case("pp2", "qwen2", "packed", "tied"),
    Case("pp2", "qwen3", "unpacked", "tied"),
    Case("pp2", "llama", "unpacked", "untied"),
    Case("pp3", "qwen2", "packed", "tied"),
    Case("dp2", "qwen2", "unpacked", "untied"),
    Case("dp2", "qwen3", "packed", "tied"),
    Case("dp2", "llama", "packed", "untied"),
]
# Their learning rate is too small to move any weight.
STILL = [
    Case("sp2", "qwen2", "packed", "tied"),
    Case("tp2", "qwen3", "unpacked", "untied"),
    Case("pp2", "llama", "packed", "untied"),
    Case("pp2", "qwen2", "unpacked", "tied"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[Case, Path]:
    """The finished runs; those of as many ranks share their processes."""
    root = tmp_path_factory.mktemp("parity")
    made = {case: _make(root / case.name, case, train_iters=STEPS) for case in CASES}
    for case in STILL:
        made[case] = _make(root / case.name, case, train_iters=1, lr=1e-60, weight_decay=0.0)
    for ranks in (1, 2, 3):
        train([run for case, run in made.items() if case.ranks == ranks], ranks)
    return made


@pytest.fixture(scope="module")
def references(runs) -> Callable[[Case], dict]:
    """Gives the Hugging Face training of a case, which cases of the same model share."""

    @cache
    def reference(model: tuple) -> dict:
        return hugging_face(next(runs[case] for case in CASES if case.model == model))

    return lambda case: reference(case.model)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_training_equals_hugging_face(runs, references, case):
    run = runs[case]
    reference = references(case)
    trained, start = weights(run / "distill" / "hf"), weights(student_of(run))
    assert all(torch.equal(weight, reference["start"][name]) for name, weight in start.items())
    steps = [row for row in rows(run) if "loss" in row]
    assert [row["tokens"] for row in steps] == [reference["tokens"]] * STEPS, "a step did not take all examples"
    errors = {
        "loss": _largest(zip(losses(run), reference["losses"], strict=True)),
        "gradient norm": _largest(zip([row["grad_norm"] for row in steps], reference["norms"], strict=True)),
    }
    assert trained.keys() == start.keys()
    for name, weight in trained.items():
        wanted = reference["weights"][name]
        assert (wanted - start[name]).abs().max() > 1e-3, f"{name} was not trained, so equality would prove nothing"
        errors[name] = ((weight - wanted).abs().max() / wanted.abs().max()).item()
    print(f"{case.name}: " + ", ".join(f"{what} {error:.1e}" for what, error in _summary(errors).items()))
    assert max(errors.values()) < RELATIVE, errors


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_layout_is_what_was_trained(runs, case):
    saved = runs[case] / "distill" / "checkpoints" / f"iter_{STEPS:07d}" / "run_config.yaml"
    bridge = yaml.safe_load(saved.read_text())
    parallel = {"pipeline_model_parallel_size": 1, "sequence_parallel": False, **LAYOUTS[case.layout]}
    assert {name: bridge["model"][name] for name in parallel} == parallel
    assert bridge["optimizer"]["use_distributed_optimizer"] and bridge["ddp"]["use_distributed_optimizer"]
    if case.packing == "packed":
        metrics = read_json(runs[case] / "metrics.json")
        assert metrics["bins"] == ROWS["packed"]["global_batch_size"] < metrics["examples"] == EXAMPLES


@pytest.mark.parametrize("case", STILL, ids=[case.name for case in STILL])
def test_conversion_there_and_back_keeps_every_bit(runs, case):
    before, after = weights(student_of(runs[case])), weights(runs[case] / "distill" / "hf")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_export_is_a_complete_model(runs):
    run = runs[CASES[0]]
    directory, config = run / "distill" / "hf", read_resolved(run / "resolved.yaml")
    tokenizer = load_tokenizer(str(directory))
    assert config.format.fingerprint(tokenizer) == config.format.fingerprint(load_tokenizer(config.model.path))
    assert read_json(directory / "generation_config.json")["eos_token_id"] == config.format.stop_id(tokenizer)
    assert tokenizer.chat_template
    assert load_model(str(directory), torch.float32).dtype == torch.float32


def _make(run: Path, case: Case, **settings) -> Path:
    architecture, embeddings, layers = case.model
    settings = LAYOUTS[case.layout] | ROWS[case.packing] | settings
    return make_run(run, architecture, embeddings == "tied", case.ranks, layers=layers, **settings)


def _largest(pairs) -> float:
    return max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)


def _summary(errors: dict[str, float]) -> dict[str, float]:
    rest = max(error for what, error in errors.items() if what not in ("loss", "gradient norm"))
    return {"loss": errors["loss"], "gradient norm": errors["gradient norm"], "weights": rest}
