# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""GRPO steps of the embedded engine beside TRL's GRPOTrainer on the CPU, in one run.

    python benchmarks/grpo_speed.py [--trl-python PYTHON] [--rounds 5] [--case 0.6M-32] [--profile]

Both sides start from one model with random weights and do the same work: 24 arithmetic
problems of the demo (8 where completions are long) with 8 completions each, sampled at
temperature 1, rewarded by the same functions, all learned from in one optimizer step, in fp32,
with one thread. The stop token is one that the model cannot write, so that every completion has
the full length. TRL has the settings that are fastest for it here: the whole step is one batch
of generation, no gradient checkpointing, no KL penalty (hence no reference model), and no old
log-probabilities, which it leaves out as there is one optimizer step a batch; it trains on the
step whole or in four micro-batches, whichever was faster before the rounds.

Processes take turns; printed are medians over the rounds of rollouts a second, by CPU time
(user and system, of all processes of a side, which a busy machine changes less) and by the
clock; how our time divides; and which share it is of what the matrix products alone would
need at the speed they have by themselves on this machine, measured in the same run at the
same shapes. TRL may live in an environment of its own (`pip install trl math-verify pydantic
omegaconf orjson`); it is skipped where it is absent. `--profile` also prints torch's profile of our step.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import roofline
from turns import Turns, Worker, has_module, task

GENERATIONS = 8
SIZES = {
    "0.6M": {},
    "5M": {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6},
}
PROMPTS = {32: 24, 256: 8}
"""How many at which length of the completions."""
LR = 1e-6
REWARDS = {"accuracy": {}, "random": {"weight": 0.1}}
"""The second, a coin, sees to it that groups have spread and everything is learned from."""
NEVER = "<|never|>"


def main() -> None:
    """Compare, case by case."""
    parser = argparse.ArgumentParser(description="GRPO steps on the CPU beside TRL.")
    parser.add_argument("--trl-python", default=sys.executable, help="an interpreter with TRL")
    parser.add_argument("--trl-parts", type=int, nargs="+", default=[1, 4], help="micro-batches of a step to try")
    add_case_arguments(parser)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    trl = has_module(arguments.trl_python, "trl")
    if not trl:
        print("TRL is not installed (see --help), so it is not compared.")
    for student, length in cases(arguments.case):
        _compare(student, length, arguments, trl)


def add_case_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured, and how often."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", action="append", help="such as 0.6M-32; all four by default")


def cases(chosen: list[str] | None) -> Iterator[tuple[Path, int]]:
    """The student, made for the time being, and the length of the completions of each case."""
    with tempfile.TemporaryDirectory() as place:
        for size, shape in SIZES.items():
            make_student(Path(place) / size, shape)
            for length in PROMPTS:
                if not chosen or f"{size}-{length}" in chosen:
                    yield Path(place) / size, length


def _compare(student: Path, length: int, arguments: argparse.Namespace, trl: bool) -> None:
    case = {"student": str(student), "length": length}
    workers = [Worker("embedded engine", {"side": "ours", **case}, threads=arguments.threads)]
    if trl:
        workers.append(_fastest_trl(case, arguments))
    workers[0].turn(1)  # warm up
    steps = 2 if length < 100 else 1
    for _ in range(arguments.rounds):
        for worker in workers:
            worker.measure(steps)
    print(f"{student.name}, {length} tokens: rollouts per CPU-second, per second by the clock")
    for worker in workers:
        cpu, clock = (workers[0].rate(seconds) / worker.rate(seconds) for seconds in ("cpu", "clock"))
        print(
            f"  {worker.name:28} {worker.rate('cpu'):8.1f} {worker.rate('clock'):8.1f}  ours: {cpu:.2f}x {clock:.2f}x"
        )
    parts = ("sampling", "rewards", "training")
    spent = ", ".join(f"{part} {workers[0].median(part) / steps:.3f} s" for part in parts)
    print(f"  a step of ours, CPU time: {spent}", flush=True)
    for worker in workers:
        worker.end()
    print_roofline(student, length, arguments.threads, {part: workers[0].median(part) / steps for part in parts})
    if arguments.profile:
        command = [sys.executable, __file__, "--worker", json.dumps({"side": "profile", **case})]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(arguments.threads)})


def print_roofline(student: Path, length: int, threads: int, actual: dict[str, float]) -> None:
    """Which share of the time of a step of ours its matrix products alone would take."""
    from transformers import AutoTokenizer

    from nemo_reasoning.contract import ReasoningFormat

    tokenizer, fmt, drawn = AutoTokenizer.from_pretrained(student), ReasoningFormat(), problems(PROMPTS[length])
    tokens = sum(len(fmt.encode_prompt(tokenizer, problem.problem)) for problem in drawn)
    found = roofline.of_step(student, length, tokens, len(drawn), GENERATIONS, threads)
    for part, (same, square) in found.items():
        print(
            f"  {part}: its products with weights would take {same / actual[part]:.0%} of the time at their own speed, "
            f"{square / actual[part]:.0%} at that of a large square product",
            flush=True,
        )


def _fastest_trl(case: dict[str, Any], arguments: argparse.Namespace) -> Worker:
    """TRL with the micro-batch with which a step takes less CPU time."""
    found = []
    for parts in arguments.trl_parts:
        side = {"side": "trl", "parts": parts, **case}
        worker = Worker(f"TRL, {parts} micro-batches", side, arguments.trl_python, arguments.threads)
        found.append((worker.turn(1)["cpu"], worker))
    found.sort(key=lambda pair: pair[0])
    for _, slower in found[1:]:
        slower.end()
    return found[0][1]


def make_student(directory: Path, shape: dict[str, int]) -> None:
    """A model with random weights whose tokenizer has a stop token beyond the model's vocabulary."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    from nemo_reasoning.config import ScratchModel
    from nemo_reasoning.demo import student
    from nemo_reasoning.demo.arithmetic import trace_rows

    texts = [row["generation"] for row in trace_rows(seed=0, count=4000, flaw_share=0.0, num_evaluation=10)]
    student.make_student(directory, ScratchModel(**shape), texts, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    vocabulary = AutoConfig.from_pretrained(directory).vocab_size
    tokenizer.add_tokens([f"<|unused-{number}|>" for number in range(vocabulary - len(tokenizer))])
    tokenizer.add_special_tokens({"eos_token": NEVER})
    assert tokenizer.eos_token_id == vocabulary
    tokenizer.save_pretrained(directory)
    for part in (AutoConfig, GenerationConfig):
        part.from_pretrained(directory, eos_token_id=vocabulary).save_pretrained(directory)


def problems(count: int) -> list[Any]:
    """The demo's problems."""
    from nemo_reasoning.demo.arithmetic import evaluation_rows
    from nemo_reasoning.traces import Problem

    return [Problem(row["id"], row["problem"], row["answer"]) for row in evaluation_rows(count)]


def settings(length: int) -> Any:
    """Of the embedded engine; the published clip range, and nothing dropped."""
    from nemo_reasoning.config import GRPO, Reward

    return GRPO(
        num_prompts_per_step=PROMPTS[length],
        num_generations_per_prompt=GENERATIONS,
        max_new_tokens=length,
        lr=LR,
        weight_decay=0.0,
        precision="fp32",
        use_dynamic_sampling=False,
        rewards={name: Reward(**options) for name, options in REWARDS.items()},
    )


def our_steps(student: Path, length: int) -> Iterator[dict[str, float]]:
    """Steps as the stage does them; gives what each of them took."""
    import torch

    from nemo_reasoning.config import Verify
    from nemo_reasoning.contract import ReasoningFormat
    from nemo_reasoning.grpo import rollouts
    from nemo_reasoning.grpo.engine import Policy
    from nemo_reasoning.models import load_model, load_tokenizer
    from nemo_reasoning.sampling import Sampler
    from nemo_reasoning.verify import Verifier

    tokenizer, model = load_tokenizer(str(student)), load_model(str(student), torch.float32)
    sampler = Sampler(model, tokenizer.eos_token_id, tokenizer.pad_token_id)
    policy, drawn = Policy(model, settings(length)), problems(PROMPTS[length])
    sampling = timed(sampler, "sample")
    generator = torch.Generator().manual_seed(0)
    with Verifier(Verify()) as verifier:
        maker = rollouts.RolloutMaker(sampler, tokenizer, ReasoningFormat(), verifier, policy.settings)
        while True:
            start = time.process_time()
            sampler.refresh()
            batch = maker.make([(drawn, generator)])
            made = time.process_time()
            policy.update(batch, LR, generator)
            rollouts.metrics(batch)
            end, spent = time.process_time(), sampling.pop()
            assert all(len(completion.token_ids) == length for completion in batch.completions)
            yield {"sampling": spent, "rewards": made - start - spent, "training": end - made}


def timed(owner: Any, name: str) -> list[float]:
    """The CPU seconds that each call of a method took, from now on."""
    method, spent = getattr(owner, name), []

    def measured(*arguments: Any) -> Any:
        start = time.process_time()
        result = method(*arguments)
        spent.append(time.process_time() - start)
        return result

    setattr(owner, name, measured)
    return spent


def train_ours(student: Path, length: int) -> None:
    """The worker of the embedded engine."""
    steps, turns = our_steps(student, length), Turns()
    while True:
        turns.before_step()
        turns.after_step(PROMPTS[length] * GENERATIONS, **next(steps))


def profile_ours(student: Path, length: int) -> None:
    """Where the time of our steps goes, by torch's profiler."""
    from torch.profiler import profile

    steps = our_steps(student, length)
    next(steps)
    with profile() as profiler:
        next(steps)
    steps.close()
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=48))


def train_trl(student: Path, length: int, parts: int) -> None:
    """The worker of TRL."""
    import datasets
    import transformers
    from trl import GRPOConfig, GRPOTrainer

    from nemo_reasoning.contract import ReasoningFormat

    turns, fmt = Turns(), ReasoningFormat()
    tokenizer = transformers.AutoTokenizer.from_pretrained(student)

    class TakingTurns(transformers.TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turns.before_step()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            assert seen.pop() == [length] * PROMPTS[length] * GENERATIONS
            turns.after_step(PROMPTS[length] * GENERATIONS)

    common = settings(length)
    arguments = GRPOConfig(
        output_dir=str(student.parent / "trl"),
        per_device_train_batch_size=PROMPTS[length] * GENERATIONS // parts,
        gradient_accumulation_steps=parts,
        num_generations=GENERATIONS,
        max_completion_length=length,
        learning_rate=LR,
        lr_scheduler_type="constant",
        adam_beta1=common.adam_beta1,
        adam_beta2=common.adam_beta2,
        weight_decay=0.0,
        max_grad_norm=common.clip_grad,
        epsilon=common.ratio_clip_min,
        epsilon_high=common.ratio_clip_max,
        beta=0.0,
        max_steps=100_000,
        logging_steps=100_000,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        model_init_kwargs={"dtype": "float32", "attn_implementation": "sdpa"},
    )
    seen: list[list[int]] = []
    rows = [{"prompt": fmt.prompt(tokenizer, p.problem), "gold": p.answer} for p in problems(PROMPTS[length])]
    GRPOTrainer(
        str(student),
        reward_funcs=reward_function(fmt, common.rewards, seen),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[TakingTurns()],
    ).train()


def reward_function(fmt: Any, rewards: dict[str, Any], seen: list[list[int]]) -> Callable[..., list[float | None]]:
    """The embedded engine's rewards, as TRL calls them; `seen` gets the completions' lengths."""
    from nemo_reasoning.config import Verify
    from nemo_reasoning.rewards import Rollout, score
    from nemo_reasoning.verify import Verifier

    verifier = Verifier(Verify())

    def total(completions: list[str], completion_ids: list[list[int]], gold: list[str], **_: Any) -> list[float | None]:
        lengths = [len(ids) for ids in completion_ids]
        seen.append(lengths)
        parsed = [fmt.parse(text, truncated=True) for text in completions]
        verdicts = verifier.check_batch([(parts.answer, answer) for parts, answer in zip(parsed, gold, strict=True)])
        told = zip(completions, parsed, verdicts, lengths, strict=True)
        rollouts = [Rollout(*each, group=number // GENERATIONS) for number, each in enumerate(told)]
        return score(rollouts, rewards, fmt).total

    return total


SIDES = {"ours": train_ours, "profile": profile_ours, "trl": train_trl}

if __name__ == "__main__":
    if work := task():
        SIDES[work.pop("side")](Path(work.pop("student")), **work)
    else:
        main()
