# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which Ray an executor uses."""

import os
import socket

import pytest

from nemo_reasoning.config import Curate
from nemo_reasoning.curation.executors import make_executor

ray_utils = pytest.importorskip("ray._private.utils")


@pytest.mark.parametrize("answers", [True, False])
def test_a_cluster_that_has_gone_is_not_waited_for(answers, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.delenv("RAY_ADDRESS")
    with socket.socket() as cluster:
        cluster.bind(("127.0.0.1", 0))
        if answers:
            cluster.listen()
        address = f"127.0.0.1:{cluster.getsockname()[1]}"
        monkeypatch.setattr(ray_utils, "read_ray_address", lambda: address)
        make_executor(Curate(executor="ray_data"))
    assert os.environ.get("RAY_ADDRESS") == (None if answers else "local")
