# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and directories are whole or absent, whenever their writer is killed."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nemo_reasoning import files
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import check_file_place, discard, read_json, recover, sha256, whole, write_bytes, write_json

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from nemo_reasoning import files

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

path, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "between_renames":
    rename = Path.rename
    def once(self, target):
        if self.name.endswith(".part"):
            kill()
        return rename(self, target)
    Path.rename = once
elif moment == "before_removal":
    files.remove = lambda place, remove=files.remove: kill() if place.name.endswith(".old") else remove(place)
with files.whole(path) as temporary:
    temporary.mkdir()
    (temporary / "a").write_text("new")
    if moment == "while_writing":
        kill()
"""


def content(directory):
    return {file.name: file.read_text() for file in directory.iterdir()}


def leftovers(directory):
    return [file.name for file in directory.iterdir() if file.name.startswith(".")]


def killed_writer(path, moment):
    code = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path), moment], check=False).returncode
    assert code == -signal.SIGKILL


@pytest.mark.parametrize("durable", [True, False])
def test_file(tmp_path, durable):
    path = tmp_path / "deep" / "er" / "a.json"
    write_bytes(path, b"1", durable=durable)
    write_bytes(path, b"2", durable=durable)
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_directory_is_replaced_with_all_it_holds(tmp_path):
    path = tmp_path / "model"
    for names in (("a", "b"), ("b", "c")):
        with whole(path) as temporary:
            temporary.mkdir()
            for name in names:
                (temporary / name).write_text(name)
    assert content(path) == {"b": "b", "c": "c"}
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_does_not_replace_a_directory(tmp_path, linked):
    path = tmp_path / "a"
    directory = tmp_path / "b" if linked else path
    directory.mkdir()
    (directory / "x").write_text("mine")
    if linked:
        path.symlink_to(directory)
    with pytest.raises(InputError, match=r"a is a directory; give the name of a file\."):
        write_bytes(path, b"1")
    assert path.is_symlink() == linked
    assert content(path) == {"x": "mine"}
    assert leftovers(tmp_path) == []


def test_where_no_file_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    check_file_place(tmp_path / "file")
    check_file_place(tmp_path / "new" / "deeper" / "a")
    with pytest.raises(InputError, match=r"cannot be written, since \S+/file is no directory that takes files"):
        check_file_place(tmp_path / "file" / "deeper" / "a")


def test_a_directory_is_discarded_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a"
    for name in ("x", "y"):
        write_bytes(path / name, b"1")
    monkeypatch.setattr(files.shutil, "rmtree", lambda place: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        discard(path)
    assert not path.exists()
    monkeypatch.undo()
    discard(path)
    assert not path.exists()


def test_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    write_bytes(path, b"old")
    with pytest.raises(OSError, match="No space left") as caught, whole(path) as temporary:
        temporary.write_bytes(b"half")
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_failure_of_the_last_rename_leaves_the_old_directory(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.mkdir()
    (path / "x").write_text("old")
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, "broken disk")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="broken disk"), whole(path) as temporary:
        temporary.mkdir()
    assert content(path) == {"x": "old"}
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("moment", "expected"), [("while_writing", "old"), ("between_renames", "old"), ("before_removal", "new")]
)
def test_kill_at_any_moment_of_replacing_a_directory(tmp_path, moment, expected):
    path = tmp_path / "a[1]"
    path.mkdir()
    (path / "a").write_text("old")
    killed_writer(path, moment)
    assert leftovers(tmp_path)
    recover(path)
    assert content(path) == {"a": expected}
    assert leftovers(tmp_path) == []


def test_a_writer_mends_what_a_killed_one_left(tmp_path):
    path = tmp_path / "a"
    path.mkdir()
    (path / "a").write_text("old")
    killed_writer(path, "between_renames")
    assert not path.exists()
    with pytest.raises(ValueError, match="no"), whole(path):
        raise ValueError("no")
    assert content(path) == {"a": "old"}


def test_recover_leaves_other_names_and_living_writers_alone(tmp_path):
    path = tmp_path / "a"
    other = tmp_path / "a.b"
    other.mkdir()
    (other / "a").write_text("old")
    killed_writer(other, "between_renames")
    with whole(path) as temporary:
        temporary.write_text("mine")
        recover(path)
        assert temporary.exists()
        assert not other.exists()
    recover(other)
    assert content(other) == {"a": "old"}


def test_a_process_number_that_is_used_again_is_not_its_old_owner(tmp_path):
    path = tmp_path / "a"
    with whole(path) as temporary:
        stale = temporary.with_name(temporary.name.replace(f"-{files._start(str(os.getpid()))}-", "-1-"))
        temporary.write_text("new")
    stale.write_text("of a process with this number that ended")
    recover(path)
    assert not stale.exists()


def test_concurrent_writers_do_not_mix(tmp_path):
    path = tmp_path / "a"
    contents = [bytes([65 + i]) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=write_bytes, args=(path, data)) for data in contents for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert leftovers(tmp_path) == []


def test_data_is_on_disk_before_its_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), replace(self, to)))
    write_json(tmp_path / "done", {})
    assert len(events) == 3
    assert events[0].endswith(".part")
    assert events[1:] == ["rename", str(tmp_path)]


def test_read_json(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(InputError, match="does not exist"):
        read_json(path)
    path.write_text("{")
    with pytest.raises(InputError, match="is not valid JSON"):
        read_json(path)
    write_json(path, {"a": [1, None]})
    assert read_json(path) == {"a": [1, None]}


def test_digest_tells_names_and_contents_apart(tmp_path):
    digests = set()
    for number, tree in enumerate([{"a": "bc"}, {"ab": "c"}, {"a": "b", "c": ""}, {"a": "", "b": "c"}, {"a": "bcd"}]):
        directory = tmp_path / str(number)
        directory.mkdir()
        for name, text in tree.items():
            (directory / name).write_text(text)
        digests.add(sha256(directory))
    assert len(digests) == 5


def test_digest_leaves_out_what_comes_and_goes_by_itself(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = sha256(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("2")
    with whole(tmp_path / "b") as temporary:
        temporary.write_text("3")
        assert sha256(tmp_path) == before
    assert sha256(tmp_path) != before


def test_digest_of_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        sha256(tmp_path / "none")
