# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What writes completions for chat messages: a model in this process, vLLM, or a server."""
