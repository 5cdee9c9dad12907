# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From conf/ and the command line to a checked `Config`; what is wrong becomes one sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from nemo_reasoning.config import Arithmetic, Benchmark, Config, ScratchModel, Source
from nemo_reasoning.errors import InputError, first_line, nearest
from nemo_reasoning.files import write_bytes
from nemo_reasoning.groups import groups, misplaced
from nemo_reasoning.plan.search import choose
from nemo_reasoning.schema import Place, locate

MAY_HOLD_A_KEY = ("api_key_env", "base_url")
"""Settings whose wrong values are not repeated: they may hold a key."""


def register_defaults() -> None:
    """Give Hydra the schema's defaults, which conf/ then composes over.

    Sections that are absent by default are options of their group, so that their settings
    too can be overridden on the command line.
    """
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="defaults", node=Config().model_dump(by_alias=True))
    store.store(group="model", name="scratch_defaults", node={"scratch": ScratchModel().model_dump()})
    store.store(group="data", name="arithmetic_defaults", node={"generator": Arithmetic().model_dump()})
    store.store(group="data", name="problems_defaults", node={"problems": Source().model_dump()})
    store.store(group="data", name="rl_defaults", node={"rl": Source().model_dump()})
    store.store(group="benchmark", name="benchmark_defaults", node=Benchmark().model_dump())
    store.store(group="data", name="evaluation_defaults", node={"evaluation": Source().model_dump()})


def load(composed: DictConfig) -> Config:
    """Resolve and check a composed configuration, and choose its layout where that is left to us.

    Raises:
        InputError: As in `resolve`; or no layout fits.
    """
    return choose(resolve(composed))


def resolve(composed: DictConfig) -> Config:
    """Resolve and check a composed configuration.

    Raises:
        InputError: A key is unknown, a value is missing, of a wrong type or out of range,
            or an interpolation leads nowhere; the sentence names the first such key.
    """
    for group in sorted((set(groups()) - Place().names) & composed.keys()):
        raise InputError(misplaced(group))
    for key in _missing(OmegaConf.to_container(composed, resolve=False)):
        raise InputError(f"{key} has no value; choose an experiment (experiment=demo) or set {key}=...")
    try:
        values = OmegaConf.to_container(composed, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(f"{error.full_key}: {str(error).splitlines()[0].rstrip('.')}.") from None
    return validate(values)


def validate(values: Any) -> Config:
    """Check resolved values against the schema; errors as in `resolve`."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(_sentence(error)) from None


def write_resolved(config: Config, path: Path) -> None:
    """Write the checked configuration as YAML, for the stage processes to read."""
    write_bytes(path, to_yaml(config.model_dump(by_alias=True)).encode())


def to_yaml(values: dict[str, Any]) -> str:
    """YAML that reads back as exactly these values.

    PyYAML writes some line ends of Unicode (U+0085) so that they come back as others, unless all is escaped.
    """
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text if yaml.safe_load(text) == values else yaml.safe_dump(values, sort_keys=False)


def read_resolved(path: Path) -> Config:
    """Read what `write_resolved` wrote."""
    if not path.exists():
        raise InputError(f"{path} does not exist; {path.parent} is not the directory of a run.")
    try:
        values = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise InputError(
            f"{path} is not valid YAML ({first_line(error)}); the command that made the run writes it again."
        ) from None
    return validate(values)


def _missing(value: Any, key: str = "") -> Iterator[str]:
    if value == "???":
        yield key
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _missing(inner, f"{key}.{name}" if key else str(name))


def _sentence(error: ValidationError) -> str:
    """The first finding as a sentence; an unknown key comes first, since it may cause the others."""
    findings = sorted(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
    finding = findings[0]
    key, holder, place = locate(finding["loc"])
    name = key.rpartition(".")[2]
    if finding["type"] == "extra_forbidden":
        return f"{key} is not a setting{nearest(name, holder.names)}"
    if finding["type"] == "union_tag_not_found":
        return f"{key} names no filter; set it to null, or add +{key}.filter=...{nearest(name, place.tags)}"
    if finding["type"] == "union_tag_invalid":
        wrong = finding["ctx"]["tag"]
        return f"{key}.filter={wrong} is not a filter{nearest(wrong, place.tags)}"
    reason = finding["msg"].removeprefix("Value error, ").replace("Input should", "it should").rstrip(".")
    value = finding.get("input")
    hidden = isinstance(value, dict | BaseModel) or name in MAY_HOLD_A_KEY
    shown = "" if hidden else f", not {value!r}"
    return f"{key or 'the configuration'} cannot be used: {reason}{shown}."
