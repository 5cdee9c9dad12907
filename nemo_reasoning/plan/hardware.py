# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the GPUs offer."""

from dataclasses import dataclass

GIB = 2**30
NODE_BANDWIDTH = 50e9
"""Bytes a second and direction of one GPU's network card between nodes (400 Gb/s, as in DGX H100)."""
PEAK_TFLOPS = {
    "B300": 2250.0,
    "B200": 2250.0,
    "GB200": 2500.0,
    "GH200": 989.4,
    "H200": 989.4,
    "H100 NVL": 835.5,
    "H100 PCIe": 756.0,
    "H100": 989.4,
    "H20": 148.0,
    "A100": 312.0,
    "A800": 312.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "A10G": 70.0,
    "A10": 125.0,
    "RTX 4090": 165.2,
    "RTX 3090": 71.0,
}
"""Dense bf16 peak by a part of the device's name, the more special first; source: NVIDIA's data sheets."""


@dataclass(frozen=True)
class GPU:
    """One kind of GPU.

    Attributes:
        memory: Bytes that the driver reports.
        bf16: Peak of dense bf16 matrix products (FLOP/s).
        fp8: Peak of dense FP8 matrix products; None where it has none.
        link: NVLink bandwidth to the GPUs of its node (bytes a second and direction).
    """

    memory: float
    bf16: float
    fp8: float | None
    link: float


# NVIDIA's data sheets (SXM; rates without sparsity); memory as nvidia-smi reports it.
GPUS = {
    "a100": GPU(80.0 * GIB, 1e12 * PEAK_TFLOPS["A100"], None, 300e9),
    "h100": GPU(79.6 * GIB, 1e12 * PEAK_TFLOPS["H100"], 1979e12, 450e9),
    "h200": GPU(140.4 * GIB, 1e12 * PEAK_TFLOPS["H200"], 1979e12, 450e9),
    "b200": GPU(179.1 * GIB, 1e12 * PEAK_TFLOPS["B200"], 4500e12, 900e9),
}


def peak_tflops(device: str) -> float | None:
    """Dense bf16 peak of a device by its name; None where it is not known.

    Example:
        >>> peak_tflops("NVIDIA H100 80GB HBM3")
        989.4
    """
    words = device.replace("-", " ").split()
    return next((peak for name, peak in PEAK_TFLOPS.items() if all(part in words for part in name.split())), None)
