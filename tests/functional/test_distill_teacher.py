# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Logit distillation equals plain Hugging Face: the traces' loss and the divergence from the teacher."""

import shutil
from pathlib import Path

import pytest
import torch
from distill_reference import hugging_face
from distill_runs import EXAMPLES, losses, make_run, make_teacher, rows, student_of, train, weights

from nemo_reasoning.compose import read_resolved
from nemo_reasoning.distill import teacher
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json, write_json

pytestmark = pytest.mark.slow
STEPS = 3
RELATIVE = 1e-5
ALONE = {"tensor_model_parallel_size": 1}
PACKED = {"packing": True, "seq_length": 304, "global_batch_size": 6, "micro_batch_size": 1}
LAYOUTS = {
    "packed": (1, PACKED),
    "tensor": (2, {"micro_batch_size": EXAMPLES // 4}),
    "sequence": (2, PACKED | {"sequence_parallel": True}),
    "pipeline": (2, PACKED | ALONE | {"pipeline_model_parallel_size": 2}),
    "data": (2, PACKED | ALONE),
}
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Each of `LAYOUTS` in fp32; one in bf16; one without a teacher; one interrupted after every step."""
    root = tmp_path_factory.mktemp("teacher")
    taught = {"teacher_weight": 0.7, "teacher_temperature": 2.0, "train_iters": STEPS}
    made = {name: _make(root / name, ranks, settings | taught) for name, (ranks, settings) in LAYOUTS.items()}
    made["bf16"] = _make(root / "bf16", 1, PACKED | taught | {"precision": "bf16"})
    made["untaught"] = make_run(root / "untaught", **PACKED, train_iters=STEPS)
    made["limited"] = _make(root / "limited", 1, PACKED | taught | {"exit_duration_in_mins": 1e-3})
    train([made[name] for name in ("packed", "bf16", "untaught", *["limited"] * STEPS)], 1)
    train([made[name] for name, (ranks, _) in LAYOUTS.items() if ranks == 2], 2)
    return made


@pytest.fixture(scope="module")
def reference(runs) -> dict:
    return hugging_face(runs["packed"])


@pytest.mark.parametrize("name", LAYOUTS)
def test_distillation_equals_hugging_face(runs, reference, name):
    run, steps = runs[name], [row for row in rows(runs[name]) if "loss" in row]
    trained, start = weights(run / "distill" / "hf"), weights(student_of(run))
    assert losses(run) == pytest.approx(reference["losses"], rel=RELATIVE)
    assert [row["teacher_divergence"] for row in steps] == pytest.approx(reference["divergences"], rel=RELATIVE)
    assert [row["grad_norm"] for row in steps] == pytest.approx(reference["norms"], rel=RELATIVE)
    assert trained.keys() == start.keys(), "nothing of the teacher is exported"
    for weight, found in trained.items():
        wanted = reference["weights"][weight]
        assert (wanted - start[weight]).abs().max() > 1e-3
        assert (found - wanted).abs().max() < RELATIVE * wanted.abs().max(), weight


def test_the_teacher_teaches(runs, reference):
    """Otherwise equality would prove nothing: it is another model, and the training is another."""
    assert min(reference["divergences"]) > 0.1
    assert losses(runs["packed"])[0] == losses(runs["untaught"])[0]
    assert losses(runs["packed"])[1] != pytest.approx(losses(runs["untaught"])[1], rel=100 * RELATIVE)
    assert not any("teacher_divergence" in row for row in rows(runs["untaught"]))


def test_bf16_follows(runs, reference):
    steps = [row for row in rows(runs["bf16"]) if "loss" in row]
    assert [row["loss"] for row in steps] == pytest.approx(reference["losses"], rel=0.02)
    assert [row["teacher_divergence"] for row in steps] == pytest.approx(reference["divergences"], rel=0.02)


def test_an_interruption_changes_nothing(runs):
    assert len((runs["limited"] / "interrupted.txt").read_text().splitlines()) == STEPS - 1
    assert rows(runs["limited"]) == rows(runs["packed"])
    ours, theirs = (weights(runs[name] / "distill" / "hf") for name in ("limited", "packed"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_teacher_that_cannot_teach_is_one_sentence(runs, tmp_path):
    run = runs["packed"]
    distill, student = read_resolved(run / "resolved.yaml").distill, str(student_of(run))

    def refused(**settings) -> str:
        with pytest.raises(InputError) as caught:
            teacher.check(distill.model_copy(update=settings), student)
        return str(caught.value)

    make_teacher(tmp_path / "other", ["other words"])
    assert f"other has another tokenizer than {student}; choose one" in refused(teacher=str(tmp_path / "other"))
    fewer = shutil.copytree(distill.teacher, tmp_path / "fewer")
    settings = read_json(fewer / "config.json")
    write_json(fewer / "config.json", {**settings, "vocab_size": 64})
    assert f"fewer has 64 logits, the student {settings['vocab_size']};" in refused(teacher=str(fewer))
    assert "=4 does not divide the" in refused(tensor_model_parallel_size=4)
    (tmp_path / "empty").mkdir()
    assert "holds no model" in refused(teacher=str(tmp_path / "empty"))
    assert "cannot be downloaded" in refused(teacher="nobody/nothing")


def _make(run: Path, ranks: int, settings: dict) -> Path:
    return make_run(run, ranks=ranks, teacher=str(run / "teacher"), **settings)
