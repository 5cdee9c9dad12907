# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Loading Hugging Face models and tokenizers, with errors that say what to do."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Model
from nemo_reasoning.errors import InputError, first_line
from nemo_reasoning.files import is_local, read_json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
SIZES = (
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "vocab_size",
)
"""Hugging Face's names of the sizes that a model is planned and laid out by."""


def load_tokenizer(path: str, model: Model | None = None) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a model directory or hub name.

    Args:
        path: Directory or hub name.
        model: The student's settings, for the hub revision and `trust_remote_code`.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    _check_directory(path, TOKENIZER_FILES, "tokenizer")
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(_place(path)), **_hub_arguments(path, model))
    except Exception as error:  # the tokenizers library raises bare exceptions
        raise InputError(f"the tokenizer of {path} cannot be loaded ({first_line(error)}).") from error


def load_model(path: str, dtype: "torch.dtype", model: Model | None = None) -> "PreTrainedModel":
    """Load a causal language model in `dtype`; arguments as in `load_tokenizer`.

    Raises:
        InputError: There is none, it cannot be read, or its files lack some of its weights
            (transformers would start those from random values).
    """
    from transformers import AutoModelForCausalLM

    return _load(AutoModelForCausalLM, path, dtype, model)


def load_classifier(path: str, dtype: "torch.dtype", model: Model | None = None) -> "PreTrainedModel":
    """Load a sequence classifier, such as a reward model; arguments and errors as in `load_model`."""
    from transformers import AutoModelForSequenceClassification

    return _load(AutoModelForSequenceClassification, path, dtype, model)


def _load(kind: "type[_BaseAutoModelClass]", path: str, dtype: "torch.dtype", model: Model | None) -> "PreTrainedModel":
    _check_directory(path, ("config.json",), "model")
    hub = _hub_arguments(path, model)
    adapter = {"local_files_only": hub.get("local_files_only", False)}  # not passed on by transformers
    try:
        loaded, info = kind.from_pretrained(
            str(_place(path)), dtype=dtype, output_loading_info=True, adapter_kwargs=adapter, **hub
        )
    except Exception as error:  # safetensors, torch and the hub's client each raise their own
        raise InputError(f"the model {path} cannot be loaded ({first_line(error)}).") from error
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise InputError(f"the model {path} lacks {len(missing)} of its weights, {missing[0]} first; copy it again.")
    return loaded


def check_model_directory(path: str) -> None:
    """Check that a local directory holds a model and its tokenizer; a hub name passes.

    Raises:
        InputError: It does not exist, or either is missing.
    """
    _check_directory(path, ("config.json",), "model")
    _check_directory(path, TOKENIZER_FILES, "tokenizer")


def read_settings(path: str, types: Collection[str] = ()) -> dict[str, Any]:
    """The `config.json` of a model directory.

    Args:
        path: The directory.
        types: The `model_type`s that will do; empty for all.

    Raises:
        InputError: It cannot be read, is of another type, or lacks one of `SIZES`.
    """
    file = _place(path) / "config.json"
    settings = read_json(file)
    if not isinstance(settings, dict):
        raise InputError(f"{file} does not describe a model; copy the model again.")
    found = settings.get("model_type")
    if types and found not in types:
        raise InputError(f"{file} has model_type={found}; choose a model of type {', '.join(types)}.")
    for name in SIZES:
        if not isinstance(settings.get(name), int) or settings[name] < 1:
            raise InputError(f"{file} has {name}={settings.get(name)}, not a size; copy the model again.")
    return settings


def local_directory(path: str, model: Model | None = None) -> str:
    """The directory of a model; a hub name is downloaded once. Arguments as in `load_tokenizer`.

    Raises:
        InputError: There is none, or the hub does not give it.
    """
    _check_directory(path, ("config.json",), "model")
    if _place(path).is_dir():
        return str(_place(path))
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(path, revision=model.revision if model else None, local_files_only=not hub_answers())
    except Exception as error:  # the hub's client and whichever HTTP library it uses raise their own
        raise InputError(f"the model {path} cannot be downloaded ({first_line(error)}).") from error


def hub_answers() -> bool:
    """Whether the Hugging Face hub can be reached now; one request, at most five seconds.

    The hub's client itself tries for more than a minute before it gives up.
    """
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # of whichever HTTP library the client uses
        return False
    return True


def _hub_arguments(path: str, model: Model | None) -> dict[str, str | bool | None]:
    arguments = {"trust_remote_code": bool(model and model.trust_remote_code)}
    if _place(path).is_dir():
        return arguments
    return {**arguments, "revision": model.revision if model else None, "local_files_only": not hub_answers()}


def _place(path: str) -> Path:
    return Path(path).expanduser()


def _check_directory(path: str, names: tuple[str, ...], what: str) -> None:
    place = _place(path)
    if place.is_file():
        raise InputError(f"{path} is a file; give the directory of a model.")
    if is_local(path) and not place.is_dir():
        raise InputError(f"the model directory {path} does not exist.")
    if place.is_dir() and not any((place / name).exists() for name in names):
        raise InputError(f"the model directory {path} holds no {what} (none of {', '.join(names)}).")
