# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import os
import sys
import time

import psutil

from nemo_reasoning.doctor import probe


def test_a_command_that_works():
    ran = probe.run(["sh", "-c", "echo out; echo err >&2"], 60)
    assert (ran.end, ran.output) == ("ok", "out\nerr\n")


def test_a_command_that_is_not_there():
    assert probe.run(["no-such-command-here"], 60).end == "missing"


def test_a_command_that_fails_says_why_in_its_last_line():
    ran = probe.run(["sh", "-c", "echo first; echo 'the reason.'; exit 3"], 60)
    assert (ran.end, ran.reason) == ("failed", "the reason")


def test_a_command_that_hangs_is_killed_with_its_children():
    program = "sleep 600 & echo $!; sleep 600"
    before = time.monotonic()
    ran = probe.run(["sh", "-c", program], 1)
    assert ran.end == "late"
    assert ran.reason == "it did not end in time"
    child = int(ran.output)
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() - before < 300
        time.sleep(0.05)


def test_a_child_that_keeps_the_output_open_does_not_hold_us_up():
    ran = probe.run(["sh", "-c", "sleep 5 & echo done"], 60)
    assert (ran.end, ran.output) == ("ok", "done\n")


def test_output_that_is_no_text_and_long():
    ran = probe.run([sys.executable, "-c", r"import os; os.write(1, b'\xff\xfe' * 100000 + b'\nend')"], 60)
    assert ran.reason == "end"
    assert len(ran.output) <= probe.KEPT


def test_a_program_answers_among_other_output():
    ran = probe.python("print('noise'); answer({'n': 1}); print('more')", 60)
    assert (ran.end, ran.answer) == ("ok", {"n": 1})


def test_a_program_that_dies_has_no_answer():
    ran = probe.python("import os; os.abort()", 60)
    assert (ran.end, ran.answer) == ("failed", None)


def test_a_program_sees_the_environment_that_is_given():
    ran = probe.python("import os; answer([os.environ['GIVEN'], os.environ['HOME']])", 60, GIVEN="x")
    assert ran.answer == ["x", os.environ["HOME"]]
