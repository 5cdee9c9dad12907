# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The journal of a generation: what was asked, what came back, what it cost; append-only.

One JSON object a line. The first says what the replies were made by: a journal of something else
is set aside, never deleted, for it was paid for. `asked` is written before a request is sent,
`reply` when its reply has come, `verdict` when that has been verified, `failed` when the request
ended without one, `judged_by` when verdicts are to be made in another way. Each line is one
write, so a killed process loses no more than the line it was writing; `sync` waits until all is
on the disk. Nothing is held in memory but a few bytes for each sample.
"""

import errno
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

import orjson

from nemo_reasoning.verify import STATUSES

Row = dict[str, Any]

NOTHING, UNVERIFIED, REFUSED = 0, 1, 2
"""States of a sample: not there, a reply without verdict, an error that asking again would not change."""
VERIFIED = 3
"""First state of a verified reply: the verdict's place among the statuses is added."""
CORRECT = VERIFIED + STATUSES.index("correct")
_WITHOUT_VERDICT = bytes(UNVERIFIED if state >= VERIFIED else state for state in range(256))


class Journal:
    """What is known of each sample, on disk and in short in memory.

    Args:
        path: The file; what it holds is read.
        made_by: All that a reply depends on.
        judged_by: All that a verdict depends on, besides; where it has changed, the verdicts are void.
        problems: How many problems there are.
        samples: How many samples each may get; those of a journal that has more are left alone.

    Attributes:
        spent: Price of the tokens that the server said it used.
        possible: The most that other attempts can have cost besides.
        lost: Requests that were under way when a process was killed: they may have been paid for.
        prompt_tokens: Of all replies.
        completion_tokens: Of all replies.
        truncated: Replies that were cut off.
        last_error: What was last said about a failure.
    """

    def __init__(self, path: Path, made_by: Row, judged_by: Row, problems: int, samples: int) -> None:
        self.problems, self.samples = problems, samples
        self._state = bytearray(problems * samples)
        self._place = array("Q", bytes(8 * problems * samples))
        self.spent = self.possible = 0.0
        self.lost = self.prompt_tokens = self.completion_tokens = self.truncated = 0
        self._failed: dict[int, str] = {}
        self.last_error = ""
        self._judged_by: Row | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        _set_aside_unless(path, made_by)
        self._file = path.open("a+b", buffering=0)
        self._end = 0
        self._load()
        if not self._end:
            self._append({"made_by": made_by})
            self.sync()
        if self._judged_by != judged_by:
            self._append({"judged_by": judged_by})
            self._forget_verdicts()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def asked(self, problem: int, sample: int, most: float) -> None:
        """A request is about to be sent that can cost so much at most."""
        self._append({"asked": [problem, sample], "most": most})

    def reply(self, problem: int, sample: int, row: Row) -> None:
        """A reply came, or an error that asking again would not change."""
        self._note_reply(self._slot(problem, sample), self._append({"reply": [problem, sample], **row}), row)

    def failed(self, problem: int, sample: int, row: Row) -> None:
        """A request ended without a reply; it may be asked again."""
        self._append({"failed": [problem, sample], **row})
        self._note_failure(self._slot(problem, sample), self._end, row)

    def verdict(self, problem: int, sample: int, status: str) -> None:
        """A reply was verified."""
        self._append({"verdict": [problem, sample], "status": status})
        self._state[self._slot(problem, sample)] = VERIFIED + STATUSES.index(status)

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        os.fsync(self._file.fileno())

    def row(self, problem: int, sample: int) -> Row:
        """The reply of a sample that has one."""
        place = self._place[self._slot(problem, sample)]
        with open(self._file.fileno(), "rb", closefd=False) as lines:
            lines.seek(place)
            return orjson.loads(lines.readline())

    def states(self, problem: int) -> bytes:
        """The states of a problem's samples."""
        start = problem * self.samples
        return bytes(self._state[start : start + self.samples])

    def unverified(self) -> Iterator[tuple[int, int]]:
        """Replies without a verdict, as problem and sample."""
        slot = self._state.find(UNVERIFIED)
        while slot >= 0:
            yield divmod(slot, self.samples)
            slot = self._state.find(UNVERIFIED, slot + 1)

    @property
    def recorded(self) -> int:
        """Samples with a reply or a lasting error."""
        return len(self._state) - self._state.count(NOTHING)

    @property
    def failures(self) -> Counter[str]:
        """Samples without a completion, by reason of the last error."""
        return Counter(self._failed.values())

    @property
    def refused(self) -> int:
        """Samples whose error is lasting."""
        return self._state.count(REFUSED)

    def verdicts(self, status: str) -> int:
        """Verified replies with this verdict."""
        return self._state.count(VERIFIED + STATUSES.index(status))

    def _slot(self, problem: int, sample: int) -> int:
        return problem * self.samples + sample

    def _is_wanted(self, problem: int, sample: int) -> bool:
        return problem < self.problems and sample < self.samples

    def _append(self, row: Row) -> int:
        """Write a line; gives its place."""
        place, line = self._end, orjson.dumps(row) + b"\n"
        self._end += len(line)
        written = self._file.write(line)
        if written != len(line):
            raise OSError(errno.ENOSPC, "no space is left for the journal")
        return place

    def _load(self) -> None:
        """Read what earlier processes wrote; a last line that a kill cut off is cut away, and its reply asked again."""
        under_way: dict[tuple[int, int], float] = {}
        with open(self._file.fileno(), "rb", closefd=False) as lines:
            lines.seek(0)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                with suppress(orjson.JSONDecodeError):  # a power cut left blocks unwritten: they are asked for again
                    self._take(orjson.loads(line), under_way)
                self._end += len(line)
        self._file.truncate(self._end)
        self.lost += len(under_way)
        self.possible += sum(under_way.values())

    def _take(self, row: Row, under_way: dict[tuple[int, int], float]) -> None:
        kind, value = next(iter(row.items()))
        if kind == "judged_by":
            self._judged_by = value
            self._forget_verdicts()
        elif kind == "asked":
            self._take_asked(tuple(value), row["most"], under_way)
        elif kind in ("reply", "failed"):
            under_way.pop(tuple(value), None)
            if self._is_wanted(*value):
                note = self._note_reply if kind == "reply" else self._note_failure
                note(self._slot(*value), self._end, row)
            else:
                self._add(row)
        elif kind == "verdict" and self._is_wanted(*value) and self._state[self._slot(*value)] != NOTHING:
            self._state[self._slot(*value)] = VERIFIED + STATUSES.index(row["status"])

    def _take_asked(self, place: tuple[int, int], most: float, under_way: dict[tuple[int, int], float]) -> None:
        if place in under_way:  # by a process that was killed
            self.lost += 1
            self.possible += under_way[place]
        under_way[place] = most

    def _forget_verdicts(self) -> None:
        self._state = self._state.translate(_WITHOUT_VERDICT)

    def _note_reply(self, slot: int, place: int, row: Row) -> None:
        if self._state[slot] != NOTHING:
            raise AssertionError(f"sample {divmod(slot, self.samples)} has two replies")
        self._place[slot] = place
        self._state[slot] = REFUSED if row["error"] else UNVERIFIED
        self._failed.pop(slot, None)
        if row["error"]:
            self._note_error(slot, row)
        self._add(row)
        self.prompt_tokens += row["prompt_tokens"] or 0
        self.completion_tokens += row["num_tokens"] or 0
        self.truncated += row["finish_reason"] == "length"

    def _note_failure(self, slot: int, place: int, row: Row) -> None:
        self._note_error(slot, row)
        self._add(row)

    def _note_error(self, slot: int, row: Row) -> None:
        self._failed[slot] = row["error"]
        self.last_error = ": ".join(filter(None, (row["error"], row["error_text"])))

    def _add(self, row: Row) -> None:
        self.spent += row["cost"]
        self.possible += row["possible_cost"]


def _set_aside_unless(path: Path, made_by: Row) -> None:
    """Rename a journal whose replies were made by something else, or that does not say by what."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        first = lines.readline()
    if not first.endswith(b"\n"):
        path.unlink()  # a kill left nothing but the beginning of the first line
        return
    with suppress(orjson.JSONDecodeError):
        if orjson.loads(first).get("made_by") == made_by:
            return
    number = next(n for n in count(1) if not path.with_stem(f"{path.stem}-{n}").exists())
    path.rename(path.with_stem(f"{path.stem}-{number}"))
