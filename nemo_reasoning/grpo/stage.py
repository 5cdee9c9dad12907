# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The GRPO stage: from a model and problems to a better model, a step at a time.

Every random number of a step is a function of the run's seed and the step's number, so that
a stage killed anywhere and started again does the same steps with the same numbers.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from nemo_reasoning import contract, rewards
from nemo_reasoning.config import GRPO, Config, Model
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.files import whole
from nemo_reasoning.grpo import rollouts
from nemo_reasoning.grpo.checkpoints import Checkpoints
from nemo_reasoning.grpo.collapse import WINDOW, collapse, new_sign
from nemo_reasoning.grpo.engine import Policy, learning_rate
from nemo_reasoning.grpo.problems import read_problems, split
from nemo_reasoning.grpo.rollout_log import log_rollouts, rewind
from nemo_reasoning.leaving import Leaving
from nemo_reasoning.manifest import CHECKPOINTS, StageRun, read_metrics
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.sampling import Sampler
from nemo_reasoning.traces import Problem
from nemo_reasoning.verify import STATUSES, Verifier

log = logging.getLogger(__name__)


def run(config: Config, stage: StageRun) -> dict[str, Any]:
    """Train `grpo.init` and write the result to `hf/` in the stage's directory.

    Raises:
        InputError: The model, the problems or the rewards cannot be used.
    """
    settings = config.grpo
    if settings.engine == "nemo_rl":
        from nemo_reasoning.grpo.nemo_rl import stage as nemo_rl

        return nemo_rl.run(config, stage)
    rewards.check(settings.rewards)
    rewards.ready(settings.rewards)
    tokenizer = load_tokenizer(settings.init, _model_settings(config))
    contract.preflight(config.format, tokenizer, Path(settings.init))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_model(settings.init, torch.float32, _model_settings(config)).to(device)
    # A CPU is faster in fp32, and then exact; on a GPU `max_logprob_mismatch` watches over what bf16 changes.
    dtype = torch.bfloat16 if device.type == "cuda" and settings.precision == "bf16" else None
    sampler = Sampler(model, config.format.stop_id(tokenizer), tokenizer.pad_token_id, dtype)
    learned, held_out = split(read_problems(config), settings)
    problems, too_long = fitting(learned, config, tokenizer, sampler.context)
    validation = fitting(held_out, config, tokenizer, sampler.context)[0] if held_out else []
    reference = None
    if settings.reference_policy_kl_penalty > 0:
        reference = load_model(settings.init, torch.float32, _model_settings(config)).to(device).eval()
    policy = Policy(model, settings, reference)
    with Verifier(config.verify) as verifier:
        maker = rollouts.RolloutMaker(sampler, tokenizer, config.format, verifier, settings)
        train(config, stage, policy, maker, problems, validation)
    save_model(stage.directory / "hf", model, tokenizer, config)
    return summary(stage) | {"problems": len(problems), "problems_too_long": too_long}


def train(
    config: Config,
    stage: StageRun,
    policy: Policy,
    maker: rollouts.RolloutMaker,
    problems: Sequence[Problem],
    validation: Sequence[Problem],
) -> None:
    """Take the steps that are left, from the last checkpoint on; the model is then the one to keep.

    Raises:
        InputError: The run has collapsed, and is not to go on then.
        Interrupted: The time limit was reached or SIGTERM came; a checkpoint was written.
    """
    settings = config.grpo
    checkpoints = Checkpoints(stage.directory / CHECKPOINTS)
    step = checkpoints.restore(policy)
    rewind(stage, step)
    history = list(read_metrics(stage.directory))
    tell(stage, history, settings)
    with Leaving(settings.exit_duration_in_mins) as leaving:
        while not finished(history, settings):
            step += 1
            row, batch = take_step(config, policy, maker, problems, history)
            last = step == settings.max_num_steps or reached([*history, row], settings.stop_accuracy)
            if settings.val_period and (step % settings.val_period == 0 or last):
                row["validation_accuracy"] = validate(config, maker, validation)
                if settings.keep_best and row["validation_accuracy"] > max(validated(history), default=-1.0):
                    checkpoints.save_best(policy, step)
            if step == 1 or step % settings.log_rollouts_interval == 0:
                log_rollouts(stage, rollouts.rows(batch, step, maker.prompt))
            history.append(row)
            if sign := new_sign(history):
                row["warning"] = sign
            stage.log(row)
            if step % settings.checkpoint_interval == 0:
                checkpoints.save(policy, step)
            tell(stage, history, settings)
            if leaving.wanted:
                break
        checkpoints.save(policy, step)
    if not finished(history, settings):
        raise Interrupted(f"at step {step:,} of {settings.max_num_steps:,}, whose checkpoint is saved")
    if settings.keep_best and validated(history):
        checkpoints.load_best(policy)


def take_step(
    config: Config,
    policy: Policy,
    maker: rollouts.RolloutMaker,
    problems: Sequence[Problem],
    history: Sequence[dict[str, Any]],
) -> tuple[dict[str, Any], rollouts.Rollouts]:
    """Sample, reward and learn; gives the step's metrics and its rollouts."""
    step, settings = len(history) + 1, config.grpo
    with timed() as spent:
        maker.sampler.refresh()
        batch = maker.make(problem_batches(config, problems, history))
        update = policy.update(batch, learning_rate(step, settings), generator(config.seed, "order", step))
    return {"step": step, **rollouts.metrics(batch), **update, **spent}, batch


def validate(config: Config, maker: rollouts.RolloutMaker, problems: Sequence[Problem]) -> float:
    """Accuracy on held-out problems, with the same randomness at each measurement."""
    maker.sampler.refresh()
    return maker.accuracy(problems, generator(config.seed, "validate", 0))


def problem_batches(
    config: Config, problems: Sequence[Problem], history: Sequence[dict[str, Any]]
) -> Iterator[tuple[list[Problem], torch.Generator]]:
    """The problems that the next step may sample, a batch at a time, after those that earlier steps have sampled."""
    settings = config.grpo
    done = sum(row["gen_batches"] for row in history)
    for number in range(done + 1, done + 1 + settings.max_gen_batches("embedded")):
        indices = step_indices(number, settings.num_prompts_per_step, len(problems), config.seed)
        yield [problems[index] for index in indices], generator(config.seed, "sample", number)


def fitting(
    problems: Sequence[Problem], config: Config, tokenizer: PreTrainedTokenizerBase, context: int
) -> tuple[list[Problem], int]:
    """The problems whose prompt and completion fit the model's context, and how many do not.

    Raises:
        InputError: None fits.
    """
    room = context - config.grpo.max_new_tokens

    def fits(problem: Problem) -> bool:
        # A token is at least a byte, so that most problems need not be tokenized to know.
        if len(problem.problem.encode()) + overhead <= room:
            return True
        return len(config.format.encode_prompt(tokenizer, problem.problem)) <= room

    overhead = len(config.format.encode_prompt(tokenizer, "x")) + 8
    kept = [problem for problem in problems if fits(problem)]
    if not kept:
        raise InputError(
            f"no problem leaves room for grpo.max_new_tokens={config.grpo.max_new_tokens} in the model's context "
            f"of {context} tokens; lower it."
        )
    return kept, len(problems) - len(kept)


def step_indices(step: int, per_step: int, count: int, seed: int) -> list[int]:
    """Which problems a batch takes: each once per epoch, every epoch in an order of its own.

    Args:
        step: Number of the batch, from 1; of the step, where each samples one.
        per_step: Problems in a batch.
        count: Problems in all.
        seed: Of the run.
    """
    places = range((step - 1) * per_step, step * per_step)
    epochs = range(places[0] // count, places[-1] // count + 1)
    orders = {e: torch.randperm(count, generator=generator(seed, "epoch", e)).tolist() for e in epochs}
    return [orders[place // count][place % count] for place in places]


def generator(seed: int, purpose: str, number: int) -> torch.Generator:
    """Randomness for one purpose in one step, independent of all other."""
    digest = hashlib.sha256(f"{seed} {purpose} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Wall and CPU seconds of the block, filled in at its end."""
    spent: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.update(seconds=time.perf_counter() - wall, cpu_seconds=time.process_time() - cpu)


def finished(history: Sequence[dict[str, Any]], settings: GRPO) -> bool:
    """All steps are taken, or the run is as good as was asked for, or gets no better."""
    scores = validated(history)
    if len(history) >= settings.max_num_steps:
        return True
    if scores and settings.stop_val_accuracy is not None and scores[-1] >= settings.stop_val_accuracy:
        return True
    if scores and settings.val_patience and len(scores) - 1 - scores.index(max(scores)) >= settings.val_patience:
        return True
    return reached(history, settings.stop_accuracy)


def validated(history: Sequence[dict[str, Any]]) -> list[float]:
    """The accuracies that were measured on held-out problems."""
    return [row["validation_accuracy"] for row in history if "validation_accuracy" in row]


def reached(history: Sequence[dict[str, Any]], accuracy: float | None) -> bool:
    """The mean accuracy of the last `WINDOW` steps is at least `accuracy`."""
    if accuracy is None or len(history) < WINDOW:
        return False
    return fmean(row["accuracy"] for row in history[-WINDOW:]) >= accuracy


def tell(stage: StageRun, history: Sequence[dict[str, Any]], settings: GRPO) -> None:
    """Say how far the stage is, how it goes, and when it begins to go wrong.

    Raises:
        InputError: It goes wrong, and `stop_on_collapse` is set.
    """
    stage.progress(len(history), settings.max_num_steps, note(history))
    found = collapse(history)
    if found and settings.stop_on_collapse:
        raise InputError(f"GRPO collapsed at step {len(history)}: {found[1]}.")
    if sign := new_sign(history):
        log.warning("GRPO, step %d: %s.", len(history), sign)


def note(history: Sequence[dict[str, Any]]) -> str:
    """How it goes, in words."""
    recent = history[-WINDOW:]
    if not recent:
        return ""
    if found := collapse(history):
        return found[1]
    scores = validated(history)
    held_out_accuracy = f", on held-out problems {scores[-1]:.1%}" if scores else ""
    return f"reward {_mean(recent, 'reward') or 0:.3f}, accuracy {_mean(recent, 'accuracy'):.1%}{held_out_accuracy}"


def summary(stage: StageRun) -> dict[str, Any]:
    """The stage's metrics, from all the steps that were logged."""
    history = list(read_metrics(stage.directory))
    count = sum(row["rollouts"] for row in history)
    cpu_seconds = sum(row["cpu_seconds"] for row in history)
    verdicts = {
        status: round(sum(row[f"verdict/{status}"] * row["rollouts"] for row in history)) for status in STATUSES
    }
    first, last = _mean(history[:WINDOW], "accuracy"), _mean(history[-WINDOW:], "accuracy")
    found, scores = collapse(history), validated(history)
    best = max(scores, default=None)
    words = f"{len(history):,} steps, {count:,} rollouts, training accuracy {first:.0%} -> {last:.0%}"
    return {
        "summary": f"{words}; {found[1]}" if found else words,
        "steps": len(history),
        "steps_without_update": sum(not row["groups_used"] for row in history),
        "reward": _mean(history[-WINDOW:], "reward"),
        "accuracy": last,
        "first_accuracy": first,
        "collapse": found[0] if found else None,
        "collapsed_at": next((row["step"] for row in history if "warning" in row), None),
        "best_validation_accuracy": best,
        "best_step": next((row["step"] for row in history if row.get("validation_accuracy", -1) == best), None),
        "verdicts": verdicts,
        "unrewarded": sum(row["unrewarded"] for row in history),
        "rollouts": count,
        "tokens_sampled": sum(row["tokens"] for row in history),
        "rollouts_per_cpu_second": count / cpu_seconds,
    }


def save_model(directory: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: Config) -> None:
    """Write a Hugging Face directory that generates as the model was trained to, whole."""
    stop_id = config.format.stop_id(tokenizer)
    model.generation_config = GenerationConfig(eos_token_id=stop_id, pad_token_id=tokenizer.pad_token_id)
    with whole(directory) as temporary:
        model.save_pretrained(temporary)
        config.format.save(tokenizer, temporary)


def _model_settings(config: Config) -> Model | None:
    """Hub revision and trust apply where GRPO starts from the student itself."""
    return config.model if config.grpo.init == config.model.path else None


def _mean(history: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [row[name] for row in history if row[name] is not None]
    return fmean(values) if values else None
