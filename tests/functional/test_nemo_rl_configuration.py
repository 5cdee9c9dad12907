# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our configurations under NeMo-RL's own source: run where `nemo_rl` can be imported (docs/nemo_rl.md says how)."""

from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from nemo_rl_jobs import REPO, make_job, master_config, merged_with_base

from nemo_reasoning import compose
from nemo_reasoning.config.nemo_rl import NemoRLStage
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl import run, schema, translate
from nemo_reasoning.grpo.nemo_rl.job import Job

CONF = Path(__file__).parents[2] / "conf"
RECIPES = sorted(path.stem for path in CONF.glob("experiment/*.yaml") if "engine: nemo_rl" in path.read_text())


def leaves(values, place=()):
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*place, name))
        elif name not in schema.MARKERS:
            yield (*place, name), value


@pytest.mark.parametrize("backend", ["dtensor", "megatron"])
@pytest.mark.parametrize("validates", [False, True])
def test_the_configuration_survives_the_merge_with_nemo_rls_own(tmp_path, backend, validates):
    settings = {"warmup_steps": 3, "min_lr_ratio": 0.1, "ratio_clip_c": 3.0, "val_period": 5 if validates else 0}
    job = make_job(tmp_path, nemo_rl={"backend": backend}, **settings)
    values = translate.translate(job)
    schema.check(values, Path(REPO) / translate.BASE)
    merged, master = master_config(job)
    for place, value in leaves(values):
        found = merged
        for name in place:
            found = found[name]
        assert found == value, place
    assert set(merged["data"]["train"]) == {"dataset_name", "processor", "data_path", "env_name"}
    assert set(merged["env"]) == {"nemo_reasoning", "nemo_reasoning_validation"}
    assert master.loss_fn.ratio_clip_c == 3.0
    assert master.policy["dtensor_cfg"]["enabled"] == (backend == "dtensor")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"loss_fn": {"ratio_clip_maxx": 0.3}}, "loss_fn.ratio_clip_maxx; did you mean 'ratio_clip_max'"),
        ({"policy": {"dtensor_cfg": {"tensor_parallel": 2}}}, "did you mean 'tensor_parallel_size'"),
        ({"grppo": {}}, "NeMo-RL has no setting grppo; did you mean 'grpo'"),
    ],
)
def test_unknown_overrides_are_one_sentence(tmp_path, overrides, sentence):
    values = schema.merged(translate.translate(make_job(tmp_path)), overrides)
    with pytest.raises(InputError, match=sentence):
        schema.check(values, Path(REPO) / translate.BASE)


def test_overrides_of_a_known_but_unwritten_key_pass(tmp_path):
    known = {"policy": {"dtensor_cfg": {"clear_cache_every_n_steps": 4}, "refit_buffer_size_gb": 2}}
    values = schema.merged(translate.translate(make_job(tmp_path)), known)
    schema.check(values, Path(REPO) / translate.BASE)
    assert values["policy"]["dtensor_cfg"]["tensor_parallel_size"] == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_a_configuration_of_nemo_rl(recipe, tmp_path):
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        config = compose.load(hydra_compose("config", overrides=[f"experiment={recipe}", f"grpo.nemo_rl.repo={REPO}"]))
    for index, stage in enumerate(translate.stages(config)):
        values = run.values_for(Job(config, stage, config.grpo.init, tmp_path, 0))
        merged, master = merged_with_base(tmp_path / f"{index}.yaml", values)
        assert merged["policy"]["max_total_sequence_length"] == stage.max_total_sequence_length
        assert master.loss_fn.ratio_clip_max == (0.28 if index or recipe != "deepscaler_1_5b" else 0.2)
    if recipe == "deepscaler_1_5b":
        assert merged["policy"]["optimizer"]["kwargs"]["lr"] == 5e-7
        assert merged["policy"]["dtensor_cfg"]["tensor_parallel_size"] == 2


def test_stages_in_a_row_are_separate_jobs(tmp_path):
    rows = [NemoRLStage(max_num_steps=2, max_total_sequence_length=n) for n in (64, 128)]
    job = make_job(tmp_path, nemo_rl={"stages": rows})
    merged, _ = master_config(job)
    assert merged["policy"]["generation"]["max_new_tokens"] == 64 == merged["policy"]["max_total_sequence_length"]
