# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The Hugging Face hub, and the model of the given configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.doctor.probe import Ran

if TYPE_CHECKING:
    from nemo_reasoning.config import Model

HUB_S = 60.0
MODEL_S = 180.0
HUB = """
import os
from huggingface_hub import constants, get_token
from nemo_reasoning.models import hub_answers
place = constants.HF_HUB_CACHE
above = place
while not os.path.exists(above):
    above = os.path.dirname(above)
answer({"offline": constants.HF_HUB_OFFLINE, "answers": hub_answers(), "endpoint": constants.ENDPOINT,
        "token": get_token() is not None, "cache": place,
        "writable": os.path.isdir(above) and os.access(above, os.W_OK)})
"""
MODEL = """
import json, os, sys
from nemo_reasoning.config import Model
from nemo_reasoning.doctor.hub import open_model
answer(open_model(Model.model_validate(json.loads(os.environ["NEMO_REASONING_MODEL"]))))
"""


def hub(ran: Ran) -> Finding:
    """Whether models can be fetched, by what `HUB` answered."""
    if ran.answer is None:
        fix = "install nemo-reasoning again"
        return Finding("hub", "hub", "error", f"huggingface_hub cannot be used: {ran.reason}", fix)
    if ran.answer["offline"]:
        return Finding("hub", "hub", "ok", "offline by HF_HUB_OFFLINE: only what is in the cache or a directory")
    if not ran.answer["answers"]:
        what = f"{ran.answer['endpoint']} does not answer"
        fix = "give directories instead of hub names, or set HTTPS_PROXY or HF_ENDPOINT; HF_HUB_OFFLINE=1 asks no more"
        return Finding("hub", "hub", "warning", what, fix)
    return Finding("hub", "hub", "ok", f"{ran.answer['endpoint']} answers")


def token(ran: Ran) -> Finding:
    """Whether there is a token, which gated models such as Llama need; its value is never read out."""
    if ran.answer and ran.answer["token"]:
        return Finding("hub-token", "hub", "ok", "there is one")
    return Finding("hub-token", "hub", "absent", "none; gated models such as Llama need one", "set HF_TOKEN")


def cache(ran: Ran) -> Finding:
    """Whether what is fetched can be kept."""
    place = ran.answer["cache"] if ran.answer else "unknown"
    if ran.answer and not ran.answer["writable"]:
        return Finding(
            "hub-cache", "hub", "warning", f"{place} cannot be written", "set HF_HOME to a directory that can"
        )
    return Finding("hub-cache", "hub", "ok" if ran.answer else "absent", place, "" if ran.answer else "see hub")


def no_model() -> Finding:
    """Without settings there is no model to look at."""
    return Finding("model", "model", "ok", "not looked at: no experiment is given")


def made_model(what: str) -> Finding:
    """The stage `prepare` makes the student."""
    return Finding("model", "model", "ok", f"the stage prepare makes it ({what})")


def model(path: str, ran: Ran) -> Finding:
    """Tokenizer and model of the configuration, by what `MODEL` answered."""
    if ran.answer is None:
        return Finding("model", "model", "error", f"{path}: {ran.reason}", "choose another model.path")
    facts: Mapping[str, Any] = ran.answer
    if facts["error"]:
        fix = "correct model.path; for a hub name see hub and hub-token"
        return Finding("model", "model", "error", facts["error"], fix)
    if facts["missing"]:
        what = f"{path} lacks {len(facts['missing'])} of its files, {facts['missing'][0]} first"
        return Finding("model", "model", "error", what, "copy or fetch it again")
    return Finding("model", "model", "ok", f"{path}: {facts['architecture']}, {facts['tokens']:,} tokens")


def open_model(settings: "Model") -> dict[str, Any]:
    """Load the tokenizer and the description of a model, in the process that calls; not its weights."""
    from transformers import AutoConfig

    from nemo_reasoning.errors import InputError, first_line
    from nemo_reasoning.models import check_model_directory, hub_answers, load_tokenizer

    path = str(Path(settings.path).expanduser())
    local = Path(path).is_dir() or not hub_answers()
    try:
        check_model_directory(settings.path)
        tokenizer = load_tokenizer(settings.path, settings)
        found = AutoConfig.from_pretrained(path, revision=settings.revision, local_files_only=local)
    except InputError as error:
        return {"error": str(error).rstrip(".")}
    except Exception as error:  # transformers and the hub's client raise their own
        return {"error": f"the model {settings.path} cannot be read ({first_line(error)})"}
    architecture = (found.architectures or [found.model_type])[0]
    return {
        "error": None,
        "missing": missing_weights(Path(path)),
        "architecture": architecture,
        "tokens": len(tokenizer),
    }


def missing_weights(directory: Path) -> list[str]:
    """Weight files that the index of a local directory names and that are not there."""
    from nemo_reasoning.files import read_json

    if not directory.is_dir():
        return []
    index = directory / "model.safetensors.index.json"
    if index.exists():
        names = set(read_json(index)["weight_map"].values())
        return sorted(name for name in names if not (directory / name).exists())
    has_weights = any(directory.glob("*.safetensors")) or any(directory.glob("pytorch_model*.bin"))
    return [] if has_weights else ["model.safetensors"]
