# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Configurations of launched runs, for the tests."""

from functools import cache

from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose


@cache
def configured(*overrides):
    """The checked configuration of a command line."""
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        return compose.load(hydra_compose("config", overrides=list(overrides)))
