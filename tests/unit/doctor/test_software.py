# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from nemo_reasoning.doctor import examine, probe, software, versions
from nemo_reasoning.doctor.probe import Ran

LIBRARY = software.Library("rensa", "import rensa", "fuzzy deduplication", "install it")
PIN = Requirement("rensa==0.5.0")


@pytest.mark.parametrize(("version", "level"), [("3.12.4", "ok"), ("3.11.9", "error"), ("3.14.0", "error")])
def test_python(version, level):
    assert software.python(version, ">=3.12,<3.14", "python").level == level


def test_the_interpreter_that_runs_is_right():
    finding = software.running()
    assert finding.level == "ok"
    assert sys.executable in finding.what


def test_requirements_all_there():
    wanted = [Requirement("orjson>=3.10"), Requirement("hydra-core>=1.3.4,<1.4")]
    assert software.requirements(wanted, {"orjson": "3.11", "hydra-core": "1.3.5"}).level == "ok"


def test_a_requirement_that_is_missing_is_an_error_with_its_installation():
    wanted = [Requirement("orjson>=3.10"), Requirement("math-verify[antlr4_9_3]==0.9.0")]
    finding = software.requirements(wanted, {"orjson": None, "math-verify": None})
    assert finding.level == "error"
    assert "pip install 'orjson>=3.10' 'math-verify[antlr4_9_3]==0.9.0'" in finding.fix


def test_another_version_of_a_requirement_is_a_warning():
    finding = software.requirements([Requirement("transformers>=5.8,<=5.12.1")], {"transformers": "4.57.6"})
    assert finding.level == "warning"
    assert "transformers 4.57.6" in finding.what


@pytest.mark.parametrize(("changes", "level"), [(None, "ok"), ([], "ok"), (["torch 2.11.0 became 2.12.0"], "warning")])
def test_an_image_that_was_changed_after_it_was_built(changes, level):
    assert software.image(changes).level == level


def test_a_library_that_is_absent_is_not_broken():
    assert software.library(LIBRARY, None, PIN, None).level == "absent"


def test_a_library_that_is_there():
    assert software.library(LIBRARY, "0.5.0", PIN, Ran("ok")).level == "ok"


def test_a_library_that_was_not_imported_says_so():
    finding = software.library(LIBRARY, "0.5.0", PIN, None)
    assert finding.level == "ok"
    assert "not imported" in finding.what


@pytest.mark.parametrize("version", ["0.4.0", "no version"])
def test_a_library_of_another_version_is_a_warning(version):
    assert software.library(LIBRARY, version, PIN, Ran("ok")).level == "warning"


def test_a_library_whose_import_never_ends_is_an_error():
    finding = software.library(LIBRARY, "0.5.0", PIN, Ran("late"))
    assert finding.level == "error"
    assert "did not end in 300 s" in finding.what


def test_a_library_that_only_wants_a_driver_is_a_warning():
    ran = Ran("failed", "ImportError: libcuda.so.1: cannot open shared object file")
    assert software.library(LIBRARY, "0.5.0", PIN, ran).level == "warning"


def test_an_installed_library_that_cannot_be_imported_is_found_by_importing_it(tmp_path, monkeypatch):
    (tmp_path / "rensa.py").write_text("raise ImportError('undefined symbol: broken')")
    ran = probe.python(LIBRARY.program, 60, PYTHONPATH=str(tmp_path))
    finding = software.library(LIBRARY, "0.5.0", PIN, ran)
    assert finding.level == "error"
    assert "undefined symbol: broken" in finding.what


def test_a_library_that_kills_its_process_is_an_error(tmp_path):
    (tmp_path / "rensa.py").write_text("import os; os.kill(os.getpid(), 11)")
    ran = probe.python(LIBRARY.program, 60, PYTHONPATH=str(tmp_path))
    assert software.library(LIBRARY, "0.5.0", PIN, ran).level == "error"


def test_libraries_of_this_environment_are_found_by_a_real_import():
    found = {name: examine._library(software.LIBRARIES[name], quick=False) for name in ("rensa", "plotly")}
    assert {name: finding.level for name, finding in found.items()} == {"rensa": "ok", "plotly": "ok"}


def test_every_library_that_we_pin_is_looked_for():
    stack = {"nemo-curator", "rensa", "megatron-bridge", "megatron-core", "torch", "plotly", "nemo-run"}
    assert stack <= set(software.LIBRARIES) & set(versions.every_pin())


BRIDGE = {
    "megatron-bridge": Requirement("megatron-bridge==0.6.2"),
    "megatron-core": Requirement("megatron-core==0.19.2"),
}


@pytest.mark.parametrize(("core", "level"), [("0.19.2", "ok"), ("0.19.3", "absent"), (None, "absent")])
def test_training_without_a_gpu_needs_the_exact_versions(core, level):
    finding = software.cpu_training(BRIDGE, {"megatron-bridge": "0.6.2", "megatron-core": core})
    assert finding.level == level


def test_training_without_a_gpu_where_python_has_no_bridge():
    assert software.cpu_training({}, {}).level == "absent"


def test_the_compatibility_layer_was_written_for_the_pinned_versions():
    program = "from nemo_reasoning.distill.compat import VERSIONS; import json; print(json.dumps(VERSIONS))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pins = versions.pins("distill")
    wanted = {name: str(pins[name].specifier).removeprefix("==") for name in BRIDGE}
    assert wanted == __import__("json").loads(done.stdout)


METADATA = """\
Metadata-Version: 2.4
Name: nemo-reasoning
Version: 0.1.0
Requires-Python: <3.14,>=3.12
Requires-Dist: orjson>=3.10
Provides-Extra: curate
Requires-Dist: rensa==0.5.0; extra == "curate"
Provides-Extra: distill
Requires-Dist: megatron-core==0.19.2; python_version < "3" and extra == "distill"
"""


def test_an_installed_package_has_the_pins_in_its_metadata(monkeypatch, tmp_path):
    info = tmp_path / "nemo_reasoning-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(versions, "PYPROJECT", tmp_path / "absent")
    assert versions.required_python() == "<3.14,>=3.12"
    assert list(versions.pins()) == ["orjson"]
    assert {name: str(pin.specifier) for name, pin in versions.pins("curate").items()} == {"rensa": "==0.5.0"}
    assert versions.pins("distill") == {}
    assert set(versions.every_pin()) == {"orjson", "rensa"}


def test_a_checkout_has_them_in_its_project_file():
    assert "nemo-curator" in versions.pins("curate")
    assert "torch" not in versions.pins()
    assert {"orjson", "torch", "nemo-run"} <= set(versions.every_pin())
