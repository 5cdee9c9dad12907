# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage `curate`: traces in, training data and the funnel out."""

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loguru import logger
from nemo_curator.pipeline import Pipeline

from nemo_reasoning.config import Config, Decontamination
from nemo_reasoning.curation import shards as shard_files
from nemo_reasoning.curation.card import dataset_card, funnel_rows
from nemo_reasoning.curation.decontamination import evaluation_index
from nemo_reasoning.curation.executors import make_executor
from nemo_reasoning.curation.funnel import Columns, Replay, replay
from nemo_reasoning.curation.outputs import (
    count_contaminated,
    funnel_report,
    write_quarantine,
    write_rejected,
    write_training_data,
)
from nemo_reasoning.curation.selection import validation_rows
from nemo_reasoning.curation.shards import Shard, finished, read_shards, shard_path
from nemo_reasoning.curation.stages import curator_stages, part_task, release
from nemo_reasoning.curation.step_tests import check_steps
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import remove, write_bytes, write_json
from nemo_reasoning.manifest import CHECKPOINTS, StageRun
from nemo_reasoning.traces import Part, check_broken_share, cut

WATCH_S = 0.5
"""How often the finished shards are counted for the live funnel (s)."""


def run(config: Config, stage: StageRun) -> dict[str, Any]:
    """Curate the run's traces into the stage's directory; gives the metrics.

    A stage that was killed goes on with the parts of the input that have no shard yet.

    Raises:
        InputError: A source cannot be used, too many of its rows are broken, a gold answer is
            missing where one is needed, a step fails its own tests, or no trace is left.
    """
    start = time.perf_counter()
    evaluation = Path(config.paths.run) / "prepare" / "evaluation.jsonl"
    checkpoints = stage.directory / CHECKPOINTS
    _quiet_curator()
    check_steps(config, evaluation, checkpoints)
    parts = _parts(config, stage, checkpoints / "unpacked")
    shards = _run_pipeline(config, stage, parts, evaluation, checkpoints / "shards")
    broken = _quarantined(config, shards, stage.directory)
    columns = shard_files.columns(shards)
    stage.progress(columns.size, columns.size, "selecting")
    state = replay(config.curate.active_steps, columns, seed=config.seed, verify=config.verify, scratch=checkpoints)
    rejected = write_rejected(stage.directory / "rejected.parquet", columns, state.results)
    funnel = funnel_report(state, columns, shards, broken)
    write_json(stage.directory / "funnel.json", funnel)
    _check_some_kept(state, stage.directory)
    stage.progress(columns.size, columns.size, f"{len(state.sft):,} traces kept, writing")
    validation = _validation(config, state, columns)
    written = write_training_data(stage.directory, shards, columns, state, validation, config)
    _check_counts(funnel, rejected, written)
    write_bytes(stage.directory / "README.md", dataset_card(config, funnel, written).encode())
    contaminated = _contaminated(config, evaluation, stage.directory)
    remove(checkpoints)
    return {
        "read": funnel["read"],
        "broken": funnel["broken"],
        "kept": funnel["kept"],
        "problems": funnel["problems"],
        "rl_problems": funnel["rl_problems"],
        "validation": len(validation),
        "dropped": {result.name: len(result.dropped) for result in state.results},
        "tokens": funnel["tokens"]["kept"],
        "funnel": funnel_rows(funnel),
        "contaminated_after": contaminated,
        "seconds": round(time.perf_counter() - start, 2),
        "summary": f"{funnel['kept']:,} of {funnel['read']:,} traces kept, {funnel['problems']:,} problems",
    }


def _quiet_curator() -> None:
    """Leave only Curator's warnings; it reports every stage and task at level INFO."""
    logger.configure(handlers=[{"sink": sys.stderr, "level": "WARNING"}])


def _parts(config: Config, stage: StageRun, scratch: Path) -> list[Part]:
    """The parts of all sources, in order."""
    if not config.data.traces:
        raise InputError("data.traces names no source; set data.traces.<name>.path=... or choose a data group.")
    parts: list[Part] = []
    for name, source in config.data.traces.items():
        stage.progress(0, None, f"looking through {source.path}")
        parts += cut(name, source, scratch, config.curate.rows_per_batch)
    return parts


def _run_pipeline(
    config: Config, stage: StageRun, parts: Sequence[Part], evaluation: Path, directory: Path
) -> list[Shard]:
    """Run Curator's pipeline over the parts that have no shard yet; gives all shards in input order."""
    done = finished(directory)
    tasks = [
        part_task(number, part, config.data.traces[part.source])
        for number, part in enumerate(parts)
        if number not in done
    ]
    if tasks:
        pipeline = Pipeline("curate", stages=curator_stages(config, evaluation, directory))
        with _watched(config, stage, parts, directory):
            try:
                pipeline.run(make_executor(config.curate), initial_tasks=tasks)
            except InputError:
                raise
            except Exception as error:
                if sentence := _sentence(error):
                    raise InputError(sentence) from None
                raise
            finally:
                release()
    return read_shards(directory, len(parts))


def _sentence(error: Exception) -> str | None:
    """The `InputError` behind an executor's error; Ray hands the cause of a task's error over as text only."""
    found = re.search(rf"^{InputError.__module__}\.{InputError.__qualname__}: (.+)$", str(error), re.MULTILINE)
    return found[1] if found else None


@contextmanager
def _watched(config: Config, stage: StageRun, parts: Sequence[Part], directory: Path) -> Iterator[None]:
    """Report progress and a live funnel from the finished shards, whichever executor writes them."""
    total = sum(part.rows for part in parts)
    ended = threading.Event()

    def watch() -> None:
        seen: set[int] = set()
        dropped: Counter[str] = Counter()
        rows = 0
        while not ended.wait(WATCH_S):
            for number in sorted(finished(directory) - seen):
                shard = Shard(shard_path(directory, number), 0)
                dropped.update(shard.notes["dropped"])
                rows += shard.rows
                seen.add(number)
            stage.progress(rows, total, f"traces, {config.curate.executor}", funnel=_live_funnel(rows, dropped))

    thread = threading.Thread(target=watch, name="curation progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _live_funnel(rows: int, dropped: Counter[str]) -> list[tuple[str, int, int]]:
    """Name, rows that entered and rows dropped of each filter."""
    funnel = []
    for name, count in dropped.items():
        funnel.append((name, rows, count))
        rows -= count
    return funnel


def _quarantined(config: Config, shards: Sequence[Shard], directory: Path) -> Counter[str]:
    """Write the broken rows; gives their number by source. Errors as in `check_broken_share`."""
    broken = shard_files.broken_rows(shards)
    quarantine = directory / "quarantine.jsonl"
    write_quarantine(quarantine, [row for _, row in broken])
    counts = Counter(name for name, _ in broken)
    for name, source in config.data.traces.items():
        usable = sum(shard.rows for shard in shards if shard.notes["source"] == name)
        total = usable + counts[name]
        check_broken_share(counts[name], total, config.data.max_broken_share, source.path, quarantine)
    return counts


def _validation(config: Config, state: Replay, columns: Columns) -> set[int]:
    return validation_rows(
        state.sft,
        columns.problem_key,
        share=config.curate.validation_share,
        most=config.curate.max_validation,
        seed=config.seed,
    )


def _check_some_kept(state: Replay, directory: Path) -> None:
    if state.sft:
        return
    worst = max(state.results, key=lambda result: len(result.dropped))
    raise InputError(
        f"curation keeps no trace: the step '{worst.name}' dropped {len(worst.dropped)} of the {len(worst.entered)} "
        f"that reached it; see {directory / 'funnel.json'} for examples, and change or switch off "
        f"curate.steps.{worst.name}."
    )


def _check_counts(funnel: dict[str, Any], rejected: int, written: dict[str, int]) -> None:
    """Every trace that was read is either in the training data or among the rejected."""
    dropped = sum(step["dropped"] for step in funnel["steps"])
    for_sft = sum(step["dropped"] for step in funnel["steps"] if step["apply_to"] != "rl")
    if funnel["read"] != funnel["kept"] + for_sft or dropped != rejected:
        raise RuntimeError(f"the funnel does not add up: {funnel['read']} != {funnel['kept']} + {for_sft} ({rejected})")
    if written["sft"] + written["sft_validation"] != funnel["kept"]:
        raise RuntimeError(f"{written} was written, but {funnel['kept']} traces are kept")


def _contaminated(config: Config, evaluation: Path, directory: Path) -> int | None:
    """Contaminated rows of what was written; None where there is no evaluation set."""
    if not evaluation.exists():
        return None
    steps = [step for step in config.curate.active_steps.values() if isinstance(step, Decontamination)]
    files = [directory / name for name in ("sft.jsonl", "sft_validation.jsonl", "rl.jsonl")]
    return count_contaminated(files, evaluation_index(steps[0] if steps else Decontamination(), evaluation))
