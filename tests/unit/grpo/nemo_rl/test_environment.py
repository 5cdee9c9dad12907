# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import math
import subprocess
import sys

import psutil
import pytest
import torch

from nemo_reasoning.config import Verify
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl.data import processor
from nemo_reasoning.grpo.nemo_rl.environment import stacked
from nemo_reasoning.grpo.nemo_rl.judge import Judge
from nemo_reasoning.grpo.nemo_rl.records import metrics

FORMAT = ReasoningFormat(chat_template="chatml")
GOOD, WRONG, LONG = "<think>\na\n</think>\n\n\\boxed{4}", "<think>\na\n</think>\n\n\\boxed{5}", "<think>\nlong"
REWARDS = {"accuracy": {"weight": 2.0}, "format": {"weight": 0.5}, "tag_count": {"weight": 0.0}}


@pytest.fixture
def judge(tmp_path, byte_tokenizer):
    # The tags are special tokens here: NeMo-RL's own text of a completion would lack them.
    byte_tokenizer(special=("<|im_start|>", "<think>", "</think>")).save_pretrained(tmp_path)
    settings = {"tokenizer": str(tmp_path), "trust_remote_code": False, "rewards": REWARDS}
    settings |= {"weighted": True, "held_out": False}
    judge = Judge({**settings, "format": FORMAT.model_dump(), "verify": Verify().model_dump()})
    yield judge
    judge.close()


def log(judge, text, *, stop=True):
    ids = judge.tokenizer(text, add_special_tokens=False)["input_ids"] + [judge.stop_id] * stop
    return [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "", "token_ids": torch.tensor(ids)}]


def info(place, answer="4"):
    return {"id": "p", "problem": "2 + 2?", "answer": answer, "row": {}, "group": 0, "place": place}


def test_completions_are_rewarded_by_their_tokens(judge):
    logs = [log(judge, GOOD), log(judge, WRONG), log(judge, LONG, stop=False), log(judge, GOOD)]
    scores = judge.judge(logs, [info(0), info(1), info(2), info(3, answer=None)])
    assert scores.total == [2.5, 0.5, 0.0, None]
    columns = judge.columns(scores)
    assert list(columns) == ["accuracy", "format"]
    assert columns["accuracy"][:3] == [2.0, 0.0, 0.0] and math.isnan(columns["accuracy"][3])
    judge.weighted = False  # as GDPO wants it
    assert judge.columns(scores)["accuracy"][:3] == [1.0, 0.0, 0.0]
    assert judge.columns(scores)["format"][0] == 1.0
    judged = judge.take()
    assert [row["completion"] for row in judged.rows] == [GOOD, WRONG, LONG, GOOD]
    assert [row["truncated"] for row in judged.rows] == [False, False, True, False]
    assert [row["verdict"] for row in judged.rows] == ["correct", "incorrect", "no_answer", "unparsable_gold"]
    assert not judge.take().rows


def test_metrics_count_what_has_no_reward(judge):
    judge.judge([log(judge, GOOD), log(judge, GOOD)], [info(0), info(1, answer=None)])
    found = metrics(judge.take())
    assert found["unrewarded"] == 1 == found["unrewarded/accuracy/unparsable_gold"]
    assert found["reward"] == 2.5 and found["accuracy"] == 0.5 == found["verdict/unparsable_gold"]
    assert found["reward/tag_count"] > 0  # of weight 0: reported only
    assert metrics(judge.take()) == {}


def test_closing_ends_the_verifiers_processes(judge):
    before = set(psutil.Process().children(recursive=True))
    text = r"<think>\na\n</think>\n\n\boxed{\sin^2 x}".replace(r"\n", "\n")
    judge.judge([log(judge, text)], [info(0, answer=r"1-\cos^2 x")])
    started = set(psutil.Process().children(recursive=True)) - before
    assert started
    judge.close()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive


def test_a_log_without_token_ids_is_refused(judge):
    with pytest.raises(InputError, match="passes no token ids"):
        judge.judge([[{"role": "assistant", "content": GOOD}]], [info(0)])


def test_rewards_of_v0_7_are_columns():
    one, two = torch.tensor([1.0, 2.0]), torch.tensor([0.5, math.nan])
    assert stacked([], 2).tolist() == [0, 0]
    assert stacked([one], 2).shape == (2,)
    assert torch.equal(stacked([one, two], 2)[0], torch.tensor([1.0, 0.5]))


@pytest.mark.parametrize("prefill", [False, True])
def test_the_prompt_is_the_contracts(byte_tokenizer, prefill):
    fmt = ReasoningFormat(chat_template="chatml", system_prompt="Think.", prefill_think=prefill)
    tokenizer = byte_tokenizer()
    rows = [{"role": "user", "content": "2 {x} + 2?"}, {"role": "assistant", "content": ""}]
    datum = {"messages": rows, "id": "p", "has_answer": False, "row": '{"tests": [1]}', "task_name": "t"}
    spec = processor(fmt)(datum, None, tokenizer, 64, 3)
    assert spec["message_log"][0]["token_ids"].tolist() == fmt.encode_prompt(tokenizer, "2 {x} + 2?")
    assert spec["extra_env_info"] == {
        "id": "p",
        "problem": "2 {x} + 2?",
        "answer": None,
        "row": {"tests": [1]},
        "group": 3,
    }
    assert spec["length"] == len(spec["message_log"][0]["token_ids"]) and spec["idx"] == 3


def test_the_package_imports_without_nemo_rl_ray_and_torch():
    names = (
        "translate",
        "policy",
        "job",
        "schema",
        "data",
        "judge",
        "records",
        "hooks",
        "environment",
        "convert",
        "run",
    )
    program = f"import sys\nfor name in {names}: __import__('nemo_reasoning.grpo.nemo_rl.' + name)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "ray", "nemo_rl", "transformers"} & set(loaded)
