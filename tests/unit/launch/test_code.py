# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest
from launch_runs import configured

from nemo_reasoning.errors import InputError
from nemo_reasoning.launch import code
from nemo_reasoning.stages import STAGES


@pytest.fixture
def shipped(tmp_path):
    """A copy of the package, committed to a repository of its own."""
    code.ship(tmp_path / "code")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        git(tmp_path / "code", *command)
    return tmp_path / "code"


def git(directory, *command):
    named = ["-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run(["git", "-C", str(directory), *named, *command], check=True)


def python(source, directory):
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={"PYTHONPATH": str(directory), "PYTHONSAFEPATH": "1"},
        cwd=directory.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_what_is_shipped_is_the_code_here_and_wins_over_what_is_installed(shipped):
    source = (
        "import nemo_reasoning.curation.stage as c; from nemo_reasoning.stages import STAGES as s; "
        "print(c.__file__, *(each.code() for each in s.values()))"
    )
    place, *digests = python(source, shipped)
    assert place == str(shipped / "nemo_reasoning" / "curation" / "stage.py")
    assert digests == [stage.code() for stage in STAGES.values()]


def test_uncommitted_code_is_seen(shipped):
    listed = "from nemo_reasoning.launch import code; print(*code.uncommitted())"
    assert python(listed, shipped) == []
    (shipped / "nemo_reasoning" / "cli.py").write_text("")
    (shipped / "nemo_reasoning" / "launch" / "new.py").write_text("")
    assert [path.rpartition("/")[2] for path in python(listed, shipped)] == ["cli.py", "new.py"]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("ship", "the jobs run uncommitted code (a.py, b.py, c.py and 1 more), as it is now."),
        ("installed", "what is uncommitted here (a.py, b.py, c.py and 1 more) is not sent"),
    ],
)
def test_uncommitted_code_is_named(policy, sentence, monkeypatch):
    monkeypatch.setattr(code, "uncommitted", lambda: ["a.py", "b.py", "c.py", "d.py"])
    assert sentence in code.check(configured("experiment=smoke", f"launch.code={policy}"))


def test_uncommitted_code_is_refused_by_default(monkeypatch):
    monkeypatch.setattr(code, "uncommitted", lambda: ["a.py"])
    with pytest.raises(InputError, match=r"a\.py differ from the last commit; .* launch\.code=ship\."):
        code.check(configured("experiment=smoke"))
