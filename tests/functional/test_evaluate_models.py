# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage `evaluate` on real models: one from random weights, one that has learned some of the problems."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nemo_reasoning import compose
from nemo_reasoning.config import Benchmark, Config, Layout, ScratchModel
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.engines.in_process import InProcess
from nemo_reasoning.errors import InputError
from nemo_reasoning.evaluate.stage import run
from nemo_reasoning.evaluate.subjects import open_engine
from nemo_reasoning.files import read_json
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.measure import estimates, measure
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.sampling import Sampler
from nemo_reasoning.traces import read_jsonl, write_jsonl
from nemo_reasoning.verify import Verifier

pytestmark = pytest.mark.slow

LEARNED, UNSEEN = 6, 6
PROBLEMS = [
    {"id": f"p{a}", "problem": f"Gina has {a} stamps. A friend gives 5. How many now?", "answer": str(a + 5)}
    for a in range(11, 11 + LEARNED + UNSEEN)
]


def settings(root: Path, **evaluate) -> Config:
    """A run in `root`; its models are made by `models` below."""
    models = {"base": f"{root}/base", "distilled": f"{root}/trained", "grpo": None}
    evaluate = {"models": models, "num_samples": 4, "pass_at_k": [1, 4], "max_new_tokens": 24} | evaluate
    return Config.model_validate(
        {
            "name": "test",
            "paths": {"root": str(root), "run": str(root / "run")},
            "model": {"path": f"{root}/base"},
            "format": {"chat_template": "chatml", "stop_token": "<|im_end|>"},
            "grpo": {"init": f"{root}/run/distill/hf"},
            "evaluate": {"precision": "fp32", "temperature": 1.0, "top_p": 1.0, "batch_size": 5} | evaluate,
        }
    )


def target(config: Config, row: dict) -> str:
    return config.format.target(f"so {row['answer']}", f"\\boxed{{{row['answer']}}}")


def train(config: Config, directory: Path) -> None:
    """Teach the base model the first `LEARNED` problems by heart, and save it as a stage would."""
    tokenizer = load_tokenizer(config.model.path)
    model = load_model(config.model.path, torch.float32)
    rows = [config.format.encode_example(tokenizer, row["problem"], target(config, row)) for row in PROBLEMS[:LEARNED]]
    longest = max(len(row.input_ids) for row in rows)
    ids = torch.tensor([row.input_ids + [0] * (longest - len(row.input_ids)) for row in rows])
    mask = torch.tensor([row.loss_mask + [0] * (longest - len(row.loss_mask)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = model(ids, labels=ids.masked_fill(mask == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.02
    model.save_pretrained(directory)
    config.format.save(tokenizer, directory)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A directory with the models `base` and `trained`."""
    torch.set_num_threads(1)  # two busy-waiting threads collapse on a busy machine
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("models")
    config = settings(root)
    texts = [row["problem"] + target(config, row) + "system user assistant" for row in PROBLEMS]
    make_student(root / "base", ScratchModel(hidden_size=64, intermediate_size=128, num_hidden_layers=2), texts, 0)
    train(config, root / "trained")
    return root


@pytest.fixture
def config(models, tmp_path) -> Config:
    """A prepared run with links to the models."""
    for name in ("base", "trained"):
        (tmp_path / name).symlink_to(models / name)
    write_jsonl(tmp_path / "run" / "prepare" / "evaluation.jsonl", PROBLEMS)
    (tmp_path / "run" / "evaluate").mkdir()
    return settings(tmp_path)


def stage(config: Config) -> StageRun:
    return StageRun("evaluate", Path(config.paths.run) / "evaluate")


def changed(config: Config, **evaluate) -> Config:
    return config.model_copy(update={"evaluate": config.evaluate.model_copy(update=evaluate)})


def test_learned_problems_are_found_correct_and_others_not(config):
    metrics = run(config, stage(config))
    directory = stage(config).directory
    results = read_json(directory / "results.json")
    rows = list(read_jsonl(directory / "completions" / "distilled.jsonl"))
    assert [row["id"] for row in rows] == [row["id"] for row in PROBLEMS]
    for row in rows[:LEARNED]:
        greedy = row["greedy"]
        assert (greedy["verdict"], greedy["extracted"]) == ("correct", row["answer"])
        assert greedy["text"] == target(config, row) and greedy["well_formed"] and not greedy["truncated"]
        assert len(row["samples"]) == 4
    correct = sum(row["greedy"]["verdict"] == "correct" for row in rows)
    found = results["models"]["distilled"]["metrics"]["greedy"]
    assert found["value"] == correct / len(PROBLEMS) >= LEARNED / len(PROBLEMS)
    assert results["models"]["base"]["metrics"]["greedy"]["value"] == 0
    assert results["models"]["base"]["metrics"]["truncated_rate"]["value"] > 0.5
    assert list(results["models"]) == ["base", "distilled"] and results["num_problems"] == len(PROBLEMS)
    assert results["comparisons"][0]["gained"] == correct and results["comparisons"][0]["lost"] == 0
    assert sum(results["models"]["base"]["verdicts"].values()) == 5 * len(PROBLEMS)
    assert results["settings"]["versions"]["torch"] and results["settings"]["temperature"] == 1.0
    assert metrics["greedy/distilled"] == found["value"]
    assert read_json(directory / "progress.json")["done"] == 2 * len(PROBLEMS)


def files(config: Config) -> dict[str, bytes]:
    directory = stage(config).directory
    names = ("results.json", "completions/base.jsonl", "completions/distilled.jsonl")
    return {name: (directory / name).read_bytes() for name in names}


def test_what_is_stored_is_kept_and_what_changed_is_made_again(config):
    run(config, stage(config))
    first = files(config)
    completions = stage(config).directory / "completions"
    times = {path: path.stat().st_mtime_ns for path in completions.iterdir()}

    run(changed(config, pass_at_k=[1, 2]), stage(config))
    assert {path: path.stat().st_mtime_ns for path in completions.iterdir()} == times, "only the figures changed"
    assert b"pass@2" in files(config)["results.json"]

    (completions / "base.jsonl").write_bytes(first["completions/base.jsonl"].replace(b"incorrect", b"correct"))
    (completions / "distilled.settings.json").unlink()
    run(config, stage(config))
    assert files(config) == first, "both models were sampled again, to the same bytes"

    run(changed(config, temperature=0.5), stage(config))
    assert files(config)["completions/distilled.jsonl"] != first["completions/distilled.jsonl"]


def test_a_model_comes_out_the_same_whatever_was_measured_before_it(config):
    run(config, stage(config))
    both = files(config)["completions/distilled.jsonl"]
    alone = changed(config, models={"distilled": config.evaluate.models["distilled"]})
    (stage(config).directory / "completions" / "distilled.jsonl").unlink()
    run(alone, stage(config))
    assert (stage(config).directory / "completions" / "distilled.jsonl").read_bytes() == both
    assert list(read_json(stage(config).directory / "results.json")["models"]) == ["distilled"]


def test_killed_run_continues_where_it_was_to_the_same_bytes(config):
    config = changed(config, batch_size=1)
    run(config, stage(config))
    whole = files(config)
    completions = stage(config).directory / "completions"
    for path in completions.iterdir():
        path.unlink()
    compose.write_resolved(config, Path(config.paths.run) / "resolved.yaml")
    command = [sys.executable, "-m", "nemo_reasoning.stage", "evaluate", config.paths.run]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    log = completions / "base.replies.jsonl"
    try:
        deadline = time.monotonic() + 120
        while not (log.exists() and log.read_bytes().count(b"\n") > 20) and time.monotonic() < deadline:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    with log.open("ab") as file:  # as if it was killed inside a line
        file.write(b'{"id": "11/3", "completi')
    before = log.read_bytes()
    assert before.count(b"\n") > 20
    asked = []
    run(config, stage(config), engine=lambda *given: Counting(open_engine(*given), asked))
    assert files(config) == whole and not log.exists()
    assert len(asked) < 5 * len(PROBLEMS) * 2 - 16, "what the killed run had is not asked again"


class Counting:
    """An engine that writes down which requests reach the one behind it."""

    def __init__(self, engine, asked: list[str]):
        self.engine, self.asked = engine, asked

    def complete(self, requests, params):
        self.asked += [request.id for request in requests]
        yield from self.engine.complete(requests, params)

    def close(self):
        self.engine.close()


def no_engine(*given):
    raise AssertionError("nothing is to be sampled")


def test_other_settings_of_the_verifier_or_of_reading_cost_no_sampling(config):
    run(config, stage(config))
    first = files(config)
    rows = list(read_jsonl(stage(config).directory / "completions" / "distilled.jsonl"))
    reading = config.format.model_copy(update={"answer_in_thinking": True})
    strict = config.model_copy(
        update={"format": reading, "verify": config.verify.model_copy(update={"timeout_s": 4.0})}
    )
    run(strict, stage(strict), engine=no_engine)
    again = list(read_jsonl(stage(config).directory / "completions" / "distilled.jsonl"))
    assert [row["greedy"]["text"] for row in again] == [row["greedy"]["text"] for row in rows]
    assert read_json(stage(config).directory / "results.json")["settings"]["verify"]["timeout_s"] == 4.0
    run(config, stage(config), engine=no_engine)
    assert files(config) == first


def test_corrected_gold_answers_cost_no_sampling(config):
    run(config, stage(config))
    assert read_json(stage(config).directory / "results.json")["models"]["distilled"]["verdicts"]["correct"] > 0
    wrong = [{**row, "answer": "no number"} for row in PROBLEMS]
    write_jsonl(Path(config.paths.run) / "prepare" / "evaluation.jsonl", wrong)
    run(config, stage(config), engine=no_engine)
    assert read_json(stage(config).directory / "results.json")["models"]["distilled"]["verdicts"]["correct"] == 0


def test_each_benchmark_has_a_directory_and_settings_of_its_own(config, tmp_path):
    write_jsonl(tmp_path / "hard.jsonl", [{"question": row["problem"], "gold": row["answer"]} for row in PROBLEMS[:4]])
    hard = Benchmark(path=str(tmp_path / "hard.jsonl"), layout=Layout(problem="question", answer="gold"), num_samples=2)
    both = changed(config, benchmarks={"held_out": Benchmark(), "hard": hard}, pass_at_k=[1, 4])
    metrics = run(both, stage(both))
    directory = stage(both).directory
    results = {name: read_json(directory / name / "results.json") for name in ("held_out", "hard")}
    assert [found["num_problems"] for found in results.values()] == [len(PROBLEMS), 4]
    assert "pass@4" not in results["hard"]["models"]["base"]["metrics"]
    assert results["hard"]["models"]["distilled"]["metrics"]["greedy"]["value"] == 1.0
    assert metrics["hard/greedy/distilled"] == 1.0 and "hard, 4 problems" in metrics["summary"]
    run(config, stage(config))
    assert not (directory / "hard" / "results.json").exists(), "these settings say nothing of it"
    own = (directory / "completions" / "distilled.jsonl").read_bytes()
    assert (directory / "held_out" / "completions" / "distilled.jsonl").read_bytes() == own


def test_zero_samples_measure_the_greedy_completions_alone(config):
    run(changed(config, num_samples=0), stage(config))
    metrics = read_json(stage(config).directory / "results.json")["models"]["distilled"]["metrics"]
    assert list(metrics) == ["greedy", "format_rate", "no_answer_rate", "truncated_rate", "mean_tokens", "p95_tokens"]


def test_measured_during_training_is_what_the_stage_measures(config):
    """What a trainer gets from `measure`, with the sampler that it has, equals the stage's figures."""
    run(config, stage(config))
    tokenizer = load_tokenizer(f"{config.paths.root}/trained")
    model = load_model(f"{config.paths.root}/trained", torch.float32).eval()
    sampler = Sampler(model, config.format.stop_id(tokenizer), tokenizer.pad_token_id)
    engine = InProcess(sampler, tokenizer, config.format)
    with Verifier(config.verify) as verifier:
        alone = measure(engine, config.format, PROBLEMS, config.evaluate, verifier, "0/distilled")
    stored = read_json(stage(config).directory / "results.json")["models"]["distilled"]
    assert estimates(alone)["greedy"] == stored["metrics"]["greedy"]
    assert alone.ids == [row["id"] for row in PROBLEMS] and sum(alone.verdicts.values()) == 5 * len(PROBLEMS)


def test_max_problems_takes_the_first(config):
    run(changed(config, max_problems=3), stage(config))
    rows = read_jsonl(stage(config).directory / "completions" / "base.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in PROBLEMS[:3]]


def test_missing_model_names_its_stage(config):
    lacking = changed(config, models={"distilled": f"{config.paths.run}/distill/hf"})
    with pytest.raises(InputError, match=r"run the stage distill first, or set evaluate.models.distilled=null"):
        run(lacking, stage(config))


@pytest.mark.parametrize("named", [{}, {"base": None}])
def test_no_model_is_one_sentence(config, named):
    with pytest.raises(InputError, match="no model to evaluate"):
        run(changed(config, models=named), stage(config))


def test_model_name_must_name_a_file(config):
    with pytest.raises(InputError, match="cannot name a file"):
        run(changed(config, models={"a/b": config.model.path}), stage(config))


def test_no_problems_is_one_sentence(config):
    (Path(config.paths.run) / "prepare" / "evaluation.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="no problem to evaluate on"):
        run(config, stage(config))


def test_model_of_another_format_is_refused(config, models):
    tagged = config.model_copy(update={"format": config.format.model_copy(update={"answer_style": "answer_tags"})})
    with pytest.raises(InputError, match="was trained with") as caught:
        run(changed(tagged, models={"base": str(models / "trained")}), stage(config))
    assert "\n" not in str(caught.value)
