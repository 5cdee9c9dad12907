# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Ray on the nodes of a job: `python -m nemo_reasoning.launch.ray_cluster DIRECTORY ARGUMENT...`, once on each node.

The first node starts Ray's head, waits for the others and runs this interpreter with the arguments; the job's exit
status is that command's. The others join and stay until it has ended. They meet through files in DIRECTORY, which all
nodes see. NeMo-Run's own Ray template counts on nodes of 8 GPUs, on jq and on pyxis, and NeMo-RL's `ray.sub` is
submitted by hand; the ports and resources here are those of `ray.sub` in NeMo-RL v0.7.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import remove, write_bytes
from nemo_reasoning.lifetime import no_orphans

PORT = 9900
WORKER_PORTS = (10002, 11000)
"""NeMo-RL's own servers begin above."""
PATIENCE_S = 30 * 60
"""All nodes must have joined by then; images may have to be fetched first."""
POLL_S = 1.0
STARTS = 3
"""Attempts to start the head."""
LEAVE_S = 5.0
"""The others leave while the head is still there; without it each would look for it for half a minute."""
FILES = ("address", "ended", "token")
RANK = ("SLURM_NODEID", "PET_NODE_RANK", "NODE_RANK", "SKYPILOT_NODE_RANK")
COUNT = ("SLURM_NNODES", "PET_NNODES", "NNODES", "SKYPILOT_NUM_NODES")
"""What schedulers call the number of this node, and how many there are."""


def main() -> int:
    """Be the head or one of the others; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nemo_reasoning.launch.ray_cluster")
    parser.add_argument("directory", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    rank, count = node(os.environ)
    meeting = (given.directory / attempt(os.environ)).absolute()
    os.environ |= settings(meeting)
    try:
        with no_orphans():
            if rank:
                return serve(meeting, rank)
            return lead(meeting, count, [sys.executable, *given.arguments])
    except InputError as error:
        print(f"nemo-reasoning: {error}", file=sys.stderr)
        return error.status


def node(environment: Mapping[str, str]) -> tuple[int, int]:
    """Number of this node and how many there are; a node that no scheduler counts is the only one."""
    found = [next((environment[name] for name in names if name in environment), None) for names in (RANK, COUNT)]
    return int(found[0] or 0), int(found[1] or 1)


def attempt(environment: Mapping[str, str]) -> str:
    """A name that the nodes of a job share, and that a job which is run again has not."""
    return f"{environment.get('SLURM_JOB_ID', 'job')}-{environment.get('SLURM_RESTART_COUNT', '0')}"


def settings(meeting: Path) -> dict[str, str]:
    """What Ray reads at its start: the job's own token, so that nobody else on the nodes' network can send it code.

    NeMo-RL makes its workers' environments itself, where Ray would do it anew for each task.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(meeting / "token")}
    return {**token, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


def lead(meeting: Path, count: int, command: list[str]) -> int:
    """Start the head, wait until `count` nodes are there, and run the command.

    Raises:
        InputError: Ray did not start, or nodes were missing for too long.
    """
    import ray

    for name in FILES:
        remove(meeting / name)
    meeting.mkdir(parents=True, exist_ok=True)
    (meeting / "token").touch(mode=0o600)
    (meeting / "token").write_text(secrets.token_hex(32))
    address = f"{ray.util.get_node_ip_address()}:{PORT}"
    try:
        with _head(address):
            write_bytes(meeting / "address", address.encode())
            _wait_for_nodes(address, count)
            status = _run(command, address)
            write_bytes(meeting / "ended", b"")
            time.sleep(LEAVE_S if count > 1 else 0)
            return status
    finally:
        write_bytes(meeting / "ended", b"")
        remove(meeting / "token")


@contextmanager
def _head(address: str) -> Iterator[None]:
    """Ray's head, connected to; its start may fail on a busy machine."""
    import ray

    for _ in range(STARTS):
        with _started(["--head", f"--port={PORT}", *options(0)]) as head:
            if _comes_up(head, address):
                ray.init(address=address, log_to_driver=False, configure_logging=False)
                try:
                    yield
                finally:
                    _forget(address)
                return
    raise InputError(f"Ray's head did not start on {address}; this job's log says more.")


def _forget(address: str) -> None:
    """Remove Ray's note of this cluster: other programs on the machine would wait for it when it has gone."""
    from ray._private.utils import get_ray_address_file, read_ray_address

    if read_ray_address() == address:
        remove(Path(get_ray_address_file(None)))


def serve(meeting: Path, rank: int) -> int:
    """Join the head's cluster until it has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not (meeting / "ended").exists():
        if (meeting / "address").exists():
            with _started([f"--address={(meeting / 'address').read_text()}", *options(rank)]) as joined:
                while joined.poll() is None and not (meeting / "ended").exists():
                    time.sleep(POLL_S)
        if time.monotonic() > deadline and not (meeting / "address").exists():
            raise InputError(
                f"the job's first node did not come up in {PATIENCE_S // 60} minutes; is {meeting} shared?"
            )
        time.sleep(POLL_S)
    return 0


def options(rank: int) -> list[str]:
    """Of `ray start`. NeMo-RL orders its ranks by `topo_rank`, which must not be 0."""
    low, high = WORKER_PORTS
    return [
        "--block",
        "--disable-usage-stats",
        f"--resources={json.dumps({'topo_rank': rank + 1})}",
        f"--min-worker-port={low}",
        f"--max-worker-port={high}",
    ]


@contextmanager
def _started(arguments: list[str]) -> Iterator[subprocess.Popen]:
    """`ray start` of this interpreter, which stays in the foreground; ended at the end."""
    process = subprocess.Popen([sys.executable, "-m", "ray.scripts.scripts", "start", *arguments])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _comes_up(head: subprocess.Popen, address: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while head.poll() is None and time.monotonic() < deadline:
        if _answers(address):
            return True
        time.sleep(POLL_S)
    return False


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as knock:
        knock.settimeout(POLL_S)
        return knock.connect_ex((host, int(port))) == 0


def _wait_for_nodes(address: str, count: int) -> None:
    import ray

    deadline = time.monotonic() + PATIENCE_S
    try:
        while (there := sum(each["Alive"] for each in ray.nodes())) < count:
            if time.monotonic() > deadline:
                raise InputError(
                    f"only {there} of {count} nodes joined Ray's head on {address}; this job's log says more."
                )
            time.sleep(POLL_S)
    finally:
        ray.shutdown()


def _run(command: list[str], address: str) -> int:
    """Run the command with Ray's address; SIGTERM is passed on to it."""
    child = subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": address})

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        status = child.wait()
        return 128 - status if status < 0 else status
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
