# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions from vLLM in this process. It is not a dependency: install it on the machine with the GPUs."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.engines.base import Params, Reply, Request
from nemo_reasoning.engines.in_process import encode_chat
from nemo_reasoning.errors import InputError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WAITING = 4096
"""Requests that vLLM is given at a time; it keeps as many running as fit its memory."""


class VLLM:
    """An engine over vLLM's own loop; each request has its seed and stands alone.

    Args:
        path: Model directory or hub name.
        tokenizer: Of the model.
        fmt: Writes the prompts and reads the token ids back, as everywhere in the run.
        settings: Arguments of `vllm.LLM`, such as dtype, seed, revision and tensor_parallel_size.

    Raises:
        InputError: vLLM is not installed, or cannot load the model.
    """

    def __init__(self, path: str, tokenizer: "PreTrainedTokenizerBase", fmt: ReasoningFormat, **settings: Any) -> None:
        try:
            from vllm import LLM
        except ImportError:
            raise InputError(
                "vLLM is not installed; install it (pip install vllm), or take another engine "
                "(evaluate.engine=in_process or openai_server)."
            ) from None
        try:
            self._engine = LLM(model=path, **settings).llm_engine
        except Exception as error:  # vLLM, torch and CUDA each raise their own
            raise InputError(f"vLLM cannot load {path} ({first_line(error)}).") from error
        self.tokenizer = tokenizer
        self.fmt = fmt

    def complete(self, requests: Iterable[Request], params: Params) -> Iterator[Reply]:
        """See `base.Engine`."""
        source, under_way = iter(requests), {}
        try:
            while True:
                for request in islice(source, WAITING - len(under_way)):
                    try:
                        self._start(request, params)
                    except ValueError as error:  # longer than the model's context
                        yield Reply(request.id, error="refused", error_text=first_line(error))
                    else:
                        under_way[request.id] = request
                if not under_way:
                    return
                for output in self._engine.step():
                    if output.finished:
                        del under_way[output.request_id]
                        yield self._reply(output)
        finally:
            if under_way:
                self._engine.abort_request(list(under_way))

    def _start(self, request: Request, params: Params) -> None:
        from vllm import SamplingParams

        sampling = SamplingParams(
            max_tokens=params.max_new_tokens,
            temperature=params.temperature,
            top_p=params.top_p,
            seed=request.seed,
            stop_token_ids=[self.fmt.stop_id(self.tokenizer)],
            skip_special_tokens=False,
        )
        prompt = {"prompt_token_ids": encode_chat(self.fmt, self.tokenizer, request.messages)}
        self._engine.add_request(request.id, prompt, sampling)

    def _reply(self, output: Any) -> Reply:
        """The reply of a finished `vllm.RequestOutput`."""
        made = output.outputs[0]
        return Reply(
            id=output.request_id,
            text=self.fmt.decode(self.tokenizer, list(made.token_ids)),
            num_tokens=len(made.token_ids),
            prompt_tokens=len(output.prompt_token_ids),
            finish_reason=made.finish_reason or "",
        )

    def close(self) -> None:
        """Let vLLM end with the last reference to it."""
        del self._engine
