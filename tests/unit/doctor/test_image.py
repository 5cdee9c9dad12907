# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import os
from importlib import metadata
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from nemo_reasoning.doctor import image, versions

REQUIRED = [
    Requirement(line)
    for line in (
        "orjson>=3.10",
        "math-verify[antlr4_9_3]==0.9.0",
        "hydra-core<1.4,>=1.3.4",
        'plotly>=6; extra == "report"',
        'nemo-curator[text_cpu]==1.4.0; extra == "curate"',
        'rensa==0.5.0; extra == "curate"',
        'megatron-bridge==0.6.2; python_version < "3.13" and extra == "distill"',
        'tensorboard; extra == "distill"',
        'nemo-run==0.11.1; extra == "launch"',
    )
]


def test_only_what_is_missing_altogether_is_installed():
    found = {"orjson": "3.11.9", "hydra-core": "1.3.2"}
    assert image.lacking(REQUIRED, found) == ["math-verify[antlr4_9_3]==0.9.0", "plotly>=6"]


def test_what_goes_with_a_library_is_added_only_where_the_library_is():
    everything = {"orjson": "1", "math-verify": "1", "hydra-core": "1", "plotly": "1"}
    assert image.lacking(REQUIRED, everything | {"nemo-curator": "1.2.0"}) == ["rensa==0.5.0"]
    assert image.lacking(REQUIRED, everything | {"megatron-bridge": "0.6.1"}) == ["tensorboard"]


def test_no_library_of_the_stack_is_ever_installed():
    wanted = {Requirement(line).name for line in image.lacking(REQUIRED, {})}
    assert wanted == {"orjson", "math-verify", "hydra-core", "plotly"}


def test_the_extras_are_those_of_the_package():
    extras = {name for extra in image.EXTRAS for name in versions.pins(extra)}
    assert set(image.STACK) <= extras
    assert "rensa" in extras


def test_the_images_versions_become_constraints():
    assert image.pinned({"torch": "2.12.0a0+0291f960b6", "odd": "unknown"}) == ["torch==2.12.0a0+0291f960b6"]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"torch": "2.11.0", "ray": "2.55.1", "orjson": "3.11"}, []),
        ({"torch": "2.12.0", "ray": "2.55.1"}, ["torch 2.11.0 became 2.12.0"]),
        ({"torch": "2.11.0"}, ["ray 2.55.1 is gone"]),
    ],
)
def test_what_changed(now, said):
    assert image.changed({"torch": "2.11.0", "ray": "2.55.1"}, now) == said


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "RECORD", tmp_path / "share" / "image.json")
    return image.RECORD


def test_an_image_that_changed_fails_the_check(record, monkeypatch, capsys):
    image.write_record({"torch": "2.11.0"})
    monkeypatch.setattr(image, "versions", lambda: {"torch": "2.12.0"})
    assert image.main(["check"]) == 1
    assert "torch 2.11.0 became 2.12.0" in capsys.readouterr().err


def test_an_image_that_only_grew_passes(record, monkeypatch):
    image.write_record({"torch": "2.11.0"})
    monkeypatch.setattr(image, "versions", lambda: {"torch": "2.11.0", "orjson": "3.11"})
    assert image.main(["check"]) == 0


def test_the_first_record_stays(record):
    image.write_record({"torch": "2.11.0"})
    image.write_record({"torch": "2.12.0"})
    assert "2.11.0" in record.read_text()


def test_the_versions_are_those_that_are_imported(monkeypatch):
    both = [SimpleNamespace(metadata={"Name": "Torch"}, version=v) for v in ("2.12.0", "2.11.0")]
    monkeypatch.setattr(metadata, "distributions", lambda: both)
    assert image.versions() == {"torch": "2.12.0"}


def test_the_versions_of_this_environment():
    assert image.versions()["orjson"] == metadata.version("orjson")


def test_a_closed_directory_above_the_interpreter_is_opened(tmp_path):
    inner = tmp_path / "root" / "python"
    inner.mkdir(parents=True)
    (tmp_path / "root").chmod(0o700)
    image.open_way(inner / "bin")
    assert (tmp_path / "root").stat().st_mode & 0o777 == 0o701
    assert os.access(inner, os.X_OK)


def test_a_failing_step_ends_the_build():
    with pytest.raises(SystemExit, match="failed with status 3"):
        image._call(["sh", "-c", "exit 3"])
