# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What goes into a run: files, their layouts, the demo's generator."""

from typing import Literal

from nemo_reasoning.config.base import Positive, Section, Share


class Layout(Section):
    """Which columns of a data file mean what, and which tags its traces use.

    A column is named as it is; `a.b` also names the key `b` inside the column `a`, and `a.0`
    the first element of a list. A column may hold a chat, in OpenAI's keys (`role`, `content`) or
    ShareGPT's (`from`, `value`): then `problem` takes its first user's turn and `generations` the
    assistant's turn that follows. System prompts are dropped, since the run has its own, and so
    are later turns, which belong to another problem.
    """

    problem: str = "problem"
    """Column with the problem; a chat whose answer is in another column must have one user's turn."""
    instructions: list[str] = []
    """Sentences of the publisher's prompt that are cut out of the problem, since the run has a prompt of its own."""
    answer: str | None = "answer"
    """Column of the gold answer; None when the data has none."""
    generations: str = "generation"
    """Column with one generation (text or chat) or several (list of texts)."""
    thinking: str | None = None
    """Column with the thinking, where it is apart from the solution in `generations`; of a chat, a key of the
    assistant's turn, such as `reasoning_content`."""
    id: str | None = None
    """Column with a row's id; None numbers the rows by source, file and line."""
    finish_reason: str | None = None
    """Column whose value `length` marks a truncated generation; a list has one for each generation."""
    complete: str | None = None
    """Column whose value false marks a truncated generation; a list has one for each generation."""
    domain: str | None = None
    """Column with the domain of the problem, such as `math`."""
    difficulty: str | None = None
    """Column with the difficulty, on any scale; what is no number counts as none."""
    pass_rate: str | None = None
    """Column with the share of some model's attempts that were right; what is no number counts as none."""
    answer_after: str | None = None
    """Keep of the gold answer only what follows this marker (GSM8K: `####`)."""
    answer_boxed: bool = False
    r"""The gold answer is in the last `\boxed{...}` of its column, which holds a whole solution."""
    extra: list[str] = []
    """Further columns of a problem that rewards or steps read, such as `verification_info` with test cases."""
    where: dict[str, str | bool | int | float | list[str | bool | int | float]] = {}
    """Read only the rows that have this value, or one of these values, in this column (a list has it if one of its
    elements is it); other rows are no part of the source."""
    think_open: str = "<think>"
    think_close: str = "</think>"
    think_prefilled: bool | Literal["auto"] = False
    """The teacher's chat template wrote the opening think tag, so that the data lacks it: it is added to every text
    without one (true), or to those that have a closing tag (auto). By default nothing is added, since a missing tag
    may also be a flaw, which `think_format` finds."""
    solution_open: str | None = None
    """Tag that opens the solution, where the layout has one (SkyThought)."""
    solution_close: str | None = None
    solution_after: str | None = None
    """In a text without think tags, all that precedes the last occurrence of these words is the thinking."""


class Source(Section):
    """Rows from local files (paths, globs, directories) or from a hub data set."""

    path: str = "???"
    """JSONL or JSON file (also as .gz, .zst or .bz2) or Parquet file, glob, directory, or hub name such as
    `openai/gsm8k`."""
    subset: str | None = None
    """Hub configuration name."""
    split: str = "train"
    """Hub split."""
    limit: Positive | None = None
    """Use the first so many rows only, broken ones and those that `layout.where` leaves out included."""
    license: str | None = None
    """Licence of the data, for the data card of what is made from it."""
    url: str | None = None
    """Where the data comes from, for the data card."""
    layout: Layout = Layout()


class Arithmetic(Section):
    """The demo's data: two-digit word problems with a generated, partly flawed teacher."""

    num_traces: Positive = 24000
    num_evaluation: Positive = 300
    flaw_share: Share = 0.02
    """Share of the traces that get each planted flaw."""


class Data(Section):
    """What goes into the run."""

    generator: Arithmetic | None = None
    """Generate problems and traces in `prepare` (the demo); else they are read from the sources."""
    traces: dict[str, Source] = {}
    """Teacher traces to curate, by name."""
    problems: Source | None = None
    """Problems for the teacher, from which `generate` makes traces."""
    rl: Source | None = None
    """GRPO problems; None takes curation's `rl.jsonl`."""
    evaluation: Source | None = None
    """Held-out problems."""
    max_broken_share: Share = 0.01
    """More broken rows than this share is an error; fewer are quarantined."""

    @property
    def extra_columns(self) -> list[str]:
        """The columns besides problem and answer that some source of traces has, sorted; `rl.jsonl` has them all."""
        return sorted({column for source in self.traces.values() for column in source.layout.extra})
