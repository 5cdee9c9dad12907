# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Puts this package into a container image without changing what is in it (see Dockerfile.nemo).

    image.py wheel SOURCE DIRECTORY    build the package's wheel
    image.py install WHEEL             note all versions, install the package and what it lacks, compare all versions
    image.py check                     compare again

Runs in the image's own interpreter, before the package is there: the standard library and
`packaging` only, which torch, Ray and transformers all bring.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

PACKAGE = "nemo-reasoning"
STACK = ("torch", "nemo-curator", "megatron-core", "megatron-bridge")
"""Only the image brings these; what else an extra wants is added where the extra's own are there."""
EXTRAS = ("curate", "distill", "report")
RECORD = Path(sys.prefix) / "share" / PACKAGE / "image.json"
"""Versions of the image as it came."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; gives the exit status."""
    parser = argparse.ArgumentParser(prog="image.py")
    parser.add_argument("do", choices=["wheel", "install", "check"])
    parser.add_argument("paths", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    if given.do == "wheel":
        source, target = given.paths
        build(source, target)
    elif given.do == "install":
        install(*given.paths)
    return check()


def build(source: Path, target: Path) -> None:
    """Build the package's wheel, in an environment of its own that needs no other package."""
    if _has_pip():
        _call([sys.executable, "-m", "pip", "wheel", "--no-cache-dir", "--no-deps", "--wheel-dir", target, source])
    else:
        _call(["uv", "build", "--no-cache", "--wheel", "--python", sys.executable, "--out-dir", target, source])


def install(wheel: Path) -> None:
    """Install the package, then what it requires and the image has no version of at all."""
    write_record(versions())
    open_way(Path(sys.executable).resolve())
    _call([*_installer(), "--no-deps", wheel])
    wanted = lacking([Requirement(line) for line in importlib.metadata.requires(PACKAGE) or []], versions())
    if not wanted:
        return
    print(f"the image lacks {', '.join(wanted)}", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("".join(f"{line}\n" for line in pinned(versions())))
        constraints.flush()
        _call([*_installer(), "--constraint", constraints.name, *wanted])


def check() -> int:
    """Compare with the image as it came; says what changed and gives 1, or 0."""
    if not RECORD.exists():
        return 0
    changes = changed(json.loads(RECORD.read_text()), versions())
    for change in changes:
        print(f"nemo-reasoning: the image's own {change}; install nothing that changes it.", file=sys.stderr)
    return 1 if changes else 0


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What had another version before, or is gone; additions are none."""
    return [
        f"{name} {version} became {now[name]}" if name in now else f"{name} {version} is gone"
        for name, version in sorted(before.items())
        if now.get(name) != version
    ]


def versions() -> dict[str, str]:
    """Every distribution that this interpreter sees, by name; of several of one name, the one that is imported."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def lacking(required: list[Requirement], found: dict[str, str]) -> list[str]:
    """What is to be installed: requirements of which there is no version, without those that only an image brings.

    A version other than the tested one stays: the image's libraries were built with it.
    """
    wanted = [r for r in required if _applies(r, "")]
    for extra in EXTRAS:
        own = [r for r in required if _applies(r, extra) and not _applies(r, "")]
        if all(canonicalize_name(r.name) in found for r in own if canonicalize_name(r.name) in STACK):
            wanted += [r for r in own if canonicalize_name(r.name) not in STACK]
    names = [_plain(requirement) for requirement in wanted if canonicalize_name(requirement.name) not in found]
    return sorted(set(names))


def pinned(found: dict[str, str]) -> list[str]:
    """Constraints that keep every version as it is."""
    return [f"{name}=={version}" for name, version in sorted(found.items()) if _is_version(version)]


def open_way(file: Path) -> None:
    """Let every user reach a file: NeMo-RL's interpreter and its packages lie under /root."""
    for directory in file.parents:
        found = directory.stat()
        if not found.st_mode & stat.S_IXOTH and os.geteuid() in (0, found.st_uid):
            directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def write_record(found: dict[str, str]) -> None:
    """Keep the versions of the image as it came; a later build on top of it does not change them."""
    if not RECORD.exists():
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(found, indent=1))


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _plain(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _installer() -> list[str]:
    """The command that installs into this interpreter: its pip, or uv where it has none."""
    if _has_pip():
        return [sys.executable, "-m", "pip", "install", "--no-cache-dir"]
    return ["uv", "pip", "install", "--no-cache", "--python", sys.executable]


def _has_pip() -> bool:
    if importlib.util.find_spec("pip"):
        return True
    if shutil.which("uv"):
        return False
    sys.exit("nemo-reasoning: this image has neither pip nor uv; use one of docs/containers.md.")


def _call(command: list[str | Path]) -> None:
    print("+", *command, flush=True)
    status = subprocess.run([str(part) for part in command], check=False).returncode
    if status:
        sys.exit(f"nemo-reasoning: the command above failed with status {status}.")


if __name__ == "__main__":
    sys.exit(main())
