# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A run's directory as the stages leave it, made without running them; its texts may be hostile."""

import math
import random
from itertools import pairwise
from pathlib import Path

import yaml

from nemo_reasoning.files import write_json
from nemo_reasoning.manifest import Manifest, StageRun
from nemo_reasoning.measure import scoring
from nemo_reasoning.traces import write_jsonl

STATUSES = ("correct", "incorrect", "no_answer", "unparsable_gold", "timeout", "error")
MODELS = {"base": 0.0, "distilled": 0.55, "grpo": 0.85}

HOSTILE_NAME = """<img src=x onerror="document.documentElement.setAttribute('data-'+'hacked','yes')">"""


def hostile(port: int) -> str:
    """Text that, if it reached the page as markup, would run a script and call the port."""
    attack = "document.documentElement.setAttribute('data-'+'hacked','yes')"
    return (
        f"</script></pre><script>{attack}</script><!-- <script> <img src='http://127.0.0.1:{port}/leak' "
        f'onerror="{attack}"> {{{{ 7*7 }}}} \u2028 & &lt;'
    )


def completion(rng: random.Random, answer: int, right: bool, attack: str) -> dict:
    value = answer if right else answer + rng.choice([1, -1, 10, -10])
    units, tens = answer % 10, answer // 10
    text = f"<think>\n{units}+0={units}\n{tens}+0={tens}\n</think>\n\n\\boxed{{{value}}}{attack}"
    tokens = rng.randint(20, 40) if right else rng.randint(24, 40)
    verdict = "correct" if right else rng.choice(["incorrect", "incorrect", "incorrect", "no_answer"])
    extracted = None if verdict == "no_answer" else f"{value}{attack}"
    return {
        "text": text,
        "num_tokens": tokens,
        "truncated": tokens == 40,
        "verdict": verdict,
        "extracted": extracted,
        "well_formed": tokens < 40,
    }


def write_run(run: Path, attack: str = "", num_problems: int = 300) -> Path:
    """A run whose model text, problem text and names all carry `attack`."""
    rng = random.Random(0)
    settings = {"name": f"synthetic{attack}", "seed": 0, "paths": {"run": str(run)}}
    run.mkdir(parents=True)
    (run / "resolved.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    write_curate(run / "curate", attack)
    write_distill(StageRun("distill", run / "distill"))
    write_grpo(StageRun("grpo", run / "grpo"), rng, attack)
    write_evaluate(run / "evaluate", rng, attack, num_problems)
    summaries = {
        "prepare": "300 held-out problems, 24,000 generated traces, student qwen2 from random weights",
        "curate": "kept 19,312 of 24,000 traces",
        "distill": "300 steps, loss 3.98 → 0.21",
        "grpo": "55 steps, accuracy 39 % → 71 %",
        "evaluate": f"greedy accuracy on 300 problems{attack}",
    }
    for index, (name, summary) in enumerate(summaries.items()):
        metrics = {"summary": summary, "seconds": 12.3 * (index + 1), "cpu_seconds": 20.1 * (index + 1)}
        Manifest(name, "done", {}, {}, "", 0.0, 9.0, metrics).write(run / name)
    return run


def write_curate(directory: Path, attack: str) -> None:
    drops = {"think_format": 480, "language": 240, "repetition": 251, "pass_rate": 700, "correctness": 1180}
    steps, count = [], 24_000
    for name, dropped in drops.items():
        apply_to = "rl" if name == "pass_rate" else "both"
        out = count - dropped
        steps.append(
            {
                "name": f"{name}{attack}",
                "filter": name,
                "apply_to": apply_to,
                "in": count,
                "out": out,
                "dropped": dropped,
                "tokens_in": 400 * count,
                "tokens_out": 400 * out,
                "reasons": {f"missing_close{attack}": dropped - 3, "nested_think": 3},
                "seconds": 0.4,
                "examples": [
                    dropped_example(dropped, index, attack, "nested_think" if index < 3 else f"missing_close{attack}")
                    for index in range(13)
                ],
            }
        )
        count = count if apply_to == "rl" else out
    funnel = {
        "read": 24_000,
        "broken": 50,
        "kept": count,
        "problems": count,
        "rl_problems": count - 700,
        "tokens": {"read": 400 * 24_000, "kept": 400 * count},
        "sources": {f"teacher{attack}": {"read": 24_000, "broken": 50, "kept": count}},
        "steps": steps,
    }
    write_json(directory / "funnel.json", funnel)


def dropped_example(dropped: int, index: int, attack: str, reason: str) -> dict:
    return {
        "id": f"t{dropped}-{index}",
        "file": f"traces{attack}.jsonl",
        "line": index + 1,
        "problem": f"Gina has {index} stamps.{attack}",
        "completion": f"<think>\n1+5=6\n{attack}",
        "gold": None if index == 1 else "41",
        "answer": None if index == 2 else f"42{attack}",
        "reason": reason,
        "detail": f"</think> at 7{attack}" if index % 2 else None,
    }


def write_distill(stage: StageRun) -> None:
    stage.directory.mkdir()
    for step in range(1, 301):
        stage.log({"step": step, "loss": 4 * math.exp(-step / 60) + 0.2, "lr": 1e-3, "tokens": 64 * step})
        if step % 100 == 0:
            stage.log({"step": step, "validation_loss": 4 * math.exp(-step / 60) + 0.25})
            stage.log({"step": step, "validation_accuracy": step / 400, "validation_format_rate": 0.9})


def write_grpo(stage: StageRun, rng: random.Random, attack: str) -> None:
    stage.directory.mkdir()
    rollouts = []
    for step in range(1, 56):
        accuracy = 0.4 + 0.3 * step / 55 + rng.uniform(-0.04, 0.04)
        row = {"step": step, "reward": accuracy, "accuracy": accuracy, "mean_tokens": 28 + rng.random()}
        row |= {f"verdict/{status}": 0.0 for status in STATUSES}
        row |= {"verdict/correct": accuracy, "verdict/incorrect": 0.9 - accuracy, "verdict/no_answer": 0.1}
        row |= {
            "truncated_share": 0.02,
            "clip_share": rng.uniform(0, 0.01),
            "entropy": 0.5 - step / 200,
            "logprob_mismatch": rng.uniform(1e-4, 4e-4),
            "gen_batches": 1 + step % 2,
        }
        if step % 11 == 0:
            row["validation_accuracy"] = accuracy - 0.1
        if step == 40:
            row["warning"] = f"accuracy fell from 31% to 14%{attack}"
        stage.log(row)
        for index in range(80 if step % 2 else 0):
            right = rng.random() < accuracy
            made = completion(rng, 60 + index // 8, right, attack)
            reward = None if index == 3 else float(right)
            rollouts.append(
                {
                    "step": step,
                    "group": index // 8,
                    "problem": f"Gina has {index} stamps.{attack}",
                    "prompt": f"<|im_start|>user\nGina has {index} stamps.{attack}<|im_end|>\n<think>\n",
                    "answer": str(60 + index // 8),
                    "completion": made["text"],
                    "num_tokens": made["num_tokens"],
                    "truncated": made["truncated"],
                    "reward": reward,
                    "components": {f"accuracy{attack}": reward, "format": 1.0},
                    "advantage": None if reward is None else reward - accuracy,
                    "verdict": made["verdict"],
                }
            )
    write_jsonl(stage.directory / "rollouts.jsonl", rollouts)


def write_evaluate(directory: Path, rng: random.Random, attack: str, num_problems: int) -> None:
    scores, models = {}, {}
    for name, skill in MODELS.items():
        rows = []
        for index in range(num_problems):
            ability = rng.betavariate(4 * skill + 0.01, 4 * (1 - skill) + 0.01)
            made = [completion(rng, 100 + index % 90, rng.random() < ability, attack) for _ in range(9)]
            problem = f"Gina has 41 stamps. A friend gives {index}. How many now?{attack}"
            row = {"id": f"e{index}", "problem": problem, "answer": str(100 + index % 90)}
            rows.append({**row, "greedy": made[0], "samples": made[1:]})
        model = f"{name}{HOSTILE_NAME if attack else ''}"
        write_jsonl(directory / "completions" / f"{model}.jsonl", rows)
        scores[model] = scoring.score(rows, [1, 4, 8])
        figures = {"metrics": scoring.estimates(scores[model]), "verdicts": scores[model].verdicts}
        models[model] = {"path": f"runs/{name}", "digest": "0", **figures}
    names = list(scores)
    comparisons = [
        {"from": first, "to": second, **scoring.compare(scores[first], scores[second])}
        for first, second in pairwise(names)
    ]
    settings = {"num_samples": 8, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 40, "seed": 0}
    results = {"settings": settings, "num_problems": num_problems, "models": models, "comparisons": comparisons}
    write_json(directory / "results.json", results)
