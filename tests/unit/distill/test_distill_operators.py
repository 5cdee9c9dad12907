# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our operators of the plain layers give the values and gradients of torch's compositions."""

import pytest
import torch
from torch.nn.functional import rms_norm, silu

from nemo_reasoning.distill.compat import operators, shortcuts

SHAPE = (5, 2, 3, 8)


def _swiglu(both):
    gate, up = both.chunk(2, dim=-1)
    return silu(gate) * up


def _rotate(heads, cos, sin):
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin


def _normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def _angles():
    return _normal(5, 1, 1, 4).detach().repeat(1, 1, 1, 2)


CASES = {
    "swiglu": (operators.swiglu, _swiglu, lambda: [_normal(*SHAPE)]),
    "rotate": (operators.rotate, _rotate, lambda: [_normal(*SHAPE), _angles().cos(), _angles().sin()]),
    "rms_norm": (
        lambda hidden, weight: operators.rms_norm(hidden, weight, 1e-3),
        lambda hidden, weight: rms_norm(hidden, (8,), weight, 1e-3),
        lambda: [_normal(*SHAPE), _normal(8)],
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("strided", [False, True])
def test_values_and_gradients_are_those_of_the_composition(name, strided):
    torch.manual_seed(0)
    ours, theirs, inputs = CASES[name]
    first, *rest = inputs()
    if strided:  # as slices of a larger projection are
        first = torch.cat((first, first), dim=-1).detach()[..., :8].requires_grad_()
    learned = [part for part in (first, *rest) if part.requires_grad]
    given, wanted = ours(first, *rest), theirs(first, *rest)
    torch.testing.assert_close(given, wanted)
    weights = torch.randn_like(wanted)
    for our, their in zip(*(torch.autograd.grad(y, learned, weights) for y in (given, wanted)), strict=True):
        torch.testing.assert_close(our, their)


def test_angles_of_packed_documents_begin_anew_and_follow_the_model():
    boundaries = torch.tensor([0, 3, 4, 4, 6], dtype=torch.int32)
    for angles in (torch.arange(3.0).reshape(3, 1, 1, 1), 10 * torch.arange(3.0).reshape(3, 1, 1, 1)):
        expected = angles.flatten()[[0, 1, 2, 0, 0, 1]]
        for _ in range(2):
            assert torch.equal(shortcuts._of_documents(boundaries, angles).flatten(), expected)
