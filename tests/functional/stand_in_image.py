# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A small stand-in for NVIDIA's images, made from what is installed here, and buildah in a directory of its own.

As in NeMo-RL's image the interpreter lies under /root, closed to others, and its environment in
/opt. Light packages are this environment's own; the heavy ones are metadata of the same names.
"""

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import psutil

PREFIX = "root/.local/share/uv/python/cpython"
"""Of the interpreter."""
ENVIRONMENT = "opt/venv"
HEAVY = {
    "torch": "2.11.0",
    "ray": "2.55.1",
    "vllm": "0.20.0",
    "transformers": "5.8.1",
    "pyarrow": "23.0.1",
    "numpy": "2.4.4",
}
"""Stand-ins: a version and nothing else."""
LIGHT = ("pydantic", "rich", "hydra-core", "omegaconf", "psutil", "jinja2", "packaging")
"""The image's own, with what they need."""
TOOLS = ("sh", "cp", "cat", "ls", "chmod", "mkdir", "rm", "env", "id")
UNUSED = ("test", "idlelib", "tkinter", "turtledemo", "lib2to3", "site-packages", "*.a", "config-3*")


def make_root(root: Path) -> None:
    """The file system of the image."""
    python = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home = root / PREFIX
    library = home / "lib" / version
    shutil.copytree(python / "lib" / version, library, ignore=shutil.ignore_patterns(*UNUSED), symlinks=True)
    (home / "bin").mkdir()
    shutil.copy2(Path(sys._base_executable).resolve(), home / "bin" / version)
    for shared in (python / "lib").glob(f"lib{version}*.so*"):
        shutil.copy2(shared, home / "lib", follow_symlinks=False)
    (root / "bin").mkdir()
    tools = [Path(found) for name in TOOLS if (found := shutil.which(name))]
    for tool in tools:
        shutil.copy2(tool.resolve(), root / "bin" / tool.name)
    site = _make_environment(root, version)
    _copy_libraries(root, [home / "bin" / version, *tools, *library.rglob("*.so"), *site.rglob("*.so")])
    for directory, mode in (("tmp", 0o1777), ("root", 0o700), ("etc", 0o755)):
        (root / directory).mkdir(exist_ok=True)
        (root / directory).chmod(mode)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")


def _copy_libraries(root: Path, binaries: Iterable[Path]) -> None:
    """The shared libraries that binaries need, where the loader looks for them."""
    listing = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    words = {word for line in listing.splitlines() for word in line.split()}
    for path in {Path(word) for word in words if word.startswith("/") and not word.endswith(":")}:
        if path.is_relative_to(sys.base_prefix):
            continue
        target = root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path.resolve(), target)


def _make_environment(root: Path, version: str) -> Path:
    """A virtual environment with pip, written by hand since its interpreter is elsewhere; gives its site-packages."""
    environment = root / ENVIRONMENT
    site = environment / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "bin" / "python").symlink_to(f"/{PREFIX}/bin/{version}")
    (environment / "pyvenv.cfg").write_text(f"home = /{PREFIX}/bin\ninclude-system-site-packages = false\n")
    bundled = root / PREFIX / "lib" / version / "ensurepip" / "_bundled"
    with zipfile.ZipFile(next(bundled.glob("pip-*.whl"))) as pip:
        pip.extractall(site)
    for name in _closure(LIGHT):
        _copy_distribution(name, site)
    for name, number in HEAVY.items():
        with zipfile.ZipFile(stand_in_wheel(root.parent, name, number)) as wheel:
            wheel.extractall(site)
    return site


def _closure(names: Iterable[str]) -> set[str]:
    """The distributions and all that they require, as far as they are installed here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        needed = [Requirement(line) for line in importlib.metadata.requires(name) or []]
        todo += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _copy_distribution(name: str, site: Path) -> None:
    for file in importlib.metadata.files(name) or []:
        if ".." not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file.locate(), target)


def wheel_of(name: str, directory: Path) -> None:
    """Pack an installed distribution as a wheel again."""
    distribution = importlib.metadata.distribution(name)
    tag = next(line.split()[1] for line in distribution.read_text("WHEEL").splitlines() if line.startswith("Tag:"))
    stem = Path(str(distribution._path)).name.removesuffix(".dist-info")
    with zipfile.ZipFile(directory / f"{stem}-{tag}.whl", "w") as wheel:
        for file in distribution.files or []:
            if (
                ".." not in file.parts
                and "__pycache__" not in file.parts
                and file.name not in ("INSTALLER", "REQUESTED")
            ):
                wheel.write(file.locate(), str(file))


def stand_in_wheel(directory: Path, name: str, version: str) -> Path:
    """A wheel that has only a name and a version."""
    stem = f"{name.replace('-', '_')}-{version}"
    path, info = directory / f"{stem}-py3-none-any.whl", f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


class Buildah:
    """buildah with its images in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.storage = ["--root", str(directory / "storage"), "--runroot", str(directory / "run")]

    def __call__(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess:
        """Run one of its commands."""
        command = ["buildah", *self.storage, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)

    def close(self) -> None:
        """Remove the containers and images, and take off what is still mounted below the directory."""
        self("rm", "--all")
        self("rmi", "--all", "--force")
        mounts = [part.mountpoint for part in psutil.disk_partitions(all=True)]
        for place in sorted(mounts, reverse=True):
            if Path(place).is_relative_to(self.directory):
                subprocess.run(["umount", place], check=False)
