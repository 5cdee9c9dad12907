# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether NeMo-RL knows the keys that it is handed: it would keep unknown ones in silence."""

import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nemo_reasoning.errors import InputError, nearest

FREE = ("env", "policy.hf_config_overrides", "policy.generation.vllm_kwargs", "policy.tokenizer.chat_template_kwargs")
"""Sections whose keys belong to someone else, besides every `kwargs`."""
MARKERS = ("defaults", "_override_")
LATER = {
    "grpo.adv_estimator.reward_weights": "this NeMo-RL's GDPO cannot weigh rewards; set the weights of grpo.rewards to "
    "1, take another grpo.adv_estimator, or NeMo-RL's main branch."
}
"""Keys that only NeMo-RL after v0.7 knows, and what to do without them."""


def check(values: Mapping[str, Any], base: Path) -> None:
    """Compare keys with NeMo-RL's base YAML and, where it can be imported, with its types.

    Args:
        values: What is handed over.
        base: NeMo-RL's YAML that it is merged into.

    Raises:
        InputError: The base is missing, or the first key that is unknown, with the nearest right one.
    """
    known = _base(base)
    kinds = [_master()] if _master() else []
    for key, names in _unknown(values, known, kinds, ""):
        raise InputError(LATER.get(key) or f"NeMo-RL has no setting {key}{nearest(key.rpartition('.')[2], names)}")


def merged(values: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the nested `overrides` on top."""
    result = dict(values)
    for key, value in overrides.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return result


def _base(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf

    if not path.is_file():
        raise InputError(
            f"{path} does not exist; run this stage inside nvcr.io/nvidia/nemo-rl:v0.7.0, "
            "or set grpo.nemo_rl.repo to a checkout of NeMo-RL v0.7 or later."
        )
    return typing.cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.load(path), resolve=False))


def _master() -> Any:
    """NeMo-RL's own type of the whole; None where it is not installed."""
    try:
        from nemo_rl.algorithms.grpo import MasterConfig
    except ModuleNotFoundError as error:
        if error.name != "nemo_rl":
            raise
        return None
    return MasterConfig


def _unknown(values: Mapping[str, Any], known: Any, kinds: list[Any], place: str) -> Iterator[tuple[str, set[str]]]:
    fields = [_fields(kind) for kind in kinds]
    base = known if isinstance(known, dict) else {}
    names = {*base, *(name for field in fields for name in field)}
    for name, value in values.items():
        key = f"{place}.{name}" if place else name
        if name in MARKERS:
            continue
        if name not in names:
            yield key, names
        elif isinstance(value, Mapping) and key not in FREE and name != "kwargs":
            inside = [inner for field in fields if name in field for inner in _members(field[name])]
            yield from _unknown(value, base.get(name), inside, key)


def _fields(kind: Any) -> dict[str, Any]:
    """Names and types of a typed dictionary or a pydantic model."""
    if typing.is_typeddict(kind) or hasattr(kind, "model_fields"):
        return typing.get_type_hints(kind)
    return {}


def _members(kind: Any) -> list[Any]:
    """The alternatives of a union, through `NotRequired` and its like."""
    arguments = typing.get_args(kind)
    return [member for argument in arguments for member in _members(argument)] if arguments else [kind]
