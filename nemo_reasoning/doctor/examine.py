# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Looks at this environment: every import and outside command in a process of its own, with a time limit."""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nemo_reasoning.config import Paths
from nemo_reasoning.config.nemo_rl import NemoRL
from nemo_reasoning.doctor import cluster, gpu, hub, image, machine, nemo_rl, probe, software, versions
from nemo_reasoning.doctor.finding import Area, Finding

if TYPE_CHECKING:
    from nemo_reasoning.config import Config

AREAS: tuple[Area, ...] = ("python", "libraries", "gpu", "machine", "hub", "model", "nemo_rl", "cluster")
Check = Callable[[], list[Finding]]


def examine(config: "Config | None", areas: Collection[Area] = AREAS, *, quick: bool = False) -> list[Finding]:
    """Look at everything, or at some areas; a check that itself fails is an error among the findings.

    Args:
        config: The configuration whose model, directories and engines are looked at.
        areas: What to look at.
        quick: Import none of the libraries.
    """
    with ThreadPoolExecutor(max(2, min(4, len(os.sched_getaffinity(0))))) as pool:
        rows = list(pool.map(lambda check: _safely(*check), checks(config, areas, quick=quick)))
    found = [finding for row in rows for finding in row if finding.area in areas]
    return sorted(found, key=lambda finding: AREAS.index(finding.area))


def checks(config: "Config | None", areas: Collection[Area], *, quick: bool) -> Iterator[tuple[Area, str, Check]]:
    """Area, name and function of each check of these areas, the slow ones first."""
    if {"libraries", "gpu"} & set(areas):
        yield "libraries", "torch", lambda: _torch(config, quick)
    yield from (check for check in _others(config, quick) if check[0] in areas)


def _others(config: "Config | None", quick: bool) -> Iterator[tuple[Area, str, Check]]:
    for library in software.LIBRARIES.values():
        if library.name != "torch":
            yield "libraries", library.name, lambda library=library: [_library(library, quick)]
    yield "nemo_rl", "nemo-rl", lambda: _nemo_rl(config)
    yield "model", "model", lambda: [_model(config)]
    yield "hub", "hub", _hub
    yield "gpu", "driver", _driver
    yield "python", "python", _python
    yield "libraries", "cpu-training", lambda: [_cpu_training()]
    yield "machine", "machine", lambda: _machine(config)
    for name in cluster.COMMANDS:
        yield "cluster", name, lambda name=name: _command(name)


def _safely(area: Area, name: str, check: Check) -> list[Finding]:
    try:
        return check()
    except Exception as error:
        what = f"the check itself failed: {type(error).__name__}: {error}"
        return [Finding(name, area, "error", what, "report this to the authors of nemo-reasoning")]


def _python() -> list[Finding]:
    pins = versions.pins()
    found = {name: versions.installed(name) for name in pins}
    changes = image.changed(json.loads(image.RECORD.read_text()), image.versions()) if image.RECORD.exists() else None
    return [software.running(), software.requirements(list(pins.values()), found), software.image(changes)]


def _library(library: software.Library, quick: bool) -> Finding:
    version = versions.installed(library.name)
    imported = None if quick or version is None else probe.python(library.program, library.seconds)
    return software.library(library, version, versions.every_pin().get(library.name), imported)


def _torch(config: "Config | None", quick: bool) -> list[Finding]:
    """torch, and what it says of the GPUs."""
    library, version = software.LIBRARIES["torch"], versions.installed("torch")
    if quick or version is None:
        return [software.library(library, version, None, None)]
    ran = probe.python(gpu.TORCH, gpu.TORCH_S)
    driver = gpu.driver(probe.run(gpu.SMI, gpu.SMI_S))
    wanted = config.distill.num_processes if config else 1
    return [
        software.library(library, version, None, ran),
        gpu.cuda(ran.answer, driver),
        gpu.devices(ran.answer),
        gpu.enough(wanted, ran.answer),
        gpu.nccl(ran.answer),
    ]


def _driver() -> list[Finding]:
    ran = probe.run(gpu.SMI, gpu.SMI_S)
    return [gpu.driver(ran), gpu.memory(ran)]


def _cpu_training() -> Finding:
    wanted = {name: pin for name, pin in versions.pins("distill").items() if name.startswith("megatron-")}
    return software.cpu_training(wanted, {name: versions.installed(name) for name in wanted})


def _machine(config: "Config | None") -> list[Finding]:
    paths = config.paths if config else Paths()
    return machine.look(paths.root, paths.min_free_gb)


def _hub() -> list[Finding]:
    ran = probe.python(hub.HUB, hub.HUB_S)
    return [hub.hub(ran), hub.token(ran), hub.cache(ran)]


def _model(config: "Config | None") -> Finding:
    if config is None:
        return hub.no_model()
    if config.model.scratch or config.model.gguf:
        return hub.made_model(config.model.gguf or "from random weights")
    settings = config.model.model_dump_json()
    return hub.model(config.model.path, probe.python(hub.MODEL, hub.MODEL_S, NEMO_REASONING_MODEL=settings))


def _nemo_rl(config: "Config | None") -> list[Finding]:
    from nemo_reasoning.grpo.nemo_rl.convert import environment
    from nemo_reasoning.grpo.nemo_rl.translate import BASE

    settings = config.grpo.nemo_rl if config else NemoRL()
    with TemporaryDirectory() as scratch:
        environ = environment(settings.repo, Path(scratch))
        ran = probe.python(nemo_rl.DRIVER, nemo_rl.DRIVER_S, settings.python, **environ)
    driver = nemo_rl.driver(settings.python, Path(settings.repo) / BASE, ran)
    if driver.blocks:
        return [driver]
    actors = (nemo_rl.VLLM, nemo_rl.POLICIES[settings.backend])
    pythons = {actor: str(nemo_rl.worker_python(actor)) for actor in actors}
    each = [(actor, probe.python(nemo_rl.WORKER, nemo_rl.WORKER_S, found)) for actor, found in pythons.items()]
    return [driver, nemo_rl.workers(nemo_rl.worker_directory(), each, shutil.which("uv") is not None)]


def _command(name: str) -> list[Finding]:
    ran = probe.run(cluster.COMMANDS[name], cluster.SECONDS)
    return [cluster.command(name, ran), *([cluster.pyxis(ran)] if name == "srun" else [])]
