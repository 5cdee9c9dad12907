# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A real Slurm on this machine alone, for tests: munge, MariaDB, slurmdbd, slurmctld and slurmd from Debian's packages.

    python slurm_lab.py up DIRECTORY       # starts it and prints the environment for its commands
    python slurm_lab.py down DIRECTORY

It has no systemd and no cgroups, and everything it writes is in DIRECTORY, except the packages.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("slurm-wlm", "slurmdbd", "munge", "mariadb-server")
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacct")
INSTALL_S = 600
START_S = 60
MANY_CPUS = 8
"""More than the machine has, so that jobs of several ranks fit; nothing is bound."""


def missing() -> str | None:
    """Install the packages where they are not there; gives why there can be no Slurm here."""
    if os.geteuid() != 0:
        return "a Slurm of its own needs root"
    os.environ["PATH"] += ":/usr/sbin"
    if all(map(shutil.which, PROGRAMS)):
        return None
    if not shutil.which("apt-get"):
        return "Slurm is not installed, and there is no apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        try:
            subprocess.run(["apt-get", *command], check=True, capture_output=True, timeout=INSTALL_S, env=environment)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return f"Debian's packages of Slurm could not be installed ({error})"
    return None


@contextmanager
def running(directory: Path) -> Iterator[dict[str, str]]:
    """Run a Slurm; gives the environment for its commands."""
    try:
        yield up(directory)
    finally:
        down(directory)


def up(directory: Path) -> dict[str, str]:
    """Start the daemons; gives the environment for Slurm's commands."""
    directory.chmod(0o755) if directory.exists() else directory.mkdir(parents=True)
    for name in ("munge", "state", "spool", "log", "run", "db"):
        (directory / name).mkdir(exist_ok=True)
    environment = {**os.environ, "SLURM_CONF": str(directory / "slurm.conf")}
    controller, node, database = _free_ports(3)
    _write(directory / "slurm.conf", _slurm_conf(directory, controller, node, database))
    _write(directory / "slurmdbd.conf", _slurmdbd_conf(directory, database))
    _start_munge(directory)
    _start_database(directory)
    _daemon(["slurmdbd"], {**environment, "MYSQL_UNIX_PORT": str(directory / "run/mysql.sock")})
    _until(lambda: _says(["sacctmgr", "-n", "list", "cluster"], environment) is not None, "slurmdbd")
    for what in (["cluster", "lab"], ["account", "lab", "cluster=lab"], ["user", "root", "account=lab", "cluster=lab"]):
        _says(["sacctmgr", "-i", "-Q", "add", *what], environment)
    _daemon(["slurmctld", "-c"], environment)
    _daemon(["slurmd"], environment)
    _until(lambda: (_says(["sinfo", "-h", "-o", "%T"], environment) or "").strip() == "idle", "slurmctld and slurmd")
    return environment


def down(directory: Path) -> None:
    """End the jobs and the daemons."""
    environment = {**os.environ, "SLURM_CONF": str(directory / "slurm.conf")}
    _says(["scancel", "--user=root", "--signal=KILL"], environment)
    _says(["scancel", "--user=root"], environment)
    for name in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
        for file in (directory / "run").glob(f"{name}*.pid"):
            _stop(int(file.read_text()))


def _slurm_conf(directory: Path, controller: int, node: int, database: int) -> str:
    host = socket.gethostname().split(".")[0]
    return f"""\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/run/munge.socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={node}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={database}
AccountingStoragePass={directory}/run/munge.socket
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,kill_invalid_depend
SlurmdParameters=config_overrides
ReturnToService=2
SwitchType=switch/none
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/run/slurmctld.pid
SlurmdPidFile={directory}/run/slurmd.pid
SlurmctldLogFile={directory}/log/slurmctld.log
SlurmdLogFile={directory}/log/slurmd.log
OverTimeLimit=0
KillWait=3
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs={MANY_CPUS} RealMemory=4096 State=UNKNOWN
PartitionName=lab Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _slurmdbd_conf(directory: Path, port: int) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={directory}/run/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={directory}/run/slurmdbd.pid
LogFile={directory}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
"""


def _start_munge(directory: Path) -> None:
    key = directory / "munge/munge.key"
    key.parent.chmod(0o700)
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    places = {
        "key-file": key,
        "socket": directory / "run/munge.socket",
        "pid-file": directory / "run/munged.pid",
        "log-file": directory / "log/munged.log",
        "seed-file": directory / "munge/munged.seed",
    }  # it refuses a world-writable parent, such as that of temporary directories, without --force
    _daemon(["munged", "--force", *(f"--{name}={place}" for name, place in places.items())], dict(os.environ))


def _start_database(directory: Path) -> None:
    data, sock = directory / "db/mysql", directory / "run/mysql.sock"
    common = ["--no-defaults", "--user=root", f"--datadir={data}"]
    made = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, check=True, capture_output=True, timeout=INSTALL_S)
    tuned = ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--innodb-lock-wait-timeout=900"]
    server = ["mariadbd", *common, f"--socket={sock}", "--skip-networking", *tuned]
    with (directory / "log/mariadbd.log").open("wb") as log:
        subprocess.Popen(
            [*server, f"--pid-file={directory}/run/mariadbd.pid"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    client = ["mariadb", "--no-defaults", "-S", str(sock), "-e", "create database if not exists slurm_acct_db"]
    _until(lambda: _says(client, dict(os.environ)) is not None, "MariaDB")


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)  # slurmdbd insists


def _daemon(command: list[str], environment: dict[str, str]) -> None:
    """Start what puts itself into the background."""
    subprocess.run(command, check=True, env=environment, timeout=START_S, stdin=subprocess.DEVNULL)


def _says(command: list[str], environment: dict[str, str]) -> str | None:
    """What a command prints; None where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=START_S, check=False)
    return None if done.returncode else done.stdout


def _until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(START_S * 10):
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not start")


def _stop(pid: int) -> None:
    for number, patience in ((signal.SIGTERM, 100), (signal.SIGKILL, 10)):
        for _ in range(patience):
            try:
                os.kill(pid, number if _ == 0 else 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    if sys.argv[1] == "up":
        made = up(Path(sys.argv[2]).absolute())
        print(f"export SLURM_CONF={made['SLURM_CONF']}")
    else:
        down(Path(sys.argv[2]).absolute())
