# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from launch_runs import configured

from nemo_reasoning.config.cluster import seconds
from nemo_reasoning.errors import InputError
from nemo_reasoning.launch.plan import Site, jobs, prepared, working_seconds
from nemo_reasoning.stages import selected

SITE = Site("/env/bin/python", Path("/home/me/here"), frozenset({"HF_TOKEN", "HOME"}))
SLURM = ("cluster=slurm", "cluster.account=acme")


def planned(*overrides):
    config = configured(*overrides)
    return {job.name: job for job in jobs(config, selected(config), SITE)}


def test_stages_follow_one_another_and_segments_wait_for_both():
    made = planned("experiment=smoke", *SLURM, "cluster.stages.distill.segments=3")
    assert list(made)[:6] == ["prepare-1", "curate-1", "distill-1", "distill-2", "distill-3", "grpo-1"]
    assert (made["prepare-1"].after_ok, made["prepare-1"].after_any) == ((), ())
    assert (made["distill-1"].after_ok, made["distill-1"].after_any) == (("curate-1",), ())
    # A curation that failed must cancel every segment, and only the last segment decides for GRPO.
    assert (made["distill-3"].after_ok, made["distill-3"].after_any) == (("curate-1",), ("distill-2",))
    assert made["grpo-1"].after_ok == ("distill-3",)


def test_a_distillation_takes_its_own_number_of_nodes():
    eight = planned("experiment=qwen2_5_math_7b_openr1", *SLURM)["distill-1"]
    assert (eight.launcher, eight.nodes, eight.ranks, eight.gpus) == ("torchrun", 1, 8, 8)
    many = planned("experiment=qwen2_5_32b", "plan.gpus=64", *SLURM)["distill-1"]
    assert (many.nodes, many.ranks, many.gpus) == (8, 8, 8)
    narrow = planned("experiment=qwen2_5_32b", "plan.gpus=64", *SLURM, "cluster.stages.distill.gpus_per_node=4")
    assert (narrow["distill-1"].nodes, narrow["distill-1"].ranks) == (16, 4)


def test_ray_is_started_where_a_stage_of_ray_has_several_nodes():
    grpo = planned("experiment=grpo_qwen2_5_32b", *SLURM)["grpo-1"]
    assert (grpo.launcher, grpo.nodes, grpo.gpus) == ("ray", 32, 8)
    assert grpo.python == "/opt/nemo_rl_venv/bin/python"
    assert grpo.arguments[:2] == ("-m", "nemo_reasoning.launch.ray_cluster")
    assert planned("experiment=grpo_qwen2_5_math_1_5b", *SLURM)["grpo-1"].launcher == "process"
    curate = planned("experiment=smoke", *SLURM, "curate.executor=ray_data", "cluster.stages.curate.nodes=3")
    assert (curate["curate-1"].launcher, curate["curate-1"].nodes) == ("ray", 3)


def test_each_stage_has_its_image():
    made = planned("experiment=qwen2_5_math_7b_openr1", *SLURM, "grpo.engine=nemo_rl", "paths.root=/shared")
    images = {job.stage: Path(job.image).name for job in made.values()}
    assert images["curate"] == "nemo-curator.sqsh"
    assert images["distill"] == "nemo.sqsh"
    assert images["grpo"] == "nemo-rl.sqsh"
    own = planned("experiment=smoke", *SLURM, "cluster.stages.curate.image='nvcr.io#nvidia/nemo-curator:25.09'")
    assert own["curate-1"].image == "nvcr.io#nvidia/nemo-curator:25.09"


def test_only_variables_that_are_set_are_passed():
    assert planned("experiment=smoke", *SLURM)["prepare-1"].passed == ("HF_TOKEN",)
    over_ssh = planned("experiment=smoke", *SLURM, "cluster.tunnel.host=login")
    assert "WANDB_API_KEY" in over_ssh["prepare-1"].passed


def test_the_cache_of_the_hub_is_the_users_or_beside_the_runs():
    made = planned("experiment=smoke", *SLURM, "paths.root=/shared/runs")["prepare-1"]
    assert made.environment["HF_HOME"] == "/shared/runs/huggingface"
    assert "/shared/runs/huggingface:/shared/runs/huggingface" in made.mounts
    assert "HF_HOME" not in planned("experiment=smoke", "cluster=local")["prepare-1"].environment
    config = configured("experiment=smoke", *SLURM)
    site = Site("python", Path("/home/me/here"), frozenset(), hf_home="/shared/hub")
    assert jobs(config, selected(config), site)[0].environment["HF_HOME"] == "/shared/hub"


def test_on_this_machine_a_stage_is_one_job_without_containers():
    made = planned("experiment=smoke", "cluster=local")
    assert {job.segments for job in made.values()} == {1}
    assert {job.launcher for job in made.values()} == {"process"}
    assert {(job.image, job.mounts, job.time, job.python) for job in made.values()} == {
        (None, (), "", "/env/bin/python")
    }


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("cluster.stages.distill.nodes=3",), "distill.num_processes=8 cannot be spread evenly over 3 nodes; set"),
        (("cluster.stages.distill.nodes=2", "cluster.stages.distill.gpus_per_node=8"), "2 nodes of 8 GPUs are not the"),
        (("cluster.stages.evaluate.nodes=2",), "cluster.stages.evaluate.nodes=2, but this stage runs on one node."),
        (("cluster.stages.curate.nodes=2",), "set curate.executor=ray_data for several."),
        (
            ("grpo.engine=nemo_rl", "cluster.stages.grpo.nodes=2"),
            "2 nodes of 8 GPUs are not the 1 of 8 that grpo.nemo_rl.num_nodes and gpus_per_node ask for",
        ),
    ],
)
def test_nodes_that_do_not_fit_are_one_sentence(overrides, sentence):
    with pytest.raises(InputError) as caught:
        planned("experiment=qwen2_5_math_7b_openr1", *SLURM, *overrides)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("time", "wanted"),
    [("30", 1800), ("1:30", 90), ("04:00:00", 14400), ("2-00", 172800), ("1-12:30", 131400), ("0-0:0:5", 5)],
)
def test_time_limits_are_read_as_sbatch_does(time, wanted):
    assert seconds(time) == wanted


@pytest.mark.parametrize("time", ["soon", "", "1:2:3:4", "-1", "0", "4h"])
def test_a_time_that_cannot_be_read_is_one_sentence(time):
    with pytest.raises(InputError, match=r"cluster.time cannot be used: a time limit is written MINUTES, HH:MM:SS"):
        configured("experiment=smoke", *SLURM, f"cluster.time='{time}'")


def test_training_saves_before_its_job_ends():
    assert working_seconds("04:00:00") == 4 * 3600 - 15 * 60
    assert working_seconds("00:10:00") == 8 * 60
    config = configured("experiment=smoke", *SLURM, "cluster.stages.distill.time=02:00:00")
    assert prepared(config).distill.exit_duration_in_mins == 105
    sooner = configured("experiment=smoke", *SLURM, "distill.exit_duration_in_mins=30.0")
    assert prepared(sooner).distill.exit_duration_in_mins == 30
    assert prepared(configured("experiment=smoke", "cluster=local")).distill.exit_duration_in_mins is None
