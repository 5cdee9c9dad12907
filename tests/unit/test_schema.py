# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import pytest

from nemo_reasoning.config import Config
from nemo_reasoning.schema import Place, explain, locate


@pytest.mark.parametrize(
    ("key", "name"),
    [("distill", "lr"), ("curate.steps.repetition", "ngram"), ("", "from"), ("model.scratch", "hidden_size")],
)
@pytest.mark.parametrize("default", [None, Config()])
def test_names_are_known_at_every_depth(key, name, default):
    place = Place(default=default)
    for part in filter(None, key.split(".")):
        place = place.inside(part)
    assert name in place.names


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("distil.lr", "distil is not a setting; did you mean 'distill'?"),
        ("experimnt", "experimnt is not a setting; did you mean 'experiment'?"),
        ("data.trace.plain.path", "data.trace is not a setting; did you mean 'traces'?"),
        ("data.traces.plain.pth", "data.traces.plain.pth is not a setting; did you mean 'path'?"),
        ("grpo.reward.accuracy.weight", "grpo.reward is not a setting; did you mean 'rewards'?"),
        ("distill.lr.x", "distill.lr.x is not a setting."),
        ("curate.steps.token_length.max", "curate.steps.token_length.max is not a setting; did you mean 'max_total'?"),
        (
            "curate.steps.token_lenght",
            "curate.steps.token_lenght is not set by the chosen groups; did you mean 'token_length', "
            "or +curate.steps.token_lenght=... to add it?",
        ),
        ("data.rl.path", "data.rl.path is not set by the chosen groups; add it with +data.rl.path=..."),
        ("evaluate.vllm.x.y", "evaluate.vllm.x.y is not set by the chosen groups; add it with +evaluate.vllm.x.y=..."),
    ],
)
def test_the_first_wrong_name_is_the_one_that_is_named(key, sentence):
    assert explain(key, ["experiment"]) == sentence


def test_a_tag_in_a_location_narrows_the_names():
    key, holder, _ = locate(("curate", "steps", "again", "repetition", "ngrm"))
    assert key == "curate.steps.again.ngrm"
    assert "ngram" in holder.names
    assert "max_total" not in holder.names
