# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The page: one HTML file that needs nothing else and asks the network for nothing.

Model text is hostile. It reaches the page in one JSON block that cannot close its script
element, and the script inserts it as text only. A content security policy allows the two
scripts of this package by their digests, and no request at all.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import orjson
from markupsafe import Markup

from nemo_reasoning.files import write_bytes
from nemo_reasoning.report import charts, gather
from nemo_reasoning.report.gather import RunData

Row = dict[str, Any]

ROLES = {"base": "before", "distilled": "after SFT", "grpo": "after GRPO"}
"""What the models of the default pipeline are, for readers who do not know the names."""

OUTPUTS = {"sft": "distillation only", "rl": "GRPO only"}
"""Marks of the curation steps that are for one output."""

REMARKS = {"curriculum": "orders the output", "majority_vote": "fills missing gold answers in"}
"""What curation steps do that drop nothing, by filter."""

GRPO_CURVES = (
    ("reward", "reward", "Reward", "mean reward", "--green", 1.0),
    ("accuracy", "accuracy", "Accuracy of the rollouts", "correct rollouts (%)", "--green", 100.0),
    ("tokens", "mean_tokens", "Completion length", "mean length (tokens)", "--blue", 1.0),
    ("truncated", "truncated_share", "Truncated rollouts", "truncated rollouts (%)", "--orange", 100.0),
    ("entropy", "entropy", "Entropy of the policy", "entropy (nats per token)", "--purple", 1.0),
    ("batches", "gen_batches", "Batches sampled for a step", "batches", "--blue", 1.0),
    ("clipped", "clip_share", "Clipped probability ratios", "clipped tokens (%)", "--orange", 100.0),
    ("mismatch", "logprob_mismatch", "Sampler against trainer", "logprob mismatch (nats)", "--red", 1.0),
)
"""Chart, metric, title, axis, colour and factor."""


def build(run: Path) -> Path:
    """Write `<run>/report/index.html` from whatever the run has left so far; gives its path.

    Raises:
        InputError: `run` is not the directory of a run.
    """
    page = run / "report" / "index.html"
    write_bytes(page, render(gather.gather(run)).encode())
    return page


def render(run: RunData) -> str:
    """The page as HTML."""
    figures = _figures(run)
    data = {
        "figures": figures,
        "steps": _dropping_steps(run.funnel) if run.funnel else [],
        "dropped": run.dropped,
        "models": list(run.results["models"]) if run.results else [],
        "problems": run.problems,
        "rollouts": run.rollouts,
    }
    plotly, script = _plotly(), asset("page.js")
    return template("template.html").render(
        run=run,
        limits=gather,
        outputs=OUTPUTS,
        remarks=REMARKS,
        figures=figures,
        titles={name: title for name, _, title, *_ in GRPO_CURVES} | {"verdicts": "Verdicts"},
        cards=_cards(run),
        stages=_stages(run),
        style=Markup(asset("style.css")),
        plotly=Markup(plotly),
        script=Markup(script),
        policy=policy([plotly, script]),
        data=embedded_json(data),
    )


def embedded_json(value: object) -> Markup:
    """JSON for a script element: `<`, `>` and `&` are written as escapes, so nothing in it ends the element."""
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def compact(value: int | None) -> str:
    """A number with three digits at least: 948, 12.3 k, 4.56 M."""
    if value is None:
        return "–"
    for unit, power in (("G", 9), ("M", 6), ("k", 3)):
        if value >= 10**power:
            scaled = value / 10**power
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {unit}"
    return str(value)


def interval(estimate: Row, scale: float = 100.0) -> str:
    """The bounds of an estimate, in percent unless scaled otherwise."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"[{scale * low:.1f}, {scale * high:.1f}]"


def points(difference: Row) -> str:
    """A difference of two models in percentage points."""
    return f"{100 * difference['value']:+.1f} points"


def significance(difference: Row) -> str:
    """Interval and p-value of a difference of two models."""
    p = difference["p_value"]
    return f"{interval(difference)}, {'p < 0.001' if p < 0.001 else f'p = {p:.3f}'}"


def duration(seconds: float | None) -> str:
    """Seconds as a short text."""
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _figures(run: RunData) -> dict[str, charts.Figure]:
    """Those that the run has data for, by the id of their place on the page."""
    figures: dict[str, charts.Figure] = {}
    if run.generated and any(run.generated["pass_rates"]):
        figures["pass_rates"] = charts.pass_rates(run.generated["pass_rates"])
    if run.funnel:
        figures["funnel"] = charts.funnel(run.funnel)
    if run.distill:
        figures["loss"] = charts.loss(run.distill)
    if any("validation_accuracy" in row for row in run.distill):
        figures["solved"] = charts.held_out(run.distill)
    for name, key, _, axis, colour, scale in GRPO_CURVES:
        if any(row.get(key) is not None for row in run.grpo):
            figures[name] = charts.curve(run.grpo, key, axis, colour, scale)
    if "accuracy" in figures and any("validation_accuracy" in row for row in run.grpo):
        figures["accuracy"] = charts.with_held_out(figures["accuracy"], run.grpo)
    if run.grpo:
        figures["verdicts"] = charts.verdicts(run.grpo)
    if run.results:
        figures["accuracy_bars"] = charts.accuracy_bars(run.results["models"])
    if run.lengths:
        figures["lengths"] = charts.lengths(run.lengths)
    return figures


def _dropping_steps(funnel: Row) -> list[Row]:
    """Steps that dropped something, for the choices of the browser."""
    return [{key: step[key] for key in ("name", "dropped", "reasons")} for step in funnel["steps"] if step["dropped"]]


def _cards(run: RunData) -> list[Row]:
    """The key figures: traces kept, then each model's greedy accuracy and what it gained."""
    cards: list[Row] = []
    if run.funnel:
        kept, read = run.funnel["kept"], run.funnel["read"]
        cards.append({"title": "Traces kept", "value": f"{kept:,}", "note": f"of {read:,} read", "gain": None})
    if not run.results:
        return cards
    gains = {comparison["to"]: comparison["metrics"]["greedy"] for comparison in run.results.get("comparisons", [])}
    for name, model in run.results["models"].items():
        greedy = model["metrics"]["greedy"]
        cards.append(
            {
                "title": f"{name} ({ROLES[name]})" if name in ROLES else name,
                "value": percent(greedy["value"]),
                "note": f"greedy accuracy {interval(greedy)}",
                "gain": gains.get(name),
            }
        )
    return cards


def _stages(run: RunData) -> list[Row]:
    rows = []
    for name, manifest in run.manifests.items():
        if name == "generate" and manifest is None:
            continue  # few runs have it
        metrics = manifest.metrics if manifest else {}
        took = metrics.get("seconds")
        if took is None and manifest and manifest.finished:
            took = manifest.finished - manifest.started
        rows.append(
            {
                "name": name,
                "status": "not run" if manifest is None else "done" if manifest.done else "not finished",
                "seconds": duration(took),
                "cpu_seconds": duration(metrics.get("cpu_seconds")),
                "summary": metrics.get("summary", ""),
            }
        )
    return rows


def template(name: str) -> jinja2.Template:
    """A page's template; what is put into it is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters = (compact, duration, interval, percent, points, significance)
    environment.filters |= {function.__name__: function for function in filters} | {"thousands": "{:,}".format}
    environment.tests["accuracy"] = charts.is_accuracy
    return environment.from_string(asset(name))


def asset(name: str) -> str:
    """A file of this package's page."""
    return files("nemo_reasoning.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    """Plotly's JavaScript, as the page's HTML parser will see it."""
    import plotly.offline

    return plotly.offline.get_plotlyjs().replace("\r\n", "\n")


def policy(scripts: Sequence[str]) -> str:
    """A content security policy that allows these scripts by their digests, and no request."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
