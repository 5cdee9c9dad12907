# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Sampling a teacher: problems in, verified traces out; every reply that was paid for is kept."""

from nemo_reasoning.generate.checks import check

__all__ = ["check"]
