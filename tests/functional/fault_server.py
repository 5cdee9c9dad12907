# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible server that misbehaves: by a script, or at random but the same way each time.

    python fault_server.py [--share 0.1] [--delay 0.01] [--stall 2]

prints its port. It answers questions of the form `What is 12 + 34?`, right in a share of the
cases that depends on the question, and bills what it wrote. `POST /script` takes a list of steps
for the requests that follow, `GET /log` gives what was asked and billed, `GET /reset` forgets it.
A step is a fault's name, or `{"status": 429, "headers": {...}, "body": ...}`, or fields that
replace those of the reply (`{"text": "...", "usage": null}`).
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path

FAULTS = ("429", "429 later", "500", "reset", "reset late", "half", "stall", "none", "three")
QUESTION = re.compile(r"What is (\d+) \+ (\d+)\?")


def digest(*parts):
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


def tokens_of(text):
    return len(text.split())


def completion(body):
    """Thinking and solution; how often it is right depends on the question."""
    found = QUESTION.search(body["messages"][-1]["content"])
    if not found:
        return "I think.", "It is \\boxed{0}."
    one, two = map(int, found.groups())
    right = digest("right", one, two, body.get("seed")) < digest("share", one, two)
    thinking = "step by step " * (1 + int(40 * digest("length", one, two, body.get("seed"))))
    return thinking.strip(), f"It is \\boxed{{{one + two + (not right)}}}."


class FaultServer:
    def __init__(self, options):
        self.options = options
        self.port = 0
        self.reset()

    def reset(self):
        self.script, self.requests, self.attempts = [], [], Counter()
        self.billed, self.uncertain, self.active, self.peak = Counter(), Counter(), 0, 0

    def log(self):
        return {
            "requests": self.requests,
            "attempts": self.attempts,
            "billed": self.billed,
            "uncertain": self.uncertain,
            "peak": self.peak,
        }

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", self.options.port)
        self.port = server.sockets[0].getsockname()[1]
        print(self.port, flush=True)
        async with server:
            await server.serve_forever()

    async def connection(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            while await self.one(reader, writer):
                pass
        writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        _, path, _ = head[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        secret = next((line.split(": ", 1)[1] for line in head if line.lower().startswith("authorization")), "")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path.endswith("/chat/completions"):
            self.active += 1
            self.peak = max(self.peak, self.active)
            try:
                return await self.chat(json.loads(body), secret, writer)
            finally:
                self.active -= 1
        return await self.send(writer, *self.other(path, body))

    def other(self, path, body):
        if path == "/script":
            self.script = json.loads(body)
        elif path == "/reset":
            self.reset()
        elif path == "/log":
            return 200, self.log()
        elif path.endswith("/models"):
            if self.options.locked:
                return 401, {"error": {"message": "no such key"}}
            return 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in ("teacher", "other")]}
        return 200, {}

    async def chat(self, body, secret, writer):
        key = json.dumps([body["messages"][-1]["content"], body.get("seed")])
        self.attempts[key] += 1
        step = self.step(key)
        if self.options.keep:
            self.requests.append({"body": body, "authorization": secret, "time": asyncio.get_running_loop().time()})
        await asyncio.sleep(self.options.delay * random.uniform(0.5, 1.5))
        if isinstance(step, dict) and "status" in step:
            content = json.dumps(step.get("body", {})).replace("$KEY", secret.removeprefix("Bearer "))
            return await self.send(writer, step["status"], content, step.get("headers", {}))
        if isinstance(step, str):
            return await self.fault(step, key, body, writer)
        return await self.reply(key, body, writer, **(step or {}))

    def step(self, key):
        """What to do with this attempt: the script's next step, else chance; a request fails three times at most."""
        if self.script:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]
        attempt = self.attempts[key]
        if attempt <= 3 and digest("fault", key, attempt) < self.options.share:
            return FAULTS[int(len(FAULTS) * digest("kind", key, attempt))]
        return None

    async def fault(self, name, key, body, writer):
        if name == "429":
            return await self.send(writer, 429, {"error": {"message": "slow down"}})
        if name == "429 later":
            return await self.send(writer, 429, {}, {"retry-after": "0.05"})
        if name == "500":
            return await self.send(writer, 500, "<html>down</html>")
        if name == "reset":
            writer.transport.abort()
            return False
        if name == "stall":
            await asyncio.sleep(self.options.stall)
            return await self.send(writer, 503, {})
        if name == "none":
            return await self.reply(key, body, writer, choices=0)
        if name == "three":
            return await self.reply(key, body, writer, choices=3)
        return await self.reply(key, body, writer, cut="reset" if name == "reset late" else name)

    async def reply(
        self,
        key,
        body,
        writer,
        *,
        text=None,
        reasoning=None,
        field="reasoning_content",
        finish="stop",
        usage=(),
        choices=1,
        cut=None,
        pause=0.0,
    ):
        thinking, solution = completion(body)
        text = solution if text is None else text
        thinking = thinking if reasoning is None else reasoning
        counts = {
            "prompt_tokens": sum(tokens_of(m["content"]) for m in body["messages"]),
            "completion_tokens": tokens_of(thinking) + tokens_of(text),
        }
        usage = {**counts, **usage} if isinstance(usage, dict) else counts if usage == () else usage
        (self.uncertain if cut else self.billed)[key] += 0 if usage is None else 1
        if not cut and usage:
            self.billed["prompt_tokens"] += usage["prompt_tokens"]
            self.billed["completion_tokens"] += usage["completion_tokens"]
        message = {"role": "assistant", "content": text, **({field: thinking} if thinking else {})}
        if body.get("stream"):
            return await self.stream(writer, message, field, finish, usage, choices, cut, pause)
        whole = [{"index": i, "message": message, "finish_reason": finish} for i in range(choices)]
        data = json.dumps({"choices": whole, "usage": usage}).encode()
        if cut:
            return await self.broken(writer, data[: len(data) // 2], cut, "application/json")
        return await self.send(writer, 200, data.decode())

    async def stream(self, writer, message, field, finish, usage, choices, cut, pause):
        pieces = [{field: message[field][i : i + 40]} for i in range(0, len(message.get(field, "")), 40)]
        pieces += [{"content": message["content"][i : i + 20]} for i in range(0, len(message["content"]), 20)]
        chunks = [{"choices": [{"index": i, "delta": piece}]} for piece in pieces for i in range(choices)]
        chunks += [{"choices": [{"index": i, "delta": {}, "finish_reason": finish} for i in range(choices)]}]
        chunks += [{"choices": [], "usage": usage}]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
        data = ": keep-alive\n\n" + "".join(lines)
        if cut:
            return await self.broken(writer, data[: len(data) // 2].encode(), cut, "text/event-stream")
        if pause:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for line in lines:
                writer.write(line.encode())
                await writer.drain()
                await asyncio.sleep(pause)
            return False
        return await self.send(writer, 200, data, kind="text/event-stream")

    async def broken(self, writer, data, cut, kind):
        """Half a reply: said to be whole, or ended by a reset."""
        if cut == "half":
            return await self.send(writer, 200, data.decode(), kind=kind)
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: 99999\r\n\r\n".encode() + data)
        await writer.drain()
        writer.transport.abort()
        return False

    async def send(self, writer, status, body, headers=(), kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await writer.drain()
        return True


class Running:
    """A server in a process of its own, until the block ends."""

    def __init__(self, **options):
        self.options = [f"--{name}={value}" for name, value in options.items()]

    def __enter__(self):
        command = [sys.executable, str(Path(__file__)), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def script(self, *steps):
        self._get("/script", json.dumps(steps).encode())

    def reset(self):
        self._get("/reset")

    def log(self):
        return json.loads(self._get("/log"))

    def _get(self, path, data=None):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=30) as reply:
            return reply.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.0, help="of the attempts that fail")
    parser.add_argument("--delay", type=float, default=0.0, help="of a reply (s)")
    parser.add_argument("--stall", type=float, default=2.0, help="length of a stall (s)")
    parser.add_argument("--keep", type=int, default=1, help="remember the requests")
    parser.add_argument("--locked", type=int, default=0, help="refuse every key")
    parent = os.getppid()

    async def serve(server):
        async def watch():
            while os.getppid() == parent:
                await asyncio.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)

        watching = asyncio.create_task(watch())
        await server.serve()
        await watching

    asyncio.run(serve(FaultServer(parser.parse_args())))


if __name__ == "__main__":
    main()
