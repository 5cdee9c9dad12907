# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What Hydra says about wrong settings and files, as one sentence each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from nemo_reasoning.errors import InputError, first_line, nearest
from nemo_reasoning.groups import groups, misplaced, options
from nemo_reasoning.schema import explain


@contextmanager
def as_sentences() -> Iterator[None]:
    """Turn errors of Hydra, OmegaConf and YAML into `InputError`."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except OverrideParseException as error:
        raise InputError(
            f"the override {error.override} cannot be read; write KEY=VALUE, "
            "or with special characters \"KEY='VALUE'\", in both kinds of quotes."
        ) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(sentence(str(error))) from None
    except yaml.YAMLError as error:
        raise InputError(_of_yaml(error)) from None


def sentence(message: str) -> str:
    """One sentence out of Hydra's message, with the nearest right name where a name is wrong."""
    if found := re.search(r"Could not override '(.+?)'", message):
        key, _, package = found.group(1).partition("@")
        if not package:
            return explain(key, [*groups(), "hydra"])
        if (group := package.partition(".")[0]) in groups():
            return misplaced(group)
    if found := re.search(r"In '.+?': Could not (?:find|load) '(.+)/([^/']+)'", message):
        group, name = found.groups()
        own = [Path(path) for path in re.findall(r"path=file://(.+)", message)]
        return f"{group}={name} is not one of the choices{nearest(name, options(group, own))}"
    return f"{message.strip().splitlines()[0].strip().rstrip('.')}."


def _of_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"a YAML file cannot be read ({first_line(error)})."
    return f"{mark.name} is not valid YAML (line {mark.line + 1}: {getattr(error, 'problem', None)}); correct it."
