# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`python -m nemo_reasoning.doctor`: the doctor where `nemo-reasoning` itself cannot start, for want of a package."""

import sys

from nemo_reasoning.doctor import versions


def main() -> int:
    """Name the packages without which no command starts; where all are there, be `nemo-reasoning doctor`."""
    absent = [str(pin) for name, pin in versions.pins().items() if versions.installed(name) is None]
    if absent:
        names = " ".join(f"'{line.partition(';')[0]}'" for line in absent)
        print(f"nemo-reasoning: not installed: {', '.join(absent)}; run pip install {names}.", file=sys.stderr)
        return 2
    sys.argv[1:1] = ["doctor"]
    from nemo_reasoning.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
