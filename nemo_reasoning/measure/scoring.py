# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From judged completions to the figures of a model, and to the comparison of two."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from nemo_reasoning.measure import metrics
from nemo_reasoning.verify import STATUSES
from nemo_reasoning.verify.normalize import normalize

Row = dict[str, Any]


@dataclass
class Scores:
    """One number per problem and metric, problems in file order, and how often each verdict was given.

    Attributes:
        ids: The problems.
        accuracy: greedy, avg@n, pass@k and maj@n, in [0, 1].
        rates: Shares of a problem's samples that are well formed, without an answer, truncated.
        num_tokens: Lengths of a problem's samples, the stop token included; empty where one is unknown.
        verdicts: Of all completions, the greedy ones included.
        cost: Of all completions, where they were paid for.
    """

    ids: list[str] = field(default_factory=list)
    accuracy: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)
    num_tokens: list[list[int]] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class _Tally:
    """What the samples of one problem amount to."""

    num_samples: int
    num_correct: int
    majority: float


def score(rows: Iterable[Row], pass_at_k: Sequence[int]) -> Scores:
    """Reduce judged rows, read one at a time, to a number per problem and metric.

    Args:
        rows: From `judge`. Either all have a greedy completion or it does not count, and so with samples.
        pass_at_k: Which k; those above the smallest number of samples are left out.
    """
    scores, verdicts = Scores(), Counter()
    greedy: list[float] = []
    tallies: list[_Tally] = []
    for row in rows:
        samples = row["samples"]
        greedy += [float(row["greedy"]["verdict"] == "correct")] if row["greedy"] else []
        tallies += [_tally(samples)] if samples else []
        scores.ids.append(row["id"])
        drawn = samples or [row["greedy"]]
        lengths = [one["num_tokens"] for one in drawn]
        scores.num_tokens.append([] if None in lengths else lengths)
        for name, value in _rates(drawn).items():
            scores.rates.setdefault(name, []).append(value)
        made = [one for one in (row["greedy"], *samples) if one]
        verdicts.update(one["verdict"] for one in made)
        scores.cost += sum(one.get("cost", 0.0) for one in made)
    scores.accuracy = _accuracy(greedy, tallies, pass_at_k, len(scores.ids))
    scores.verdicts = {status: verdicts[status] for status in STATUSES}
    return scores


def estimates(scores: Scores) -> dict[str, dict[str, float]]:
    """Every metric as {value, low, high}, the interval at 95 %."""
    result = {name: metrics.proportion(values) for name, values in (scores.accuracy | scores.rates).items()}
    if all(scores.num_tokens):
        result["mean_tokens"] = metrics.mean([fmean(lengths) for lengths in scores.num_tokens])
        result["p95_tokens"] = metrics.quantile(scores.num_tokens, 0.95)
    return {name: asdict(value) for name, value in result.items()}


def compare(first: Scores, second: Scores) -> dict[str, Any]:
    """Second minus first on the same problems, for each accuracy that both have.

    A problem is gained where the second model solves it better, lost where the first does:
    by the greedy completions where both have them, else by the average of the samples.
    """
    if first.ids != second.ids:
        raise ValueError("the models were not measured on the same problems")
    pairs = {
        name: (first.accuracy[before], second.accuracy[after])
        for name, before, after in _shared(list(first.accuracy), list(second.accuracy))
    }
    before, after = next(iter(pairs.values()), ([], []))
    return {
        "metrics": {name: asdict(metrics.paired_difference(*pair)) for name, pair in pairs.items()},
        "gained": sum(a < b for a, b in zip(before, after, strict=True)),
        "lost": sum(a > b for a, b in zip(before, after, strict=True)),
    }


def _shared(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str, str]]:
    """(name, name in first, name in second) of what both measure; averages of any numbers of samples are the same."""
    found = [(name, name, name) for name in first if name in second]
    averages = [next((name for name in names if name.startswith("avg@")), None) for names in (first, second)]
    if None not in averages and averages[0] != averages[1]:
        found.insert(int(bool(found) and found[0][0] == "greedy"), (f"{averages[0]}, {averages[1][4:]}", *averages))
    return found


def _tally(samples: Sequence[Row]) -> _Tally:
    correct = [sample["verdict"] == "correct" for sample in samples]
    answers = [None if sample["extracted"] is None else normalize(sample["extracted"]) for sample in samples]
    return _Tally(len(samples), sum(correct), metrics.majority(answers, correct))


def _accuracy(
    greedy: list[float], tallies: Sequence[_Tally], pass_at_k: Sequence[int], count: int
) -> dict[str, list[float]]:
    result = {"greedy": greedy} if len(greedy) == count else {}
    if not tallies or len(tallies) < count:
        return result
    least, most = (choose(tally.num_samples for tally in tallies) for choose in (min, max))
    n = f"{least}" if least == most else f"{least}-{most}"
    result[f"avg@{n}"] = [tally.num_correct / tally.num_samples for tally in tallies]
    for k in pass_at_k:
        if k <= least:
            result[f"pass@{k}"] = [metrics.pass_at_k(tally.num_samples, tally.num_correct, k) for tally in tallies]
    return {**result, f"maj@{n}": [tally.majority for tally in tallies]}


def _rates(samples: Sequence[Row]) -> dict[str, float]:
    return {
        "format_rate": fmean(sample["well_formed"] for sample in samples),
        "no_answer_rate": fmean(sample["verdict"] == "no_answer" for sample in samples),
        "truncated_rate": fmean(sample["truncated"] for sample in samples),
    }
