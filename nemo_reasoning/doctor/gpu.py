# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Driver, CUDA, GPUs, their memory, NCCL."""

from collections.abc import Mapping, Sequence
from typing import Any

from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.doctor.probe import Ran

SMI = ("nvidia-smi", "--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader,nounits")
SMI_S = 30.0
"""Without the driver's persistence mode, nvidia-smi first wakes up every GPU."""
TORCH_S = 300.0
TORCH = """
import torch
facts = {"version": torch.__version__, "cuda": torch.version.cuda, "devices": [], "nccl": None, "error": None}
try:
    if facts["cuda"]:
        torch.cuda.init()
        facts["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
    for index in range(torch.cuda.device_count() if facts["cuda"] else 0):
        its = torch.cuda.get_device_properties(index)
        device = {"name": its.name, "memory": its.total_memory, "capability": [its.major, its.minor], "error": None}
        facts["devices"].append(device)
        try:
            torch.ones(8, device=f"cuda:{index}").sum().item()
        except Exception as error:
            device["error"] = str(error).strip().splitlines()[0]
except Exception as error:
    facts["error"] = str(error).strip().splitlines()[0]
answer(facts)
"""
AMPERE = (8, 0)
"""First compute capability with bf16."""
BUSY = 0.1
"""A GPU of which more is taken before we start is somebody else's."""
FIX_DRIVER = "use a node with GPUs (docker run --gpus all; in Slurm ask for some)"


def driver(ran: Ran) -> Finding:
    """The NVIDIA driver, by what `SMI` said."""
    if ran.end == "missing":
        return Finding("driver", "gpu", "absent", "there is no NVIDIA driver (nvidia-smi)", FIX_DRIVER)
    rows = smi_rows(ran)
    if ran.end != "ok" or not rows:
        what = f"nvidia-smi does not answer: {ran.reason}"
        return Finding("driver", "gpu", "error", what, "restart the driver, or the node")
    return Finding("driver", "gpu", "ok", f"{rows[0][3]}, {len(rows)} GPUs on this node")


def smi_rows(ran: Ran) -> list[list[str]]:
    """Name, memory in all and taken (MiB), driver version of each GPU."""
    rows = [[cell.strip() for cell in line.split(",")] for line in ran.output.splitlines()]
    return [row for row in rows if len(row) == 4]


def memory(ran: Ran) -> Finding:
    """Whether the GPUs' memory is free, by what `SMI` said."""
    rows = [row for row in smi_rows(ran) if row[1].isdecimal() and row[2].isdecimal()]
    if not rows:
        return Finding("gpu-memory", "gpu", "absent", "there is no GPU", FIX_DRIVER)
    taken = [f"GPU {i}: {int(row[2]):,} of {int(row[1]):,} MiB" for i, row in enumerate(rows) if _busy(row)]
    if taken:
        what = f"taken by other processes: {', '.join(taken)}"
        return Finding("gpu-memory", "gpu", "warning", what, "end them, or choose others with CUDA_VISIBLE_DEVICES")
    return Finding("gpu-memory", "gpu", "ok", f"{sum(int(row[1]) for row in rows) / 1024:,.0f} GiB, free")


def _busy(row: Sequence[str]) -> bool:
    return int(row[2]) > BUSY * int(row[1])


def cuda(facts: Mapping[str, Any] | None, driver_found: Finding) -> Finding:
    """Whether torch can use the driver.

    Args:
        facts: What `TORCH` answered; None where torch is not here or broken.
        driver_found: The driver's finding.
    """
    if facts is None:
        return Finding("cuda", "gpu", "absent", "torch cannot be imported", "see torch")
    if facts["cuda"] is None:
        level = "error" if driver_found.level == "ok" else "absent"
        fix = "install the torch that is built for CUDA, or use an image of docs/containers.md"
        return Finding("cuda", "gpu", level, f"torch {facts['version']} is built without CUDA", fix)
    if driver_found.level == "absent":
        return Finding(
            "cuda", "gpu", "absent", f"torch is built for CUDA {facts['cuda']}, without a driver", FIX_DRIVER
        )
    if facts["error"] or not facts["devices"]:
        what = f"torch (CUDA {facts['cuda']}) cannot use the GPUs: {facts['error'] or 'it sees none'}"
        fix = "if it is too old, update the driver; else look at CUDA_VISIBLE_DEVICES"
        return Finding("cuda", "gpu", "error", what, fix)
    return Finding("cuda", "gpu", "ok", f"{facts['cuda']}, torch {facts['version']}")


def devices(facts: Mapping[str, Any] | None) -> Finding:
    """The GPUs that torch sees, each after a small computation."""
    found = facts["devices"] if facts else []
    if not found:
        return Finding("gpus", "gpu", "absent", "torch sees no GPU", FIX_DRIVER)
    broken = [f"GPU {i} ({device['error']})" for i, device in enumerate(found) if device["error"]]
    if broken:
        fix = "restart or leave them out (CUDA_VISIBLE_DEVICES); for a missing kernel use a torch built for this GPU"
        return Finding("gpus", "gpu", "error", f"cannot compute: {', '.join(broken)}", fix)
    what = ", ".join(f"{device['name']} ({device['memory'] / 2**30:.0f} GiB)" for device in found)
    if min(tuple(device["capability"]) for device in found) < AMPERE:
        return Finding("gpus", "gpu", "warning", f"{what}: no bf16", "set distill.precision=fp32, or use newer GPUs")
    if len({device["name"] for device in found}) > 1:
        return Finding("gpus", "gpu", "warning", f"of several kinds: {what}", "choose equal ones: CUDA_VISIBLE_DEVICES")
    return Finding("gpus", "gpu", "ok", f"{len(found)}: {what}")


def enough(wanted: int, facts: Mapping[str, Any] | None) -> Finding:
    """Whether there is a GPU for each rank of distillation on this node."""
    count = len(facts["devices"]) if facts else 0
    if 0 < count < wanted:
        fix = "use a cluster (cluster=slurm), or lower distill.num_processes and the parallel sizes"
        return Finding("gpu-count", "gpu", "error", f"{count} GPUs for distill.num_processes={wanted}", fix)
    return Finding("gpu-count", "gpu", "ok", f"{count} for {wanted} ranks")


def nccl(facts: Mapping[str, Any] | None) -> Finding:
    """NCCL, in torch."""
    if facts and facts["nccl"]:
        return Finding("nccl", "gpu", "ok", facts["nccl"])
    return Finding(
        "nccl", "gpu", "absent", "torch has none that it can use", "it comes with a torch for CUDA and a GPU"
    )
