# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From Megatron's weights in memory to a Hugging Face directory, checked before it counts."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nemo_reasoning.config import Config
from nemo_reasoning.contract import preflight
from nemo_reasoning.distill import comparison, teacher
from nemo_reasoning.distill.recipe import weights_dtype
from nemo_reasoning.files import whole
from nemo_reasoning.models import load_model, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def export(
    config: Config,
    student: str,
    tokenizer: "PreTrainedTokenizerBase",
    model: list[Any],
    ids: torch.Tensor,
    target: Path,
) -> None:
    """Write the model with tokenizer, chat template and generation settings; every rank calls this.

    Args:
        config: The run's configuration.
        student: Hugging Face directory that the model was made from.
        tokenizer: Its tokenizer.
        model: Megatron's model chunks on this rank.
        ids: Tokens on which both models are compared; see `comparison.trained_losses`.
        target: Written whole by rank 0, after it was loaded again and compared.

    Raises:
        RuntimeError: A weight is missing or not finite, or the exported model is another than the trained one.
    """
    from megatron.bridge import AutoBridge
    from megatron.core.utils import unwrap_model

    dtype = weights_dtype(config.distill)
    bridge = AutoBridge.from_hf_pretrained(student, torch_dtype=dtype)
    trained = comparison.trained_losses(model, ids)
    chunks = unwrap_model(model)
    if torch.distributed.get_rank() != 0:
        with teacher.hidden(chunks):
            bridge.save_hf_weights(chunks, target, show_progress=False)
        return
    with whole(target) as temporary:
        with teacher.hidden(chunks):
            bridge.save_hf_weights(chunks, temporary, show_progress=False)
        _save_settings(config, student, tokenizer, dtype, temporary)
        verify(config, tokenizer, temporary)
        exported = load_model(str(temporary), dtype, config.model).eval()
        verify_weights(exported, temporary)
        if trained is not None:
            comparison.check(config.distill, exported, ids, trained)


def verify_weights(model: "PreTrainedModel", directory: Path) -> None:
    """Check that transformers loads, bit for bit and finite, what the files hold, and nothing else.

    Raises:
        RuntimeError: It does not.
    """
    loaded = dict(model.named_parameters())
    for name, tensor in _tensors(directory):
        parameter = loaded.pop(name, None)
        if parameter is None or not torch.equal(parameter, tensor):
            raise RuntimeError(f"transformers does not load the weight {name} as it was exported")
        if not torch.isfinite(tensor).all():
            raise RuntimeError(f"the exported weight {name} is not finite")
    if loaded:
        raise RuntimeError(f"the export lacks {', '.join(sorted(loaded))}")


def verify(config: Config, tokenizer: "PreTrainedTokenizerBase", directory: Path) -> None:
    """Check the tokenizer and the chat template of an exported directory by what a reader would load.

    Raises:
        RuntimeError: The tokenizer that is read back gives other token ids.
        InputError: Its chat template does not fit the format.
    """
    reloaded = load_tokenizer(str(directory))
    if config.format.fingerprint(reloaded) != config.format.fingerprint(tokenizer):
        raise RuntimeError(f"the tokenizer read back from {directory} gives other token ids than the student's")
    preflight(config.format, reloaded, directory)


def _save_settings(
    config: Config, student: str, tokenizer: "PreTrainedTokenizerBase", dtype: torch.dtype, directory: Path
) -> None:
    from transformers import AutoConfig, GenerationConfig

    settings = AutoConfig.from_pretrained(student, trust_remote_code=config.model.trust_remote_code)
    settings.dtype = dtype
    settings.save_pretrained(directory)
    stop = config.format.stop_id(tokenizer)
    pad = stop if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    GenerationConfig(eos_token_id=stop, pad_token_id=pad, bos_token_id=tokenizer.bos_token_id).save_pretrained(
        directory
    )
    config.format.save(tokenizer, directory)
    for file in directory.glob("*.safetensors"):  # written readable by their owner only
        shutil.copymode(directory / "config.json", file)


def _tensors(directory: Path):  # noqa: ANN202 - an iterator of names and tensors
    from safetensors import safe_open

    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                yield name, tensors.get_tensor(name)
