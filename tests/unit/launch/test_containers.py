# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest
from launch_runs import configured

from nemo_reasoning.errors import InputError
from nemo_reasoning.launch import containers
from nemo_reasoning.launch.plan import Site, jobs
from nemo_reasoning.stages import selected

KUBERNETES = ("cluster=kubernetes", "cluster.volume=claim", "cluster.volume_path=/shared", "cluster.secret=tokens")


def planned(*overrides):
    config = configured(*overrides)
    made = jobs(config, selected(config), Site("/env/bin/python", Path("/shared/me"), frozenset({"HF_TOKEN"})))
    return config, {job.name: job for job in made}


def test_torchrun_finds_the_other_nodes():
    _, made = planned("experiment=qwen2_5_32b", "plan.gpus=16", *KUBERNETES)
    many = containers.command(made["distill-1"], "kubernetes")
    assert many.startswith("torchrun --nnodes 2 --rdzv-backend c10d --rdzv-id 1 --node-rank ")
    assert '--rdzv-endpoint "$PET_MASTER_ADDR:29500" --nproc-per-node 8 -m nemo_reasoning.launch.job distill' in many
    _, made = planned("experiment=qwen2_5_math_7b_openr1", "cluster=docker")
    assert containers.command(made["distill-1"], "docker").startswith("torchrun --standalone --nproc-per-node 8 -m ")
    assert containers.command(made["report-1"], "docker").startswith("python -m nemo_reasoning.launch.job report ")


def test_the_script_sets_what_the_job_needs(tmp_path):
    config, made = planned("experiment=smoke", "cluster=docker", "+cluster.environment.NOTE='a  $HOME b'")
    lines = containers.write_script(made["prepare-1"], config, tmp_path).read_text().splitlines()
    assert "export PYTHONSAFEPATH=1" in lines
    assert "export NNODES=1" in lines
    assert lines[-1].startswith("exec python -m nemo_reasoning.launch.job prepare ")
    script = "\n".join([*lines[:-1], 'echo "$NOTE"'])
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout == "a  $HOME b\n"


def test_only_kubernetes_secrets_are_asked_for():
    _, made = planned("experiment=smoke", *KUBERNETES)
    assert "WANDB_API_KEY" in made["prepare-1"].passed
    assert made["prepare-1"].mounts == ()
    _, made = planned("experiment=smoke", "cluster=docker")
    assert made["prepare-1"].passed == ()  # NeMo-Run would write the values into its records


def test_docker_has_one_node():
    run = pytest.importorskip("nemo_run")
    _, made = planned("experiment=qwen2_5_32b", "plan.gpus=16", "cluster=docker")
    with pytest.raises(InputError, match="the stage distill has 2 nodes, and Docker runs on one; take cluster=slurm"):
        containers.docker(made["distill-1"], run)
    _, made = planned("experiment=qwen2_5_math_7b_openr1", "cluster=docker")
    one = containers.docker(made["distill-1"], run)
    assert (one.container_image, one.num_gpus, one.runtime) == ("nemo-reasoning:nemo", 8, "nvidia")
    assert one.env_vars == {}


def test_a_train_job_names_secrets_and_the_volume(tmp_path, monkeypatch):
    run = pytest.importorskip("nemo_run")
    pytest.importorskip("kubernetes")
    (tmp_path / "config").write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}], "
        "clusters: [{name: k, cluster: {server: 'https://localhost:1'}}], "
        "contexts: [{name: c, context: {cluster: k, user: u}}]}"
    )
    location = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"  # KUBECONFIG is read at its import
    monkeypatch.setattr(location, str(tmp_path / "config"))
    config, made = planned("experiment=qwen2_5_32b", "plan.gpus=16", *KUBERNETES)
    body = containers.kubernetes(made["distill-1"], config, run).get_job_body("distill-1", ["bash", "x"])
    trainer = body["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["resourcesPerNode"]["limits"]) == (2, {"nvidia.com/gpu": "8"})
    reference = {"name": "tokens", "key": "HF_TOKEN", "optional": True}
    assert trainer["env"][0] == {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": reference}}
    pod = body["spec"]["podTemplateOverrides"][0]["spec"]
    assert pod["volumes"][0] == {"name": "shared", "persistentVolumeClaim": {"claimName": "claim"}}
    assert pod["containers"][0]["volumeMounts"][0] == {"name": "shared", "mountPath": "/shared"}


def test_a_kubernetes_that_cannot_be_reached_is_one_sentence():
    run = pytest.importorskip("nemo_run")
    config, made = planned("experiment=smoke", *KUBERNETES)
    with pytest.raises(InputError, match=r"Kubernetes cannot be used \(.*it needs a kubeconfig and `pip install"):
        containers.kubernetes(made["prepare-1"], config, run)
