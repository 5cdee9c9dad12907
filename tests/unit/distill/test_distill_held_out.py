# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which problems the student is measured on, and what is said in the end."""

import random
from pathlib import Path

import pytest

from nemo_reasoning import compose
from nemo_reasoning.config import Config, Distill, ScratchModel
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.demo.arithmetic import draw_distinct
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.distill import held_out
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import load_tokenizer
from nemo_reasoning.traces import write_jsonl

FORMAT = ReasoningFormat(answer_style="answer_tags", chat_template="chatml", stop_token="<|im_end|>")
PROBLEMS = draw_distinct(random.Random(0), 12, held_out=False)
ROWS = [{"problem": problem.text, "answer": problem.answer} for problem in PROBLEMS]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    directory = tmp_path_factory.mktemp("held_out")
    make_student(directory / "student", ScratchModel(), [problem.text for problem in PROBLEMS], seed=0)
    return load_tokenizer(str(directory / "student"))


def read(run: Path, tokenizer, rows: list[dict], **settings) -> list[held_out.HeldOut]:
    write_jsonl(run / "curate" / "sft_validation.jsonl", iter(rows))
    return held_out.read(Config(format=FORMAT, distill=Distill(val_period=1, **settings)), tokenizer, run)


def test_each_problem_with_an_answer_is_read_once(tmp_path, tokenizer):
    rows = [ROWS[0], *ROWS, {"problem": "What is love?", "answer": None}]
    found = read(tmp_path, tokenizer, rows)
    assert [one.answer for one in found] == [problem.answer for problem in PROBLEMS]
    assert found[3].prompt == FORMAT.encode_prompt(tokenizer, PROBLEMS[3].text)


def test_problems_of_the_evaluation_are_left_out(tmp_path, tokenizer):
    write_jsonl(tmp_path / "prepare" / "evaluation.jsonl", iter(ROWS[2:7]))
    found = read(tmp_path, tokenizer, ROWS)
    assert [one.answer for one in found] == [problem.answer for problem in (*PROBLEMS[:2], *PROBLEMS[7:])]


def test_the_text_alone_decides_which_are_taken(tmp_path, tokenizer):
    few = read(tmp_path, tokenizer, ROWS, val_max_problems=5)
    reversed_few = read(tmp_path, tokenizer, ROWS[::-1], val_max_problems=5)
    more = read(tmp_path, tokenizer, ROWS, val_max_problems=7)
    assert len(few) == 5 and few == reversed_few[::-1]
    assert len(more) == 7 and all(one in more for one in few)


@pytest.mark.parametrize(
    ("rows", "settings"), [([], {}), ([{"problem": "Why?", "answer": None}], {}), (ROWS, {"seq_length": 4})]
)
def test_nothing_to_measure_on_is_said(tmp_path, tokenizer, rows, settings):
    with pytest.raises(InputError, match=r"val_period needs held-out problems .* raise curate\.validation_share, or"):
        read(tmp_path, tokenizer, rows, **settings)


LOG = [{"step": 1, "loss": 2.0}, *({"step": s, held_out.ACCURACY: a} for s, a in ((4, 0.25), (8, 0.5), (12, 0.5)))]


def test_the_best_is_the_first_of_equals():
    found = held_out.summary(Distill(val_period=4, keep_best=True), LOG, steps=12)
    assert found["exported_step"] == found["best_step"] == 8 and found[held_out.ACCURACY] == 0.5
    assert held_out.sentence(found) == ", exported step 8: 50.0% of the held-out problems"


def test_the_last_is_exported_where_nothing_else_is_wanted():
    found = held_out.summary(Distill(val_period=4), [*LOG, {"step": 13, held_out.ACCURACY: 0.125}], steps=13)
    assert found["exported_step"] == 13 and found[held_out.ACCURACY] == 0.125
    assert held_out.sentence(found).endswith("exported step 13: 12.5% of the held-out problems; step 8 solved 50.0%")


def test_without_measurements_nothing_is_said():
    assert held_out.summary(Distill(), LOG[:1], steps=1) == {} and held_out.sentence({}) == ""


def test_the_best_must_be_measured():
    with pytest.raises(InputError, match=r"distill\.keep_best needs distill\.val_period"):
        compose.validate({"name": "x", "model": {"path": "m"}, "distill": {"keep_best": True}})
