# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stages of a run: what each depends on, and whether what it left is still current."""

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemo_reasoning.config import Benchmark, Config, Decontamination, Server
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import is_local, sha256
from nemo_reasoning.manifest import CHECKPOINTS, MANIFEST, Manifest
from nemo_reasoning.traces.files import local_files, root

GROUND = ("contract", "errors", "files", "lifetime", "manifest", "models")
"""Modules that every stage runs."""
ABSENT = "absent"
"""Digest of a path where nothing is."""


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline.

    Attributes:
        name: As in the setting `stages`, and its directory in the run.
        module: Where its `run(config, stage)` is.
        sections: Settings that it depends on.
        rooms: Modules and packages that it runs, besides `GROUND`.
        inputs: Gives the files, directories and hub names that it reads.
        processes: Gives how many processes run it.
        preload: Module that its processes need, where they are several.
        unbound: Settings of these that may change between two commands of one run.
        reuses: It finds out by itself which of its files are still right; redone, it keeps its directory.
        derived: It only shows what other stages made, so it is made again without asking.
    """

    name: str
    module: str
    sections: tuple[str, ...]
    rooms: tuple[str, ...]
    inputs: Callable[[Config], list[str]]
    processes: Callable[[Config], int] = lambda config: 1
    preload: str = "nemo_reasoning.stage"
    unbound: tuple[str, ...] = ()
    reuses: bool = False
    derived: bool = False

    def directory(self, config: Config) -> Path:
        """Where the stage writes."""
        return Path(config.paths.run) / self.name

    def entry_point(self) -> Callable[..., dict[str, Any]]:
        """The stage's `run(config, stage)`."""
        return importlib.import_module(self.module).run

    def settings(self, config: Config) -> dict[str, Any]:
        """The settings that the stage depends on, flat; the run's own directory is written `<run>`."""
        values = dict(_flat(config.model_dump(mode="json")))
        return {
            key: _without_run(value, config.paths.run)
            for key, value in values.items()
            if _is_under(key, self.sections) and not _is_under(key, self.unbound)
        }

    def input_digests(self, config: Config) -> dict[str, str]:
        """Digest of each input; of a hub name, the name itself."""
        return {_without_run(path, config.paths.run): _digest(path) for path in self.inputs(config)}

    def code(self) -> str:
        """Digest of the source that the stage runs."""
        digest = hashlib.sha256()
        for room in sorted({*GROUND, *self.rooms}):
            digest.update(sha256(_source(f"nemo_reasoning.{room}")).encode())
        return digest.hexdigest()

    def is_cheap(self, manifest: Manifest, config: Config) -> bool:
        """Nothing is lost when the stage starts anew: it only shows, or it has neither finished nor a checkpoint."""
        return self.derived or not (manifest.done or (self.directory(config) / CHECKPOINTS).exists())

    def check_current(self, manifest: Manifest, config: Config) -> None:
        """Refuse what another configuration, input or version of the code has left.

        Raises:
            InputError: The stage's directory is not that of this run.
        """
        place, advice = self.directory(config), "choose another paths.run, or redo it with overwrite=true."
        wanted = self.settings(config)
        for key in sorted({*wanted, *manifest.config}):
            if wanted.get(key) != manifest.config.get(key):
                raise InputError(
                    f"{place} was made with {key}={manifest.config.get(key)}, not {wanted.get(key)}; {advice}"
                )
        if manifest.code != self.code():
            raise InputError(f"{place} was made by another version of the code; {advice}")

    def check_made(self, config: Config) -> None:
        """Check that the inputs which other stages of the run make are there.

        Raises:
            InputError: One is not; the sentence names the stage, and the setting where one gives the path.
        """
        run = config.paths.run
        for path in self.inputs(config):
            if maker := _missing_from(path, run):
                keys = [key for key, value in self.settings(config).items() if value == _without_run(path, run)]
                change = f", or change {keys[0]}" if keys else ""
                raise InputError(f"{path} does not exist; run the stage {maker} first{change}.")

    def check_inputs(self, manifest: Manifest, config: Config) -> None:
        """Refuse what was made from other inputs; errors as in `check_current`."""
        digests = self.input_digests(config)
        for path in sorted({*digests, *manifest.inputs}):
            if digests.get(path, ABSENT) != manifest.inputs.get(path, ABSENT):
                raise InputError(
                    f"{self.directory(config)} was made from another {path}; "
                    "choose another paths.run, or redo it with overwrite=true."
                )


def _prepare_inputs(config: Config) -> list[str]:
    sources = [] if config.data.evaluation is None else [config.data.evaluation.path]
    made_here = config.model.scratch or config.model.gguf
    return [*_data_files(sources, config), *([] if made_here else [config.model.path])]


def _generate_inputs(config: Config) -> list[str]:
    return [] if config.data.problems is None else _data_files([config.data.problems.path], config)


def _curate_inputs(config: Config) -> list[str]:
    steps = config.curate.active_steps.values()
    against = [source for step in steps if isinstance(step, Decontamination) for source in step.against.values()]
    traces = _data_files([source.path for source in [*config.data.traces.values(), *against]], config)
    return [*traces, *_if_made(f"{config.paths.run}/prepare/evaluation.jsonl"), config.model.path]


def _distill_inputs(config: Config) -> list[str]:
    curated = f"{config.paths.run}/curate"
    data = [f"{curated}/sft.jsonl", *_if_made(f"{curated}/sft_validation.jsonl")]
    return [*data, config.model.path, *([config.distill.init] if config.distill.init else [])]


def _grpo_inputs(config: Config) -> list[str]:
    source = config.data.rl
    problems = [f"{config.paths.run}/curate/rl.jsonl"] if source is None else _data_files([source.path], config)
    return [*problems, config.grpo.init]


def _evaluate_inputs(config: Config) -> list[str]:
    """A server's models are no inputs: nothing can be known of them but their names, which are settings."""
    benchmarks = [benchmark for benchmark in config.evaluate.benchmarks.values() if benchmark] or [Benchmark()]
    own = [f"{config.paths.run}/prepare/evaluation.jsonl"] * any(one.path is None for one in benchmarks)
    models = [path for path in config.evaluate.models.values() if path]
    return [
        *own,
        *_data_files([one.path for one in benchmarks if one.path is not None], config),
        *([] if config.evaluate.engine == "openai_server" else models),
    ]


def _report_inputs(config: Config) -> list[str]:
    return _if_made(*(str(stage.directory(config) / MANIFEST) for stage in STAGES.values() if not stage.derived))


EVALUATE_UNBOUND = tuple(
    f"evaluate.server.{name}" for name in Server.model_fields if name not in ("base_url", "send_seed", "extra_body")
)
"""How a server is asked, and what may be spent, changes no completion."""
GENERATE_UNBOUND = (
    *(f"generate.server.{name}" for name in Server.model_fields if name not in ("model", "send_seed", "extra_body")),
    "generate.at_max_cost",
    "generate.max_failed_share",
)
"""As for the evaluation; and a teacher's server may move while a generation is interrupted."""


def _distill_processes(config: Config) -> int:
    return config.distill.num_processes


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            name="prepare",
            module="nemo_reasoning.prepare",
            sections=("seed", "data.generator", "data.evaluation", "data.max_broken_share", "model", "format"),
            rooms=("prepare", "demo", "traces"),
            inputs=_prepare_inputs,
        ),
        Stage(
            name="generate",
            module="nemo_reasoning.generate.stage",
            sections=("seed", "data.problems", "data.max_broken_share", "format", "verify", "generate"),
            rooms=("generate", "engines", "traces", "verify"),
            inputs=_generate_inputs,
            unbound=GENERATE_UNBOUND,
            reuses=True,
        ),
        Stage(
            name="curate",
            module="nemo_reasoning.curation.stage",
            sections=("seed", "data", "model", "format", "curate", "verify"),
            rooms=("curation", "traces", "verify"),
            inputs=_curate_inputs,
            unbound=("curate.executor", "curate.workers"),
        ),
        Stage(
            name="distill",
            module="nemo_reasoning.distill.stage",
            sections=("seed", "model", "format", "verify", "distill"),
            rooms=("distill", "leaving", "sampling", "decoder", "transformer", "traces", "verify"),
            inputs=_distill_inputs,
            processes=_distill_processes,
            preload="nemo_reasoning.distill.preload",
            unbound=(
                "distill.exit_duration_in_mins",
                "distill.log_interval",
                "distill.tensorboard",
                "distill.wandb",
                "distill.mlflow",
                "distill.on_nan",
                "distill.on_spike",
                "distill.max_recoveries",
                "distill.recovery_skip",
            ),
        ),
        Stage(
            name="grpo",
            module="nemo_reasoning.grpo.stage",
            sections=("seed", "data.rl", "model", "format", "verify", "grpo"),
            rooms=("grpo", "leaving", "rewards", "sampling", "decoder", "transformer", "traces", "verify"),
            inputs=_grpo_inputs,
            unbound=("grpo.exit_duration_in_mins",),
        ),
        Stage(
            name="evaluate",
            module="nemo_reasoning.evaluate.stage",
            sections=("seed", "model", "format", "verify", "evaluate"),
            rooms=("evaluate", "measure", "engines", "sampling", "decoder", "transformer", "traces", "verify"),
            inputs=_evaluate_inputs,
            unbound=EVALUATE_UNBOUND,
            reuses=True,
        ),
        Stage(
            name="report",
            module="nemo_reasoning.report.stage",
            sections=("name",),
            rooms=("report",),
            inputs=_report_inputs,
            reuses=True,
            derived=True,
        ),
    )
}
"""The pipeline, in order."""


def selected(config: Config) -> list[Stage]:
    """The stages that this command runs, in order."""
    names = list(STAGES)
    start = names.index(config.from_stage) if config.from_stage else 0
    return [STAGES[name] for name in names[start:] if name in config.stages]


def begin(stage: Stage, config: Config, started: float) -> Manifest:
    """The record of a stage that starts now."""
    return Manifest(
        stage=stage.name,
        status="running",
        config=stage.settings(config),
        inputs=stage.input_digests(config),
        code=stage.code(),
        started=started,
    )


def _data_files(paths: list[str], config: Config) -> list[str]:
    """The local files of each path; the path itself if it is a hub name or still to be made by a stage."""
    run = config.paths.run
    found = {path: [] if _missing_from(path, run) else local_files(path) for path in paths}
    return [str(file) for path in paths for file in (found[path] or [path])]


def _if_made(*paths: str) -> list[str]:
    """Those that exist: a stage reads them where they are there."""
    return [path for path in paths if Path(path).exists()]


def _missing_from(path: str, run: str) -> str | None:
    """The stage that is to make a path of the run; None where the path is there, or is no stage's to make."""
    place = Path(path)
    if root(path).exists() or not place.is_relative_to(run):
        return None
    name = "".join(place.relative_to(run).parts[:1])
    return name if name in STAGES else None


def _digest(path: str) -> str:
    place = Path(path)
    if place.exists():
        return sha256(place)
    return ABSENT if is_local(path) else "hub"


def _source(module: str) -> Path:
    """The source file of a module, or the directory of a package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _is_under(key: str, names: tuple[str, ...]) -> bool:
    """Whether `key` is one of `names` or in one of these sections."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _without_run(value: Any, run: str) -> Any:
    if isinstance(value, str) and (value == run or value.startswith(run + os.sep)):
        return "<run>" + value[len(run) :]
    return value
