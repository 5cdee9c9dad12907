# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From NeMo-RL's last checkpoint to a Hugging Face directory, by its own converters."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import remove
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.models import load_model, load_tokenizer

if TYPE_CHECKING:
    import torch

MEGATRON_WORKER = "nemo_rl.models.policy.workers.megatron_policy_worker.MegatronPolicyWorker"


def convert(job: Job, step: int, target: Path, dtype: "torch.dtype") -> None:
    """Write the model after `step` to `target`, whole: weights, our tokenizer, format and stop token.

    Raises:
        InputError: NeMo-RL's converter failed.
        RuntimeError: The tokenizer that is read back gives other token ids.
    """
    from nemo_reasoning.grpo.stage import save_model

    converted = job.directory / "converted"
    remove(converted)
    log = job.directory / "convert.txt"
    with log.open("ab") as output:
        command = converter(job, job.checkpoints / f"step_{step}", converted)
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=job.config.grpo.nemo_rl.repo,
            env=environment(job.config.grpo.nemo_rl.repo, job.directory),
            check=False,
        )
    if done.returncode:
        raise InputError(f"NeMo-RL's converter failed with status {done.returncode}; {log} says more.")
    tokenizer = load_tokenizer(job.model, job.config.model)
    save_model(target, load_model(str(converted), dtype, job.config.model), tokenizer, job.config)
    fmt = job.config.format
    if fmt.fingerprint(load_tokenizer(str(target))) != fmt.fingerprint(tokenizer):
        raise RuntimeError(f"the tokenizer read back from {target} gives other token ids than that of {job.model}")
    remove(converted)


def converter(job: Job, checkpoint: Path, target: Path) -> list[str]:
    """The command that converts a `step_N` of the job's backend."""
    nemo_rl, weights = job.config.grpo.nemo_rl, checkpoint / "policy" / "weights"
    where = ["--config", str(checkpoint / "config.yaml"), "--hf-ckpt-path", str(target)]
    if nemo_rl.backend == "dtensor":
        script = f"{nemo_rl.repo}/examples/converters/convert_dcp_to_hf.py"
        return [nemo_rl.python, script, *where, "--dcp-ckpt-path", str(weights)]
    iteration = max(weights.glob("iter_*"), default=weights)
    script = f"{nemo_rl.repo}/examples/converters/convert_megatron_to_hf.py"
    return [*_megatron_python(), script, *where, "--megatron-ckpt-path", str(iteration)]


def environment(repo: str, directory: Path) -> dict[str, str]:
    """The environment of NeMo-RL's processes: its repository and this package on the path.

    NeMo-RL hands it to workers that have interpreters and packages of their own. So this package
    is on the path alone, by a link in `directory`, not with what is installed beside it.
    """
    link = directory.absolute() / "path" / "nemo_reasoning"
    link.parent.mkdir(parents=True, exist_ok=True)
    remove(link)
    link.symlink_to(Path(__file__).parents[2], target_is_directory=True)
    given = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([repo, str(link.parent), *([given] if given else [])])}


def _megatron_python() -> list[str]:
    """An interpreter with Megatron: that of the container's worker, else one that uv makes."""
    worker = Path(os.environ.get("NEMO_RL_VENV_DIR", "/opt/ray_venvs")) / MEGATRON_WORKER / "bin" / "python"
    if worker.exists():
        return [str(worker)]
    if shutil.which("uv"):
        return ["uv", "run", "--extra", "mcore", "python"]
    raise InputError(
        f"neither {worker} nor uv is there to convert Megatron's checkpoint; "
        "run this stage inside nvcr.io/nvidia/nemo-rl:v0.7.0."
    )
