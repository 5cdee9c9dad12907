# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Stage two."""

from typing import Literal

from pydantic import model_validator

from nemo_reasoning.config.base import NonNegative, NonNegativeFloat, Positive, PositiveFloat, Section, Share
from nemo_reasoning.config.weights import WeightGroup


class LoRA(Section):
    """Low-rank adapters (arXiv 2106.09685); the defaults are Megatron-Bridge's."""

    rank: Positive = 32
    alpha: Positive = 32
    dropout: Share = 0.0
    target_modules: list[Literal["linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"]] = [
        "linear_qkv",
        "linear_proj",
        "linear_fc1",
        "linear_fc2",
    ]
    """Matrices that are adapted, by Megatron's names."""


class WandB(Section):
    """Logging to Weights & Biases; the key comes from the environment (WANDB_API_KEY)."""

    project: str | None = None
    """Project to log to; None does not."""
    name: str | None = None
    """Name of the run; None is this run's own."""


class MLflow(Section):
    """Logging to MLflow; the server and its keys come from the environment (MLFLOW_TRACKING_URI and so on)."""

    experiment: str | None = None
    """Experiment to log to; None does not."""
    name: str | None = None
    """Name of the run; None is this run's own."""


class Distill(Section):
    """Stage two: supervised fine-tuning with Megatron-Bridge.

    Defaults are those published for R1 traces (OpenR1-Distill-7B): learning rate 4e-5,
    cosine to a tenth, 3 % warm-up, batch 128, gradient clip 0.2.
    """

    tensor_model_parallel_size: Positive = 1
    pipeline_model_parallel_size: Positive = 1
    context_parallel_size: Positive = 1
    sequence_parallel: bool = False
    num_processes: Positive = 1
    """Ranks in all; data parallelism is what the model-parallel sizes leave."""
    layout: Literal["manual", "auto"] = "manual"
    """`auto` chooses the parallel sizes and recomputation that are left at their defaults, for the GPUs of
    the section `plan`."""
    precision: Literal["bf16", "fp32", "fp8", "fp8_blockwise", "mxfp8"] = "bf16"
    """`fp8` scales whole tensors (Hopper), `fp8_blockwise` blocks of 128 (Hopper), `mxfp8` blocks of 32
    (Blackwell); these three need Transformer Engine, and keep bf16 weights in the optimizer's view."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activations that are computed again in the backward pass: none, those of the MLP, or all but each
    layer's input."""
    seq_length: Positive = 32768
    global_batch_size: Positive = 128
    micro_batch_size: Positive = 1
    train_iters: Positive | None = 1000
    """Optimizer steps; null where `num_epochs` is given."""
    num_epochs: PositiveFloat | None = None
    """Passes over the training sequences, instead of `train_iters`."""
    optimizer: Literal["adam", "muon"] = "adam"
    """`muon` orthogonalizes the updates of the layers' matrices; the rest stays with Adam."""
    peft: Literal["none", "lora"] = "none"
    """`lora` trains low-rank adapters, merged into the exported weights."""
    lora: LoRA = LoRA()
    freeze: list[WeightGroup] = []
    """Weights that are kept as they are: `embedding`, `output_layer`, `final_layernorm`, `layers.0`, `layers.0-3`."""
    lr_multipliers: dict[WeightGroup, PositiveFloat] = {}
    """Learning rate of such groups of weights, as a multiple of `lr`."""
    teacher: str | None = None
    """Model with the same tokenizer whose next-token distribution is learned besides the traces."""
    teacher_weight: PositiveFloat = 1.0
    """What the divergence from the teacher is multiplied by before the traces' loss is added."""
    teacher_temperature: PositiveFloat = 1.0
    """Divides both models' logits in the divergence, which is multiplied by its square."""
    lr: PositiveFloat = 4e-5
    min_lr_ratio: Share = 0.1
    warmup_ratio: Share = 0.03
    weight_decay: NonNegativeFloat = 0.0
    adam_beta1: Share = 0.9
    adam_beta2: Share = 0.95
    adam_eps: PositiveFloat = 1e-8
    clip_grad: PositiveFloat = 0.2
    truncation: Literal["drop", "error", "cut"] = "drop"
    """What to do with an example that is longer than `seq_length`; `cut` keeps its beginning, without a stop token."""
    packing: bool = True
    """Fill sequences of `seq_length` with several examples; batch sizes then count sequences, not examples."""
    stop_loss: PositiveFloat | None = None
    """Training ends early when the validation loss is below this; None trains `train_iters` steps."""
    save_interval: Positive = 500
    """A checkpoint is written every so many steps; the latest one is kept."""
    eval_interval: Positive = 500
    """The validation loss is measured every so many steps, and at the end."""
    val_period: NonNegative = 0
    """The student solves held-out problems (those of the validation traces) every so many steps, and after the
    last; 0 never does."""
    val_max_problems: Positive = 256
    """So many of them at most; by their texts alone. They are none of those of the evaluation."""
    val_max_new_tokens: Positive | None = None
    """Length limit of a completion; None is `seq_length`."""
    keep_best: bool = False
    """Export the student that solved the most of them, not the last."""
    log_interval: Positive = 1
    init: str | None = None
    """Start from these weights, a Hugging Face, Megatron-Bridge or DCP checkpoint of `model.path`'s shape."""
    exit_duration_in_mins: PositiveFloat | None = None
    """Save and exit once the stage has run so long; the same command continues it."""
    on_nan: Literal["stop", "recover"] = "stop"
    """A loss or gradient norm that is not finite, or a batch without a supervised token; `recover`
    returns to the last checkpoint and skips the data of that step."""
    on_spike: Literal["warn", "stop", "recover"] = "warn"
    """A loss far above the recent ones, or several such gradient norms in a row."""
    spike_threshold: PositiveFloat = 8.0
    """A spike rises so many robust standard deviations more than the last `spike_window` steps did."""
    spike_window: Positive = 64
    max_recoveries: Positive = 3
    recovery_skip: Positive = 1
    """Steps of data, the last one that of the trouble, that a recovery skips."""
    tensorboard: bool = True
    wandb: WandB = WandB()
    mlflow: MLflow = MLflow()

    @model_validator(mode="after")
    def _one_packed_sequence_at_a_time(self) -> "Distill":
        if self.packing and self.micro_batch_size > 1:
            raise ValueError(
                "distill.packing fills one sequence per micro batch; set distill.micro_batch_size=1 "
                "(and raise distill.seq_length instead), or distill.packing=false"
            )
        return self

    @model_validator(mode="after")
    def _one_length(self) -> "Distill":
        if (self.train_iters is None) == (self.num_epochs is None):
            raise ValueError("distill.train_iters and distill.num_epochs exclude each other; set one of them to null")
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "Distill":
        if self.keep_best and not self.val_period:
            raise ValueError("distill.keep_best needs distill.val_period; set it to the steps between two measurements")
        return self

    @model_validator(mode="after")
    def _one_way_to_train_less(self) -> "Distill":
        if self.peft != "none" and (self.freeze or self.lr_multipliers or self.teacher):
            raise ValueError("distill.peft leaves no weights for freeze, lr_multipliers or teacher; clear them")
        return self
