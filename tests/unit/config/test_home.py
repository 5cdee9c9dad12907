# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`~/` in the settings is the home directory of where the stages run."""

import pytest

from nemo_reasoning.config import Config

VALUES = {
    "paths": {"root": "~/runs"},
    "model": {"path": "~/m"},
    "cluster": {"mounts": ["~/data:/data"]},
    "evaluate": {"models": {"base": "~/m", "grpo": None, "hub": "a/b~/c"}},
}


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")


def test_paths_are_written_out():
    config = Config.model_validate(VALUES)
    assert (config.paths.root, config.model.path) == ("/home/me/runs", "/home/me/m")
    assert config.cluster.mounts == ["/home/me/data:/data"]
    assert config.evaluate.models == {"base": "/home/me/m", "grpo": None, "hub": "a/b~/c"}
    assert Config(**VALUES) == config


def test_behind_a_tunnel_home_is_the_clusters():
    config = Config.model_validate(VALUES | {"cluster": {"tunnel": {"host": "login"}}})
    assert (config.paths.root, config.model.path) == ("~/runs", "~/m")
