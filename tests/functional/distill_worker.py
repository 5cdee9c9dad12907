# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Distils several runs one after the other in the same processes, since their imports take long.

`python distill_worker.py RUN...`, alone or under torchrun; each RUN holds `resolved.yaml` and `curate/`.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    import torch

    from nemo_reasoning.compose import read_resolved
    from nemo_reasoning.distill import stage
    from nemo_reasoning.errors import Interrupted
    from nemo_reasoning.files import write_json
    from nemo_reasoning.lifetime import die_with_parent
    from nemo_reasoning.manifest import StageRun

    die_with_parent()
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    first = os.environ.get("RANK", "0") == "0"
    for run in map(Path, sys.argv[1:]):
        directory = run / "distill"
        directory.mkdir(exist_ok=True)
        try:
            metrics = stage.run(read_resolved(run / "resolved.yaml"), StageRun("distill", directory))
        except Interrupted as why:
            if first:
                with (run / "interrupted.txt").open("a") as file:
                    print(why, file=file)
            continue
        if first:
            write_json(run / "metrics.json", {key: value for key, value in metrics.items() if key != "speed"})


if __name__ == "__main__":
    main()
