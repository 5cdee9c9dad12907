# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The stage generate against a server that misbehaves: every sample once, whatever happens in between."""

import json
import secrets
from collections import Counter
from pathlib import Path

import pytest
from fault_server import Running

from nemo_reasoning import generate
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.files import sha256
from nemo_reasoning.generate import stage as generate_stage
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.traces import read_jsonl, read_traces

pytest.importorskip("openai")
PRICE = {"prompt": 1e6, "completion": 1e6}


@pytest.fixture(scope="module")
def running():
    with Running(share=0.1, stall=0.5, delay=0.002) as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    return running


def settings(tmp_path, running, problems=20, **changes):
    """A run's settings; `changes` are those of `generate`, with `server` for the server's."""
    file = tmp_path / "problems.jsonl"
    if not file.exists():
        rows = [{"id": f"p{n}", "problem": f"What is {n} + 5?", "answer": str(n + 5)} for n in range(problems)]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    of_server = {
        "base_url": running.url,
        "model": "teacher",
        "first_delay_s": 0.01,
        "max_delay_s": 0.1,
        "concurrency": 8,
    }
    made = {"path": str(tmp_path / "run" / "generate" / "traces.jsonl"), "layout": GENERATED}
    return Config.model_validate(
        {
            "name": "test",
            "paths": {"run": str(tmp_path / "run")},
            "data": {"problems": {"path": str(file), "layout": {"id": "id"}}, "traces": {"generated": made}},
            "generate": {"num_samples": 4, **changes, "server": of_server | changes.get("server", {})},
        }
    )


GENERATED = {"id": "id", "finish_reason": "finish_reason", "pass_rate": "pass_rate"}


def run(config):
    directory = Path(config.paths.run) / "generate"
    directory.mkdir(parents=True, exist_ok=True)
    metrics = generate_stage.run(config, StageRun("generate", directory))
    return metrics, list(read_jsonl(directory / "traces.jsonl"))


def journal_lines(config, kind):
    with (Path(config.paths.run) / "generate" / "journal.jsonl").open() as lines:
        return [row for row in map(json.loads, lines) if next(iter(row)) == kind]


def test_problems_in_traces_out(tmp_path, server):
    config = settings(tmp_path, server, server={"price": PRICE})
    metrics, rows = run(config)
    assert [row["id"] for row in rows] == [f"p{n}#{sample}" for n in range(20) for sample in range(4)]
    for n in range(20):
        of_problem = rows[4 * n : 4 * n + 4]
        right = [f"\\boxed{{{n + 5}}}" in row["generation"] for row in of_problem]
        assert [row["verdict"] == "correct" for row in of_problem] == right
        assert {row["pass_rate"] for row in of_problem} == {sum(right) / 4}
        assert {row["problem"] for row in of_problem} == {f"What is {n} + 5?"}
    billed = server.log()["billed"]
    assert metrics["cost"] == billed["prompt_tokens"] + billed["completion_tokens"]
    assert metrics["completion_tokens"] <= billed["completion_tokens"]
    assert metrics["verdicts"]["correct"] == sum(row["verdict"] == "correct" for row in rows)
    assert sum(metrics["pass_rates"]) == metrics["problems"] == 20


def test_the_teacher_is_asked_as_configured_and_the_trace_has_the_bare_problem(tmp_path, server):
    config = settings(tmp_path, server, 1, num_samples=2, system_prompt="Think.", instruction="Box it.")
    _, rows = run(config)
    sent = [entry["body"] for entry in server.log()["requests"]]
    chat = [{"role": "system", "content": "Think."}, {"role": "user", "content": "What is 0 + 5?\n\nBox it."}]
    assert all(body["messages"] == chat for body in sent)
    assert len({body["seed"] for body in sent}) == 2
    assert rows[0]["problem"] == "What is 0 + 5?"


def test_curation_reads_what_is_generated(tmp_path, server):
    config = settings(tmp_path, server)
    _, rows = run(config)
    broken = []
    traces = list(read_traces(config.data.traces["generated"], broken.append))
    assert not broken
    assert [(t.id, t.answer, t.pass_rate, t.completion) for t in traces] == [
        (row["id"], row["answer"], row["pass_rate"], row["generation"]) for row in rows
    ]
    assert all(config.format.from_trace(trace.completion)[1].problem is None for trace in traces)


def test_the_same_again_gives_the_same_bytes(tmp_path, server):
    """Seeds are the samples' own, and the rows are in the problems' order, not in that of the replies."""
    digests = []
    for name, concurrency in (("one", 3), ("two", 16)):
        (tmp_path / name).mkdir()
        config = settings(tmp_path / name, server, server={"concurrency": concurrency})
        run(config)
        digests.append(sha256(Path(config.paths.run) / "generate" / "traces.jsonl"))
    assert digests[0] == digests[1]


def test_no_more_is_asked_than_is_needed(tmp_path, server):
    config = settings(tmp_path, server, 40, num_samples=8, stop_after_correct=2)
    metrics, rows = run(config)
    correct, asked = Counter(), Counter()
    for row in rows:
        problem = row["id"].split("#")[0]
        asked[problem] += 1
        correct[problem] += row["verdict"] == "correct"
    assert all(correct[problem] == 2 or asked[problem] == 8 for problem in asked)
    assert max(correct.values()) == 2
    assert metrics["not_needed"] == 40 * 8 - len(rows) > 0


def test_thinking_in_the_text_and_a_tag_that_the_template_wrote(tmp_path, server):
    server.script({"reasoning": "", "text": "hm\n</think>\n\n\\boxed{5}"})
    _, rows = run(settings(tmp_path, server, 1, num_samples=1))
    assert rows[0]["generation"] == "<think>\nhm\n</think>\n\n\\boxed{5}"
    assert rows[0]["verdict"] == "correct"


def test_a_completion_that_was_cut_off_is_marked(tmp_path, server):
    server.script({"reasoning": "hm", "text": "", "finish": "length"})
    metrics, rows = run(settings(tmp_path, server, 1, num_samples=1))
    assert (rows[0]["generation"], rows[0]["finish_reason"], rows[0]["verdict"]) == (
        "<think>\nhm",
        "length",
        "no_answer",
    )
    assert metrics["truncated"] == 1


def test_at_the_cost_limit_it_stops_and_goes_on_when_that_is_raised(tmp_path, server):
    server.script({"usage": {"prompt_tokens": 10, "completion_tokens": 10}})
    low = {"price": PRICE, "max_cost": 2000.0}
    config = settings(tmp_path, server, 60, max_new_tokens=50, server=low, num_samples=2)
    with pytest.raises(Interrupted, match=r"max_cost=2000 .* raise it, or set generate.at_max_cost=finish"):
        run(config)
    first = len(journal_lines(config, "reply"))
    assert 20 * first <= 2000 < 20 * (first + 20)
    with pytest.raises(Interrupted):
        run(config)
    assert len(journal_lines(config, "reply")) == first
    raised = settings(tmp_path, server, max_new_tokens=50, server=low | {"max_cost": 1e6}, num_samples=2)
    metrics, rows = run(raised)
    assert len(rows) == 120
    assert metrics["cost"] == 20 * 120 == 20 * sum(count for key, count in server.log()["billed"].items() if "[" in key)


def test_at_the_cost_limit_it_may_finish_with_what_there_is(tmp_path, server):
    server.script({"usage": {"prompt_tokens": 10, "completion_tokens": 10}})
    limit = {"price": PRICE, "max_cost": 2000.0}
    config = settings(tmp_path, server, 60, max_new_tokens=50, server=limit, num_samples=2, at_max_cost="finish")
    metrics, rows = run(config)
    assert 20 * len(rows) == metrics["cost"] <= 2000
    assert metrics["problems"] < 60


def test_a_server_that_fulfils_nothing_is_given_up_soon(tmp_path, server):
    server.script({"status": 400, "body": {"error": {"message": "unknown field seed"}}})
    with pytest.raises(InputError, match=r"fulfils no request.*http_400: unknown field seed"):
        run(settings(tmp_path, server, 200))
    assert sum(server.log()["attempts"].values()) < 40


def test_a_server_that_breaks_down_interrupts_and_nothing_is_asked_twice(tmp_path, server):
    server.script(*[{}] * 30, "500")
    config = settings(tmp_path, server, 50, server={"max_retries": 1})
    with pytest.raises(Interrupted, match=r"requests in a row failed \(http_500"):
        run(config)
    server.script({})
    metrics, rows = run(config)
    assert len({row["id"] for row in rows}) == 200 == len(rows)
    assert max(count for key, count in server.log()["billed"].items() if "[" in key) == 1
    assert metrics["errors"] == {}


def test_an_account_that_runs_empty_loses_no_reply_that_was_under_way(tmp_path, server):
    empty = {"status": 402, "body": {"error": {"message": "Insufficient Balance"}}}
    server.script(*[{}] * 10, empty, {"pause": 0.05})
    config = settings(tmp_path, server, 20, server={"price": PRICE})
    with pytest.raises(Interrupted, match="no money left"):
        run(config)
    billed = sum(count for key, count in server.log()["billed"].items() if "[" in key)
    assert len(journal_lines(config, "reply")) == billed < 80
    server.script({})
    metrics, rows = run(config)
    assert len(rows) == 80
    assert (metrics["lost_requests"], metrics["possible_cost"], metrics["errors"]) == (0, 0, {})
    assert max(count for key, count in server.log()["billed"].items() if "[" in key) == 1


def test_prompts_that_are_too_long_are_counted_and_not_asked_again(tmp_path, server):
    too_long = {"status": 400, "body": {"error": {"message": "maximum context length is 10 tokens"}}}
    server.script(*[{}] * 8, too_long, {})
    few = settings(tmp_path, server, 10, num_samples=2, max_failed_share=0.05, server={"concurrency": 1})
    metrics, rows = run(few)
    assert len(rows) == 19
    assert metrics["errors"] == {"prompt_too_long": 1}


def test_too_many_of_them_are_a_sentence(tmp_path, server):
    too_long = {"status": 400, "body": {"error": {"message": "maximum context length is 10 tokens"}}}
    server.script(*[{}] * 8, *[too_long] * 4, {})
    config = settings(tmp_path, server, 10, num_samples=2, server={"concurrency": 1})
    for _ in range(2):
        with pytest.raises(InputError, match=r"4 of 20 samples failed \(prompt_too_long 4; .*context length"):
            run(config)
    assert sum(server.log()["attempts"].values()) == 20


def test_samples_that_failed_for_now_are_asked_for_again(tmp_path, server):
    server.script(*[{}] * 8, *["500"] * 4, {})
    config = settings(tmp_path, server, 10, num_samples=2, server={"concurrency": 1, "max_retries": 0})
    with pytest.raises(Interrupted, match=r"4 of 20 samples failed .*http_500 4"):
        run(config)
    metrics, rows = run(config)
    assert len(rows) == 20
    assert metrics["errors"] == {}


def test_what_was_written_down_but_not_verified_is_verified(tmp_path, server):
    config = settings(tmp_path, server, 5)
    server.script(*[{}] * 12, "500")
    with pytest.raises(Interrupted):
        run(config.model_copy(update={"generate": few_retries(config)}))
    path = Path(config.paths.run) / "generate" / "journal.jsonl"
    path.write_bytes(b"".join(line for line in path.open("rb") if not line.startswith(b'{"verdict"')))
    server.script({})
    metrics, rows = run(config)
    assert all(row["verdict"] for row in rows)
    assert sum(metrics["verdicts"].values()) == 20


def few_retries(config):
    server = config.generate.server.model_copy(update={"max_retries": 0})
    return config.generate.model_copy(update={"server": server})


def test_more_samples_cost_only_what_is_new_and_other_ones_are_kept(tmp_path, server):
    """What was paid for is used again as long as it is what would be asked now; what is not is kept beside."""
    run(settings(tmp_path, server, 10, num_samples=2))
    billed = sum(count for key, count in server.log()["billed"].items() if "[" in key)
    metrics, rows = run(settings(tmp_path, server, num_samples=3))
    assert len(rows) == 30
    assert sum(count for key, count in server.log()["billed"].items() if "[" in key) == billed + 10 == 30
    asked = sum(server.log()["attempts"].values())
    tolerant = settings(tmp_path, server, num_samples=3).model_copy(
        update={"verify": Config(name="x").verify.model_copy(update={"relative_tolerance": 0.9})}
    )
    again, _ = run(tolerant)
    assert again["verdicts"]["correct"] > metrics["verdicts"]["correct"]
    assert sum(server.log()["attempts"].values()) == asked
    run(settings(tmp_path, server, num_samples=1, temperature=1.0))
    assert sum(server.log()["attempts"].values()) > asked
    assert (tmp_path / "run" / "generate" / "journal-1.jsonl").exists()


def test_the_key_is_in_no_file(tmp_path, server, monkeypatch):
    key = f"sk-{secrets.token_hex()}"
    monkeypatch.setenv("TEACHER_KEY", key)
    echo = {"status": 400, "body": {"error": {"message": "key $KEY"}}}
    server.script({}, echo, {"status": 500, "body": "$KEY"}, {"text": f"{key} \\boxed{{5}}"}, {})
    config = settings(
        tmp_path, server, 5, max_failed_share=1.0, server={"api_key_env": "TEACHER_KEY", "concurrency": 1}
    )
    run(config)
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert any(file.name == "journal.jsonl" for file in files)
    assert all(key.encode() not in file.read_bytes() for file in files)
    assert any(b"<key>" in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": {}}, "there are no problems for the teacher"),
        ({"generate": {"server": {}}}, "there is no teacher; choose one"),
        ({"traces": {}}, "curation would not read what the teacher writes"),
        ({"generate": {"stop_after_correct": 9}}, "cannot come of generate.num_samples=4"),
        ({"generate": {"server": {"api_key_env": "NO_SUCH_KEY"}}}, "NO_SUCH_KEY holds no key"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(tmp_path, server, change, sentence):
    config = settings(tmp_path, server).model_dump()
    if "data" in change:
        config["data"]["problems"] = None
    if "traces" in change:
        config["data"]["traces"] = {}
    more = change.get("generate", {})
    if "server" in more:
        base = {} if not more["server"] else config["generate"]["server"]
        more = {"server": base | more["server"]}
    config["generate"] |= more
    with pytest.raises(InputError, match=sentence):
        generate.check(Config.model_validate(config), curated=True)
