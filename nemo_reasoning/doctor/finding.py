# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a check found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error", "absent"]
"""`absent`: it is not here, which only matters to a stage that needs it; `error`: it is here and broken."""
Area = Literal["python", "libraries", "gpu", "machine", "hub", "model", "nemo_rl", "cluster"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: Of the check; stages name what they need by it.
        area: Group in which it is shown.
        level: How it is.
        what: What is there.
        fix: What to do, unless it is ok.
    """

    name: str
    area: Area
    level: Level
    what: str
    fix: str = ""

    @property
    def blocks(self) -> bool:
        """A stage that needs this cannot run."""
        return self.level in ("error", "absent")
