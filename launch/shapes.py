# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How many nodes, ranks and GPUs a stage's jobs get, from the stage's own settings."""

from typing import Literal, NamedTuple

from nemo_reasoning.config import Config, Resources
from nemo_reasoning.errors import InputError

Launcher = Literal["process", "torchrun", "ray"]


class Shape(NamedTuple):
    """What runs on the nodes, how many there are, and on each the ranks that torchrun starts and the GPUs."""

    launcher: Launcher
    nodes: int = 1
    ranks: int = 1
    gpus: int = 0


def shape_of(config: Config, stage: str) -> Shape:
    """The shape of a stage's jobs.

    Raises:
        InputError: Nodes and GPUs were given that are not what the stage's settings need.
    """
    if config.cluster.kind == "local":
        return Shape("process")
    asked: Resources = getattr(config.cluster.stages, stage)
    if stage == "distill":
        return _distill(config, asked)
    if stage == "grpo" and config.grpo.engine == "nemo_rl":
        return _nemo_rl(config, asked)
    if stage == "curate" and config.curate.executor in ("ray_data", "xenna"):
        return _ray(asked.nodes or 1, asked.gpus_per_node or 0)
    if stage == "generate" and config.cluster.teacher:
        return _ray(asked.nodes or 1, config.plan.gpus_per_node if asked.gpus_per_node is None else asked.gpus_per_node)
    return _one_process(config, stage, asked)


def _distill(config: Config, asked: Resources) -> Shape:
    total, nodes = config.distill.num_processes, asked.nodes
    per_node = total // nodes if nodes else min(total, asked.gpus_per_node or config.plan.gpus_per_node)
    if not per_node or total % per_node or (nodes and per_node * nodes != total):
        over = f"{nodes} nodes" if nodes else f"nodes of {per_node}"
        raise InputError(
            f"distill.num_processes={total} cannot be spread evenly over {over}; "
            "set cluster.stages.distill.nodes and gpus_per_node."
        )
    launcher: Launcher = "torchrun" if total > 1 else "process"
    if config.cluster.gpu_request == "none":
        return Shape(launcher, total // per_node, per_node)
    _agree(asked, total // per_node, per_node, f"distill.num_processes={total} asks for")
    return Shape(launcher, total // per_node, per_node, per_node)


def _nemo_rl(config: Config, asked: Resources) -> Shape:
    wanted = config.grpo.nemo_rl
    _agree(asked, wanted.num_nodes, wanted.gpus_per_node, "grpo.nemo_rl.num_nodes and gpus_per_node ask for")
    return _ray(wanted.num_nodes, wanted.gpus_per_node)


def _ray(nodes: int, gpus: int) -> Shape:
    """On one node, the stage starts Ray itself."""
    return Shape("ray" if nodes > 1 else "process", nodes, 1, gpus)


def _one_process(config: Config, stage: str, asked: Resources) -> Shape:
    if (asked.nodes or 1) > 1:
        raise InputError(
            f"cluster.stages.{stage}.nodes={asked.nodes}, but this stage runs on one node"
            f"{'; set curate.executor=ray_data for several' if stage == 'curate' else ''}."
        )
    if asked.gpus_per_node is not None:
        return Shape("process", gpus=asked.gpus_per_node)
    samples = stage in ("grpo", "evaluate") and config.cluster.gpu_request != "none"
    return Shape("process", gpus=1 if samples else 0)


def _agree(asked: Resources, nodes: int, gpus: int, what: str) -> None:
    given = (asked.nodes or nodes, gpus if asked.gpus_per_node is None else asked.gpus_per_node)
    if given != (nodes, gpus):
        raise InputError(
            f"{given[0]} nodes of {given[1]} GPUs are not the {nodes} of {gpus} that {what}; "
            "leave cluster.stages to follow, or change both."
        )
