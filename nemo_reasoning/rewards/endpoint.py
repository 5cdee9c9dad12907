# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Grades from an OpenAI-compatible endpoint: what is asked, what it cost, what is known already."""

import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nemo_reasoning.config import Server
from nemo_reasoning.engines.base import Params, Reply, Request
from nemo_reasoning.engines.openai_server import OpenAIServer
from nemo_reasoning.errors import InputError, first_line
from nemo_reasoning.rewards.rollout import NoReward

SCORE = re.compile(r"<score>\s*([^<]{0,40}?)\s*</score>")
NUMBER = re.compile(r"[01](?:\.\d{1,17})?|\.\d{1,17}")


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent: the rubric as the system's message, the material as the user's."""

    rubric: str
    material: str

    def request(self, key: str) -> Request:
        """The question as a request."""
        system = {"role": "system", "content": self.rubric}
        return Request(key, [system, {"role": "user", "content": self.material}])

    def key(self, model: str, params: Params) -> str:
        """Digest of all that a grade depends on; the material is the problem, the reference and the completion."""
        parts = [model, params.temperature, params.max_new_tokens, self.rubric, self.material]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Store:
    """Grades by question and what was spent, in an SQLite file or in memory; used by one thread at a time."""

    def __init__(self, path: str | None) -> None:
        self.lock = threading.Lock()
        try:
            if path is not None:
                Path(path).expanduser().parent.mkdir(parents=True, exist_ok=True)
            place = ":memory:" if path is None else str(Path(path).expanduser())
            self._database = sqlite3.connect(place, timeout=30, isolation_level=None, check_same_thread=False)
            self._database.execute("CREATE TABLE IF NOT EXISTS replies (question TEXT, score REAL, cost REAL)")
            self._database.execute("CREATE INDEX IF NOT EXISTS by_question ON replies (question)")
            self.spent: float = self._database.execute("SELECT total(cost) FROM replies").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise InputError(
                f"the cache {path} of the reward llm_judge cannot be used ({first_line(error)})."
            ) from error

    @staticmethod
    @cache
    def at(path: str | None) -> "Store":
        """The store of a path, one per process."""
        return Store(path)

    def score(self, question: str) -> float | None:
        """The grade that was given to a question; None if there is none."""
        query = "SELECT score FROM replies WHERE question = ? AND score IS NOT NULL LIMIT 1"
        row = self._database.execute(query, (question,)).fetchone()
        return row[0] if row else None

    def add(self, question: str, score: float | None, cost: float) -> None:
        """Record a paid request, with its grade if it gave one."""
        self._database.execute("INSERT INTO replies VALUES (?, ?, ?)", (question, score, cost))
        self.spent += cost


def grades(questions: Sequence[Question], server: Server, params: Params, store: Store) -> list[float | NoReward]:
    """A grade for each question, in their order; equal questions are asked once, known ones not at all.

    Args:
        questions: What is to be graded.
        server: Where the judge is.
        params: How it is sampled.
        store: What is known and was spent.

    Raises:
        InputError: The openai package or the key is missing.
    """
    keys = [question.key(server.model, params) for question in questions]
    asked = dict(zip(keys, questions, strict=True))
    with store.lock:
        found: dict[str, float | NoReward] = {k: score for k in asked if (score := store.score(k)) is not None}
        requests = [question.request(key) for key, question in asked.items() if key not in found]
        if requests:
            with closing(OpenAIServer(server, "the reward llm_judge", store.spent)) as judge:
                for reply in judge.replies(requests, params):
                    found[reply.id] = _grade(reply, store)
    return [found[key] for key in keys]


def _grade(reply: Reply, store: Store) -> float | NoReward:
    """The grade in a reply; what it cost is recorded with it."""
    score = None if reply.error else parse_score(reply.text)
    spent = reply.cost + reply.possible_cost
    if spent or score is not None:
        store.add(reply.id, score, spent)
    return score if score is not None else NoReward(reply.error or "no_score")


def parse_score(text: str) -> float | None:
    """The number in [0, 1] in the last `<score>` tag; None if that holds anything else.

    Example:
        >>> parse_score("Not <score>1</score> but <score>0.25</score>")
        0.25
    """
    found = SCORE.findall(text)
    if not found or not NUMBER.fullmatch(found[-1]):
        return None
    value = float(found[-1])
    return value if value <= 1 else None
