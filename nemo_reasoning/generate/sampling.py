# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The loop of a generation: ask, write down, verify, say how it goes, stop when that is wise."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from time import monotonic
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.contract.format import BOXED_TRACE
from nemo_reasoning.engines.base import Message, Params, Reply, Request
from nemo_reasoning.engines.openai_server import OpenAIServer
from nemo_reasoning.engines.price import Usage, cost, most_prompt_tokens
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.generate.journal import Journal
from nemo_reasoning.generate.schedule import Schedule, seed_of
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.verify import Verifier

Row = dict[str, Any]

BATCH = 32
"""Replies that are verified and put on the disk together ..."""
BATCH_S = 2.0
"""... unless this time (s) has gone by before."""
LOG_S = 10.0
"""How often the metrics log grows (s)."""
FEWEST_FAILURES = 16
"""So many failures in a row, or as many as requests are under way at a time, and nothing more is asked."""


class Sampling:
    """One process's share of a generation.

    Args:
        config: The run's.
        journal: What there is already; grows.
        schedule: Says what to ask for.
        verifier: Compares answers with gold answers.
        stage: Hears how it goes.
    """

    def __init__(
        self, config: Config, journal: Journal, schedule: Schedule, verifier: Verifier, stage: StageRun
    ) -> None:
        self.config, self.settings = config, config.generate
        self.journal, self.schedule, self.verifier, self.stage = journal, schedule, verifier, stage
        self.over_budget = False
        self._patience = max(FEWEST_FAILURES, self.settings.server.concurrency)
        self._failures_in_a_row = 0
        self._unverified: list[tuple[int, int, str | None, str | None]] = []
        self._started = self._committed = self._logged = monotonic()
        self._tokens_before, self._recorded_before = journal.completion_tokens, journal.recorded

    def run(self, server: OpenAIServer) -> None:
        """Ask for all that is due.

        Raises:
            InputError: The server refuses every request.
            Interrupted: It stopped answering, or the account's money or the cost limit is used up.
        """
        params = Params(self.settings.max_new_tokens, self.settings.temperature, self.settings.top_p)
        goes_on = True
        while goes_on:
            try:
                for reply in server.complete(self._requests(), params):
                    self._record(reply)
            finally:
                self._commit()
            goes_on = self.schedule.waiting and not self._stops()  # the last replies made more due
        if self._failures_in_a_row >= self._patience:
            raise self._gave_up()

    def _requests(self) -> Iterator[Request]:
        """Requests for the samples that are due, each written down before it is sent."""
        price = self.settings.server.price
        while not self._stops():
            due = self.schedule.next()
            if due is None:
                if not self._unverified:
                    return
                self._commit()  # a wrong answer may make another sample due
                continue
            number, sample, row = due
            messages = teacher_messages(self.config, row["problem"])
            most = cost(price, Usage(most_prompt_tokens(messages), self.settings.max_new_tokens))
            self.journal.asked(number, sample, most)
            yield Request(f"{number}/{sample}", messages, seed_of(self.config.seed, row["id"], sample))

    def _stops(self) -> bool:
        return self.over_budget or self._failures_in_a_row >= self._patience

    def _record(self, reply: Reply) -> None:
        """Write a reply down, at once."""
        number, sample = map(int, reply.id.split("/"))
        row = asdict(reply)
        del row["id"]
        if reply.error is None or reply.lasting:
            self.journal.reply(number, sample, row)
        else:
            self.journal.failed(number, sample, row)
            self.over_budget |= reply.error == "cost_limit"
        if reply.error is None:
            self._failures_in_a_row = 0
            gold = self.schedule.problem(number)["answer"]
            self._unverified.append((number, sample, answer_of(self.config, row), gold))
        else:
            self._failures_in_a_row += reply.error != "cost_limit"
            self.schedule.settled(number, sample, correct=False)
        if len(self._unverified) >= BATCH or monotonic() - self._committed > BATCH_S:
            self._commit()

    def _commit(self) -> None:
        """Put what came on the disk and verify it."""
        self.journal.sync()
        waiting, self._unverified = self._unverified, []
        verdicts = self.verifier.check_batch([(answer, gold) for _, _, answer, gold in waiting])
        for (number, sample, _, _), verdict in zip(waiting, verdicts, strict=True):
            self.journal.verdict(number, sample, verdict.status)
            self.schedule.settled(number, sample, correct=verdict.correct)
        self._committed = monotonic()
        self._say()

    @property
    def tokens_per_s(self) -> float:
        """Tokens that the teacher wrote in a second, since this process began to ask."""
        return (self.journal.completion_tokens - self._tokens_before) / (monotonic() - self._started)

    def _say(self) -> None:
        """Progress, and now and then a row of the log."""
        journal = self.journal
        done, total = journal.recorded + self.schedule.saved, journal.problems * journal.samples
        spent = journal.spent + journal.possible
        notes = [f"{self.tokens_per_s:,.0f} tokens/s", f"{journal.verdicts('correct'):,} correct"]
        if self.settings.server.price.completion or self.settings.server.price.prompt:
            notes.append(f"cost {spent:.2f} of about {spent * total / done if done else 0:.2f}")
        if failures := sum(journal.failures.values()):
            notes.append(f"{failures:,} failed")
        self.stage.progress(done, total, ", ".join(notes))
        if monotonic() - self._logged > LOG_S:
            self._logged = monotonic()
            self.stage.log({"done": done, "total": total, "tokens_per_s": self.tokens_per_s, "cost": spent})

    def _gave_up(self) -> Exception:
        what = f"{self._failures_in_a_row} requests in a row failed ({self.journal.last_error})"
        server = self.settings.server
        if self.journal.recorded == self._recorded_before + self.journal.refused:
            return InputError(
                f"the server {server.base_url} fulfils no request: the first {what}; change generate.server or "
                "generate accordingly, or run the same command again when the server works."
            )
        return Interrupted(f"since {what}, see to the server {server.base_url}")


def verify_left(config: Config, journal: Journal, verifier: Verifier, problems: Iterable[Row]) -> None:
    """Verify the replies that a killed process has written down but not verified."""
    left = iter(journal.unverified())
    number, sample = next(left, (None, None))
    for place, row in enumerate(problems):
        while number == place:
            verdict = verifier.check(answer_of(config, journal.row(number, sample)), row["answer"])
            journal.verdict(number, sample, verdict.status)
            number, sample = next(left, (None, None))
        if number is None:
            return


def teacher_messages(config: Config, problem: str) -> list[Message]:
    """The chat that puts a problem to the teacher."""
    settings = config.generate
    system = [{"role": "system", "content": settings.system_prompt}] if settings.system_prompt else []
    text = f"{problem}\n\n{settings.instruction}" if settings.instruction else problem
    return [*system, {"role": "user", "content": text}]


def trace_of(row: Row) -> str:
    """All that the teacher wrote, as one trace with think tags.

    A server may give the thinking apart, or leave it in the text; where the teacher's template
    opens it, the text lacks the first tag, which is added.
    """
    text = Reply("", row["text"], row["reasoning"]).completion(BOXED_TRACE)
    opened, closed = BOXED_TRACE.think_open in text, BOXED_TRACE.think_close in text
    return f"{BOXED_TRACE.think_open}\n{text}" if closed and not opened else text


def answer_of(config: Config, row: Row) -> str | None:
    """The answer of a trace, as curation will read it."""
    return config.format.from_trace(trace_of(row), truncated=row["finish_reason"] == "length")[1].answer
