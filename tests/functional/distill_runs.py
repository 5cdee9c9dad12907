# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Small distillation runs for the functional tests: students, data, launching, reading back."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import torch
from safetensors.torch import load_file, save_file

from nemo_reasoning.compose import write_resolved
from nemo_reasoning.config import Config, Distill, Model, Paths, ScratchModel
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.demo.arithmetic import WordProblem, draw_distinct
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.distill.throughput import MEASURED
from nemo_reasoning.traces import read_jsonl

EXAMPLES = 16
FORMAT = ReasoningFormat(answer_style="answer_tags", chat_template="chatml", stop_token="<|im_end|>")
SETTINGS = {
    "precision": "fp32",
    "seq_length": 128,
    "global_batch_size": EXAMPLES,
    "micro_batch_size": EXAMPLES,
    "packing": False,
    "lr": 1e-3,
    "warmup_ratio": 0.0,
    "weight_decay": 0.1,
    "adam_eps": 1e-5,  # a gradient of rounding noise must not become a step of full size
    "clip_grad": 1.0,
    "save_interval": 100,
    "eval_interval": 100,
}


def make_run(
    run: Path,
    architecture: str = "qwen2",
    tied: bool = True,
    ranks: int = 1,
    examples: int = EXAMPLES,
    layers: int = 2,
    **settings,
) -> Path:
    """Write a run's directory: `resolved.yaml`, a random student and curated traces of different lengths.

    `settings` are those of the stage; without any parallel size, all ranks are tensor-parallel ones.
    """
    problems = draw_distinct(random.Random(0), examples + EXAMPLES, held_out=False)
    student = run / "prepare" / "student"
    shape = ScratchModel(
        architecture=architecture,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=layers,
        tie_word_embeddings=tied,
    )
    texts = [_target(number, problem) for number, problem in enumerate(problems)]
    make_student(student, shape, texts, seed=1)
    if "teacher" in settings:
        make_teacher(Path(settings["teacher"]), texts)
    _write_traces(run / "curate" / "sft.jsonl", problems[:examples])
    _write_traces(run / "curate" / "sft_validation.jsonl", problems[examples:][:12])
    distill = Distill(**(SETTINGS | {"tensor_model_parallel_size": ranks, "num_processes": ranks} | settings))
    config = Config(
        name="test", model=Model(path=str(student)), format=FORMAT, paths=Paths(run=str(run)), distill=distill
    )
    write_resolved(config, run / "resolved.yaml")
    return run


def make_teacher(directory: Path, texts: list[str]) -> None:
    """Write a random model of another shape than the students; it is surer of its tokens than they are."""
    make_student(directory, ScratchModel(hidden_size=96, num_hidden_layers=2, tie_word_embeddings=False), texts, seed=2)
    tensors = weights(directory)
    tensors["lm_head.weight"] *= 10
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def train(runs: list[Path], ranks: int) -> None:
    """Distil the runs in one set of processes."""
    worker = [str(Path(__file__).with_name("distill_worker.py")), *map(str, runs)]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [sys.executable, *torchrun, *worker], env=environment(), capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-15000:]


def start_and_kill(run: Path, ranks: int, is_time: Callable[[Path], bool], seconds: float = 0.0) -> None:
    """Start the stage as the pipeline does and kill it once `is_time` says so, or some seconds later."""
    command = [sys.executable, "-m", "nemo_reasoning.stage", "distill", str(run), "--processes", str(ranks)]
    directory = run / "distill" / "checkpoints"
    (run / "distill").mkdir(exist_ok=True)
    with (run / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 300
            while not is_time(directory):
                assert process.poll() is None, (run / "log.txt").read_text()[-5000:]
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(seconds)
        finally:
            process.kill()
            process.wait()
    assert not (run / "distill" / "hf").exists(), "it was killed too late to prove anything"


def environment() -> dict[str, str]:
    """One thread a rank, as the pipeline starts them."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def weights(directory: Path) -> dict[str, torch.Tensor]:
    """All weights of a Hugging Face directory."""
    return load_file(directory / "model.safetensors")


def student_of(run: Path) -> Path:
    """The directory of a run's student."""
    return run / "prepare" / "student"


def rows(run: Path) -> list[dict]:
    """The logged rows without their timings."""
    logged = read_jsonl(run / "distill" / "metrics.jsonl")
    return [{key: value for key, value in row.items() if key not in MEASURED} for row in logged]


def losses(run: Path) -> list[float]:
    """The training losses."""
    return [row["loss"] for row in rows(run) if "loss" in row]


def _write_traces(path: Path, problems: list[WordProblem]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("wb") as file:
        for number, problem in enumerate(problems):
            messages = [{"role": "assistant", "content": _target(number, problem)}]
            row = {"id": str(number), "problem": problem.text, "answer": problem.answer, "messages": messages}
            file.write(orjson.dumps(row) + b"\n")


def _target(number: int, problem: WordProblem) -> str:
    """Targets of different lengths, so that batches are padded and micro batches differ in tokens."""
    return FORMAT.target("\n".join([problem.thinking] * (1 + number % 3)), problem.answer)
