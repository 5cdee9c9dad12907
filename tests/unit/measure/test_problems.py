# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Every benchmark group, on rows with the columns of its data set; and multiple choice."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning import compose
from nemo_reasoning.config import Benchmark, Evaluate, Layout, Sampling
from nemo_reasoning.errors import InputError
from nemo_reasoning.measure import read_benchmark
from nemo_reasoning.measure.problems import LETTERS, letter

CONF = Path(__file__).parents[3] / "conf" / "benchmark"
ROWS = {
    "aime24": ({"id": 60, "problem": "P", "solution": "S", "answer": "204", "url": "u", "year": "2024"}, "204"),
    "aime25": ({"problem": "P", "answer": "70", "id": "0"}, "70"),
    "amc23": ({"id": 0, "question": "P", "answer": 27.0, "url": "u"}, "27.0"),
    "math500": ({"problem": "P", "answer": "p - q", "unique_id": "test/algebra/1.json", "level": 2}, "p - q"),
    "gsm8k": ({"question": "P", "answer": "9 * 2 = <<9*2=18>>18\n#### 18"}, "18"),
    "minerva": ({"question": "P", "answer": "1.6"}, "1.6"),
    "olympiadbench": ({"id": 1606, "question": "P", "final_answer": ["2"], "context": None}, "2"),
    "gpqa_diamond": (
        {
            "Question": "P",
            "Correct Answer": "right\n",
            "Incorrect Answer 1": "w1",
            "Incorrect Answer 2": "w2 ",
            "Incorrect Answer 3": "w3",
        },
        None,
    ),
}
"""A row in the columns of each data set, and its gold answer."""


def configured(*overrides):
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        return compose.resolve(hydra_compose("config", overrides=["experiment=demo", *overrides])).evaluate


def test_there_is_a_row_for_every_group():
    assert {*ROWS, "held_out"} == {path.stem for path in CONF.glob("*.yaml")}


@pytest.mark.parametrize("name", ROWS)
def test_a_group_reads_the_columns_of_its_data_set(name, tmp_path):
    row, gold = ROWS[name]
    (tmp_path / "rows.jsonl").write_bytes(orjson.dumps(row) + b"\n")
    settings = configured(f"benchmark={name}", f"evaluate.benchmarks.{name}.path={tmp_path}/rows.jsonl")
    benchmark = settings.benchmarks[name]
    (found,) = read_benchmark(name, benchmark, seed=0)
    assert found["problem"].startswith("P\n\n") and found["problem"].endswith("\\boxed{}.")
    if gold is None:
        assert f"{found['answer']}) right\n" in found["problem"]
        assert all(f"{one}) " in found["problem"] for one in "ABCD")
    else:
        assert found["answer"] == gold
    sampling = settings.sampling(benchmark)
    assert sampling.num_samples == benchmark.num_samples > 1


def test_published_settings_are_the_default():
    sampling = Evaluate().sampling(configured("benchmark=aime24").benchmarks["aime24"])
    assert sampling == Sampling(num_samples=64, temperature=0.6, top_p=0.95, max_new_tokens=32768)


def test_several_groups_and_their_settings_are_chosen_on_the_command_line():
    settings = configured("benchmark=[held_out,aime24]", "evaluate.benchmarks.aime24.num_samples=2")
    assert list(settings.benchmarks) == ["held_out", "aime24"] and settings.benchmarks["held_out"].path is None
    assert settings.sampling(settings.benchmarks["aime24"]).num_samples == 2
    with pytest.raises(InputError, match=r"prompt cannot be used: it should hold \{problem\}"):
        configured("benchmark=aime24", "evaluate.benchmarks.aime24.prompt=Solve")


@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1, max_size=9), st.text())
def test_the_letter_is_that_of_the_right_option(right, wrong, seed):
    lettered, gold = letter(right, wrong, seed)
    options = [right, *wrong]
    place = LETTERS.index(gold)
    assert f"{gold}) {right}" in lettered
    assert lettered.count(") ") >= len(options) and place < len(options)
    assert letter(right, wrong, seed) == (lettered, gold)


def test_every_place_is_as_likely():
    places = Counter(letter("r", ["x", "y", "z"], f"{seed}/id")[1] for seed in range(4000))
    assert set(places) == set("ABCD") and max(places.values()) - min(places.values()) < 200


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "has no usable row|holds no problem|is empty"),
        ([{"problem": "P", "answer": None}], "there is no gold answer; a benchmark is measured whole"),
        ([{"problem": "P", "answer": "1", "id": "a"}, {"problem": "Q", "answer": "2", "id": "a"}], "the id a twice"),
        ([{"problem": "", "answer": "1", "id": "a"}], "cannot be used: problem is not a text"),
    ],
)
def test_what_cannot_be_measured_whole_is_one_sentence(tmp_path, rows, sentence):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"id": "x", **row}) + b"\n" for row in rows))
    with pytest.raises(InputError, match=sentence) as caught:
        read_benchmark("mine", Benchmark(path=str(path), layout=Layout(id="id")), seed=0)
    assert "\n" not in str(caught.value)
