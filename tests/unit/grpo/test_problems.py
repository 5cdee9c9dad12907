# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which problems are held out to validate on."""

import random

import pytest

from nemo_reasoning.config import GRPO, Config, Data, Layout, Paths, Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.problems import read_problems, split
from nemo_reasoning.traces import Problem, write_jsonl

PROBLEMS = [Problem(f"p{number}", f"{number}?", str(number)) for number in range(200)]


def ids(problems):
    return [problem.id for problem in problems]


def test_without_validation_nothing_is_held_out():
    assert split(PROBLEMS, GRPO()) == (PROBLEMS, [])


@pytest.mark.parametrize(("most", "count"), [(256, 20), (7, 7)])
def test_at_most_a_tenth_is_held_out(most, count):
    learned, held_out = split(PROBLEMS, GRPO(val_period=1, val_max_problems=most))
    assert len(held_out) == count and len(learned) == 200 - count
    assert not set(ids(learned)) & set(ids(held_out))
    assert sorted(ids(learned) + ids(held_out)) == sorted(ids(PROBLEMS))


def test_the_id_alone_decides():
    settings = GRPO(val_period=1, val_max_problems=10)
    held_out = ids(split(PROBLEMS, settings)[1])
    shuffled = random.Random(0).sample(PROBLEMS, 200)
    renamed = [Problem(problem.id, "another text", None) for problem in shuffled]
    assert sorted(ids(split(renamed, settings)[1])) == sorted(held_out)
    assert held_out != [f"p{number}" for number in range(10)]  # not the first of the file
    learned, chosen = split(PROBLEMS + PROBLEMS[::-1], settings)  # each id twice: both are on one side
    assert set(ids(chosen)) == set(held_out) and not set(ids(learned)) & set(held_out)


def test_too_few_problems_are_one_sentence():
    with pytest.raises(InputError, match=r"9 problems are too few to hold one in 10 out for grpo\.val_period"):
        split(PROBLEMS[:9], GRPO(val_period=1))


def test_evaluation_problems_are_never_validated_on(tmp_path):
    """Neither those that `prepare` wrote nor those of `data.evaluation` are read by GRPO."""
    for name in ("curate/rl", "prepare/evaluation", "benchmark"):
        rows = [{"id": f"{name}{number}", "problem": "?", "answer": "1"} for number in range(30)]
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
    source = Source(path=str(tmp_path / "benchmark.jsonl"), layout=Layout(id="id"))
    config = Config(name="test", paths=Paths(run=str(tmp_path)), data=Data(evaluation=source))
    learned, held_out = split(read_problems(config), GRPO(val_period=1))
    assert len(held_out) == 3 and all(name.startswith("curate/rl") for name in ids([*learned, *held_out]))
