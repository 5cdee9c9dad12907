# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from launch_runs import configured

from nemo_reasoning import compose
from nemo_reasoning.launch.shell import exports, read_file, untraced

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NAME = st.from_regex(r"NR_[A-Za-z0-9_]{1,8}", fullmatch=True)


def variables(printed):
    found = dict(each.decode().split("=", 1) for each in printed.split(b"\0") if each)
    return {name: value for name, value in found.items() if name.startswith("NR_")}


@settings(max_examples=60)
@given(st.dictionaries(NAME, TEXT, max_size=4))
def test_a_variable_arrives_as_it_was_given(environment):
    script = "\n".join([*exports(environment), "env -0"])
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert variables(done.stdout) == environment


@settings(max_examples=300)
@given(st.dictionaries(TEXT, TEXT | st.floats(allow_nan=False) | st.integers() | st.booleans() | st.none(), max_size=3))
@example({"prompt": "a\x85b"})
@example({"time": "01:30:00", "number": "1e3", "date": "2026-01-01", "truth": "yes", "nothing": "~"})
def test_any_setting_is_read_as_it_was_written(values):
    """The jobs read resolved.yaml, so that no override passes through a shell."""
    assert yaml.safe_load(compose.to_yaml(values).encode()) == values


@pytest.mark.parametrize("text", ['it\'s "$HOME" `id` \\ ${distill.lr} \n\t#: -é', "\x85\u2028", "null", ""])
def test_any_override_reaches_the_job(text, tmp_path):
    config = configured("experiment=smoke")
    config = config.model_copy(update={"format": config.format.model_copy(update={"system_prompt": text})})
    compose.write_resolved(config, tmp_path / "resolved.yaml")
    assert compose.read_resolved(tmp_path / "resolved.yaml") == config


def test_a_file_of_variables_is_read_and_its_values_are_not_traced(tmp_path):
    file = tmp_path / "my secrets.env"
    file.write_text("NR_KEY='canary 1'\n")
    script = "\n".join(["set -evx", *untraced(read_file(str(file))), "env -0"])
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert variables(done.stdout) == {"NR_KEY": "canary 1"}
    assert b"canary" not in done.stderr
    assert b"+ env -0" in done.stderr  # it is traced again
    assert untraced(read_file(None)) == []


def test_the_absence_of_nemo_run_is_one_sentence(tmp_path):
    (tmp_path / "nemo_run.py").write_text("import absent_requirement\n")
    code = "from nemo_reasoning.launch.executors import nemo_run; nemo_run()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"},
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].endswith(
        "NeMo-Run cannot be imported (No module named 'absent_requirement'); "
        "install it with `pip install 'nemo-reasoning[launch]'`."
    )
