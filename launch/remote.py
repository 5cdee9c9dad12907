# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A run on a cluster that is reached by SSH: what its jobs need is sent there, and a copy stays here."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nemo_reasoning import compose
from nemo_reasoning.config import Config
from nemo_reasoning.config.cluster import Tunnel
from nemo_reasoning.errors import InputError, first_line
from nemo_reasoning.launch import code
from nemo_reasoning.launch.executors import tunnel
from nemo_reasoning.launch.plan import CODE
from nemo_reasoning.launch.submission import SUBMISSION

RESOLVED = "resolved.yaml"


def directory(config: Config) -> Path:
    """Where this machine keeps its copy of what was sent."""
    return Path(f"{config.name}-launch").absolute()


def send(config: Config) -> None:
    """Send the configuration, as the cluster is to read it, and the code.

    Raises:
        InputError: The cluster cannot be reached or written.
    """
    here = directory(config)
    compose.write_resolved(_from_inside(config), here / RESOLVED)
    if config.launch.code != "installed":
        code.ship(here / CODE)
    with _connected(config) as there:
        there.run(f"mkdir -p {shlex.quote(config.launch.output)}")
        there.put(str(here / RESOLVED), f"{config.paths.run}/{RESOLVED}")
        if config.launch.code != "installed":
            from nemo_run.core.tunnel.rsync import rsync

            rsync(there.session, str(here / CODE), config.launch.output, delete=True)


def send_record(config: Config) -> None:
    """Send the record of the submission, for `status`, `logs` and `cancel` on the cluster; errors as in `send`."""
    with _connected(config) as there:
        there.put(str(directory(config) / SUBMISSION), f"{config.launch.output}/{SUBMISSION}")


def _from_inside(config: Config) -> Config:
    """The configuration without the way to the cluster: who reads it there is there."""
    cluster = config.cluster.model_copy(update={"tunnel": Tunnel()})
    return config.model_copy(update={"cluster": cluster})


@contextmanager
def _connected(config: Config) -> Iterator[Any]:
    made = tunnel(config, directory(config))
    try:
        made.connect()
        yield made
    except InputError:
        raise
    except Exception as error:
        where = f"{config.cluster.tunnel.user}@{config.cluster.tunnel.host}"
        raise InputError(f"the run could not be sent to {where} ({first_line(error)}).") from None
    finally:
        made.cleanup()
