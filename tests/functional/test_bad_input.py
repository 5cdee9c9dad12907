# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user gives wrongly: one clear sentence each, exit status 2, no traceback, nothing lost."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nemo_reasoning.config import ScratchModel
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.demo import arithmetic
from nemo_reasoning.demo.student import make_student

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model") / "student"
    texts = [arithmetic.draw(random.Random(0)).text for _ in range(50)]
    make_student(directory, ScratchModel(hidden_size=32, intermediate_size=32, num_hidden_layers=1), texts, seed=0)
    return directory


@pytest.fixture
def data(tmp_path):
    """Forty good traces and ten held-out problems, as a user's own files."""
    rows = [row for row in arithmetic.trace_rows(0, 200, 0.02, 10) if not row["flaw"]][:40]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "eval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in arithmetic.evaluation_rows(10)))
    return tmp_path


def run(data: Path, student: Path, *overrides: str) -> subprocess.CompletedProcess:
    command = [
        *(sys.executable, "-m", "nemo_reasoning.cli", "name=mine", f"paths.root={data / 'runs'}"),
        *(f"model.path={student}", "format.stop_token='<|im_end|>'", "stages=[prepare,curate]"),
        f"+data.traces.mine={{path: {data / 'traces.jsonl'}}}",
        f"data.evaluation={{path: {data / 'eval.jsonl'}}}",
        *overrides,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def assert_refused(result: subprocess.CompletedProcess, *parts: str) -> None:
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.startswith("nemo-reasoning: ")
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_users_own_data_goes_through(data, student):
    result = run(data, student)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "40 of 40 traces kept" in result.stdout


def test_missing_file(data, student):
    (data / "traces.jsonl").unlink()
    assert_refused(run(data, student), "traces.jsonl does not exist")


def test_empty_file(data, student):
    (data / "traces.jsonl").write_text("")
    assert_refused(run(data, student), "traces.jsonl is empty")


def test_binary_file(data, student):
    (data / "traces.jsonl").write_bytes(random.Random(0).randbytes(5000))
    assert_refused(run(data, student), "traces.jsonl", "binary")


def test_a_third_of_the_lines_is_broken(data, student):
    lines = (data / "traces.jsonl").read_text().splitlines(keepends=True)
    broken = [line[: len(line) // 2] + "\n" if number % 10 < 3 else line for number, line in enumerate(lines)]
    (data / "traces.jsonl").write_text("".join(broken))
    assert_refused(run(data, student), "12 of 40 rows", "(30%)", "data.max_broken_share=0.01")

    accepted = run(data, student, "data.max_broken_share=0.5", "overwrite=true")
    assert accepted.returncode == 0, accepted.stderr
    quarantine = (data / "runs" / "mine" / "curate" / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in quarantine] == [n + 1 for n in range(40) if n % 10 < 3]


def test_traces_without_gold_answers(data, student):
    rows = [json.loads(line) for line in (data / "traces.jsonl").read_text().splitlines()]
    for row in rows:
        del row["answer"]
    (data / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert_refused(run(data, student), "has no column 'answer'")
    assert_refused(run(data, student, "+data.traces.mine.layout.answer=null"), "gold answer", "missing_gold=keep")


def test_wrong_column(data, student):
    assert_refused(
        run(data, student, "+data.traces.mine.layout.problem=problme"), "'problme'", "did you mean 'problem'?"
    )


def test_model_directory_without_tokenizer(data, student, tmp_path):
    bare = shutil.copytree(student, tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    assert_refused(run(data, bare), f"the model directory {bare} holds no tokenizer")


def test_model_directory_that_does_not_exist(data, tmp_path):
    assert_refused(run(data, tmp_path / "nowhere"), "nowhere does not exist")


def test_model_of_another_architecture(data, student, tmp_path):
    other = shutil.copytree(student, tmp_path / "other")
    settings = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**settings, "model_type": "mamba"}))
    assert_refused(run(data, other), f"{other}/config.json has model_type=mamba; choose a model of type")


def test_tokenizer_without_chat_template(data, student, tmp_path):
    bare = shutil.copytree(student, tmp_path / "bare", ignore=shutil.ignore_patterns("chat_template*"))
    assert_refused(run(data, bare), "has no chat template; set format.chat_template=chatml")


def test_tensor_parallelism_that_does_not_divide_the_heads(data, student):
    assert_refused(
        run(data, student, "stages=[distill]", "distill.tensor_model_parallel_size=3"),
        "distill.tensor_model_parallel_size=3",
        "heads",
    )


def test_no_free_disk(data, student):
    assert_refused(run(data, student, "paths.min_free_gb=1e9"), "GB are free at", "paths.min_free_gb")


def test_the_disk_fills_up_while_running(data, student):
    """A tiny file system; needs the right to mount."""
    small = data / "runs"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        result = run(data, student, "paths.min_free_gb=0")
        assert_refused(result, "no space is left", "run the same command again")
        subprocess.run(["mount", "-o", "remount,size=100m", str(small)], check=True)
        again = run(data, student, "paths.min_free_gb=0")
        assert again.returncode == 0, again.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_output_directory_of_another_configuration(data, student):
    assert run(data, student).returncode == 0
    kept = (data / "runs" / "mine" / "curate" / "sft.jsonl").read_bytes()
    assert_refused(run(data, student, "curate.steps.repetition.ngram=4"), "curate.steps.repetition.ngram=16, not 4")
    (data / "traces.jsonl").write_text((data / "traces.jsonl").read_text().replace("many", "few"))
    assert_refused(run(data, student), "was made from another", "traces.jsonl")
    assert (data / "runs" / "mine" / "curate" / "sft.jsonl").read_bytes() == kept


def test_a_format_that_is_not_the_models(data, student, tmp_path):
    """A directory trained in one format is not used in another."""
    from nemo_reasoning.models import load_tokenizer

    trained = shutil.copytree(student, tmp_path / "trained")
    ReasoningFormat(stop_token="<|im_end|>").save(load_tokenizer(str(student)), trained)
    result = run(data, trained, "format.answer_style=answer_tags", "stages=[grpo]", f"grpo.init={trained}")
    assert_refused(result, "format")
