# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Encoded examples, their masks and their batches."""

import itertools
import random

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.config import ScratchModel
from nemo_reasoning.contract import Example, ReasoningFormat
from nemo_reasoning.demo.arithmetic import draw_distinct
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.distill import checkpoints, encoding, packing, parallel
from nemo_reasoning.distill.dataset import EncodedDataset
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json
from nemo_reasoning.models import load_tokenizer

FORMAT = ReasoningFormat(answer_style="answer_tags")
PROBLEMS = draw_distinct(random.Random(0), 20, held_out=False)
TARGETS = [FORMAT.target("\n".join([p.thinking] * (1 + n % 4)), p.answer) for n, p in enumerate(PROBLEMS)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    directory = tmp_path_factory.mktemp("student")
    make_student(directory / "student", ScratchModel(hidden_size=16, intermediate_size=16), TARGETS, 0)
    return load_tokenizer(str(directory / "student"))


@pytest.fixture
def traces(tmp_path):
    path = tmp_path / "sft.jsonl"
    rows = [
        {"id": str(n), "problem": problem.text, "messages": [{"role": "assistant", "content": target}]}
        for n, (problem, target) in enumerate(zip(PROBLEMS, TARGETS, strict=True))
    ]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(traces, tokenizer, tmp_path, monkeypatch):
    rows = [orjson.loads(line) for line in traces.read_bytes().splitlines()]
    rows[3]["messages"][0]["content"] += "<|im_end|>"
    many = [{**row, "id": f"{row['id']}-{copy}"} for copy in range(10) for row in rows]
    traces.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in many))
    alone, seen = tmp_path / "alone", []
    encoding.encode(traces, alone, FORMAT, tokenizer, 256, "drop")
    monkeypatch.setattr(encoding, "MANY", len(many))
    monkeypatch.setattr(parallel, "processes", lambda: 2)
    together = tmp_path / "together"
    encoding.encode(traces, together, FORMAT, tokenizer, 256, "drop", lambda done, total: seen.append((done, total)))
    assert (
        encoding.counts(together) == encoding.counts(alone) and encoding.counts(alone)["dropped_for_stop_token"] == 10
    )
    names = {path.name for path in alone.iterdir()}
    assert all((together / name).read_bytes() == (alone / name).read_bytes() for name in names) and len(names) == 4
    assert seen == [(done, 200) for done in range(0, 200, parallel.BATCH)]


def encode(traces, tokenizer, seq_length=256, truncation="drop"):
    directory = traces.parent / "encoded"
    encoding.encode(traces, directory, FORMAT, tokenizer, seq_length, truncation)
    return directory


def test_batches_hold_exactly_what_the_format_encodes(traces, tokenizer):
    dataset = EncodedDataset(encode(traces, tokenizer), seq_length=256, length_multiple=8)
    batch = dataset.collate_fn([dataset[n] for n in range(len(dataset))])
    wanted = [FORMAT.encode_example(tokenizer, p.text, t) for p, t in zip(PROBLEMS, TARGETS, strict=True)]
    longest = max(len(example.input_ids) for example in wanted) - 1
    assert batch["tokens"].shape == (20, -(-longest // 8) * 8)
    for row, example in enumerate(wanted):
        length = len(example.input_ids) - 1
        assert batch["tokens"][row, :length].tolist() == example.input_ids[:-1]
        assert batch["labels"][row, :length].tolist() == example.input_ids[1:]
        assert batch["loss_mask"][row, :length].tolist() == example.loss_mask[1:]
        assert batch["loss_mask"][row, length:].sum() == 0
    lengths = [len(example.input_ids) - 1 for example in wanted]
    supervised = sum(sum(example.loss_mask) for example in wanted)
    assert dataset.counts.tolist() == [supervised, sum(lengths), sum(length**2 for length in lengths)]


def test_only_the_target_and_the_stop_token_are_learned(traces, tokenizer):
    dataset = EncodedDataset(encode(traces, tokenizer), seq_length=256, length_multiple=1)
    batch = dataset.collate_fn([dataset[3]])
    learned = batch["labels"][0][batch["loss_mask"][0].bool()].tolist()
    assert tokenizer.decode(learned) == TARGETS[3] + "<|im_end|>"


def test_the_fill_teaches_nothing(traces, tokenizer):
    dataset = EncodedDataset(encode(traces, tokenizer), seq_length=256, length_multiple=8, fill=16)
    assert len(dataset) == 32
    assert dataset.collate_fn([dataset[n] for n in range(20, 32)])["loss_mask"].sum() == 0


def test_one_length_for_all_batches_where_it_is_wanted(traces, tokenizer):
    dataset = EncodedDataset(encode(traces, tokenizer), 256, 8, pad_to_max_length=True)
    assert dataset.collate_fn([dataset[0]])["tokens"].shape == (1, 256)


def test_long_examples_are_dropped_whole_and_counted(traces, tokenizer):
    lengths = [
        len(FORMAT.encode_example(tokenizer, p.text, t).input_ids) for p, t in zip(PROBLEMS, TARGETS, strict=True)
    ]
    limit = sorted(lengths)[10]  # as inputs and labels, one token less
    counts = encoding.counts(encode(traces, tokenizer, seq_length=limit - 1))
    assert counts["examples"] == sum(length <= limit for length in lengths)
    assert counts["examples"] + counts["dropped"] == 20 and counts["dropped"] > 0


def test_long_examples_are_refused_where_wanted(traces, tokenizer):
    with pytest.raises(InputError, match=r"example \d+ of .* has \d+ tokens, more than distill.seq_length=40"):
        encode(traces, tokenizer, 40, "error")
    with pytest.raises(InputError, match="no example of"):
        encode(traces, tokenizer, 8)


def test_encoding_is_done_again_only_when_something_changed(traces, tokenizer):
    directory = encode(traces, tokenizer)
    written = (directory / "input_ids.bin").stat().st_mtime_ns
    encode(traces, tokenizer)
    assert (directory / "input_ids.bin").stat().st_mtime_ns == written
    encode(traces, tokenizer, seq_length=128)
    assert (directory / "input_ids.bin").stat().st_mtime_ns != written


@given(st.lists(st.integers(0, 1), min_size=1, max_size=12), st.integers(0, 3))
def test_the_mask_check_accepts_exactly_sound_masks(mask, last):
    example = Example([9] * (len(mask) - 1) + [last], mask)
    sound = 0 < sum(mask) < len(mask) and last == 2 and mask[-1] == 1
    if sound:
        encoding.check_mask(example, 2, "x")
    else:
        with pytest.raises(InputError):
            encoding.check_mask(example, 2, "x")


def test_a_kill_leaves_the_complete_checkpoint_alone(tmp_path):
    checkpoints.record(tmp_path, checkpoints.Checkpoint(30))
    for name in ("iter_0000030", "iter_0000060", "iter_0000010"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
    (tmp_path / "latest_train_state.pt").write_bytes(b"")
    checkpoints.clean(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["complete.json", "iter_0000030"]
    assert checkpoints.latest(tmp_path) == checkpoints.Checkpoint(30, final=False, stopped_early=False)


def test_without_a_record_nothing_counts(tmp_path):
    (tmp_path / "iter_0000030").mkdir()
    checkpoints.clean(tmp_path)
    assert checkpoints.latest(tmp_path) is None and not list(tmp_path.iterdir())


def test_arrays_are_plain_numbers(traces, tokenizer):
    directory = encode(traces, tokenizer)
    assert [array.dtype for array in encoding.load(directory)] == [np.int32, np.uint8, np.int64]
    assert set(read_json(directory / encoding.META)) == {"key", *encoding.COUNTS}


def test_a_cut_example_keeps_its_beginning_and_learns_no_stop(traces, tokenizer):
    wanted = [FORMAT.encode_example(tokenizer, p.text, t) for p, t in zip(PROBLEMS, TARGETS, strict=True)]
    limit = sorted(len(example.input_ids) for example in wanted)[10]
    directory = encode(traces, tokenizer, limit - 1, "cut")
    ids, mask, offsets = encoding.load(directory)
    counts = encoding.counts(directory)
    longer = sum(len(example.input_ids) > limit for example in wanted)
    assert counts["cut"] == longer > 0 and counts["dropped"] == 0 and counts["examples"] == 20
    for number, example in enumerate(wanted):
        span = slice(offsets[number], offsets[number + 1])
        assert ids[span].tolist() == example.input_ids[:limit] and mask[span].tolist() == example.loss_mask[:limit]
        stopped = FORMAT.stop_id(tokenizer) in ids[span][mask[span] == 1]
        assert stopped == (len(example.input_ids) <= limit)


def test_an_example_whose_prompt_alone_is_too_long_is_dropped_even_where_others_are_cut(traces, tokenizer):
    prompts = [len(FORMAT.encode_prompt(tokenizer, problem.text)) for problem in PROBLEMS]
    limit = sorted(prompts)[10]
    directory = encode(traces, tokenizer, limit - 1, "cut")
    counts = encoding.counts(directory)
    assert counts["dropped"] == sum(prompt >= limit for prompt in prompts)
    assert counts["cut"] == counts["examples"] == 20 - counts["dropped"]
    _, mask, offsets = encoding.load(directory)
    assert all(mask[start:end].any() for start, end in itertools.pairwise(offsets))


def test_an_example_that_quotes_the_stop_token_is_dropped_and_counted(traces, tokenizer):
    quoting = {"id": "q", "problem": "?", "messages": [{"role": "assistant", "content": TARGETS[0] + "<|im_end|> and"}]}
    traces.write_bytes(traces.read_bytes() + orjson.dumps(quoting) + b"\n")
    counts = encoding.counts(encode(traces, tokenizer))
    assert counts["dropped"] == counts["dropped_for_stop_token"] == 1 and counts["examples"] == 20


@pytest.mark.parametrize("multiple", [1, 4])
def test_packed_rows_hold_every_example_once_each_from_position_zero(traces, tokenizer, multiple):
    directory = encode(traces, tokenizer)
    packing.pack_directory(directory, 256, multiple, seed=3)
    dataset = EncodedDataset(directory, 256, length_multiple=8, packed_multiple=multiple)
    batch = dataset.collate_fn([dataset[n] for n in range(len(dataset))])
    found = []
    for row, boundaries in enumerate(batch["cu_seqlens_q"].tolist()):
        assert boundaries[-1] == batch["tokens"].shape[1] and not any(start % multiple for start in boundaries)
        for start, end in itertools.pairwise(boundaries):
            part = {name: batch[name][row, start:end].tolist() for name in ("tokens", "labels", "loss_mask")}
            assert batch["position_ids"][row, start:end].tolist() == list(range(end - start))
            assert end - start <= batch["max_seqlen_q"][row].item()
            if any(part["loss_mask"]):  # the padding at the end learns nothing
                found.append(tuple(map(tuple, part.values())))
    wanted = [FORMAT.encode_example(tokenizer, p.text, t) for p, t in zip(PROBLEMS, TARGETS, strict=True)]
    assert sorted(found) == sorted(_alone(example, multiple) for example in wanted)
    assert len(dataset) < 20


def _alone(example, multiple):
    """Inputs, labels and mask of an example, padded to a multiple."""
    padding = [0] * (-(len(example.input_ids) - 1) % multiple)
    parts = example.input_ids[:-1], example.input_ids[1:], example.loss_mask[1:]
    return tuple(tuple(part + padding) for part in parts)


def test_the_fill_of_packed_rows_teaches_nothing(traces, tokenizer):
    directory = encode(traces, tokenizer)
    packing.pack_directory(directory, 256, 2, seed=0)
    dataset = EncodedDataset(directory, 256, 8, packed_multiple=2, fill=16)
    bins = packing.counts(directory)["bins"]
    assert len(dataset) == 16 > bins
    batch = dataset.collate_fn([dataset[bins]])
    assert batch["loss_mask"].sum() == 0 and batch["cu_seqlens_q"].tolist() == [[0, 2, 8]]


def test_bins_follow_the_seed_and_are_made_again_only_when_something_changed(traces, tokenizer):
    directory = encode(traces, tokenizer)
    packing.pack_directory(directory, 256, 1, seed=0)
    first = [array.tolist() for array in packing.load_bins(directory)]
    written = (directory / "bins" / "examples.npy").stat().st_mtime_ns
    packing.pack_directory(directory, 256, 1, seed=0)
    assert (directory / "bins" / "examples.npy").stat().st_mtime_ns == written
    packing.pack_directory(directory, 256, 1, seed=1)
    other = [array.tolist() for array in packing.load_bins(directory)]
    assert other != first and sorted(other[0]) == sorted(first[0])
    packing.pack_directory(directory, 256, 1, seed=0)
    assert [array.tolist() for array in packing.load_bins(directory)] == first
