# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Every row of a data file is read or quarantined; a file that cannot be used is one sentence."""

import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemo_reasoning.config import Layout, Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.traces import (
    check_broken_share,
    local_files,
    read_jsonl,
    read_problems,
    read_traces,
    write_jsonl,
)
from nemo_reasoning.traces.files import numbered_rows

ROW = {"problem": "1 + 1?", "answer": "2", "generation": "<think>a</think>2"}


def read(path, reader=read_traces, limit=None, **layout):
    broken = []
    return list(reader(Source(path=str(path), limit=limit, layout=Layout(**layout)), broken.append)), broken


def refuses(path, match, reader=read_traces, **layout):
    with pytest.raises(InputError, match=match) as caught:
        read(path, reader, **layout)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.fixture
def file(tmp_path):
    def write(*lines, name="data.jsonl"):
        path = tmp_path / name
        data = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path.write_bytes(b"\n".join(data))
        return path

    return write


BROKEN_LINES = [
    b"{",
    b"[1]",
    b'"text"',
    b"null",
    b"NaN",
    b"\xff\xfe",
    b'{"problem": "\xff"}',
    b'{"problem": "\\ud800"}',
    b"[" * 5000,
    b'{"problem": NaN}',
]


@pytest.mark.parametrize("line", BROKEN_LINES)
def test_a_broken_line_is_quarantined_wherever_it_is(file, line):
    for rows, place in (((line, ROW), 1), ((ROW, line), 2), ((b"", line, b" ", ROW), 2)):
        path = file(*rows)
        traces, broken = read(path)
        assert [trace.completion for trace in traces] == [ROW["generation"]]
        assert [(row.file, row.line) for row in broken] == [(str(path), place)]
        assert broken[0].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"problem": None}, "problem is not a text"),
        ({"problem": " "}, "problem is not a text"),
        ({"problem": 1}, "problem is not a text"),
        ({"generation": None}, "generation is not a text"),
        ({"generation": ""}, "generation is not a text"),
        ({"generation": []}, "generation is not a text"),
        ({"generation": [None]}, "generation is not a text"),
        ({"generation": {"text": "a"}}, "generation is not a text"),
    ],
)
def test_a_row_without_text_is_quarantined(file, change, reason):
    traces, broken = read(file(ROW, {**ROW, **change}))
    assert len(traces) == 1
    assert [(row.line, row.reason) for row in broken] == [(2, reason)]


any_line = st.one_of(
    st.binary(max_size=30).filter(lambda line: b"\n" not in line and b"\0" not in line),
    st.sampled_from([*BROKEN_LINES, b"", b"  ", json.dumps(ROW).encode()]),
    st.builds(lambda p, g: json.dumps({**ROW, "problem": p, "generation": g}).encode(), st.text(), st.text()),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_line))
def test_no_row_is_lost(tmp_path, lines):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join([json.dumps(ROW).encode(), *lines]))
    traces, broken = read(path)
    rows = [line for line in path.read_bytes().split(b"\n") if line.strip(b" \t\r\n\xef\xbb\xbf")]
    assert len(traces) + len(broken) == len(rows)


def test_generations_of_one_problem(file):
    traces, broken = read(
        file({**ROW, "generation": ["a", " ", "c"], "reason": ["stop", "stop", "length"]}), finish_reason="reason"
    )
    assert [(t.id, t.completion, t.finish_reason) for t in traces] == [
        ("data.jsonl:1#0", "a", "stop"),
        ("data.jsonl:1#2", "c", "length"),
    ]
    assert len(broken) == 1


def test_layout_of_another_publisher(file):
    row = {"question": "Q", "sol": "so\n#### 1,000 ", "text": "<|t|>a<|/t|><|s|>b<|/s|>", "key": 7, "end": "length"}
    [trace], _ = read(
        file(row),
        problem="question", answer="sol", answer_after="####", generations="text", id="key", finish_reason="end",
        think_open="<|t|>", think_close="<|/t|>", solution_open="<|s|>", solution_close="<|/s|>",
    )  # fmt: skip
    assert (trace.id, trace.problem, trace.answer) == ("7", "Q", "1,000")
    assert (trace.completion, trace.finish_reason) == ("<think>a</think>b", "length")


def test_an_answer_without_its_marker_is_no_answer(file):
    [problem], _ = read(file({"problem": "Q", "answer": "so it is 1"}), read_problems, answer_after="####")
    assert problem.answer is None


def test_limit_counts_rows_whether_good_or_broken(file):
    traces, broken = read(file(ROW, b"", b"{", ROW, ROW), limit=3)
    assert [trace.line for trace in traces] == [1, 4]
    assert [row.line for row in broken] == [3]


def test_byte_order_mark_and_windows_line_ends(file):
    traces, broken = read(file(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r", json.dumps(ROW).encode() + b"\r"))
    assert (len(traces), broken) == (2, [])


def test_json_array(file):
    traces, broken = read(file(json.dumps([ROW, 1, None, ROW], indent=1).encode(), name="data.json"))
    assert [trace.line for trace in traces] == [1, 4]
    assert [(row.line, row.reason) for row in broken] == [
        (2, "a JSON int, not an object"),
        (3, "a JSON NoneType, not an object"),
    ]


def test_parquet(tmp_path):
    path = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW, {**ROW, "generation": None}] * 1500), path)
    traces, broken = read(path)
    assert (len(traces), len(broken)) == (1500, 1500)
    assert (traces[-1].line, broken[-1].line) == (2999, 3000)


@pytest.mark.parametrize("damage", ["cut", "middle", "text"])
def test_damaged_parquet(tmp_path, damage):
    path = tmp_path / "data.parquet"
    rows = [{**ROW, "problem": f"{i}" * 50} for i in range(2000)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    data = path.read_bytes()
    if damage == "cut":
        data = data[:-50]
    elif damage == "middle":
        data = data[:100] + b"\xff" * 2000 + data[2100:]
    else:
        data = b"PAR1 is what this text begins with"
    path.write_bytes(data)
    refuses(path, "is not Parquet or is damaged")


@pytest.mark.parametrize(
    ("layout", "match"),
    [
        ({"problem": "problm"}, "no column 'problm'; set layout.problem to .*; did you mean 'problem'"),
        ({"generations": "generations"}, "no column 'generations'.*did you mean 'generation'"),
        ({"answer": "solution"}, "no column 'solution'; set layout.answer to .* or null"),
        ({"id": "key"}, "no column 'key'; set layout.id"),
        ({"finish_reason": "end"}, "no column 'end'; set layout.finish_reason"),
    ],
)
@pytest.mark.parametrize("first", [(), (b"{",), (b"", b" "), (b"[1]",)])
def test_columns_are_those_of_the_first_good_row(file, layout, match, first):
    refuses(file(*first, ROW), match, **layout)


def test_columns_of_every_file(tmp_path, file):
    file(ROW, name="a.jsonl")
    file({"question": "Q", "answer": "1", "generation": "a"}, name="b.jsonl")
    refuses(tmp_path, r"b\.jsonl has no column 'problem'")


def test_problems_need_no_generation(file):
    [problem], _ = read(file({"problem": "Q", "answer": 1.5}), read_problems)
    assert problem.answer == "1.5"


def test_extra_columns_come_along_with_a_problem(file):
    path = file(json.dumps(ROW).encode())
    assert read(path, read_problems)[0][0].row == {}
    problem = read(path, read_problems, extra=["generation"])[0][0]
    assert problem.row == {"generation": ROW["generation"]}
    assert hash(problem) == hash(read(path, read_problems)[0][0])
    assert read(path, extra=["generation"])[0][0].row == {"generation": ROW["generation"]}
    refuses(path, "no column 'tests', which layout.extra names", read_problems, extra=["tests"])


def test_files_that_are_none(tmp_path, file):
    refuses(tmp_path / "none.jsonl", "does not exist")
    refuses(tmp_path / "none", "does not exist")
    refuses("none.jsonl.gz", "the data file none.jsonl.gz does not exist")
    refuses(tmp_path, "there is no .jsonl, .json, .parquet file at")
    refuses(tmp_path / "*.jsonl", "there is no .jsonl")
    refuses(file(), "is empty")
    refuses(file(gzip.compress(b"")), "is empty")
    refuses(file(b"\x89PNG\r\n\0\0"), "is binary")
    refuses(file(lzma.compress(b"{}")), "is compressed; unpack it first")
    refuses(file(gzip.compress(b"{}" * 99)[:-9]), "is damaged or cannot be read")
    refuses(file(gzip.compress(b"a\0b")), "is binary")
    refuses(file(b"[{", name="data.json"), "is not valid JSON")


def test_local_files(tmp_path, file, monkeypatch):
    for name in ("b.jsonl", "a.json", "[x].jsonl", "c.txt", ".hidden.jsonl", "e.txt.gz"):
        file(ROW, name=name)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.parquet").write_bytes(b"")
    (tmp_path / "deep" / "e.jsonl.zst").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    names = lambda path: [str(p.relative_to(tmp_path)) for p in map(tmp_path.joinpath, local_files(path))]  # noqa: E731
    assert names(str(tmp_path)) == ["[x].jsonl", "a.json", "b.jsonl", "deep/d.parquet", "deep/e.jsonl.zst"]
    assert names("*.json*") == ["[x].jsonl", "a.json", "b.jsonl"]
    assert names(f"{tmp_path}/**/*.parquet") == ["deep/d.parquet"]
    assert names("[x].jsonl") == ["[x].jsonl"]
    assert names("[[]x].jsonl") == ["[x].jsonl"]
    assert names("c.txt") == ["c.txt"]
    assert local_files("openai/gsm8k") == []


def test_broken_share():
    check_broken_share(1, 100, 0.01, "x")
    with pytest.raises(InputError, match=r"30 of 100 rows of x are broken \(30%\)"):
        check_broken_share(30, 100, 0.01, "x")
    with pytest.raises(InputError, match=r"=0\.01; q\.jsonl lists them; repair the data or raise the limit\."):
        check_broken_share(30, 100, 0.01, "x", Path("q.jsonl"))
    for total in (0, 5):
        with pytest.raises(InputError, match="has no usable row"):
            check_broken_share(total, total, 1.0, "x")


def test_write_and_read_jsonl(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "a\n\u2028\0é"}, {"n": None}]
    assert write_jsonl(path, iter(rows)) == 2
    assert list(read_jsonl(path)) == rows
    path.write_text('{"a": 1}\n{')
    with pytest.raises(InputError, match="line 2 of"):
        list(read_jsonl(path))
    with pytest.raises(InputError, match="does not exist"):
        list(read_jsonl(tmp_path / "none"))
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        list(read_jsonl(tmp_path))
    with pytest.raises(InputError, match="is compressed; unpack it first"):
        list(read_jsonl(tmp_path / "a.jsonl.gz"))


def test_blank_lines_are_no_rows_but_count(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"a": 1}\n \n{"a": 2}\n\n')
    assert list(numbered_rows(path)) == [(2, {"a": 1}), (4, {"a": 2})]


def test_rows_are_not_written_over_a_directory(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InputError, match="is a directory; give the name of a file"):
        write_jsonl(tmp_path, [{}])
    assert (tmp_path / "mine").read_text() == "x"


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_hub_out_of_reach_is_one_sentence_at_once(tmp_path, environment):
    program = """
import time
from nemo_reasoning import models
from nemo_reasoning.config import Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.traces import read_problems
import datasets, torch, transformers
for load in (
    lambda: list(read_problems(Source(path="openai/gsm8k"), print)),
    lambda: models.load_tokenizer("Qwen/none"),
    lambda: models.load_model("Qwen/none", torch.float32),
):
    started = time.monotonic()
    try:
        load()
    except InputError as error:
        assert "\\n" not in str(error), error
        assert time.monotonic() - started < 10, time.monotonic() - started
        print("sentence:", error)
"""
    home = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**home, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stdout.count("sentence:") == 3, done.stdout + done.stderr
