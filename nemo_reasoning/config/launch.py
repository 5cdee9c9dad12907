# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How a run is submitted to a cluster."""

from typing import Literal

from nemo_reasoning.config.base import Section


class Launch(Section):
    """Submission; without meaning for `cluster.kind=here`."""

    dry_run: bool = False
    """Write and print what would be submitted; submit nothing."""
    output: str = "${paths.run}/launch"
    """Where the scripts, the shipped code and the record of the submission are written."""
    code: Literal["git", "ship", "installed"] = "git"
    """Which code the jobs run. `git`: this package, which must not differ from its last commit; `ship`: this package
    as it is now; both are copied to `output`. `installed`: what the image or the interpreter has."""
