# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The training of a run with plain transformers and torch AdamW, one example at a time."""

import random
from pathlib import Path

import torch
import torch.nn.functional as F

from nemo_reasoning.compose import read_resolved
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.traces import read_jsonl


def hugging_face(run: Path) -> dict:
    """Train the same student on the same examples, with the same teacher if there is one.

    Returns:
        Of each step the `losses`, the gradient `norms` and the `divergences` from the teacher; the
        number of `tokens` in the loss; all weights before (`start`) and after (`weights`).
    """
    config = read_resolved(run / "resolved.yaml")
    distill = config.distill
    tokenizer = load_tokenizer(config.model.path)
    model = load_model(config.model.path, torch.float32)
    teacher = load_model(distill.teacher, torch.float32) if distill.teacher else None
    optimizer = torch.optim.AdamW(
        _decay_groups(model, distill.weight_decay),
        betas=(distill.adam_beta1, distill.adam_beta2),
        eps=distill.adam_eps,
    )
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    traces = list(read_jsonl(run / "curate" / "sft.jsonl"))
    random.Random(0).shuffle(traces)  # the order within the batch must not matter
    examples = [config.format.encode_example(tokenizer, t["problem"], t["messages"][-1]["content"]) for t in traces]
    done = {"losses": [], "norms": [], "divergences": [], "tokens": sum(sum(e.loss_mask) for e in examples)}
    for number in range(distill.train_iters):
        sums = sum(_losses(model, teacher, distill.teacher_temperature, example) for example in examples)
        loss, divergence = sums / done["tokens"]
        optimizer.zero_grad()
        (loss + distill.teacher_weight * distill.teacher_temperature**2 * divergence).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), distill.clip_grad)
        for group in optimizer.param_groups:
            group["lr"] = _cosine(distill, number)
        optimizer.step()
        for name, value in (("losses", loss), ("norms", norm), ("divergences", divergence)):
            done[name].append(value.item())
    return {**done, "start": start, "weights": model.state_dict()}


def _losses(model, teacher, temperature, example):
    """Summed loss of one example alone, and its divergence from the teacher: no padding, no batch."""
    ids, mask = torch.tensor([example.input_ids]), torch.tensor(example.loss_mask[1:])
    logits = model(ids).logits[0, :-1]
    loss = (F.cross_entropy(logits, ids[0, 1:], reduction="none") * mask).sum()
    if teacher is None:
        return torch.stack([loss, loss.detach() * 0])
    with torch.no_grad():
        wanted = (teacher(ids).logits[0, :-1] / temperature).softmax(-1)
    surprise = wanted.log() - (logits / temperature).log_softmax(-1)
    return torch.stack([loss, ((wanted * surprise).sum(-1) * mask).sum()])


def _decay_groups(model, weight_decay):
    """Megatron decays matrices only: no biases, no norms."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def _cosine(distill, step):
    share = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / distill.train_iters, dtype=torch.float64)).item())
    low = distill.lr * distill.min_lr_ratio
    return low + share * (distill.lr - low)
