# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Training speed of the distillation stage beside Hugging Face and TRL on the CPU, in one run.

    python benchmarks/distill_speed.py [--rounds 5] [--steps 4] [--trl PYTHON] [--profile]

A model of 4.8M parameters is trained on the same texts by processes that take turns: each
does `--steps` steps, then waits for the others, so what else the machine does meets them
alike. Printed are medians over the rounds of useful (non-padding) tokens a second, by the
clock and by CPU time (user and system, of all its processes, which a busy machine changes less).

- step: examples of 512 tokens, two a step, two threads each: transformers with SDPA and
  torch's AdamW; our stage on one rank, and tensor-parallel on two ranks of one thread. Threads
  that wait for each other on a busy machine spin: there, `--threads 1` compares the work itself.
- packed: short examples, packed into four sequences of 512: our stage, and TRL's SFTTrainer
  with its own packing, run by the interpreter `--trl`. TRL may live in an environment of its
  own: `python -m venv trl; trl/bin/pip install trl`, then `--trl trl/bin/python`.

`--profile` also prints where the time of a step goes, in Hugging Face and in ours, by torch's profiler.
"""

import argparse
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LENGTH = 512
SHAPE = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "tie_word_embeddings": True}
STEP = {"packing": False, "truncation": "cut", "global_batch_size": 2, "micro_batch_size": 2}
PACKED = {"packing": True, "global_batch_size": 4, "micro_batch_size": 1}
LR = 1e-3
OPERATORS = 30
"""Shown of a profile, the longest first."""
WARM_UP, PROFILED = 2, 10
"""Steps before what is measured, and steps that are profiled."""


def main() -> None:
    """Start the workers, let them take turns, print the table."""
    parser = argparse.ArgumentParser(description="CPU training speed beside Hugging Face and TRL.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of each worker in a round")
    parser.add_argument("--threads", type=int, default=2, help="of each side in all; 1 on a machine that is busy")
    parser.add_argument("--trl", default=sys.executable, help="an interpreter with TRL")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--worker", nargs=3, metavar=("KIND", "DIRECTORY", "RANKS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, directory, ranks = arguments.worker
        WORKERS[kind](Path(directory), Path(directory) / f"{kind}{ranks}", int(ranks), arguments.profile)
        return
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place))
        threads = arguments.threads
        step = [("hf", 1, threads), ("ours", 1, threads), ("ours", 2, max(1, threads // 2))]
        _compare("step", [Worker(*side, Path(place) / "step") for side in step], arguments)
        if arguments.profile:
            _compare_profiles([Worker(*side, Path(place) / "step", profile=True) for side in step[:2]])
        packed = [Worker("ours", 1, threads, Path(place) / "packed")]
        if subprocess.run([arguments.trl, "-c", "import trl"], capture_output=True).returncode == 0:
            packed.append(Worker("trl", 1, threads, Path(place) / "packed", arguments.trl))
        else:
            print("trl is not installed (see --help), so it is not compared.")
        _compare("packed", packed, arguments)


def _compare(title: str, workers: "list[Worker]", arguments: argparse.Namespace) -> None:
    for worker in workers:
        worker.turn(WARM_UP)
    for _ in range(arguments.rounds):
        for worker in workers:
            worker.measure(arguments.steps)
    first = workers[0].medians()
    print(f"{title}: tokens/s by the clock, by CPU time (beside {workers[0].name})")
    for worker in workers:
        clock, cpu = worker.medians()
        print(f"  {worker.name:24} {clock:7,.0f} ({clock / first[0]:.2f})  {cpu:7,.0f} ({cpu / first[1]:.2f})")
        worker.end()


def _compare_profiles(workers: "list[Worker]") -> None:
    """Where the time of a step goes, by torch's profiler, which itself slows small operators down."""
    for steps in (WARM_UP, *[1] * PROFILED):
        for worker in workers:
            worker.turn(steps)
    profiles = [worker.end() for worker in workers]
    operators = sorted(
        {name for profile in profiles for name in profile}, key=lambda name: -profiles[-1].get(name, [0])[0]
    )
    print("profile: milliseconds (calls) of a step, without what operators call: " + ", ".join(w.name for w in workers))
    for name in operators[:OPERATORS]:
        print(f"  {name:48}" + "".join("{:9.2f} ({:5.0f})".format(*profile.get(name, (0, 0))) for profile in profiles))
    print(
        f"  {'sum':48}" + "".join(f"{sum(time for time, _ in profile.values()):9.2f}        " for profile in profiles)
    )


class Worker:
    """A training process that does steps when it is told to."""

    def __init__(
        self, kind: str, ranks: int, threads: int, directory: Path, python: str = sys.executable, profile: bool = False
    ) -> None:
        self.name = f"{kind}, {ranks} x {threads} threads"
        self._place = directory / f"{kind}{ranks}"
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(parents=True)
        os.mkfifo(self._place / "go")
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        command = [python, __file__, "--worker", kind, str(directory), str(ranks)]
        command += ["--profile"] if profile else []
        with (self._place / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        self._rounds: list[tuple[float, float]] = []

    def turn(self, steps: int) -> int:
        """Let it do steps; gives the tokens it trained on."""
        self._say(steps)
        while not (self._place / "done").exists():
            self._must_live()
            time.sleep(0.002)
        tokens = int((self._place / "done").read_text())
        (self._place / "done").unlink()
        return tokens

    def _say(self, steps: int) -> None:
        while True:  # opening fails until it listens
            try:
                pipe = os.open(self._place / "go", os.O_WRONLY | os.O_NONBLOCK)
                break
            except OSError:
                self._must_live()
                time.sleep(0.05)
        os.write(pipe, str(steps).encode())
        os.close(pipe)

    def _must_live(self) -> None:
        if self._process.poll() is not None:
            sys.exit(f"{self.name} ended:\n{(self._place / 'log.txt').read_text()[-3000:]}")

    def measure(self, steps: int) -> None:
        """One round."""
        started, cpu = time.perf_counter(), self._cpu()
        tokens = self.turn(steps)
        self._rounds.append((tokens / (time.perf_counter() - started), tokens / (self._cpu() - cpu)))

    def medians(self) -> tuple[float, float]:
        """Tokens per second by the clock and by CPU time."""
        clock, cpu = zip(*self._rounds, strict=True)
        return statistics.median(clock), statistics.median(cpu)

    def end(self) -> dict[str, tuple[float, float]]:
        """Stop it; gives the profile it has made, of each operator the milliseconds and calls of a step."""
        self._say(0)
        self._process.wait()
        profile = self._place / "profile.json"
        return json.loads(profile.read_text()) if profile.exists() else {}

    def _cpu(self) -> float:
        import psutil

        root = psutil.Process(self._process.pid)
        family = [root, *root.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in family)


class Turns:
    """A worker's side: waits before a step whose turn has not come, and reports after the last one."""

    def __init__(self, place: Path, profile: bool = False) -> None:
        self._place, self._left, self._tokens, self._steps = place, 0, 0, 0
        self._profiler = _profiler() if profile else None

    def before_step(self) -> None:
        """Wait for the turn."""
        if self._left == 0:
            self._left, self._tokens = int((self._place / "go").read_text()), 0
            if self._left == 0:
                self._leave()
        if self._profiler is not None and self._steps == WARM_UP:
            self._profiler.start()

    def after_step(self, tokens: int) -> None:
        """Count a step."""
        self._left -= 1
        self._steps += 1
        self._tokens += tokens
        if self._left == 0:
            (self._place / "part").write_text(str(self._tokens))
            (self._place / "part").rename(self._place / "done")

    def _leave(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            (self._place / "profile.json").write_text(json.dumps(_operators(self._profiler, self._steps - WARM_UP)))
        os._exit(0)


def _profiler() -> Any:
    from torch.profiler import ProfilerActivity, profile

    return profile(activities=[ProfilerActivity.CPU], record_shapes=True)


def _operators(profiler: Any, steps: int) -> dict[str, tuple[float, float]]:
    """Milliseconds and calls of a step: by the median of the calls of the same shapes, as some are interrupted."""
    calls: dict[tuple[str, str], list[float]] = {}
    for event in profiler.events():
        calls.setdefault((event.name, str(event.input_shapes)), []).append(event.self_cpu_time_total / 1000)
    operators: dict[str, tuple[float, float]] = {}
    for (name, _), times in calls.items():
        milliseconds, number = operators.get(name, (0, 0))
        operators[name] = milliseconds + statistics.median(times) * len(times) / steps, number + len(times) / steps
    return operators


def make_data(place: Path) -> None:
    """Runs `step` and `packed`: a student, curated traces, and a configuration for each number of ranks."""
    import orjson

    from nemo_reasoning.config import ScratchModel
    from nemo_reasoning.demo.arithmetic import trace_rows
    from nemo_reasoning.demo.student import make_student

    rows = trace_rows(seed=0, count=4000, flaw_share=0.0, num_evaluation=10)
    texts = [row["generation"] for row in rows]
    for name, settings in (("step", STEP), ("packed", PACKED)):
        directory = place / name
        make_student(directory / "student", ScratchModel(**SHAPE, max_position_embeddings=LENGTH), texts, seed=1)
        for ranks in (1, 2):
            curated = directory / f"run{ranks}" / "curate"
            curated.mkdir(parents=True)
            _write_config(curated.parent, directory / "student", ranks, settings)
            with (curated / "sft.jsonl").open("wb") as file:
                for number, row in enumerate(rows):
                    content = row["generation"] if name == "packed" else "".join(texts[number : number + 30])
                    messages = [{"role": "assistant", "content": content}]
                    file.write(orjson.dumps({"id": row["id"], "problem": row["problem"], "messages": messages}) + b"\n")


def _write_config(run: Path, student: Path, ranks: int, settings: dict[str, Any]) -> None:
    from nemo_reasoning.compose import write_resolved
    from nemo_reasoning.config import Config, Distill, Model, Paths
    from nemo_reasoning.contract import ReasoningFormat

    often = {"train_iters": 100_000, "save_interval": 100_000, "eval_interval": 100_000}
    parallel = {"tensor_model_parallel_size": ranks, "num_processes": ranks}
    distill = Distill(precision="fp32", seq_length=LENGTH, lr=LR, **often, **parallel, **settings)
    fmt = ReasoningFormat(chat_template="chatml", stop_token="<|im_end|>")
    paths = Paths(run=str(run))
    config = Config(name="speed", model=Model(path=str(student)), format=fmt, paths=paths, distill=distill)
    write_resolved(config, run / "resolved.yaml")


def _hugging_face(directory: Path, place: Path, ranks: int, profile: bool) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory / "student", dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    turns = Turns(place, profile)
    while True:
        turns.before_step()
        ids = torch.randint(0, model.config.vocab_size, (2, LENGTH))
        optimizer.zero_grad()
        model(ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        turns.after_step(ids.numel())


def _ours(directory: Path, place: Path, ranks: int, profile: bool) -> None:
    import functools

    from nemo_reasoning import ranks as processes

    rank = functools.partial(_our_rank, directory / f"run{ranks}", place, profile)
    if ranks == 1:
        rank()
    else:
        sys.exit(processes.run(rank, ranks, "nemo_reasoning.distill.preload"))


def _our_rank(run: Path, place: Path, profile: bool) -> int:
    from nemo_reasoning.compose import read_resolved
    from nemo_reasoning.distill import stage
    from nemo_reasoning.manifest import StageRun

    importlib.import_module("nemo_reasoning.distill.preload")  # makes Megatron importable
    from nemo_reasoning.distill import hooks

    class TakingTurns(hooks.ProgressCallback):
        turns = Turns(place, profile)

        def on_train_step_start(self, context: Any) -> None:
            if os.environ.get("RANK", "0") == "0":
                self.turns.before_step()
            super().on_train_step_start(context)

        def on_train_step_end(self, context: Any) -> None:
            super().on_train_step_end(context)
            if os.environ.get("RANK", "0") == "0":
                self.turns.after_step(int((self._data.counts - self._counts)[1]))

    hooks.ProgressCallback = TakingTurns
    (run / "distill").mkdir(exist_ok=True)
    stage.run(read_resolved(run / "resolved.yaml"), StageRun("distill", run / "distill"))
    return 0


def _trl(directory: Path, place: Path, ranks: int, profile: bool) -> None:
    import datasets
    import transformers
    from trl import SFTConfig, SFTTrainer

    turns, seen = Turns(place), [0]

    class TakingTurns(transformers.TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            turns.before_step()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            turns.after_step(seen[0])
            seen[0] = 0  # batches are drawn before a step begins

    settings = SFTConfig(
        output_dir=str(place / "trl"),
        max_length=LENGTH,
        packing=True,
        completion_only_loss=True,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=PACKED["global_batch_size"],
        learning_rate=LR,
        max_steps=100_000,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        model_init_kwargs={"dtype": "float32", "attn_implementation": "sdpa"},
    )
    rows = [json.loads(line) for line in (directory / "run1" / "curate" / "sft.jsonl").open()]
    pairs = [{"prompt": [{"role": "user", "content": row["problem"]}], "completion": row["messages"]} for row in rows]
    data = datasets.Dataset.from_list(pairs)
    trainer = SFTTrainer(str(directory / "student"), args=settings, train_dataset=data, callbacks=[TakingTurns()])
    trainer.data_collator = _counting(trainer.data_collator, seen)
    trainer.train()


def _counting(collate: Callable[..., dict[str, Any]], seen: list[int]) -> Callable[..., dict[str, Any]]:
    def counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collate(rows)
        mask = batch.get("attention_mask")
        seen[0] += int(batch["input_ids"].numel() if mask is None else mask.sum())
        return batch

    return counted


WORKERS = {"hf": _hugging_face, "ours": _ours, "trl": _trl}

if __name__ == "__main__":
    main()
