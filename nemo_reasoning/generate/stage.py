# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage `generate`: problems in, a teacher's traces out."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.engines.openai_server import OpenAIServer
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.files import sha256
from nemo_reasoning.generate.checks import TRACES
from nemo_reasoning.generate.journal import REFUSED, UNVERIFIED, VERIFIED, Journal
from nemo_reasoning.generate.sampling import Sampling, trace_of, verify_left
from nemo_reasoning.generate.schedule import Schedule
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.traces import BrokenRow, Problem, check_broken_share, read_jsonl, read_problems, write_jsonl
from nemo_reasoning.verify import STATUSES, Verifier

Row = dict[str, Any]

JOURNAL = "journal.jsonl"
REPLY_SETTINGS = ("system_prompt", "instruction", "temperature", "top_p", "max_new_tokens")
REPLY_SERVER_SETTINGS = ("model", "send_seed", "extra_body")
"""What a reply depends on, besides the problem and the run's seed."""
JUDGED = ("correct", "incorrect", "no_answer")
"""Verdicts that say something about the teacher, for the pass rate."""
BINS = 10
"""Of the pass rates in the metrics; the last one is for 1 alone."""


def run(config: Config, stage: StageRun) -> dict[str, Any]:
    """Write `traces.jsonl` into the stage's directory; gives the metrics.

    A stage that was killed or interrupted asks only for what it has no reply to.

    Raises:
        InputError: The problems cannot be used, or the server refuses every request.
        Interrupted: The cost limit was reached, the account is empty, the server stopped
            answering, or too many samples have failed; the same command continues.
    """
    problems = stage.directory / "problems.jsonl"
    stage.progress(0, None, "reading the problems")
    count = _copy_problems(config, problems, stage.directory / "quarantine.jsonl")
    with _journal(config, stage.directory / JOURNAL, problems, count) as journal:
        how = _sample(config, stage, journal, problems)
        rates: Counter[float | None] = Counter()
        traces = write_jsonl(stage.directory / TRACES, _traces(config, journal, problems, rates))
        metrics = {**_metrics(journal, traces, rates), **how}
    if not traces:
        raise InputError(f"the teacher gave no completion ({_reasons(metrics['errors'])}); change generate.")
    return metrics


def _copy_problems(config: Config, path: Path, quarantine: Path) -> int:
    """Write all problems down, as the journal counts them; gives how many there are."""
    broken: list[BrokenRow] = []
    count = write_jsonl(path, map(_problem_row, read_problems(config.data.problems, broken.append)))
    if broken:
        write_jsonl(quarantine, map(asdict, broken))
    data, total = config.data, count + len(broken)
    check_broken_share(len(broken), total, data.max_broken_share, data.problems.path, quarantine)
    return min(count, config.generate.max_problems or count)


def _journal(config: Config, path: Path, problems: Path, count: int) -> Journal:
    """The journal of this generation: what was paid for is used again as long as it is what would be asked now."""
    settings = config.generate
    made_by = {
        "problems": sha256(problems),
        "seed": config.seed,
        **settings.model_dump(mode="json", include=set(REPLY_SETTINGS)),
        "server": settings.server.model_dump(mode="json", include=set(REPLY_SERVER_SETTINGS)),
    }
    judged_by = {"format": config.format.model_dump(mode="json"), "verify": config.verify.model_dump(mode="json")}
    return Journal(path, made_by, judged_by, count, settings.num_samples)


def _problem_row(problem: Problem) -> Row:
    return {**problem.row, "id": problem.id, "problem": problem.problem, "answer": problem.answer}


def _sample(config: Config, stage: StageRun, journal: Journal, problems: Path) -> dict[str, Any]:
    """Ask for what is missing; gives how many samples were not needed, and the speed. Errors as in `run`."""
    settings, over_budget, speed = config.generate, False, None
    with Verifier(config.verify) as verifier:
        verify_left(config, journal, verifier, read_jsonl(problems))
        schedule = Schedule(islice(read_jsonl(problems), journal.problems), journal, settings.stop_after_correct)
        if journal.recorded < journal.problems * journal.samples:
            spent = journal.spent + journal.possible
            with closing(OpenAIServer(settings.server, "generate.server", spent)) as server:
                server.check()
                sampling = Sampling(config, journal, schedule, verifier, stage)
                sampling.run(server)
                over_budget, speed = sampling.over_budget, sampling.tokens_per_s
    if over_budget and settings.at_max_cost == "stop":
        raise Interrupted(
            f"at generate.server.max_cost={settings.server.max_cost:g} ({journal.spent:.4g} spent, and "
            f"{journal.possible:.4g} possibly, by requests without a count of tokens): raise it, or set "
            "generate.at_max_cost=finish"
        )
    _check_complete(config, journal)
    return {"not_needed": schedule.saved, "tokens_per_s": speed}


def _check_complete(config: Config, journal: Journal) -> None:
    """Refuse to go on when more has failed than may; errors as in `run`."""
    settings = config.generate
    errors = Counter({reason: n for reason, n in journal.failures.items() if reason != "cost_limit"})
    if errors.total() <= settings.max_failed_share * journal.problems * journal.samples:
        return
    share = f"{errors.total():,} of {journal.problems * journal.samples:,} samples"
    what = f"{share} failed ({_reasons(errors)}; the last one: {journal.last_error})"
    if journal.refused == errors.total():
        raise InputError(f"{what}, which asking again will not change; change generate, or raise its max_failed_share.")
    raise Interrupted(f"since {what}, more than generate.max_failed_share={settings.max_failed_share:g}")


def _reasons(errors: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(errors.items(), key=lambda item: -item[1]))


def _traces(config: Config, journal: Journal, problems: Path, rates: Counter[float | None]) -> Iterator[Row]:
    """Rows for curation, in the order of the problems; counts the pass rates."""
    for number, problem in enumerate(islice(read_jsonl(problems), journal.problems)):
        states = journal.states(number)
        verdicts = [STATUSES[state - VERIFIED] if state >= VERIFIED else None for state in states]
        judged = sum(verdict in JUDGED for verdict in verdicts)
        pass_rate = verdicts.count("correct") / judged if judged else None
        rates[pass_rate] += any(state != 0 for state in states)
        for sample, state in enumerate(states):
            if state >= UNVERIFIED and state != REFUSED:
                reply = journal.row(number, sample)
                yield {
                    **problem,
                    "id": f"{problem['id']}#{sample}",
                    "generation": trace_of(reply),
                    "finish_reason": reply["finish_reason"],
                    "num_tokens": reply["num_tokens"],
                    "verdict": verdicts[sample],
                    "pass_rate": pass_rate,
                    "teacher": config.generate.server.model,
                }


def _metrics(journal: Journal, traces: int, rates: Counter[float | None]) -> dict[str, Any]:
    correct, problems = journal.verdicts("correct"), sum(rates.values())
    known = {rate: count for rate, count in rates.items() if rate is not None}
    bins = [0] * (BINS + 1)
    for rate, count in known.items():
        bins[int(rate * BINS)] += count
    money = f", cost {journal.spent:.2f}" if journal.spent else ""
    return {
        "problems": problems,
        "traces": traces,
        "verdicts": {status: journal.verdicts(status) for status in STATUSES},
        "truncated": journal.truncated,
        "errors": dict(journal.failures),
        "prompt_tokens": journal.prompt_tokens,
        "completion_tokens": journal.completion_tokens,
        "cost": journal.spent,
        "possible_cost": journal.possible,
        "lost_requests": journal.lost,
        "mean_pass_rate": sum(rate * count for rate, count in known.items()) / sum(known.values()) if known else None,
        "pass_rates": bins,
        "summary": f"{traces:,} traces of {problems:,} problems, {correct / traces:.0%} correct{money}"
        if traces
        else "no trace",
    }
