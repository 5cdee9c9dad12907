# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of a run, opened in a browser; the run is written through the real writers and scorers."""

import json
import re
import shutil
import socket
import subprocess
import threading
from html import unescape
from pathlib import Path

import pytest
from report_runs import hostile, write_run

from nemo_reasoning.errors import InputError
from nemo_reasoning.report import build
from nemo_reasoning.traces import read_jsonl

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


class Listener:
    """Counts the connections that a page opens to this machine."""

    def __enter__(self) -> "Listener":
        self.calls = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()


def browse(page: Path, profile: Path, *arguments: str) -> tuple[str, list[str]]:
    """The page's document after its scripts ran, and what it said on the console."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=20000", "--enable-logging=stderr", *arguments, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@needs_browser
@pytest.mark.slow
def test_page_runs_in_a_browser_and_hostile_text_stays_text(tmp_path):
    with Listener() as listener:
        attack = hostile(listener.port)
        page = build(write_run(tmp_path / "run", attack))
        document, console = browse(page, tmp_path / "profile")
        assert listener.calls == 0
    assert console == []
    assert 'data-ready="true"' in document
    assert 'data-hacked="yes"' not in document
    assert document.count('class="main-svg"') >= 2 * 13, "each chart draws two layers"
    assert re.search(r'id="dropped-place">1 of 65<', document)
    assert re.search(r'id="problem-place">1 of \d+<', document)
    assert re.search(r'id="rollout-place">1 of 8<', document)
    assert "&lt;/script&gt;&lt;/pre&gt;&lt;script&gt;" in document, "the text itself is shown"
    assert "49 " not in document.split("stamps.", 1)[1][:400]


@needs_browser
@pytest.mark.slow
def test_listener_would_notice_a_request(tmp_path):
    """The control of the test above: an image outside our page's policy does reach the listener."""
    with Listener() as listener:
        page = tmp_path / "page.html"
        page.write_text(f"<img src='http://127.0.0.1:{listener.port}/leak'>")
        browse(page, tmp_path / "profile")
        assert listener.calls > 0


@needs_browser
@pytest.mark.slow
def test_partial_run_opens_without_errors(tmp_path):
    run = write_run(tmp_path / "run")
    for stage in ("grpo", "evaluate"):
        shutil.rmtree(run / stage)
    document, console = browse(build(run), tmp_path / "profile")
    assert console == [] and 'data-ready="true"' in document
    assert document.count("The stage grpo has left nothing to show") == 2


def test_page_refers_to_nothing_outside(tmp_path):
    page = build(write_run(tmp_path / "run", num_problems=10)).read_text()
    ours = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?!#|data:,)[^"'>\s]+""", ours) == []
    assert "url(" not in ours and "@import" not in ours
    assert "default-src 'none'" in unescape(ours)


def test_page_states_its_limits_and_shows_the_figures(tmp_path):
    page = build(write_run(tmp_path / "run")).read_text()
    results = json.loads((tmp_path / "run" / "evaluate" / "results.json").read_text())
    greedy = results["models"]["grpo"]["metrics"]["greedy"]
    assert f"{100 * greedy['value']:.1f} %" in page
    assert "the first 200 of 300 problems" in page
    assert "21,849 of 24,000 traces (8.74 M tokens of 9.60 M)" in page
    assert "1,180" in page and "50 broken rows" in page
    assert page.count('class="mark rl">GRPO only<') == 1
    assert "p &lt; 0.001" in page
    assert "Step 40: accuracy fell from 31% to 14%." in page
    assert "Held-out problems that the student solves" in page


def test_named_benchmarks_are_shown_also_without_held_out_problems(tmp_path):
    evaluate = write_run(tmp_path / "run", num_problems=20) / "evaluate"
    (evaluate / "aime24").mkdir()
    for name in ("results.json", "completions"):
        shutil.move(evaluate / name, evaluate / "aime24" / name)
    page = build(tmp_path / "run").read_text()
    results = json.loads((evaluate / "aime24" / "results.json").read_text())
    average = results["models"]["grpo"]["metrics"]["avg@8"]
    assert "<h3>aime24</h3>" in page and f"{100 * average['value']:.1f} %" in page
    assert f"{100 * results['comparisons'][0]['metrics']['avg@8']['value']:+.1f} points" in page
    assert "The stage evaluate has left nothing to show" not in page
    assert "nemo-reasoning compare shows the completions" in page
    (evaluate / "aime24").rename(evaluate / "held_out")
    page = build(tmp_path / "run").read_text()
    assert "grpo (after GRPO)" in page and "<h3>held_out</h3>" not in page, "these are the run's own problems"


def test_nothing_but_settings_is_needed(tmp_path):
    (tmp_path / "resolved.yaml").write_text("name: bare\nseed: 3\n")
    page = build(tmp_path).read_text()
    assert "bare" in page and page.count("not run") >= 5


def test_unfinished_lines_of_running_stages_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", num_problems=10)
    for log in ("grpo/metrics.jsonl", "grpo/rollouts.jsonl", "distill/metrics.jsonl"):
        with (run / log).open("ab") as file:
            file.write(b'{"step": 99, "rew')
    assert build(run).exists()


@pytest.mark.parametrize("content", [None, "just text", "a: [unclosed"])
def test_no_run_directory_is_one_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / "resolved.yaml").write_text(content)
    with pytest.raises(InputError) as caught:
        build(tmp_path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_models_are_shown_in_the_order_of_training(tmp_path):
    page = build(write_run(tmp_path / "run", num_problems=20)).read_text()
    places = [page.index(title) for title in ("base (before)", "distilled (after SFT)", "grpo (after GRPO)")]
    assert places == sorted(places)


def drive(run: Path, directory: Path, driver: str) -> dict[str, str]:
    """What `driver` says in a copy of the page without its policy, which would refuse the driver."""
    page, text = directory / "driven.html", build(run).read_text()
    policy = re.search(r"<meta http-equiv=.Content-Security-Policy.*?>", text).group()
    script = """
      const say = (name, value) => document.documentElement.setAttribute("data-say-" + name, value);
      const set = (id, value, kind) => { byId(id).value = value; byId(id).dispatchEvent(new Event(kind)); };
      const shown = (name) => byId(name + "-place").textContent + " " + byId(name + "-view").textContent;
    """
    page.write_text(text.replace(policy, "").replace("</body>", f"<script>{script}{driver}</script></body>"))
    document, console = browse(page, directory / "profile")
    assert console == []
    return dict(re.findall(r'data-say-(\w+)="([^"]*)"', document))


@needs_browser
@pytest.mark.slow
def test_browsers_filter_search_and_turn_pages(tmp_path):
    run = write_run(tmp_path / "run")
    driver = """
      set("problem-filter", "gained", "change"); say("gained", byId("problem-place").textContent);
      set("problem-filter", "lost", "change"); say("lost", byId("problem-place").textContent);
      byId("problem-next").click(); say("next", byId("problem-place").textContent);
      set("problem-filter", "all", "change");
      set("problem-search", "FRIEND GIVES 17.", "input"); say("found", shown("problem"));
      set("problem-search", "no such text", "input"); say("none", byId("problem-view").textContent);
      set("rollout-step", "0", "change"); byId("rollout-next").click(); say("group", shown("rollout"));
      const silent = [...byId("rollout-verdict").options].find((option) => option.text === "no answer").value;
      set("rollout-verdict", silent, "change"); say("silent", byId("rollout-place").textContent);
      set("rollout-verdict", "0", "change");
      set("rollout-search", "gina has 16 stamps", "input"); say("sixteen", shown("rollout"));
      set("rollout-search", "no such text", "input"); say("nothing", byId("rollout-view").textContent);
    """
    said = drive(run, tmp_path, driver)
    rows = [
        list(read_jsonl(run / "evaluate" / "completions" / f"{name}.jsonl"))[:200] for name in ("distilled", "grpo")
    ]
    pairs = [tuple(row["greedy"]["verdict"] == "correct" for row in pair) for pair in zip(*rows, strict=True)]
    assert said["gained"] == f"1 of {pairs.count((False, True))}"
    assert said["lost"] == f"1 of {pairs.count((True, False))}" and said["next"].startswith("2 of")
    assert said["found"].startswith("1 of 1 ") and "right answer: 117" in said["found"]
    assert said["none"] == "No problem matches."
    assert said["group"].startswith("2 of 8 ") and said["group"].count("Rollout") == 8
    first = [row for row in read_jsonl(run / "grpo" / "rollouts.jsonl") if row["step"] == 1 and row["group"] < 8]
    silent = {row["group"] for row in first if row["verdict"] == "no_answer"}
    assert 0 < len(silent) < 8 and said["silent"] == f"1 of {len(silent)}"
    assert said["sixteen"].startswith("1 of 1 ") and "Gina has 16 stamps" in said["sixteen"]
    assert said["nothing"] == "No group matches."


@needs_browser
@pytest.mark.slow
def test_browser_of_dropped_traces_filters_by_step_and_reason(tmp_path):
    driver = """
      const listed = (id) => [...byId(id).options].map((option) => option.textContent).join("|");
      say("steps", listed("dropped-step")); say("reasons", listed("dropped-reason"));
      set("dropped-step", "language", "change"); say("step", shown("dropped"));
      say("narrowed", listed("dropped-reason"));
      set("dropped-reason", "nested_think", "change"); byId("dropped-next").click(); say("reason", shown("dropped"));
      set("dropped-step", "repetition", "change"); say("other", shown("dropped"));
      set("dropped-search", "HAS 12 STAMPS", "input"); say("found", shown("dropped"));
      set("dropped-search", "no such text", "input"); say("none", shown("dropped"));
    """
    said = drive(write_run(tmp_path / "run", num_problems=10), tmp_path, driver)
    steps = "all|think_format (480)|language (240)|repetition (251)|pass_rate (700)|correctness (1,180)"
    assert said["steps"] == steps
    assert said["reasons"] == "all|missing_close (2,836)|nested_think (15)"
    assert said["step"].startswith("1 of 13 language: nested_think")
    assert said["narrowed"] == "all|missing_close (237)|nested_think (3)"
    assert said["reason"].startswith("2 of 3 language: nested_think &lt;/think&gt; at 7t240-1 · traces.jsonl, line 2")
    assert "right answer: none · extracted answer: 42" in said["reason"]
    assert said["other"].startswith("1 of 13 repetition: nested_think")
    assert said["found"].startswith("1 of 1 repetition: missing_closet251-12")
    assert said["none"] == "none No example matches."
