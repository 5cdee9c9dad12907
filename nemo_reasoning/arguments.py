# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Arguments of the commands that are not the pipeline: wrong ones are one sentence."""

import argparse
from typing import NoReturn

from nemo_reasoning.config import Verify
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError."""

    def error(self, message: str) -> NoReturn:
        """Raise the message with the command that shows what is right."""
        raise InputError(f"{message}; see {self.prog} --help.")


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """The option of Hydra that commands with settings have, too."""
    parser.add_argument("--config-dir", "-cd", metavar="DIRECTORY", help="where your own experiments and clusters are")


def composed_from(given: argparse.Namespace, settings: list[str]) -> list[str]:
    """What Hydra is to compose."""
    return [*([f"--config-dir={given.config_dir}"] if given.config_dir else []), *settings]


def add_format(parser: argparse.ArgumentParser) -> None:
    """Options of the reasoning format by which a completion is read."""
    parser.add_argument(
        "--answer-style", choices=["boxed", "answer_tags"], default="boxed", help="how answers are marked"
    )
    parser.add_argument("--prefill-think", action="store_true", help="completions begin inside the thinking")
    parser.add_argument("--answer-phrases", action="store_true", help="'the answer is ...' and '#### ...' count, too")
    parser.add_argument("--answer-in-thinking", action="store_true", help="a box inside the thinking counts, too")


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Options of the comparison."""
    parser.add_argument("--timeout", type=float, default=5.0, metavar="S", help="limit of one comparison (s)")
    parser.add_argument("--tolerance", type=float, default=0.0, metavar="R", help="relative error that is accepted")


def reasoning_format(given: argparse.Namespace) -> ReasoningFormat:
    """The format that the options describe."""
    return ReasoningFormat(
        answer_style=given.answer_style,
        prefill_think=given.prefill_think,
        answer_phrases=given.answer_phrases,
        answer_in_thinking=given.answer_in_thinking,
    )


def verify_settings(given: argparse.Namespace, workers: int = 1) -> Verify:
    """The verifier's settings that the options describe.

    Raises:
        InputError: A number is out of range.
    """
    if not 0 < given.timeout < float("inf"):
        raise InputError("--timeout must be above 0 seconds.")
    if not 0 <= given.tolerance < 1:
        raise InputError("--tolerance must be from 0 to below 1.")
    if workers < 1:
        raise InputError("--workers must be at least 1.")
    return Verify(timeout_s=given.timeout, relative_tolerance=given.tolerance, workers=workers)


def numbers(option: str, text: str) -> list[int]:
    """Positive numbers with commas between them.

    Raises:
        InputError: They are something else.
    """
    parts = [part for part in text.split(",") if part]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"{option} must be positive numbers, such as 1,8, not {text!r}.")
    return [int(part) for part in parts]
