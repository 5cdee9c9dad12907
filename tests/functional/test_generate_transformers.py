# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage generate against a server that is not ours: `transformers serve` with a tiny student."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from nemo_reasoning.config import Config, ScratchModel, Server
from nemo_reasoning.demo import arithmetic
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.engines.base import Params, Request
from nemo_reasoning.engines.openai_server import OpenAIServer
from nemo_reasoning.errors import InputError
from nemo_reasoning.generate import stage as generate_stage
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.traces import read_jsonl

pytestmark = pytest.mark.slow
pytest.importorskip("openai")
START_S = 240


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    directory = tmp_path_factory.mktemp("student") / "hf"
    shape = ScratchModel(hidden_size=32, intermediate_size=32, num_hidden_layers=1)
    texts = (row["generation"] for row in arithmetic.trace_rows(0, 200, 0.0, 10))
    make_student(directory, shape, texts, seed=0)
    return directory


@pytest.fixture(scope="module")
def url(student, tmp_path_factory):
    command = shutil.which("transformers", path=str(Path(sys.executable).parent))
    missing = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
    if command is None or missing:
        pytest.skip(f"transformers serve cannot run here: {', '.join(missing) or 'no transformers command'} is missing")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    options = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, "serve", str(student), *options], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        if not healthy(f"http://127.0.0.1:{port}/health", process):
            pytest.skip(f"transformers serve did not start: {log.read_text()[-300:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def healthy(address, process):
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    return False


@pytest.mark.parametrize("stream", [True, False])
def test_its_replies_are_read(url, student, stream):
    settings = Server(base_url=url, model=str(student), stream=stream, concurrency=2)
    with closing(OpenAIServer(settings, "generate.server")) as engine:
        engine.check()
        request = Request("one", [{"role": "user", "content": "What is 2 + 2?"}], seed=1)
        [reply] = engine.complete([request], Params(max_new_tokens=12, temperature=1.0))
    assert reply.error is None
    assert reply.text
    assert 0 < reply.num_tokens <= 12
    assert reply.prompt_tokens > 5
    assert reply.finish_reason == ("length" if reply.num_tokens == 12 else "stop")


def test_a_generation(url, student, tmp_path):
    rows = [{"id": f"p{n}", "problem": f"What is {n} + 5?", "answer": str(n + 5)} for n in range(6)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    server = {"base_url": url, "model": str(student), "concurrency": 3, "price": {"prompt": 1.0, "completion": 2.0}}
    config = Config.model_validate(
        {
            "name": "test",
            "paths": {"run": str(tmp_path)},
            "data": {"problems": {"path": str(tmp_path / "problems.jsonl")}},
            "generate": {"server": server, "num_samples": 2, "max_new_tokens": 16, "temperature": 1.0},
        }
    )
    (tmp_path / "generate").mkdir()
    metrics = generate_stage.run(config, StageRun("generate", tmp_path / "generate"))
    traces = list(read_jsonl(tmp_path / "generate" / "traces.jsonl"))
    assert len({trace["id"] for trace in traces}) == 12
    assert sum(metrics["verdicts"].values()) == 12
    tokens = metrics["prompt_tokens"], metrics["completion_tokens"]
    assert metrics["cost"] == pytest.approx((tokens[0] + 2 * tokens[1]) / 1e6)
    assert tokens[1] == sum(trace["num_tokens"] for trace in traces)


def test_a_model_that_it_does_not_serve_is_a_sentence(url, tmp_path):
    rows = [{"problem": f"What is {n} + 5?", "answer": str(n + 5)} for n in range(20)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = Config.model_validate(
        {
            "name": "test",
            "paths": {"run": str(tmp_path)},
            "data": {"problems": {"path": str(tmp_path / "problems.jsonl")}},
            "generate": {"server": {"base_url": url, "model": "another/model", "concurrency": 4}},
        }
    )
    (tmp_path / "generate").mkdir()
    with pytest.raises(InputError, match="another/model"):
        generate_stage.run(config, StageRun("generate", tmp_path / "generate"))
