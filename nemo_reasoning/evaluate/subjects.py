# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The models to measure, and the engine that runs one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Config
from nemo_reasoning.contract import preflight
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import sha256
from nemo_reasoning.models import check_model_directory, load_model, load_tokenizer

if TYPE_CHECKING:
    import torch

    from nemo_reasoning.engines.base import Engine


@dataclass(frozen=True)
class Subject:
    """A model to measure.

    Attributes:
        name: As in the setting `evaluate.models`.
        path: Directory or hub name, or a server's name for it.
        digest: Of the directory's content; of a name, the name with its revision or its server.
    """

    name: str
    path: str
    digest: str


def find_subjects(config: Config) -> list[Subject]:
    """The models to measure, in the order of training; names set to null are left out.

    Raises:
        InputError: There is none, one does not exist, or one does not fit the run's format.
    """
    models = {name: path for name, path in config.evaluate.models.items() if path}
    if not models:
        raise InputError("there is no model to evaluate; set evaluate.models.")
    for name, path in models.items():
        if "/" in name or name.startswith("."):
            raise InputError(f"evaluate.models has the name '{name}', which cannot name a file; choose another.")
        if config.evaluate.engine != "openai_server":
            _check_made(config, name, path)
    subjects = [Subject(name, path, _digest(config, path)) for name, path in models.items()]
    if config.evaluate.engine != "openai_server":
        for subject in subjects:  # all of them before the first is sampled, which may take hours
            _check_format(config, subject)
    return subjects


def open_engine(config: Config, subject: Subject, spent: float = 0.0) -> "Engine":
    """The engine with this model; of a server, `spent` before counts for its `max_cost`.

    Raises:
        InputError: It cannot be started.
    """
    evaluate, fmt = config.evaluate, config.format
    if evaluate.engine == "openai_server":
        from nemo_reasoning.engines.openai_server import OpenAIServer

        server = evaluate.server.model_copy(update={"model": subject.path})
        return OpenAIServer(server, "evaluate.server", spent)
    tokenizer = load_tokenizer(subject.path, config.model)
    if evaluate.engine == "vllm":
        from nemo_reasoning.engines.vllm import VLLM

        return VLLM(subject.path, tokenizer, fmt, **vllm_settings(config, subject))
    from nemo_reasoning.engines.in_process import InProcess
    from nemo_reasoning.sampling import Sampler

    model = load_model(subject.path, _dtype(evaluate.precision), config.model).to(device()).eval()
    return InProcess(Sampler(model, fmt.stop_id(tokenizer), tokenizer.pad_token_id), tokenizer, fmt)


def vllm_settings(config: Config, subject: Subject) -> dict[str, Any]:
    """Arguments of `vllm.LLM` with which it loads a model as we do."""
    dtype = {"bf16": "bfloat16", "fp32": "float32"}[config.evaluate.precision]
    revision = {} if Path(subject.path).is_dir() else {"revision": config.model.revision}
    trusted = config.model.trust_remote_code
    return {"dtype": dtype, "seed": config.seed, "trust_remote_code": trusted, **revision, **config.evaluate.vllm}


def device() -> str:
    """Where a model in this process runs."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _dtype(precision: str) -> "torch.dtype":
    import torch

    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def _check_made(config: Config, name: str, path: str) -> None:
    makers = ("prepare", "distill", "grpo")
    maker = next((stage for stage in makers if Path(path).is_relative_to(f"{config.paths.run}/{stage}")), None)
    if maker and not Path(path).exists():
        raise InputError(
            f"evaluate.models.{name} is {path}, which does not exist; "
            f"run the stage {maker} first, or set evaluate.models.{name}=null."
        )
    check_model_directory(path)


def _check_format(config: Config, subject: Subject) -> None:
    tokenizer = load_tokenizer(subject.path, config.model)
    preflight(config.format, tokenizer, Path(subject.path) if Path(subject.path).is_dir() else None)


def _digest(config: Config, path: str) -> str:
    if config.evaluate.engine == "openai_server":
        return f"{config.evaluate.server.base_url}#{path}"
    return sha256(Path(path)) if Path(path).is_dir() else f"{path}@{config.model.revision or 'main'}"
