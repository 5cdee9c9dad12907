# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose
from nemo_reasoning.preflight import check_run


@pytest.mark.parametrize("num_samples", [0, 4])
def test_figures_that_need_more_samples_are_left_out_and_not_refused(num_samples, tmp_path):
    overrides = ["experiment=demo", f"paths.root={tmp_path}", "paths.min_free_gb=0", "stages=[evaluate]"]
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        composed = hydra_compose("config", overrides=[*overrides, f"evaluate.num_samples={num_samples}"])
    check_run(compose.load(composed))
