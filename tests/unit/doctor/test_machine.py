# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import resource

import pytest

from nemo_reasoning.doctor import machine

GIB = 2**30
UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(("count", "level"), [(1, "warning"), (2, "ok")])
def test_cores(count, level):
    assert machine.cores(count, 0.5).level == level


@pytest.mark.parametrize(("free", "limit", "level"), [(64, None, "ok"), (2, None, "warning"), (64, 2, "warning")])
def test_memory_counts_the_containers_limit(free, limit, level):
    assert machine.memory(free * GIB, limit and limit * GIB).level == level


@pytest.mark.parametrize(
    ("free", "writable", "level"), [(5e9, True, "ok"), (0.5e9, True, "error"), (5e9, False, "error")]
)
def test_disk(free, writable, level):
    assert machine.disk("/runs", free, 1.0, writable).level == level


@pytest.mark.parametrize(("size", "level"), [(64 * GIB, "ok"), (64 * 2**20, "warning"), (None, "error")])
def test_shared_memory(size, level):
    assert machine.shared_memory(size).level == level


@pytest.mark.parametrize(
    ("soft", "hard", "level"), [(65535, 65535, "ok"), (UNLIMITED, UNLIMITED, "ok"), (1024, 1024, "warning")]
)
def test_open_files(soft, hard, level):
    assert machine.open_files(soft, hard).level == level


def test_a_limit_that_the_user_may_raise_names_the_command():
    assert machine.open_files(1024, 524288).fix == "ulimit -n 65535"
    assert machine.processes(100, 10000).fix == "ulimit -u 4096"
    assert "administrator" in machine.open_files(1024, 4096).fix


@pytest.mark.parametrize(("soft", "level"), [(100, "warning"), (UNLIMITED, "ok")])
def test_processes(soft, level):
    assert machine.processes(soft, soft).level == level


@pytest.mark.parametrize(
    ("soft", "adapters", "level"),
    [(8 * 2**20, ["mlx5_0"], "warning"), (UNLIMITED, ["mlx5_0"], "ok"), (8 * 2**20, [], "ok")],
)
def test_locked_memory_matters_to_infiniband(soft, adapters, level):
    assert machine.locked_memory(soft, adapters).level == level


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "max\n", None),
        ("memory.max", "2147483648\n", 2 * GIB),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("memory/memory.limit_in_bytes", "1073741824\n", GIB),
    ],
)
def test_the_limit_of_a_control_group(tmp_path, name, text, limit):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert machine.cgroup_limit(tmp_path) == limit


def test_a_directory_that_will_be_made_lies_on_its_nearest_parents_disk(tmp_path):
    assert machine.existing(tmp_path / "runs" / "demo") == tmp_path


def test_this_machine_is_looked_at_whole(tmp_path):
    names = {finding.name for finding in machine.look(str(tmp_path / "runs"), 0.0)}
    assert names == {"cores", "memory", "disk", "shared-memory", "open-files", "processes", "locked-memory"}
