# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`nemo-reasoning compare` on runs that went through the real scorers, and its page in a browser."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_runs import hostile, write_run
from test_report_page import Listener, browse, needs_browser

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json, write_json
from nemo_reasoning.report import comparison
from nemo_reasoning.report.candidates import compare_on, find_candidates, shared_exams
from nemo_reasoning.traces import read_jsonl, write_jsonl


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A directory with the runs `one` and `two`, the second on fewer problems and at another temperature."""
    root = tmp_path_factory.mktemp("runs")
    write_run(root / "one", num_problems=120)
    write_run(root / "two", num_problems=100)
    path = root / "two" / "evaluate" / "results.json"
    found = read_json(path)
    write_json(path, {**found, "settings": {**found["settings"], "temperature": 0.6}})
    return root


def compared(*names, exam="held-out problems"):
    return compare_on(exam, find_candidates(names), [4, 64])


def compare(*arguments, cwd):
    command = [sys.executable, "-m", "nemo_reasoning.cli", "compare", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_figures_are_those_of_the_run_and_the_difference_is_paired(runs):
    found = compared(str(runs / "one"))
    results = read_json(runs / "one" / "evaluate" / "results.json")
    assert found.labels == ["one:base", "one:distilled", "one:grpo"]
    for label, figures in zip(found.labels, found.figures, strict=True):
        stored = results["models"][label.partition(":")[2]]["metrics"]
        assert figures["greedy"] == stored["greedy"] and figures["avg@8"] == stored["avg@8"]
    first, paired = results["comparisons"][0], found.differences[0]
    assert paired["metrics"]["greedy"] == first["metrics"]["greedy"]
    assert (paired["gained"], paired["lost"]) == (first["gained"], first["lost"])
    assert "pass@4" in found.figures[0] and "pass@64" not in found.figures[0]


def test_runs_meet_on_the_problems_that_both_answered(runs):
    found = compared(str(runs / "one") + ":distilled", str(runs / "two"))
    assert found.labels == ["one:distilled", "two:grpo"]
    assert len(found.problems) == 100 and found.left_out == [20, 0]
    assert found.settings == {"temperature": [1.0, 0.6]}
    rows = list(read_jsonl(runs / "one" / "evaluate" / "completions" / "distilled.jsonl"))[:100]
    right = sum(row["greedy"]["verdict"] == "correct" for row in rows)
    assert found.figures[0]["greedy"]["value"] == right / 100


def test_other_numbers_of_samples_are_compared_by_their_averages(runs, tmp_path):
    write_run(tmp_path / "few", num_problems=20)
    path = tmp_path / "few" / "evaluate" / "completions" / "grpo.jsonl"
    write_jsonl(path, [{**row, "samples": row["samples"][:2]} for row in list(read_jsonl(path))])
    found = compared(str(runs / "one"), str(tmp_path / "few"))
    assert list(found.differences[0]["metrics"]) == ["greedy", "avg@8, 2"]


def test_the_command_prints_figures_and_writes_the_page(runs, tmp_path):
    result = compare(f"{runs}/one:distilled", f"{runs}/two", "--out", "page.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "held-out problems: 100 problems" in result.stdout and "page: page.html" in result.stdout
    assert "left out, since not all of them answered these problems: 20 of one:distilled" in result.stdout
    assert "measured differently: temperature = 1.0 | 0.6" in result.stdout
    page = (tmp_path / "page.html").read_text()
    assert "Measured differently" in page and "Paired differences to one:distilled" in page
    assert re.search(r"difference, greedy .*\+\d+\.\d \[[-\d., ]+\], p", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is not the directory of an evaluated run"),
        (["{}/one:base"], "there is only one model to compare"),
        (["{}/one:bse", "{}/two"], "has no evaluated model bse; did you mean 'base'?"),
        (["{}/one:base", "{}/one:base"], "one:base is given twice."),
        (["{}/one", "{}/two", "--benchmark", "aime24"], "not all of them were measured on aime24"),
        (["{}/one", "{}/two", "--pass-at-k", "x"], "--pass-at-k must be positive numbers"),
        (["{}/one", "{}/two", "--out", "."], ". is a directory; give the name of a file."),
        ([], "the following arguments are required: RUN[:MODEL]"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(runs, tmp_path, arguments, sentence):
    result = compare(*(argument.format(runs) for argument in arguments), cwd=tmp_path)
    assert result.returncode == 2 and sentence in result.stderr and result.stderr.count("\n") == 1
    assert result.stdout == "" and list(tmp_path.iterdir()) == []


def test_other_gold_answers_are_other_problems(runs, tmp_path):
    write_run(tmp_path / "other", num_problems=20)
    path = tmp_path / "other" / "evaluate" / "completions" / "grpo.jsonl"
    write_jsonl(path, [{**row, "answer": "0"} for row in list(read_jsonl(path))])
    with pytest.raises(InputError, match="e0 of held-out problems has not the same gold answer"):
        compared(str(runs / "one"), str(tmp_path / "other"))


def test_only_common_benchmarks_are_compared(runs, tmp_path):
    write_run(tmp_path / "named", num_problems=20)
    evaluate = tmp_path / "named" / "evaluate"
    (evaluate / "aime24").mkdir()
    for name in ("results.json", "completions"):
        (evaluate / name).rename(evaluate / "aime24" / name)
    found = read_json(evaluate / "aime24" / "results.json")
    write_json(evaluate / "aime24" / "results.json", {**found, "benchmark": "aime24"})
    assert shared_exams(find_candidates([str(tmp_path / "named")])) == ["aime24"]
    with pytest.raises(InputError, match="no common benchmark"):
        shared_exams(find_candidates([str(runs / "one"), str(tmp_path / "named")]))


@pytest.mark.parametrize("content", [{}, []])
def test_results_that_are_none_are_refused(content, tmp_path):
    write_json(tmp_path / "evaluate" / "results.json", content)
    with pytest.raises(InputError, match=r"results\.json holds no results of an evaluation; run the stage evaluate"):
        find_candidates([str(tmp_path)])


def write_page(path: Path, *names: str) -> Path:
    candidates = find_candidates(names)
    path.write_text(comparison.render([compare_on("held-out problems", candidates, [4])], candidates))
    return path


@needs_browser
@pytest.mark.slow
def test_page_shows_hostile_text_as_text_and_asks_for_nothing(tmp_path):
    with Listener() as listener:
        run = write_run(tmp_path / "run", hostile(listener.port), num_problems=20)
        document, console = browse(write_page(tmp_path / "page.html", str(run)), tmp_path / "profile")
        assert listener.calls == 0
    assert console == [] and 'data-ready="true"' in document and 'data-hacked="yes"' not in document
    assert "&lt;/script&gt;&lt;/pre&gt;&lt;script&gt;" in document, "the text itself is shown"


@needs_browser
@pytest.mark.slow
def test_browser_filters_by_gained_and_lost_and_turns_pages(runs, tmp_path):
    page = write_page(tmp_path / "page.html", f"{runs}/one:distilled", f"{runs}/one:grpo")
    expected = compared(f"{runs}/one:distilled", f"{runs}/one:grpo").differences[0]
    text = page.read_text()
    policy = re.search(r"<meta http-equiv=.Content-Security-Policy.*?>", text).group()
    script = """
      const say = (name, value) => document.documentElement.setAttribute("data-say-" + name, value);
      const set = (id, value, kind) => { byId(id).value = value; byId(id).dispatchEvent(new Event(kind)); };
      set("change", "gained", "change"); say("gained", byId("place").textContent);
      say("first", byId("view").textContent);
      set("change", "lost", "change"); say("lost", byId("place").textContent);
      byId("next").click(); say("next", byId("place").textContent);
      set("which", "1", "change"); say("sample", byId("which").selectedOptions[0].textContent);
      set("change", "all", "change"); set("search", "FRIEND GIVES 17.", "input");
      say("found", byId("place").textContent + " " + byId("view").textContent);
      set("search", "no such text", "input"); say("none", byId("view").textContent);
    """
    page.write_text(text.replace(policy, "").replace("</body>", f"<script>{script}</script></body>"))
    document, console = browse(page, tmp_path / "profile")
    said = dict(re.findall(r'data-say-(\w+)="([^"]*)"', document))
    assert console == []
    assert said["gained"] == f"1 of {expected['gained']}" and said["lost"] == f"1 of {expected['lost']}"
    assert "gained" in said["first"] and "one:distilled" in said["first"] and "one:grpo" in said["first"]
    assert said["next"].startswith("2 of") and said["sample"] == "sample 1"
    assert said["found"].startswith("1 of 1 ") and "right answer: 117" in said["found"]
    assert said["none"] == "No problem matches."
