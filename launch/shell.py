# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Lines of shell that set variables, exactly."""

import shlex
from collections.abc import Mapping


def exports(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable."""
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def read_file(path: str | None) -> list[str]:
    """Export the variables of a file of lines NAME=value."""
    return [f"set -a; . {shlex.quote(path)}; set +a"] if path else []


def untraced(lines: list[str]) -> list[str]:
    """Lines whose values `set -vx`, which is on in NeMo-Run's scripts, would print into the log."""
    return ["{ set +vx; } 2>/dev/null", *lines, "set -vx"] if lines else []
