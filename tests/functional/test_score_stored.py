# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning score` on completions that this package or a peer has stored."""

import json
import subprocess
import sys

import pytest
from report_runs import write_run

from nemo_reasoning.files import read_json
from nemo_reasoning.stored import LAYOUTS, read_stored

RIGHT, WRONG = "<think>\nx\n</think>\n\n\\boxed{5}", "<think>\nx\n</think>\n\n\\boxed{6}"
PEERS = {
    "skythought": [{"question": "2+3?", "gt": "5", "code": [RIGHT.replace("think>", "think>"), WRONG]}],
    "nemo_skills": [
        {"problem": "2+3?", "expected_answer": 5, "generation": RIGHT, "num_generated_tokens": 9},
        {"problem": "2+3?", "expected_answer": 5, "generation": WRONG, "num_generated_tokens": 9},
    ],
    "lm_eval": [{"doc_id": 0, "target": "5", "resps": [[RIGHT, WRONG]], "doc": {"question": "2+3?"}}],
}


def score(*arguments, cwd):
    command = [sys.executable, "-m", "nemo_reasoning.cli", "score", *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    return result, " ".join(result.stdout.split())


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("layout", PEERS)
def test_the_layout_of_a_peer_is_read(tmp_path, layout):
    (problem,) = read_stored([write(tmp_path / "in.jsonl", PEERS[layout])], LAYOUTS[layout])
    assert problem["answer"] == "5" and problem["greedy"] is None
    assert [sample["text"] for sample in problem["samples"]] == [RIGHT, WRONG]
    result, summary = score("in.jsonl", "--layout", layout, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "completions 2" in summary and "problems 1" in summary and "avg@2 50.0 %" in summary


def test_tags_of_another_kind_are_read_as_thinking(tmp_path):
    text = "<|begin_of_thought|>\nx \\boxed{6}<|end_of_thought|>\n\n\\boxed{5}"
    path = write(tmp_path / "in.jsonl", [{"question": "2+3?", "gt": "5", "code": text}])
    (problem,) = read_stored([path], LAYOUTS["skythought"])
    assert problem["samples"][0]["text"] == "<think>\nx \\boxed{6}</think>\n\n\\boxed{5}"


def test_files_of_one_sample_each_are_put_together_by_problem(tmp_path):
    for place, texts in enumerate([(RIGHT, WRONG), (RIGHT, RIGHT), (WRONG, WRONG)]):
        rows = [
            {"problem": f"p{i}", "expected_answer": "5", "generation": text, "finish_reason": "length" if i else "stop"}
            for i, text in enumerate(texts)
        ]
        write(tmp_path / f"output-rs{place}.jsonl", rows)
    files = [f"output-rs{place}.jsonl" for place in range(3)]
    result, summary = score(*files, "--layout", "nemo_skills", "--pass-at-k", "2", "--out", "out.jsonl", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "problems 2" in summary and "avg@3 50.0 %" in summary and "pass@2 83.3 %" in summary
    assert "maj@3 50.0 %" in summary and "truncated rate" not in summary and "truncated_rate 50.0 %" in summary
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["file"], row["line"]) for row in rows[:3]] == [(file, 1) for file in files]
    again, _ = score(*files, "--layout", "nemo_skills", "--pass-at-k", "2", "--out", "again.jsonl", cwd=tmp_path)
    assert again.stdout == result.stdout
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_what_evaluate_stored_gives_its_figures_again(tmp_path):
    run = write_run(tmp_path / "run", num_problems=30)
    result, summary = score(run / "evaluate" / "completions" / "grpo.jsonl", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "completions 270" in summary and "problems 30" in summary
    metrics = read_json(run / "evaluate" / "results.json")["models"]["grpo"]["metrics"]
    found = metrics["mean_tokens"]
    assert f"mean_tokens {found['value']:.1f} [{found['low']:.1f}, {found['high']:.1f}]" in summary


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"completion": [1], "answer": "5"}], "the field 'completion' in line 1 of in.jsonl is no text."),
        ([{"completion": [], "answer": "5"}], "the field 'completion' in line 1 of in.jsonl is no text."),
        (
            [{"completion": "x", "answer": "5", "problem": "p"}, {"completion": "x", "answer": "6", "problem": "p"}],
            "line 2 of in.jsonl has the gold answer '6', an earlier row of its problem another.",
        ),
        ([{"greedy": None, "samples": 3, "id": "a", "answer": "5"}], "is no row of completions of this package"),
        (
            [{"greedy": {"text": "x"}, "samples": [], "id": "a", "answer": "5"}],
            "line 1 of in.jsonl is no row of completions of this package (greedy.truncated: Field required).",
        ),
        (
            [{"greedy": "x", "samples": [], "id": "a", "answer": "5"}],
            "line 1 of in.jsonl is no row of completions of this package (greedy: Input should be a valid dictionary).",
        ),
    ],
)
def test_bad_rows_are_one_sentence(tmp_path, rows, sentence):
    write(tmp_path / "in.jsonl", rows)
    result, _ = score("in.jsonl", cwd=tmp_path)
    assert result.returncode == 2 and sentence in result.stderr and result.stderr.count("\n") == 1


def test_the_place_of_the_results_is_checked_before_anything_is_scored(tmp_path):
    write(tmp_path / "in.jsonl", [{"completion": RIGHT, "answer": "5"}])
    for out, sentence in (
        (".", ". is a directory; give the name of a file."),
        ("in.jsonl/out", "is no directory"),
        ("./in.jsonl", "is one of the files to score"),
    ):
        result, _ = score("in.jsonl", "--out", out, cwd=tmp_path)
        assert result.returncode == 2 and sentence in result.stderr and result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
