# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Problems for NeMo-RL: its `ResponseDataset` on a file of ours, and prompts by the contract."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from nemo_reasoning.config import GRPO
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import whole
from nemo_reasoning.traces import Problem, write_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedTokenizerBase


def write_problems(
    path: Path, problems: Iterable[Problem], fmt: ReasoningFormat, tokenizer: "PreTrainedTokenizerBase", longest: int
) -> int:
    """Write the problems whose prompt has at most `longest` tokens; gives how many were left out.

    NeMo-RL's `ResponseDataset` keeps rows that have `messages` as they are. Columns that only
    rewards read go as JSON text: the datasets library wants one type a column.
    """
    rows, too_long = [], 0
    for problem in problems:
        if len(fmt.encode_prompt(tokenizer, problem.problem)) > longest:
            too_long += 1
            continue
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": problem.problem},
                    {"role": "assistant", "content": problem.answer or ""},
                ],
                "id": problem.id,
                "has_answer": problem.answer is not None,
                "row": orjson.dumps(problem.row).decode(),
            }
        )
    with whole(path) as temporary:
        write_jsonl(temporary, rows)
    return too_long


def check_enough(path: Path, settings: GRPO) -> None:
    """Check that an epoch has a step's problems: NeMo-RL drops what is left at its end.

    With dynamic sampling a step may take several batches, and NeMo-RL begins it anew in each epoch: with
    fewer problems it would sample and never learn.

    Raises:
        InputError: There are too few.
    """
    count, per_step = len(path.read_bytes().splitlines()), settings.num_prompts_per_step
    batches = settings.max_gen_batches("nemo_rl") if settings.use_dynamic_sampling else 1
    if count >= batches * per_step:
        return
    found = f"there are {count} problems of up to grpo.nemo_rl.max_prompt_tokens, and a step"
    if count < per_step:
        raise InputError(f"{found} needs {per_step}; lower grpo.num_prompts_per_step.")
    raise InputError(
        f"{found} with dynamic sampling may take {batches} batches of {per_step}; lower "
        "grpo.dynamic_sampling_max_gen_batches or grpo.num_prompts_per_step, or set grpo.use_dynamic_sampling=false."
    )


def processor(fmt: ReasoningFormat) -> "Callable[..., dict[str, Any]]":
    """NeMo-RL's data processor: the prompt is, token for token, that of every other stage."""
    return partial(_process, fmt)


def _process(
    fmt: ReasoningFormat,
    datum_dict: dict[str, Any],
    task_data_spec: Any,
    tokenizer: "PreTrainedTokenizerBase",
    max_seq_length: int,
    idx: int,
) -> dict[str, Any]:
    import torch

    question, answer = (message["content"] for message in datum_dict["messages"])
    token_ids = torch.tensor(fmt.encode_prompt(tokenizer, question))
    return {
        "message_log": [{"role": "user", "content": fmt.prompt(tokenizer, question), "token_ids": token_ids}],
        "length": len(token_ids),
        "extra_env_info": {
            "id": datum_dict["id"],
            "problem": question,
            "answer": answer if datum_dict["has_answer"] else None,
            "row": orjson.loads(datum_dict["row"]),
            "group": idx,
        },
        "loss_multiplier": 1.0,
        "idx": idx,
        "task_name": datum_dict["task_name"],
    }
