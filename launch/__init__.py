# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From a run's configuration to jobs on a cluster, by NeMo-Run."""

from nemo_reasoning.config import Config


def submit(config: Config) -> None:
    """Submit the stages that are not done, or with `launch.dry_run` show what would be submitted.

    Raises:
        InputError: Something given cannot be used, or the jobs could not be submitted.
    """
    from nemo_reasoning.launch import submitting

    submitting.submit(config)
