# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from launch_runs import configured

from nemo_reasoning.launch import mounts


def test_containers_see_the_run_and_what_the_settings_name(tmp_path):
    for name in ("data", "model", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "a.jsonl").touch()
    config = configured(
        "experiment=smoke",
        f"paths.root={tmp_path}/runs",
        f"+data.traces.mine.path={tmp_path}/data/*.jsonl",
        f"distill.init={tmp_path}/model",
        f"cluster.mounts=[{tmp_path}/elsewhere,/nfs:/nfs:ro]",
    )
    seen = mounts.of(config, [Path("/home/me/here")])
    places = [tmp_path / name for name in ("data", "model", "runs/smoke")]
    assert seen[:-2] == [f"{place}:{place}" for place in sorted([*places, Path("/home/me/here")])]
    assert seen[-2:] == [f"{tmp_path}/elsewhere:{tmp_path}/elsewhere", "/nfs:/nfs:ro"]


def test_a_directory_inside_of_another_is_not_mounted_twice():
    paths = [Path("/a/b"), Path("/a"), Path("/ab"), Path("/a")]
    assert mounts.outermost(paths) == [Path("/a"), Path("/ab")]
