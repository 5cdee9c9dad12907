# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and directories that are written whole or not at all.

What is being written has a temporary name beside its own, `.<name>.<writer>.part`, or `.old`
for a directory that is being replaced. The writer (host, process, its start, a count) tells what
a killed process has left from what another one is writing now.
"""

import hashlib
import itertools
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from nemo_reasoning.errors import InputError

_COUNTER = itertools.count()
_TEMPORARY = re.compile(r"\.(?P<of>.+)\.(?P<host>[^.]+)-(?P<process>\d+)-(?P<start>\d+)-\d+\.(?P<kind>part|old)")


@contextmanager
def whole(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path` for a file or a directory; rename it at the end.

    A reader sees the old content or the new one, never a part. If the block raises, the
    temporary is removed and `path` stays as it was; what a killed writer left is removed by
    the next one. POSIX cannot exchange two directories in one step: a directory is first
    renamed aside, and a kill between the two renames is mended by `recover`.

    Args:
        path: What to write.
        durable: Wait until it is on the disk, so that a file written later (a DONE mark)
            cannot outlive it in a power cut.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    temporary = _beside(path, "part")
    try:
        yield temporary
        if durable:
            _sync(temporary)
        _replace(path, temporary)
        if durable:
            _sync_entry(path.parent)
    except BaseException:
        remove(temporary)
        raise


def recover(path: Path) -> None:
    """Put a replaced directory back if its writer was killed before the new one was in place.

    Call it before reading a directory that may have been replaced by a killed process; also
    removes the writer's unfinished temporaries.
    """
    for leftover in sorted(path.parent.glob(f".{_escape(path.name)}.*")):
        found = _TEMPORARY.fullmatch(leftover.name)
        if not found or found["of"] != path.name or _is_alive(found["host"], found["process"], found["start"]):
            continue
        if found["kind"] == "old" and not path.exists():
            leftover.rename(path)
        else:
            remove(leftover)


def check_file_place(path: Path) -> None:
    """Refuse a path at which no file can be written; call it before the work whose result the file is to hold.

    Raises:
        InputError: It is a directory, or what should hold it is none that takes files.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the name of a file.")
    holder = next(parent for parent in path.absolute().parents if parent.exists())
    if not holder.is_dir() or not os.access(holder, os.W_OK):
        raise InputError(f"{path} cannot be written, since {holder} is no directory that takes files; choose another.")


def _replace(path: Path, new: Path) -> None:
    """Rename `new` to `path`, whatever is there; only a directory may replace a directory."""
    if not new.is_dir():
        check_file_place(path)
    if not path.is_dir() or path.is_symlink():
        new.replace(path)
        return
    old = _beside(path, "old")
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    remove(old)


def _beside(path: Path, kind: str) -> Path:
    process = str(os.getpid())
    return path.with_name(f".{path.name}.{_host()}-{process}-{_start(process)}-{next(_COUNTER)}.{kind}")


def _host() -> str:
    return platform.node().replace(".", "_") or "host"


def _escape(name: str) -> str:
    """The name as a glob pattern that matches only itself."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _is_alive(host: str, process: str, start: str) -> bool:
    """Whether a temporary's writer may still be there; on another host nobody can tell."""
    return host != _host() or _start(process) == start


def _start(process: str) -> str | None:
    """When a process started (clock ticks; "0" where there is no /proc); None if there is none.

    Process numbers are used again, soon in a container; together with the start they are not.
    """
    if not Path("/proc/self/stat").exists():
        return "0" if psutil.pid_exists(int(process)) else None
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _sync(path: Path) -> None:
    """Wait until a file, or all that is in a directory, is on the disk."""
    if path.is_dir():
        for inner in path.iterdir():
            if not inner.is_symlink():
                _sync(inner)
    _sync_entry(path)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a directory with all it holds; nothing happens when it is absent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Remove a path as `remove` does, but in one step: a kill leaves all that it holds, or nothing under its name."""
    recover(path)
    if path.exists() or path.is_symlink():
        remove(path.rename(_beside(path, "part")))


def is_local(path: str) -> bool:
    """Whether a path that does not exist was meant as one, and not as a hub name such as `openai/gsm8k`."""
    return path.startswith((".", "/", "~")) or path.count("/") > 1


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data`, whole or not at all; `durable` as in `whole`."""
    with whole(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: The file is missing or is not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from None


def sha256(path: Path) -> str:
    """Digest of a file, or of the names and contents of all files in a directory.

    Compiled Python files and temporaries of `whole` are left out: they come and go by themselves.

    Raises:
        InputError: There is no such file or directory.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else contents(path):
        digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def contents(directory: Path) -> Iterator[Path]:
    """The files that belong to the directory's content, sorted; as for `sha256`."""
    for file in sorted(directory.rglob("*")):
        inside = file.relative_to(directory).parts
        if file.is_file() and not any(part == "__pycache__" or _TEMPORARY.fullmatch(part) for part in inside):
            yield file
