# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""NeMo-RL's section `policy`: the model, how it is cut, how it is trained and how it generates."""

from typing import Any

from nemo_reasoning.grpo.nemo_rl.job import Job


def policy(job: Job) -> dict[str, Any]:
    """All of `policy`, for the backend that is configured."""
    settings, nemo_rl, length = job.config.grpo, job.config.grpo.nemo_rl, job.stage.max_total_sequence_length
    tokens = max(settings.max_tokens_per_microbatch, length)
    context, tensor = nemo_rl.context_parallel_size, nemo_rl.tensor_model_parallel_size
    rollouts = settings.num_prompts_per_step * settings.num_generations_per_prompt
    return {
        "model_name": job.model,
        "tokenizer": {"name": job.model},
        "train_global_batch_size": rollouts // settings.num_minibatches,
        "train_micro_batch_size": 1,
        "logprob_batch_size": 1,
        "max_total_sequence_length": length,
        "precision": {"bf16": "bfloat16", "fp32": "float32"}[settings.precision],
        "max_grad_norm": settings.clip_grad,
        "make_sequence_length_divisible_by": tensor * (2 * context if context > 1 else 1),
        "sequence_packing": {"enabled": packs(job), "train_mb_tokens": tokens, "logprob_mb_tokens": tokens},
        "dynamic_batching": {"enabled": False},
        "generation": _generation(job),
        **(_megatron(job) if nemo_rl.backend == "megatron" else _dtensor(job)),
    }


def packs(job: Job) -> bool:
    """DTensor packs with FlashAttention 2 alone, which knows neither fp32 nor context parallelism."""
    settings = job.config.grpo
    flash = settings.precision == "bf16" and settings.nemo_rl.context_parallel_size == 1
    return flash or settings.nemo_rl.backend == "megatron"


def _generation(job: Job) -> dict[str, Any]:
    settings, nemo_rl, length = job.config.grpo, job.config.grpo.nemo_rl, job.stage.max_total_sequence_length
    return {
        "backend": "vllm",
        "max_new_tokens": length if nemo_rl.stages else settings.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": 1.0,
        "top_k": None,
        "stop_token_ids": [job.stop_id],
        "vllm_cfg": {
            "async_engine": False,
            "tensor_parallel_size": nemo_rl.generation_tensor_parallel_size,
            "gpu_memory_utilization": nemo_rl.gpu_memory_utilization,
            "max_model_len": length,
        },
    }


def _dtensor(job: Job) -> dict[str, Any]:
    settings, nemo_rl = job.config.grpo, job.config.grpo.nemo_rl
    return {
        "dtensor_cfg": {
            "enabled": True,
            "tensor_parallel_size": nemo_rl.tensor_model_parallel_size,
            "context_parallel_size": nemo_rl.context_parallel_size,
            "sequence_parallel": nemo_rl.sequence_parallel,
            "activation_checkpointing": nemo_rl.activation_checkpointing,
        },
        "megatron_cfg": {"enabled": False},
        "optimizer": {
            "name": "torch.optim.AdamW",
            "kwargs": {
                "lr": settings.lr,
                "betas": [settings.adam_beta1, settings.adam_beta2],
                "eps": 1e-8,
                "weight_decay": settings.weight_decay,
            },
        },
        "scheduler": _schedule(job),
    }


def _schedule(job: Job) -> list[dict[str, Any]]:
    """Linear warm-up, then linear decay; NeMo-RL steps it once per GRPO step, as we do."""
    settings = job.config.grpo
    warmup, until = settings.warmup_steps, min(settings.warmup_steps, job.stage.max_num_steps)
    ramp = {"start_factor": 1 / max(warmup, 1), "end_factor": 1.0, "total_iters": max(warmup - 1, 1)}
    decay_steps = max(job.stage.max_num_steps - 1 - until, 1)
    decay = {"start_factor": 1.0, "end_factor": settings.min_lr_ratio, "total_iters": decay_steps}
    name = "torch.optim.lr_scheduler.LinearLR"
    return [{"name": name, "kwargs": ramp}, {"name": name, "kwargs": decay}, {"milestones": [until]}]


def _megatron(job: Job) -> dict[str, Any]:
    settings, nemo_rl = job.config.grpo, job.config.grpo.nemo_rl
    warmup = settings.warmup_steps
    return {
        "dtensor_cfg": {"enabled": False},
        "optimizer": None,
        "scheduler": None,
        "megatron_cfg": {
            "enabled": True,
            "tensor_model_parallel_size": nemo_rl.tensor_model_parallel_size,
            "pipeline_model_parallel_size": nemo_rl.pipeline_model_parallel_size,
            "context_parallel_size": nemo_rl.context_parallel_size,
            "sequence_parallel": nemo_rl.sequence_parallel,
            "activation_checkpointing": nemo_rl.activation_checkpointing,
            "optimizer": {
                "optimizer": "adam",
                "lr": settings.lr,
                "min_lr": settings.lr * settings.min_lr_ratio,
                "adam_beta1": settings.adam_beta1,
                "adam_beta2": settings.adam_beta2,
                "adam_eps": 1e-8,
                "weight_decay": settings.weight_decay,
                "bf16": settings.precision == "bf16",
            },
            "scheduler": {
                "lr_decay_style": "constant" if settings.min_lr_ratio == 1 else "linear",
                "lr_decay_iters": max(job.stage.max_num_steps - 1, warmup + 1),
                "lr_warmup_iters": max(warmup - 1, 0),
                "lr_warmup_init": settings.lr / max(warmup, 1),
            },
        },
    }
