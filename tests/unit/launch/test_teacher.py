# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The teacher's server beside its stage."""

import signal
import sys
import time

import psutil
import pytest
from launch_runs import configured

from nemo_reasoning.errors import InputError
from nemo_reasoning.launch.teacher import LOG, serving

FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "


def config(tmp_path, *command):
    plain = configured("experiment=smoke", f"paths.root={tmp_path}")
    return plain.model_copy(update={"cluster": plain.cluster.model_copy(update={"teacher": list(command)})})


def wait_until(holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_the_server_and_its_workers_end_with_the_stage(tmp_path):
    myself = psutil.Process()
    before = set(myself.children(recursive=True))

    def started():
        return set(myself.children(recursive=True)) - before

    with serving(
        config(tmp_path, sys.executable, "-c", FAMILY + "print('up', flush=True); time.sleep(60)"), "generate"
    ):
        wait_until(lambda: len(started()) == 2)
        processes = started()
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert (tmp_path / "smoke" / "launch" / LOG).read_text() == "up\n"


def test_a_server_that_ends_interrupts_the_stage_and_is_the_reason(tmp_path, monkeypatch):
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with (
            pytest.raises(InputError, match=rf"server ended with status 3; .*{LOG} says more"),
            serving(config(tmp_path, sys.executable, "-c", "raise SystemExit(3)"), "generate"),
        ):
            wait_until(lambda: came)
            raise InputError("the stage was interrupted")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM]


def test_a_command_that_is_not_there_is_said(tmp_path):
    with (
        pytest.raises(InputError, match="nowhere/vllm cannot be started"),
        serving(config(tmp_path, "/nowhere/vllm", "serve"), "generate"),
    ):
        raise AssertionError


def test_other_stages_have_no_server(tmp_path):
    with serving(config(tmp_path, "/nowhere/vllm"), "distill"):
        assert not (tmp_path / "smoke").exists()
    assert list(tmp_path.iterdir()) == []
