# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import json

from nemo_reasoning.launch import ray_cluster


def test_a_node_knows_its_number_under_each_scheduler():
    assert ray_cluster.node({}) == (0, 1)
    assert ray_cluster.node({"SLURM_NODEID": "3", "SLURM_NNODES": "8"}) == (3, 8)
    assert ray_cluster.node({"PET_NODE_RANK": "1", "PET_NNODES": "2"}) == (1, 2)
    assert ray_cluster.node({"SKYPILOT_NODE_RANK": "1", "SKYPILOT_NUM_NODES": "4"}) == (1, 4)


def test_a_job_that_is_run_again_meets_in_another_place():
    first = {"SLURM_JOB_ID": "12"}
    assert ray_cluster.attempt(first) == "12-0"
    assert ray_cluster.attempt({**first, "SLURM_RESTART_COUNT": "2"}) == "12-2"


def test_no_node_has_rank_zero_for_nemo_rl():
    resources = next(o for o in ray_cluster.options(0) if o.startswith("--resources="))
    assert json.loads(resources.removeprefix("--resources=")) == {"topo_rank": 1}
