# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our side and NeMo-RL's own source: run where `nemo_rl` can be imported (docs/nemo_rl.md says how)."""

import math
import os
from pathlib import Path

import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose
from nemo_reasoning.config import GRPO, Config, Paths, Reward, ScratchModel
from nemo_reasoning.config.nemo_rl import NemoRL, NemoRLStage
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.demo.student import make_student
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo import algorithm
from nemo_reasoning.grpo.nemo_rl import data, hooks, run, schema, translate
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.grpo.nemo_rl.records import Recorder
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.rewards import Rollout, score
from nemo_reasoning.sampling import Completion
from nemo_reasoning.traces import Problem, read_jsonl
from nemo_reasoning.verify import Verifier

WHY = "NeMo-RL is not importable here; docs/nemo_rl.md says how to run these tests against its source"
nemo_grpo = pytest.importorskip("nemo_rl.algorithms.grpo", reason=WHY, exc_type=ImportError)

from nemo_rl.algorithms.utils import get_gdpo_reward_component_keys  # noqa: E402 - needs NeMo-RL
from nemo_rl_policy import InProcessPolicy, Scripted  # noqa: E402 - needs NeMo-RL

BY_NAME = bool(get_gdpo_reward_component_keys({"reward/any": None}))
"""NeMo-RL's main branch takes rewards by name, and weighs them; v0.7 takes columns."""
REPO = str(Path(nemo_grpo.__file__).parents[2])
CONF = Path(__file__).parents[2] / "conf"
RECIPES = sorted(path.stem for path in CONF.glob("experiment/*.yaml") if "engine: nemo_rl" in path.read_text())
SHAPE = ScratchModel(hidden_size=64, intermediate_size=96, num_hidden_layers=2, max_position_embeddings=96)
BREVITY = Reward(params={"max_completion_len": 24, "soft_punish_cache": 24})
"""Minus the completion's share of 24 tokens: a random model can learn to be brief."""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    directory = tmp_path_factory.mktemp("student") / "student"
    texts = [f"What is {a} plus {b}? <think>\n{a}+{b}\n</think>" for a in range(30) for b in range(30)]
    make_student(directory, SHAPE, texts, seed=0)
    return directory


def make_job(directory, model="some/model", *, nemo_rl=None, **settings):
    settings = {"max_num_steps": 20, "num_prompts_per_step": 4, "num_generations_per_prompt": 4} | settings
    settings |= {"max_new_tokens": 24, "max_tokens_per_microbatch": 64, "checkpoint_interval": 10}
    nemo_rl = NemoRL(**{"repo": REPO, "max_prompt_tokens": 40, **(nemo_rl or {})})
    grpo = GRPO(init=str(model), nemo_rl=nemo_rl, **settings)
    config = Config(name="test", paths=Paths(run=str(directory)), format=ReasoningFormat(), grpo=grpo)
    stop_id = 0 if model == "some/model" else config.format.stop_id(load_tokenizer(str(model)))
    return Job(config, translate.stages(config)[0], str(model), directory, stop_id)


def master_config(job):
    return merged_with_base(job.directory / "config.yaml", translate.translate(job))


def merged_with_base(path, values):
    """What `examples/run_grpo.py` makes of our configuration, by NeMo-RL's own functions."""
    from nemo_rl.utils.config import load_config, register_omegaconf_resolvers
    from omegaconf import OmegaConf

    register_omegaconf_resolvers()
    run.write_config(path, values)
    merged = OmegaConf.to_container(load_config(path), resolve=True)
    return merged, nemo_grpo.MasterConfig(**merged)


def leaves(values, place=()):
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*place, name))
        elif name not in schema.MARKERS:
            yield (*place, name), value


@pytest.mark.parametrize("backend", ["dtensor", "megatron"])
@pytest.mark.parametrize("validates", [False, True])
def test_the_configuration_survives_the_merge_with_nemo_rls_own(tmp_path, backend, validates):
    settings = {"warmup_steps": 3, "min_lr_ratio": 0.1, "ratio_clip_c": 3.0, "val_period": 5 if validates else 0}
    job = make_job(tmp_path, nemo_rl={"backend": backend}, **settings)
    values = translate.translate(job)
    schema.check(values, Path(REPO) / translate.BASE)
    merged, master = master_config(job)
    for place, value in leaves(values):
        found = merged
        for name in place:
            found = found[name]
        assert found == value, place
    assert set(merged["data"]["train"]) == {"dataset_name", "processor", "data_path", "env_name"}
    assert set(merged["env"]) == {"nemo_reasoning", "nemo_reasoning_validation"}
    assert master.loss_fn.ratio_clip_c == 3.0
    assert master.policy["dtensor_cfg"]["enabled"] == (backend == "dtensor")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"loss_fn": {"ratio_clip_maxx": 0.3}}, "loss_fn.ratio_clip_maxx; did you mean 'ratio_clip_max'"),
        ({"policy": {"dtensor_cfg": {"tensor_parallel": 2}}}, "did you mean 'tensor_parallel_size'"),
        ({"grppo": {}}, "NeMo-RL has no setting grppo; did you mean 'grpo'"),
    ],
)
def test_unknown_overrides_are_one_sentence(tmp_path, overrides, sentence):
    values = schema.merged(translate.translate(make_job(tmp_path)), overrides)
    with pytest.raises(InputError, match=sentence):
        schema.check(values, Path(REPO) / translate.BASE)


def test_overrides_of_a_known_but_unwritten_key_pass(tmp_path):
    known = {"policy": {"dtensor_cfg": {"clear_cache_every_n_steps": 4}, "refit_buffer_size_gb": 2}}
    values = schema.merged(translate.translate(make_job(tmp_path)), known)
    schema.check(values, Path(REPO) / translate.BASE)
    assert values["policy"]["dtensor_cfg"]["tensor_parallel_size"] == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_a_configuration_of_nemo_rl(recipe, tmp_path):
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        config = compose.load(hydra_compose("config", overrides=[f"experiment={recipe}", f"grpo.nemo_rl.repo={REPO}"]))
    for index, stage in enumerate(translate.stages(config)):
        values = run.values_for(Job(config, stage, config.grpo.init, tmp_path, 0))
        merged, master = merged_with_base(tmp_path / f"{index}.yaml", values)
        assert merged["policy"]["max_total_sequence_length"] == stage.max_total_sequence_length
        assert master.loss_fn.ratio_clip_max == (0.28 if index or recipe != "deepscaler_1_5b" else 0.2)
    if recipe == "deepscaler_1_5b":
        assert merged["policy"]["optimizer"]["kwargs"]["lr"] == 5e-7
        assert merged["policy"]["dtensor_cfg"]["tensor_parallel_size"] == 2


@pytest.fixture(scope="module")
def cluster():
    import ray

    os.environ["NEMO_RL_PY_EXECUTABLES_SYSTEM"] = "1"
    ray.init(
        "local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": dict(os.environ)}
    )
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address  # NeMo-RL's memory tracker reads it
    yield
    os.environ.pop("RAY_ADDRESS")
    ray.shutdown()


@pytest.fixture(scope="module")
def registered(cluster):
    run.register(Config(name="test", format=ReasoningFormat()))


@pytest.fixture
def hooked(registered, monkeypatch):
    """Installs the hooks, and takes them out again."""
    from nemo_rl.experience import rollouts
    from nemo_rl.utils.logger import Logger

    for place, names in (
        (rollouts, ["get_keys_from_message_log"]),
        (Logger, ["log_metrics"]),
        (
            nemo_grpo,
            [
                "run_multi_turn_rollout",
                "run_async_multi_turn_rollout",
                "calculate_baseline_and_std_per_prompt",
                "_create_advantage_estimator",
            ],
        ),
    ):
        for name in names:
            monkeypatch.setattr(place, name, getattr(place, name))
    return hooks.install


PROBLEMS = [Problem(f"p{a}", f"What is {a} plus 3?", None if a == 2 else str(a + 3)) for a in range(12)]


def loaded(job, problems=PROBLEMS):
    """NeMo-RL's datasets, environments and configuration for our job."""
    from nemo_rl.data.utils import setup_response_data

    tokenizer = load_tokenizer(job.model)
    data.write_problems(job.problems, problems, job.config.format, tokenizer, 40)
    merged, master = master_config(job)
    return tokenizer, merged, master, setup_response_data(tokenizer, master.data, master.env)


def batch_of(dataset, indices, repeats):
    from nemo_rl.data.collate_fn import rl_collate_fn

    return rl_collate_fn([dataset[index] for index in indices]).repeat_interleave(repeats)


@pytest.mark.slow
def test_prompts_are_ours_token_for_token(tmp_path, student, registered):
    job = make_job(tmp_path, student)
    tokenizer, _, _, (dataset, *_) = loaded(job)
    assert len(dataset) == len(PROBLEMS)
    for index, problem in enumerate(PROBLEMS):
        (message,) = dataset[index]["message_log"]
        assert message["token_ids"].tolist() == job.config.format.encode_prompt(tokenizer, problem.problem)
        assert dataset[index]["extra_env_info"]["answer"] == problem.answer


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["grpo", "gdpo"])
def test_the_same_completions_get_the_same_rewards_in_both_engines(tmp_path, student, hooked, estimator):
    rewards = {"accuracy": Reward(), "format": Reward(weight=0.3), "soft_overlong_punishment": BREVITY}
    job = make_job(tmp_path, student, rewards=rewards, adv_estimator=estimator)
    tokenizer, _, _, (dataset, _, environments, _) = loaded(job)
    indices, repeats, fmt = [0, 2, 5], 4, job.config.format
    texts = [
        text.format(a + 3)
        for a in indices
        for text in (
            "<think>\nadd\n</think>\n\n\\boxed{{{}}}",
            "<think>\nadd\n</think>\n\n\\boxed{{99}}",
            "\\boxed{{{}}}",
            "<think>\nlong",
        )
    ]
    completions = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        truncated = text.endswith("long")
        ids = ids if truncated else [*ids, job.stop_id]
        completions.append(Completion(ids, [-1.0] * len(ids), truncated))
    with Verifier(job.config.verify) as verifier:
        parsed = [fmt.parse(text, truncated=c.truncated) for text, c in zip(texts, completions, strict=True)]
        golds = [PROBLEMS[a].answer for a in indices for _ in range(repeats)]
        verdicts = verifier.check_batch(list(zip([p.answer for p in parsed], golds, strict=True)))
    expected = score(
        [
            Rollout(t, p, v, len(c.token_ids), i // repeats)
            for i, (t, p, v, c) in enumerate(zip(texts, parsed, verdicts, completions, strict=True))
        ],
        rewards,
        fmt,
    )
    assert expected.total[4:8] == [None] * 4 and expected.total[0] > expected.total[1]
    hooked(Recorder(StageRun("grpo", tmp_path), job.config.grpo, 1))
    generation = Scripted(completions, tokenizer.pad_token_id or 0)
    batch, measured = nemo_grpo.run_multi_turn_rollout(
        policy_generation=generation,
        input_batch=batch_of(dataset, indices, repeats),
        tokenizer=tokenizer,
        task_to_env=environments,
        max_seq_len=job.stage.max_total_sequence_length,
        max_rollout_turns=1,
    )
    assert batch["rewarded"].tolist() == [total is not None for total in expected.total]
    assert batch["loss_multiplier"].tolist() == [0.0 if total is None else 1.0 for total in expected.total]
    found = [t for t, there in zip(batch["total_reward"].tolist(), batch["rewarded"].tolist(), strict=True) if there]
    assert found == torch.tensor([total for total in expected.total if total is not None]).tolist()  # to the last digit
    key = "reward/format" if BY_NAME else "reward2"
    weight = 1.0 if estimator == "gdpo" else 0.3
    assert batch[key].tolist() == pytest.approx([weight * value for value in expected.components["format"]])
    assert [row["reward"] for row in batch["judged"]] == expected.total
    assert [row["completion"] for row in batch["judged"]] == texts
    assert measured["unrewarded"] == 4 and measured["unrewarded/accuracy/unparsable_gold"] == 4
    assert measured["verdict/correct"] == pytest.approx(2 / 12)
    assert measured["truncated_share"] == pytest.approx(3 / 12)
    for environment in set(environments.values()):
        import ray

        ray.get(environment.shutdown.remote())


def test_equal_rewards_have_no_deviation():
    theirs = nemo_grpo.calculate_baseline_and_std_per_prompt
    prompts, rewards = torch.arange(50).repeat_interleave(16)[:, None], torch.rand(50).repeat_interleave(16)
    assert (theirs(prompts, rewards, torch.ones(800), False)[1] > 0).any()  # rounding: these groups would be kept
    rewards[:8] += 0.25
    _, std = hooks._exact_zero(theirs)(prompts, rewards, torch.ones(800), False)
    assert (std[:16] > 0.1).all() and not std[16:].any()


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_our_advantages_are_nemo_rls(leave_one_out, normalize):
    theirs = nemo_grpo.calculate_baseline_and_std_per_prompt
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        rewards = torch.randint(0, 4, (5, 8), generator=generator) / 2 + torch.rand(5, 8, generator=generator) * (
            seed % 2
        )
        prompts = torch.arange(5).repeat_interleave(8)[:, None]
        baseline, std = theirs(prompts, rewards.flatten(), torch.ones(40), leave_one_out)
        wanted = rewards.flatten() - baseline
        wanted = torch.where(std > 0, wanted / (std + 1e-6), wanted) if normalize else wanted
        valid = torch.ones(5, 8, dtype=torch.bool)
        found = algorithm.advantages(rewards, valid, leave_one_out=leave_one_out, normalize=normalize)
        assert torch.allclose(found.flatten(), wanted, atol=1e-4)


ESTIMATORS = {
    "grpo": {"use_leave_one_out_baseline": True},
    "rloo": {"adv_estimator": "rloo"},
    "gdpo": {"adv_estimator": "gdpo"},
    "reinforce++": {"adv_estimator": "reinforce_plus_plus"},
    "reinforce++, kl": {
        "adv_estimator": "reinforce_plus_plus",
        "use_kl_in_reward": True,
        "reference_policy_kl_penalty": 0.2,
    },
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_estimator_that_stands_in_for_nemo_rls_gives_its_numbers(tmp_path, name):
    compare_estimators(make_job(tmp_path, rewards={"accuracy": Reward(), "format": Reward()}, **ESTIMATORS[name]))


def test_gdpos_weights_are_nemo_rls_where_it_has_them(tmp_path):
    rewards = {"format": Reward(weight=0.3), "accuracy": Reward(weight=2.0)}
    job = make_job(tmp_path, rewards=rewards, adv_estimator="gdpo")
    if BY_NAME:
        run.values_for(job)
        compare_estimators(job)
    else:
        with pytest.raises(InputError, match="this NeMo-RL's GDPO cannot weigh rewards"):
            run.values_for(job)


def compare_estimators(job):
    """NeMo-RL's own estimator, made from our configuration, and ours in its place, on the same batch."""
    rewards = job.config.grpo.rewards
    weights = torch.tensor([reward.weight for reward in rewards.values()])
    theirs = nemo_grpo._create_advantage_estimator(master_config(job)[1])
    ours = hooks._Advantages(Recorder(StageRun("grpo", job.directory), job.config.grpo, 1))
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 12, generator=generator)
    mask = (torch.arange(9) >= 2)[None] & (torch.arange(9)[None] < torch.randint(4, 9, (12, 1), generator=generator))
    keys = [f"reward/{name}" for name in rewards] if BY_NAME else ["reward1", "reward2"]
    components = dict(zip(rewards, values.tolist(), strict=True))
    batch = {
        **dict(zip(keys, values, strict=True)),
        "rewarded": torch.ones(12, dtype=torch.bool),
        "judged": [{"components": {name: each[row] for name, each in components.items()}} for row in range(12)],
    }
    call = {
        "prompt_ids": torch.arange(3).repeat_interleave(4)[:, None],
        "rewards": weights @ values,
        "mask": mask.float(),
        "repeated_batch": batch,
        "logprobs_policy": torch.randn(12, 9, generator=generator),
        "logprobs_reference": torch.randn(12, 9, generator=generator),
    }
    wanted, found = (estimator.compute_advantage(**call) for estimator in (theirs, ours))
    assert torch.allclose(found[mask], wanted[mask], atol=1e-4)
    assert ours.recorder.learned[0]["advantage"] == pytest.approx(wanted[0, 2].item(), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_nemo_rls_training_loop_learns_from_our_environment(tmp_path, student, hooked, monkeypatch, dynamic):
    from nemo_rl.algorithms.loss import ClippedPGLossFn
    from nemo_rl.data.collate_fn import rl_collate_fn
    from nemo_rl.utils.checkpoint import CheckpointManager
    from nemo_rl.utils.logger import Logger
    from torchdata.stateful_dataloader import StatefulDataLoader

    job = make_job(
        tmp_path,
        student,
        rewards={"soft_overlong_punishment": BREVITY, "accuracy": Reward(weight=0.5)},
        use_dynamic_sampling=dynamic,
        num_minibatches=2,
    )
    tokenizer, merged, master, (dataset, _, environments, _) = loaded(job)
    merged["logger"]["monitor_gpus"] = False
    master = nemo_grpo.MasterConfig(**merged)
    stage = StageRun("grpo", tmp_path)
    hooked(Recorder(stage, job.config.grpo, 20))
    monkeypatch.setattr(nemo_grpo, "refit_policy_generation", lambda *_, **__: {})  # one model: nothing to move
    policy = InProcessPolicy(load_model(str(student), torch.float32), tokenizer, job.stop_id, merged["policy"], lr=3e-3)
    checkpointer = CheckpointManager(master.checkpointing)
    loader = StatefulDataLoader(dataset, batch_size=4, shuffle=True, collate_fn=rl_collate_fn, drop_last=True)
    arguments = (policy, policy, loader, None, tokenizer, ClippedPGLossFn(master.loss_fn), environments, None)
    nemo_grpo.grpo_train(*arguments, Logger(master.logger), checkpointer, _save_state(), master)
    rows = [row for row in read_metrics(tmp_path) if "rollouts" in row]
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert sum(row["reward"] for row in rows[-3:]) / 3 > rows[0]["reward"] + 0.2
    assert all(math.isfinite(row["loss"]) for row in rows)
    # One problem of twelve has no gold answer: its four completions have no reward, in every epoch.
    unrewarded = sum(row["unrewarded"] for row in rows)
    assert unrewarded == sum(row.get("unrewarded/accuracy/unparsable_gold", 0) for row in rows) > 0
    assert dynamic or unrewarded in (24, 28)
    assert run.latest_step(job) == 20
    logged = list(read_jsonl(tmp_path / "rollouts.jsonl"))
    assert {row["step"] for row in logged} == {1, 10, 20}
    step = [row for row in logged if row["step"] == 20]
    assert len(step) == 16
    totals = torch.tensor([math.nan if row["reward"] is None else row["reward"] for row in step]).view(4, 4)
    wanted = algorithm.advantages(totals, ~totals.isnan())
    assert torch.allclose(torch.tensor([row["advantage"] for row in step]).view(4, 4), wanted, atol=1e-4)


def _save_state():
    make = getattr(nemo_grpo, "_initial_grpo_save_state", None) or nemo_grpo._default_grpo_save_state
    return make()


CORRECTED = {"use_importance_sampling_correction": True}
BOUNDS = {"truncated_importance_sampling_ratio": 1.2, "truncated_importance_sampling_ratio_min": 0.8}
VARIANTS = {
    "defaults": {},
    "clip higher": {"ratio_clip_min": 0.1, "ratio_clip_max": 0.4},
    "dual clip": {"ratio_clip_c": 1.3},
    "per sequence": {"token_level_loss": False},
    "gspo": {"sequence_level_importance_ratios": True, "token_level_loss": False},
    "cispo": {"use_cispo": True},
    "reinforce": {"disable_ppo_ratio": True},
    "on policy": {"force_on_policy_ratio": True},
    "tis": {**CORRECTED, "truncated_importance_sampling_type": "tis", "truncated_importance_sampling_ratio": 1.3},
    "icepop": {**CORRECTED, **BOUNDS, "truncated_importance_sampling_type": "icepop"},
    "seq-mask-tis": {**CORRECTED, **BOUNDS, "truncated_importance_sampling_type": "seq-mask-tis"},
    "kl on policy": {"reference_policy_kl_penalty": 0.1, "use_on_policy_kl_approximation": True},
    "k1": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k1"},
    "k2": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k2"},
    "k3": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k3"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_our_loss_is_nemo_rls(tmp_path, name):
    from nemo_rl.algorithms.loss import ClippedPGLossFn
    from nemo_rl.distributed.batched_data_dict import BatchedDataDict

    job = make_job(tmp_path, **VARIANTS[name])
    theirs = ClippedPGLossFn(master_config(job)[1].loss_fn)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        old, reference, current, sampled = (torch.randn(6, 9, generator=generator) * 0.4 - 2 for _ in range(4))
        mask = torch.rand(6, 9, generator=generator) < 0.8
        mask[:, 0] = True
        samples = torch.tensor([1.0, 1, 0, 1, 1, 1])
        advantage = torch.randn(6, generator=generator)
        valid = mask & samples.bool()[:, None]
        tokens, sequences = int(valid.sum()), int(samples.sum())
        pad = torch.nn.functional.pad
        batch = BatchedDataDict(
            input_ids=torch.zeros(6, 10, dtype=torch.long),
            advantages=advantage[:, None].expand(6, 10),
            prev_logprobs=pad(old, (1, 0)),
            generation_logprobs=pad(sampled, (1, 0)),
            reference_policy_logprobs=pad(reference, (1, 0)),
            token_mask=pad(mask.float(), (1, 0)),
            sample_mask=samples,
        )
        one, two = (current.clone().requires_grad_() for _ in range(2))
        wanted, _ = theirs(
            next_token_logprobs=one,
            data=batch,
            global_valid_seqs=torch.tensor(float(sequences)),
            global_valid_toks=torch.tensor(float(tokens)),
        )
        found = algorithm.policy_loss(
            two,
            old,
            advantage,
            valid,
            job.config.grpo,
            total_tokens=tokens,
            total_sequences=sequences,
            reference=reference,
            sampled=sampled,
        ).total
        wanted.backward()
        found.backward()
        assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
        assert torch.allclose(two.grad, one.grad, atol=1e-5)


def test_stages_in_a_row_are_separate_jobs(tmp_path):
    rows = [NemoRLStage(max_num_steps=2, max_total_sequence_length=n) for n in (64, 128)]
    job = make_job(tmp_path, nemo_rl={"stages": rows})
    merged, _ = master_config(job)
    assert merged["policy"]["generation"]["max_new_tokens"] == 64 == merged["policy"]["max_total_sequence_length"]
