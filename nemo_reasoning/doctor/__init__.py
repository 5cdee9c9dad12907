# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning doctor`: is this environment right for each stage?

Each check is a function of what it looks at and gives a `Finding`; `examine` looks, in
subprocesses with a time limit, and `engines` says what a stage needs.
"""
