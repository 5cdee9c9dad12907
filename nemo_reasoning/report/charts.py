# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of the page, as plain Plotly dictionaries.

A colour is written as the name of a CSS variable (`--blue`); the page puts in its value for
the light or the dark scheme. Texts that reach Plotly go through `label`, since Plotly reads
some HTML in them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

Figure = dict[str, Any]
Row = dict[str, Any]

MODEL_COLOURS = ("--grey", "--blue", "--green", "--orange", "--purple", "--red")
VERDICT_COLOURS = {
    "correct": "--green",
    "incorrect": "--red",
    "no_answer": "--orange",
    "unparsable_gold": "--purple",
    "timeout": "--blue",
    "error": "--grey",
}
PASSED_ON = {
    "both": ("passed on", "--blue", ""),
    "sft": ("passed on, distillation only", "--green", "/"),
    "rl": ("passed on, GRPO only", "--purple", "\\"),
}
"""By the outputs that a curation step is for: title, colour and pattern of its bar."""
OVERLAY = {"fillmode": "overlay", "fgcolor": "--surface", "fgopacity": 0.35, "size": 7, "solidity": 0.15}
NUM_BINS = 30


def label(text: object) -> str:
    """The text with `<`, `>` and `&` written so that Plotly shows them as they are."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def figure(data: list[Row], x: str, y: str, **layout: Any) -> Figure:
    """A figure with titled axes."""
    axes = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    for name in axes:
        axes[name] |= layout.pop(name, {})
    return {"data": data, "layout": {**axes, **layout}}


def funnel(counts: Row) -> Figure:
    """Rows that each step passed on and dropped; a step for one output has a colour and a pattern of its own."""
    read = {"name": "read", "apply_to": "both", "out": counts["read"], "dropped": counts["broken"]}
    steps = [read, *counts["steps"]]
    names = [label(step["name"]) for step in steps]
    bars = [_funnel_bars(steps, names, apply_to) for apply_to in PASSED_ON]
    gone = {"type": "bar", "orientation": "h", "name": "dropped", "y": names, "x": [step["dropped"] for step in steps]}
    return figure(
        [bar for bar in bars if any(x is not None for x in bar["x"])] + [gone | {"marker": {"color": "--red"}}],
        "traces",
        "",
        barmode="stack",
        height=110 + 30 * len(names),
        legend={"traceorder": "normal"},
        xaxis={"tickformat": ",d", "nticks": 4, "tickangle": 0},
        yaxis={"autorange": "reversed", "type": "category", "categoryorder": "array", "categoryarray": names},
    )


def _funnel_bars(steps: Sequence[Row], names: Sequence[str], apply_to: str) -> Row:
    """What the steps for this output passed on; the other steps have no bar."""
    title, colour, pattern = PASSED_ON[apply_to]
    out = [step["out"] if step["apply_to"] == apply_to else None for step in steps]
    return {
        "type": "bar",
        "orientation": "h",
        "name": title,
        "y": names,
        "x": out,
        "marker": {"color": colour, "pattern": {"shape": pattern, **OVERLAY}},
        "text": ["" if count is None else f"{count:,}" for count in out],
        "textposition": "inside",
        "insidetextanchor": "end",
        "textangle": 0,
        "insidetextfont": {"color": "--surface"},
    }


def loss(rows: Sequence[Row]) -> Figure:
    """Training and validation loss of the distillation."""
    lines = [_line(rows, "loss", "training", "--blue"), _line(rows, "validation_loss", "validation", "--orange")]
    lines[1] |= {"mode": "lines+markers"}
    return figure([line for line in lines if line["x"]], "step", "loss (nats per token)", yaxis={"rangemode": "tozero"})


def pass_rates(counts: Sequence[int]) -> Figure:
    """How many problems the teacher solves how often; the last count is of those that it always solves."""
    width = 100 // (len(counts) - 1)
    names = [f"{start}–{start + width}" for start in range(0, 100, width)] + ["100"]
    bar = {"type": "bar", "x": names, "y": list(counts), "marker": {"color": "--blue"}}
    return figure([bar], "completions that are correct (%)", "problems", xaxis={"type": "category"})


def held_out(rows: Sequence[Row]) -> Figure:
    """How the student solves held-out problems while it is distilled."""
    lines = [
        _line(rows, "validation_accuracy", "solved", "--green", 100.0),
        _line(rows, "validation_format_rate", "well-formed", "--blue", 100.0),
        _line(rows, "validation_truncated_rate", "cut at a length limit", "--red", 100.0),
    ]
    lines = [{**line, "mode": "lines+markers"} for line in lines]
    return figure(lines, "step", "held-out problems (%)", yaxis={"range": [0, 100]})


def curve(rows: Sequence[Row], key: str, y: str, colour: str = "--blue", scale: float = 1.0) -> Figure:
    """One GRPO metric by step: faint as measured, solid as a moving average."""
    raw = _line(rows, key, "each step", colour, scale)
    smooth = {**raw, "y": moving_average(raw["y"]), "name": "moving average"}
    raw |= {"opacity": 0.5, "line": {"color": colour, "width": 1}}
    return figure([raw, smooth], "step", y, showlegend=False, yaxis={"rangemode": "tozero"})


def with_held_out(accuracy: Figure, rows: Sequence[Row]) -> Figure:
    """The curve of the training accuracy, and beside it that on problems that are held out of training."""
    line = {**_line(rows, "validation_accuracy", "held-out problems", "--orange", 100.0), "mode": "lines+markers"}
    return {"data": [*accuracy["data"], line], "layout": {**accuracy["layout"], "showlegend": True}}


def verdicts(rows: Sequence[Row]) -> Figure:
    """Share of each verdict among the rollouts, by step."""
    lines = []
    for status, colour in VERDICT_COLOURS.items():
        line = _line(rows, f"verdict/{status}", status.replace("_", " "), colour, 100.0)
        if any(line["y"]):
            lines.append({**line, "y": moving_average(line["y"])})
    return figure(lines, "step", "rollouts (%)", yaxis={"range": [0, 100]})


def accuracy_bars(models: Row) -> Figure:
    """Greedy, avg@n, pass@k and maj@n of each model with 95 % intervals."""
    bars = []
    for colour, (name, model) in zip(_cycled(len(models)), models.items(), strict=True):
        found = {metric: value for metric, value in model["metrics"].items() if is_accuracy(metric)}
        bars.append(
            {
                "type": "bar",
                "name": label(name),
                "x": list(found),
                "y": [100 * value["value"] for value in found.values()],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (value["high"] - value["value"]) for value in found.values()],
                    "arrayminus": [100 * (value["value"] - value["low"]) for value in found.values()],
                    "color": "--text",
                    "thickness": 1.2,
                },
                "marker": {"color": colour},
                "hovertemplate": "%{x}: %{y:.1f} %",
            }
        )
    return figure(
        bars, "", "problems solved (%)", barmode="group", yaxis={"range": [0, 100]}, xaxis={"type": "category"}
    )


def lengths(counts: dict[str, Counter[int]]) -> Figure:
    """Distribution of the completion length of each model, over shared bins."""
    longest = max((max(count, default=1) for count in counts.values()), default=1)
    width = max(1, -(-longest // NUM_BINS))
    edges = np.arange(0, longest + width + 1, width)
    lines = []
    for colour, (name, count) in zip(_cycled(len(counts)), counts.items(), strict=True):
        heights = np.histogram(list(count), bins=edges, weights=list(count.values()))[0]
        shares = 100 * heights / max(1, count.total())
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": label(name),
                "x": [float(edge) for edge in edges],
                "y": [float(share) for share in (*shares, 0)],
                "line": {"color": colour, "shape": "hv", "width": 2},
            }
        )
    return figure(lines, "completion length (tokens)", "sampled completions (%)", yaxis={"rangemode": "tozero"})


def is_accuracy(metric: str) -> bool:
    """Whether a metric of `results.json` is one of the accuracies."""
    return metric == "greedy" or metric.startswith(("avg@", "pass@", "maj@"))


def moving_average(values: Sequence[float | None]) -> list[float | None]:
    """Centred moving average over about a tenth of the values, three at least; None is left out."""
    reach = max(1, len(values) // 20)
    result: list[float | None] = []
    for place in range(len(values)):
        window = [v for v in values[max(0, place - reach) : place + reach + 1] if v is not None]
        result.append(sum(window) / len(window) if window else None)
    return result


def _line(rows: Sequence[Row], key: str, name: str, colour: str, scale: float = 1.0) -> Row:
    points = [(row["step"], row[key] * scale) for row in rows if row.get(key) is not None and "step" in row]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(name),
        "x": [step for step, _ in points],
        "y": [value for _, value in points],
        "line": {"color": colour, "width": 2},
    }


def _cycled(count: int) -> list[str]:
    return [MODEL_COLOURS[index % len(MODEL_COLOURS)] for index in range(count)]
