# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import copy

import pytest

from nemo_reasoning.doctor import gpu, probe
from nemo_reasoning.doctor.probe import Ran

SMI = Ran("ok", "NVIDIA H200, 143771, 4, 570.124.06\nNVIDIA H200, 143771, 12, 570.124.06\n")
DRIVER = gpu.driver(SMI)
DEVICE = {"name": "NVIDIA H200", "memory": 150_000_000_000, "capability": [9, 0], "error": None}
FACTS = {"version": "2.11.0", "cuda": "13.0", "error": None, "nccl": "2.28.9", "devices": [DEVICE, DEVICE]}


def facts(**changed):
    return copy.deepcopy(FACTS | changed)


def test_a_driver():
    assert DRIVER.level == "ok"
    assert "570.124.06, 2 GPUs" in DRIVER.what


@pytest.mark.parametrize(
    ("ran", "level"),
    [
        (Ran("missing"), "absent"),
        (Ran("failed", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."), "error"),
        (Ran("late"), "error"),
        (Ran("ok", "No devices were found"), "error"),
    ],
)
def test_a_driver_that_is_not_there_or_does_not_answer(ran, level):
    assert gpu.driver(ran).level == level


def test_free_memory():
    assert gpu.memory(SMI).level == "ok"
    assert gpu.memory(Ran("missing")).level == "absent"


def test_memory_that_others_have_taken():
    finding = gpu.memory(Ran("ok", "NVIDIA H200, 143771, 90000, 570\nNVIDIA H200, 143771, 4, 570"))
    assert finding.level == "warning"
    assert "GPU 0: 90,000 of 143,771 MiB" in finding.what


def test_memory_that_is_not_reported_is_nobodys():
    assert gpu.memory(Ran("ok", "NVIDIA GB10, [N/A], [N/A], 580.95")).level == "absent"


def test_cuda():
    assert gpu.cuda(facts(), DRIVER).level == "ok"


@pytest.mark.parametrize(
    ("found", "driver", "level"),
    [
        (None, DRIVER, "absent"),
        (facts(cuda=None), DRIVER, "error"),
        (facts(cuda=None), gpu.driver(Ran("missing")), "absent"),
        (facts(devices=[]), gpu.driver(Ran("missing")), "absent"),
        (facts(error="The NVIDIA driver on your system is too old"), DRIVER, "error"),
        (facts(devices=[]), DRIVER, "error"),
    ],
)
def test_cuda_that_torch_cannot_use(found, driver, level):
    assert gpu.cuda(found, driver).level == level


def test_gpus():
    assert gpu.devices(facts()).level == "ok"
    assert gpu.devices(None).level == "absent"
    assert gpu.devices(facts(devices=[])).level == "absent"


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"error": "no kernel image is available"}, "error"),
        ({"capability": [7, 0]}, "warning"),
        ({"name": "A100"}, "warning"),
    ],
)
def test_a_gpu_that_cannot_compute_or_is_unlike_the_others(change, level):
    assert gpu.devices(facts(devices=[DEVICE, DEVICE | change])).level == level


@pytest.mark.parametrize(("ranks", "level"), [(2, "ok"), (8, "error")])
def test_a_gpu_for_each_rank(ranks, level):
    assert gpu.enough(ranks, facts()).level == level


def test_ranks_on_the_cpu_need_no_gpu():
    assert gpu.enough(8, facts(devices=[])).level == "ok"


def test_nccl():
    assert gpu.nccl(facts()).level == "ok"
    assert gpu.nccl(facts(nccl=None)).level == "absent"


@pytest.mark.slow
def test_what_torch_says_here_is_understood():
    torch = pytest.importorskip("torch")
    ran = probe.python(gpu.TORCH, 180)
    assert ran.end == "ok", ran.output
    assert ran.answer["version"] == torch.__version__
    assert len(ran.answer["devices"]) == (torch.cuda.device_count() if torch.version.cuda else 0)
