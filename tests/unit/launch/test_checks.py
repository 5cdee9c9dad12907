# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from launch_runs import configured

from nemo_reasoning.errors import InputError
from nemo_reasoning.launch import checks
from nemo_reasoning.launch.plan import Site, jobs
from nemo_reasoning.stages import selected

SLURM = ("experiment=smoke", "cluster=slurm", "cluster.account=acme")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ("experiment=smoke", "cluster=slurm"),
            "cluster.account has no value; give the Slurm account to charge: cluster.account=...",
        ),
        ((*SLURM, "name='a b'"), "has the character ' ', which schedulers do not take in a path or a name"),
        ((*SLURM, "name=a,b"), "has the character ','"),
        ((*SLURM, "cluster.tunnel.host=login"), "cluster.tunnel.user has no value; give your name on the cluster."),
        (
            (*SLURM, "cluster.tunnel.host=login", "cluster.tunnel.user=me"),
            "paths.run=runs/smoke would be in an unknown place over SSH; give the cluster's: paths.root=/...",
        ),
    ],
)
def test_what_would_fail_is_one_sentence(overrides, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    overrides = [o.replace("name=a,b", "name='a,b'") for o in overrides]
    with pytest.raises(InputError) as caught:
        checks.check(configured(*overrides))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_disk_that_the_jobs_do_not_see(tmp_path):
    with pytest.raises(InputError, match="is on this machine's own disk, which the jobs do not see"):
        checks.check_shared(configured(*SLURM, f"paths.root={tmp_path}"))
    checks.check_shared(configured(*SLURM, f"paths.root={tmp_path}", "cluster.check_shared_disk=false"))
    checks.check_shared(configured("experiment=smoke", f"paths.root={tmp_path}"))


def test_a_run_over_ssh_is_not_looked_for_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    far = ("cluster=slurm_ssh", "cluster.account=a", "cluster.tunnel.host=login", "cluster.tunnel.user=me")
    checks.check(configured("experiment=smoke", *far, "paths.root=/lustre/me/runs", "model.path=/lustre/models/x"))


def test_an_image_that_does_not_exist_is_named_with_its_stage(tmp_path):
    config = configured(*SLURM, f"paths.root={tmp_path}")
    made = jobs(config, selected(config), Site("python", tmp_path, frozenset()))
    with pytest.raises(InputError, match=r"nemo-curator\.sqsh of the stage prepare does not exist; build it from"):
        checks.check_jobs(made, config)
    (tmp_path / "images").mkdir()
    for name in ("nemo", "nemo-rl", "nemo-curator"):
        Path(tmp_path, "images", f"{name}.sqsh").touch()
    checks.check_jobs(made, config)
