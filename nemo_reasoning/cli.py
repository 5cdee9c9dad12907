# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `nemo-reasoning SETTING=VALUE ...` runs the pipeline, by Hydra.

The first word may be a command of its own (`COMMANDS`).

What the user gave wrongly ends in one sentence and exit status 2; a stage that failed, in
exit status 1.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_reasoning import compose
from nemo_reasoning.arguments import Parser, add_config_dir, composed_from
from nemo_reasoning.errors import InputError, nearest
from nemo_reasoning.groups import groups, options
from nemo_reasoning.hydra_errors import as_sentences

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

HYDRA_OPTIONS = {
    *("--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--experimental-rerun", "--info", "-i"),
}
"""Hydra's own parser would take what begins like one of them for it."""


def main() -> None:
    """Entry point of the command `nemo-reasoning`."""
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    try:
        word, rest = "".join(arguments[:1]), arguments[1:]
        if word in OWN:
            return OWN[word](rest)
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
nemo-reasoning --config-dir DIR experiment=mine      with experiments and clusters of your own; plan and doctor, too
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
    print(USAGE, end="")
    for group in groups():
        print(f"  {group}: {', '.join(options(group))}")
    print("\nEvery setting and its default: nemo_reasoning/config/, or --cfg job.")
    return 0


def _report(arguments: list[str]) -> int:
    parser = Parser(prog="nemo-reasoning report", description="Write the report of a run again, and say where it is.")
    parser.add_argument("run", metavar="RUN_DIRECTORY", type=Path)
    given = parser.parse_args(arguments)
    from nemo_reasoning.report import build

    print(build(given.run))
    return 0


def _plan(arguments: list[str]) -> int:
    parser = Parser(
        prog="nemo-reasoning plan",
        description="Memory and time of a distillation, and whether it fits.",
        epilog="exit status: 0 it fits; 1 it does not",
    )
    parser.add_argument("settings", metavar="SETTING=VALUE", nargs="*", help="as of a run, such as experiment=qwen3_8b")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_config_dir(parser)
    given = parser.parse_intermixed_args(arguments)
    from nemo_reasoning.plan import command

    return command.show(_configured(composed_from(given, given.settings)), as_json=given.json)


def _doctor(arguments: list[str]) -> int:
    from nemo_reasoning.doctor import command

    return command.main(arguments, _configured)


def _configured(arguments: list[str]) -> "Config":
    """The checked configuration that settings and Hydra's options describe."""
    found = []

    def task(composed: "DictConfig") -> None:
        found.append(composed)

    _compose(arguments, task)
    return compose.resolve(found[0])


def _run(arguments: list[str]) -> int:
    _check_words(arguments)
    statuses = [0]

    def task(composed: "DictConfig") -> None:
        try:
            _run_or_submit(compose.load(_with_sweep_directory(composed)))
        except InputError as error:  # said here, so that the other jobs of a sweep still run
            statuses.append(_say(error))

    _compose(arguments, task)
    return max(statuses)


def _check_words(arguments: list[str]) -> None:
    """Refuse an option that Hydra does not have, and a first word that is no command."""
    for argument in arguments:
        if argument.startswith("-") and argument.partition("=")[0] not in HYDRA_OPTIONS:
            raise InputError(f"{argument} is not an option; settings have no dashes, as in experiment=demo.")
    word = "".join(arguments[:1])
    if word in options("experiment"):
        raise InputError(f"{word} is an experiment; write experiment={word}.")
    if word and "=" not in word and word[0] not in "-~":
        names = [*OWN, *COMMANDS, *(f"experiment={name}" for name in options("experiment"))]
        raise InputError(f"{word} is neither a command nor KEY=VALUE{nearest(word, names)}")


def _compose(arguments: list[str], task: "Callable[[DictConfig], None]") -> None:
    """Have Hydra compose what the arguments say, and call the task; with -m, for each job of the sweep."""
    import hydra

    compose.register_defaults()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra's errors reach us instead of its own printing
    own, sys.argv = sys.argv, [sys.argv[0], *arguments]
    try:
        with as_sentences():
            hydra.main(version_base="1.3", config_path="pkg://nemo_reasoning.conf", config_name="config")(task)()
    finally:
        sys.argv = own


def _run_or_submit(config: "Config") -> None:
    if config.cluster.kind == "here":
        from nemo_reasoning import pipeline

        pipeline.run(config)
    else:
        from nemo_reasoning import launch

        launch.submit(config)


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


OWN = {"doctor": _doctor, "plan": _plan, "report": _report}
"""First words whose functions are here, since they need Hydra or are a line."""


if __name__ == "__main__":
    main()
