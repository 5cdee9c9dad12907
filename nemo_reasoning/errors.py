# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The one exception that a user is meant to see, and how a near miss is named."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """What the user gave cannot be used.

    The message is one sentence that says what is wrong and what to do. The command
    line prints it without a traceback and exits with `status`.
    """

    status = 2


class Interrupted(Exception):
    """A stage saved what it has and ended before it was finished; the message says why."""


MAX_CHOICES = 12


def nearest(name: str, choices: Iterable[str]) -> str:
    """Name the nearest of `choices`, as the tail of a sentence.

    Example:
        >>> nearest("lrr", ["lr", "min_lr"])
        "; did you mean 'lr'?"
    """
    names = sorted(choices)
    if match := closest(name, names):
        return f"; did you mean '{match}'?"
    if not names:
        return "."
    more = f" and {len(names) - MAX_CHOICES} more" if len(names) > MAX_CHOICES else ""
    return f"; the choices are {', '.join(names[:MAX_CHOICES])}{more}."


def closest(name: str, choices: Iterable[str]) -> str | None:
    """The one of `choices` that may have been meant."""
    return next(iter(difflib.get_close_matches(name, sorted(choices), n=1, cutoff=0.5)), None)


def first_line(error: Exception) -> str:
    """What a library's exception says, short enough for a sentence.

    Example:
        >>> first_line(OSError("no such file.\nTry another."))
        'no such file'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (" ".join(lines[:2]) if lines[0].endswith(":") else lines[0]).rstrip(".")
