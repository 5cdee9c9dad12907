# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From problems to judged completions: the requests to an engine, and verdicts on its replies."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from nemo_reasoning.config import Sampling, Verify
from nemo_reasoning.contract import Parsed, ReasoningFormat
from nemo_reasoning.engines.base import Engine, Params, Reply, Request
from nemo_reasoning.errors import InputError
from nemo_reasoning.measure.scoring import Scores, score
from nemo_reasoning.verify import Verdict, Verifier

Row = dict[str, Any]
GREEDY = "greedy"
"""Place of the greedy completion; those of the samples are 0, 1, ..."""


def requests(
    problems: Sequence[Row], fmt: ReasoningFormat, sampling: Sampling, seed: str
) -> Iterator[tuple[Params, list[Request]]]:
    """What is asked of an engine: each problem once greedily, then `num_samples` times at the temperature.

    Args:
        problems: Rows with id, problem and answer.
        fmt: Gives the messages.
        sampling: How many samples, and how they are drawn.
        seed: Each request's seed is made of this text, the problem's id and the sample's place,
            so it does not depend on what else is asked.

    Yields:
        The requests that are sampled in the same way; their ids are those of `place_of`.
    """
    greedy = Params(sampling.max_new_tokens, temperature=0.0)
    drawn = Params(sampling.max_new_tokens, sampling.temperature, sampling.top_p)
    chats = [fmt.messages(row["problem"]) for row in problems]
    for params, places in ((greedy, [GREEDY]), (drawn, range(sampling.num_samples))):
        yield (
            params,
            [
                Request(f"{index}/{place}", chat, _seed(f"{seed}/{problems[index]['id']}/{place}"))
                for index, chat in enumerate(chats)
                for place in places
            ],
        )


def completion(reply: Reply, fmt: ReasoningFormat) -> Row:
    """What is kept of a reply: {text, num_tokens, truncated} and, where it was paid for, {cost}."""
    kept = {"text": reply.completion(fmt), "num_tokens": reply.num_tokens, "truncated": reply.truncated}
    cost = reply.cost + reply.possible_cost
    return {**kept, "cost": cost} if cost else kept


def unjudged(problem: Row, index: int, found: dict[str, Row], num_samples: int) -> Row:
    """A problem's row {id, problem, answer, greedy, samples} of the completions found by request id."""
    samples = [found[f"{index}/{place}"] for place in range(num_samples)]
    return {**problem, "greedy": found[f"{index}/{GREEDY}"], "samples": samples}


def judge(rows: Sequence[Row], fmt: ReasoningFormat, verifier: Verifier, patience: float = 1.0) -> list[Row]:
    """Add verdict, extracted answer and format check to each completion; earlier ones are replaced.

    Args:
        rows: Rows {answer, greedy, samples}, also such as were judged before; `greedy` may be None.
        fmt: Takes the completions apart.
        verifier: Compares their answers with the gold answers.
        patience: Checks that reached the verifier's limit are tried again with this multiple of it, so that
            the load of the machine does not decide what is right; 1 leaves them.
    """
    written = [(row["answer"], one) for row in rows for one in (row["greedy"], *row["samples"]) if one is not None]
    parsed = [fmt.parse(one["text"], truncated=one["truncated"]) for _, one in written]
    pairs = [(p.answer, gold) for p, (gold, _) in zip(parsed, written, strict=True)]
    verdicts = verifier.check_batch(pairs)
    if patience > 1:
        verdicts = _tried_again(verdicts, verifier.settings, patience)
    return judged(rows, parsed, verdicts)


def _tried_again(verdicts: Sequence[Verdict], settings: Verify, patience: float) -> list[Verdict]:
    late = [verdict for verdict in verdicts if verdict.status == "timeout"]
    if not late:
        return list(verdicts)
    with Verifier(settings.model_copy(update={"timeout_s": patience * settings.timeout_s})) as patient:
        again = iter(patient.check_batch([(verdict.extracted, verdict.gold) for verdict in late]))
    return [next(again) if verdict.status == "timeout" else verdict for verdict in verdicts]


def judged(rows: Sequence[Row], parsed: Sequence[Parsed], verdicts: Sequence[Verdict]) -> list[Row]:
    """The rows with what was found of their completions, the greedy one of each row before its samples."""
    found = (
        {"verdict": verdict.status, "extracted": one.answer, "well_formed": one.problem is None and not one.truncated}
        for one, verdict in zip(parsed, verdicts, strict=True)
    )
    return [
        {
            **row,
            "greedy": row["greedy"] and row["greedy"] | next(found),
            "samples": [sample | next(found) for sample in row["samples"]],
        }
        for row in rows
    ]


def measure(
    engine: Engine,
    fmt: ReasoningFormat,
    problems: Sequence[Row],
    sampling: Sampling,
    verifier: Verifier,
    seed: str = "",
    pass_at_k: Sequence[int] = (),
) -> Scores:
    """Sample, judge and score a model in one go, in memory: what a trainer calls between two steps.

    Args:
        engine: Has the model.
        fmt: As everywhere in the run.
        problems: Rows with id, problem and answer.
        sampling: How; `num_samples=0` measures the greedy completions alone.
        verifier: As everywhere in the run.
        seed: Of the samples; the same text and weights give the same figures.
        pass_at_k: Which k to report.

    Returns:
        Numbers per problem: `estimates` makes figures with intervals of them, `compare` the
        paired difference to another checkpoint.

    Raises:
        InputError: The engine cannot answer at all, or a request failed for good.
    """
    found: dict[str, Row] = {}
    for params, wanted in requests(problems, fmt, sampling, seed):
        for reply in engine.complete(wanted, params):
            if reply.error:
                raise InputError(f"a completion could not be had ({reply.error}) {reply.error_text}".strip() + ".")
            found[reply.id] = completion(reply, fmt)
    rows = [unjudged(problem, index, found, sampling.num_samples) for index, problem in enumerate(problems)]
    return score(judge(rows, fmt, verifier), pass_at_k)


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
