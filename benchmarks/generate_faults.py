# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A generation against a server that fails in every way, killed in between: is every sample there once, and paid?

    python benchmarks/generate_faults.py --samples 10000 --kills 3

Prints a JSON object and ends with status 1 if something is wrong.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import psutil

sys.path.append(str(Path(__file__).parents[1] / "tests" / "functional"))
from fault_server import Running

PRICES = {"prompt": 1.0, "completion": 4.0}


def write_problems(path: Path, count: int) -> None:
    """Sums, the gold answer of each at hand."""
    rows = ({"id": f"p{n}", "problem": f"What is {n} + {n % 89}?", "answer": str(n + n % 89)} for n in range(count))
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def command(root: Path, url: str, concurrency: int, stall_s: float) -> list[str]:
    """The command line of the run."""
    return [
        *(sys.executable, "-m", "nemo_reasoning.cli", "experiment=demo", "data=[arithmetic,generated]", "name=faults"),
        *("stages=[generate]", "~data.traces.teacher", f"data.problems.path={root}/problems.jsonl"),
        *(f"paths.root={root}/runs", f"generate.server.base_url={url}", "generate.server.model=teacher"),
        *(f"generate.server.concurrency={concurrency}", "generate.num_samples=4"),
        *("generate.server.first_delay_s=0.1", f"generate.server.stall_timeout_s={stall_s * 2 / 3}"),
        *(f"generate.server.price.{name}={price}" for name, price in PRICES.items()),
        *("generate.max_new_tokens=1000", "generate.server.max_retries=20"),
    ]


def memory_mb(process: psutil.Process) -> float:
    """Resident memory of the stage's process, below the command line's."""
    try:
        return sum(child.memory_info().rss for child in process.children()) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def run_until(arguments: list[str], journal: Path, replies: int | None) -> tuple[int, list[float]]:
    """Run the command, killed when the journal has so many lines more; gives its status and its memory over time."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    size = journal.stat().st_size if journal.exists() else 0
    memory: list[float] = []
    while process.poll() is None:
        memory.append(memory_mb(psutil.Process(process.pid)))
        if replies and journal.exists() and journal.stat().st_size - size > replies:
            process.kill()
        time.sleep(0.2)
    error = process.stderr.read()
    if process.returncode > 0:
        print(error, file=sys.stderr)
    return process.returncode, memory


def flatness(memory: list[float]) -> dict[str, float]:
    """Mean memory in the second quarter of a process's life, and in the last."""
    quarter = max(1, len(memory) // 4)
    second, last = memory[quarter : 2 * quarter] or memory, memory[-quarter:]
    return {"second_quarter_mb": sum(second) / len(second), "last_quarter_mb": sum(last) / len(last)}


def measure(samples: int, kills: int, concurrency: int, share: float, stall_s: float, root: Path) -> dict[str, Any]:
    """Run it and compare what it says with what the server billed."""
    write_problems(root / "problems.jsonl", samples // 4)
    stage = root / "runs" / "faults" / "generate"
    journal, generator = stage / "journal.jsonl", random.Random(0)
    with Running(share=share, delay=0.02, stall=stall_s, keep=0) as server:
        arguments, started = command(root, server.url, concurrency, stall_s), time.monotonic()
        for _ in range(kills):
            run_until(arguments, journal, int(generator.uniform(0.6, 1.0) * 450 * samples / (kills + 1)))
        status, memory = run_until(arguments, journal, None)
        seconds, log = time.monotonic() - started, server.log()
    metrics = json.loads((stage / "manifest.json").read_text())["metrics"]
    ids = Counter(orjson.loads(line)["id"] for line in (stage / "traces.jsonl").open("rb"))
    billed = {name: log["billed"].pop(f"{name}_tokens") for name in PRICES}
    paid = sum(PRICES[name] * billed[name] for name in PRICES) / 1e6
    return {
        "samples": samples,
        "status": status,
        "seconds": round(seconds),
        "distinct": len(ids),
        "twice": sum(count > 1 for count in ids.values()),
        "attempts": sum(log["attempts"].values()),
        "peak_under_way": log["peak"],
        "billed_whole": sum(log["billed"].values()),
        "billed_again": sum(count - 1 for count in log["billed"].values()),
        "lost_requests": metrics["lost_requests"],
        "cost": metrics["cost"],
        "possible_cost": metrics["possible_cost"],
        "billed_cost": paid,
        **flatness(memory),
    }


def verdict(found: dict[str, Any]) -> list[str]:
    """What is wrong."""
    wrong = [] if found["distinct"] == found["samples"] and not found["twice"] else ["samples"]
    wrong += [] if found["status"] == 0 else ["status"]
    known = found["billed_cost"] - found["cost"]  # whole replies that nobody was left to write down
    wrong += [] if -1e-9 <= known <= found["possible_cost"] + 1e-9 else ["cost"]
    return wrong


def grows(found: dict[str, Any]) -> list[str]:
    """Whether memory does, in a run that is long enough to tell."""
    return [] if found["last_quarter_mb"] < found["second_quarter_mb"] + 16 else ["memory"]


def main() -> int:
    """Run the benchmark; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--share", type=float, default=0.1, help="of the attempts that fail")
    parser.add_argument("--stall", type=float, default=30.0, help="length of a stall (s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found = measure(given.samples, given.kills, given.concurrency, given.share, given.stall, Path(root))
    wrong = verdict(found) + grows(found)
    print(json.dumps({**found, "wrong": wrong}, indent=1))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
