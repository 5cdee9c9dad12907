# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `nemo-reasoning SETTING=VALUE ...` runs the pipeline, by Hydra.

The first word may be a command of its own (`COMMANDS`).

What the user gave wrongly ends in one sentence and exit status 2; a stage that failed, in
exit status 1.
"""

import importlib
import importlib.resources
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_reasoning import compose
from nemo_reasoning.errors import InputError, nearest

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nemo_reasoning.config import Config


COMMANDS = {
    "cancel": "nemo_reasoning.launch.status:cancel",
    "compare": "nemo_reasoning.compare:main",
    "logs": "nemo_reasoning.launch.status:logs",
    "score": "nemo_reasoning.score:main",
    "status": "nemo_reasoning.launch.status:status",
    "verify": "nemo_reasoning.explain:main",
}
"""First words and the functions that take the other arguments and give the exit status; imported when called."""


def main() -> None:
    """Entry point of the command `nemo-reasoning`."""
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    try:
        word, rest = "".join(arguments[:1]), arguments[1:]
        own = {"report": _report, "plan": _plan, "doctor": _doctor}
        if word in own:
            return own[word](rest)
        if word in COMMANDS:
            module, function = COMMANDS[word].split(":")
            return getattr(importlib.import_module(module), function)(rest)
        if {"--help", "-h"} & set(arguments):
            return _help()
        return _run(rest if word == "run" else arguments)
    except InputError as error:
        return _say(error)
    except KeyboardInterrupt:
        print("nemo-reasoning: interrupted; the same command continues the run.", file=sys.stderr)
        return 130


USAGE = """\
nemo-reasoning: from R1 reasoning traces to a reasoning model.

nemo-reasoning experiment=demo [SETTING=VALUE ...]   run the pipeline
nemo-reasoning -m experiment=demo seed=0,1,2         run it for each value
nemo-reasoning plan experiment=qwen3_8b [--json]     memory and time of its distillation, and whether it fits
nemo-reasoning doctor [experiment=demo]              whether this environment is right for each stage
nemo-reasoning status|logs|cancel RUN_DIRECTORY      jobs of a submitted run: how they go, what they say, end them
nemo-reasoning report RUN_DIRECTORY                  write the report of a run again
nemo-reasoning compare RUN RUN ...                   evaluated models on the same problems: table and page
nemo-reasoning verify ANSWER GOLD                    explain one verdict
nemo-reasoning score FILE ...                        verdicts, rewards and figures of stored completions
nemo-reasoning --cfg job --resolve experiment=demo   show every setting
nemo-reasoning --hydra-help                          options of Hydra, which composes the settings

Groups (choose with GROUP=OPTION):
"""


def _help() -> int:
    """Say what there is (Hydra's own help composes every option first, which takes a second)."""
    conf = importlib.resources.files("nemo_reasoning.conf")
    groups = {entry.name: entry for entry in conf.iterdir() if entry.is_dir() and not entry.name.startswith("_")}
    print(USAGE, end="")
    for name, group in sorted(groups.items()):
        options = sorted(Path(option.name).stem for option in group.iterdir() if option.name.endswith(".yaml"))
        print(f"  {name}: {', '.join(options)}")
    print("\nEvery setting and its default: nemo_reasoning/config/, or --cfg job.")
    return 0


def _report(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise InputError("usage: nemo-reasoning report RUN_DIRECTORY.")
    from nemo_reasoning.report import build

    print(build(Path(arguments[0])))
    return 0


def _plan(arguments: list[str]) -> int:
    from nemo_reasoning.plan import command

    config = _configured([argument for argument in arguments if argument != "--json"])
    return command.show(config, as_json="--json" in arguments)


def _doctor(arguments: list[str]) -> int:
    from nemo_reasoning.doctor import command

    return command.main(arguments, _configured)


def _configured(settings: list[str]) -> "Config":
    """The checked configuration that settings describe, for the commands that are not run by Hydra."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module

    compose.register_defaults()
    with _hydra_sentences(), initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        return compose.resolve(hydra_compose("config", overrides=settings))


def _run(arguments: list[str]) -> int:
    import hydra

    compose.register_defaults()

    statuses = [0]

    def task(composed: "DictConfig") -> None:
        try:
            _run_or_submit(compose.load(_with_sweep_directory(composed)))
        except InputError as error:  # said here, so that the other jobs of a sweep still run
            statuses.append(_say(error))

    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra's errors reach us instead of its own printing
    sys.argv[1:] = arguments
    with _hydra_sentences():
        hydra.main(version_base="1.3", config_path="pkg://nemo_reasoning.conf", config_name="config")(task)()
    return max(statuses)


def _run_or_submit(config: "Config") -> None:
    if config.cluster.kind == "here":
        from nemo_reasoning import pipeline

        pipeline.run(config)
    else:
        from nemo_reasoning import launch

        launch.submit(config)


@contextmanager
def _hydra_sentences() -> Iterator[None]:
    """Turn what Hydra says about wrong settings into our sentences."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except OverrideParseException as error:
        raise InputError(f"the override {error.override} cannot be read; write KEY=VALUE, or KEY='VALUE'.") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_hydra_sentence(str(error))) from None


def _say(error: InputError) -> int:
    print(f"nemo-reasoning: {error}", file=sys.stderr)
    return error.status


def _with_sweep_directory(composed: "DictConfig") -> "DictConfig":
    """Give each job of a sweep a directory of its own, named by what varies."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        composed.paths.run = f"{composed.paths.run}/{hydra_config.job.override_dirname}"
    return composed


def _hydra_sentence(message: str) -> str:
    """One sentence out of Hydra's message, with the nearest right name where a name is wrong."""
    first = message.strip().splitlines()[0].strip()
    if found := re.search(r"Could not override '(.+?)'", message):
        key = found.group(1)
        names = compose.setting_names(key)
        name = key.rpartition(".")[2]
        if name in names:
            return f"{key} is not set by the chosen groups; add it with +{key}=..."
        return f"{key} is not a setting{nearest(name, names)}"
    if found := re.search(r"In '.+?': Could not find '(.+?)/([^/']+)'", message):
        choices = [line.strip() for line in message.splitlines()[1:] if line.startswith("\t")]
        group = found.group(1)
        return f"{group}={found.group(2)} is not one of the choices{nearest(found.group(2), choices)}"
    return f"{first.rstrip('.')}."


if __name__ == "__main__":
    main()
