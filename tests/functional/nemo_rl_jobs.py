# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Jobs of ours for NeMo-RL, and what it makes of their configuration; for the tests that run its own source."""

from pathlib import Path

import pytest

from nemo_reasoning.config import GRPO, Config, Paths
from nemo_reasoning.config.nemo_rl import NemoRL
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.grpo.nemo_rl import run, translate
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.models import load_tokenizer

WHY = "NeMo-RL is not importable here; docs/nemo_rl.md says how to run these tests against its source"
nemo_grpo = pytest.importorskip("nemo_rl.algorithms.grpo", reason=WHY, exc_type=ImportError)

from nemo_rl.algorithms.utils import get_gdpo_reward_component_keys  # noqa: E402 - needs NeMo-RL

BY_NAME = bool(get_gdpo_reward_component_keys({"reward/any": None}))
"""NeMo-RL's main branch takes rewards by name, and weighs them; v0.7 takes columns."""
REPO = str(Path(nemo_grpo.__file__).parents[2])


def make_job(directory, model="some/model", *, nemo_rl=None, **settings):
    settings = {"max_num_steps": 20, "num_prompts_per_step": 4, "num_generations_per_prompt": 4} | settings
    settings |= {"max_new_tokens": 24, "max_tokens_per_microbatch": 64, "checkpoint_interval": 10}
    nemo_rl = NemoRL(**{"repo": REPO, "max_prompt_tokens": 40, **(nemo_rl or {})})
    grpo = GRPO(init=str(model), nemo_rl=nemo_rl, **settings)
    config = Config(name="test", paths=Paths(run=str(directory)), format=ReasoningFormat(), grpo=grpo)
    stop_id = 0 if model == "some/model" else config.format.stop_id(load_tokenizer(str(model)))
    return Job(config, translate.stages(config)[0], str(model), directory, stop_id)


def master_config(job):
    return merged_with_base(job.directory / "config.yaml", translate.translate(job))


def merged_with_base(path, values):
    """What `examples/run_grpo.py` makes of our configuration, by NeMo-RL's own functions."""
    from nemo_rl.utils.config import load_config, register_omegaconf_resolvers
    from omegaconf import OmegaConf

    register_omegaconf_resolvers()
    run.write_config(path, values)
    merged = OmegaConf.to_container(load_config(path), resolve=True)
    return merged, nemo_grpo.MasterConfig(**merged)
