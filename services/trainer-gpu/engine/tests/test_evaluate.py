import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gradients_engine.artifact import Checks, check_files, load_artifact
from gradients_engine.errors import EngineError
from gradients_engine.evaluate import is_match, run_evaluation
from gradients_engine.generate import answer_prompts, generate
from gradients_engine.model import load_model
from gradients_engine.train import run_training

from .conftest import Events


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained(train_spec: Callable[..., Any], kept: Path, tmp_path: Path) -> Callable[..., Path]:
    """A trained artifact to spoil: trained once for each set of changes, copied for each test."""

    def train(**changes: Any) -> Path:
        done = kept / hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()
        if not done.exists():
            spec = train_spec("trained", **changes)
            run_training(spec, Events(), never)
            shutil.copytree(spec.output_dir, done)
            shutil.rmtree(spec.output_dir)
        return Path(shutil.copytree(done, tmp_path / f"copy-{changes.get('seed', 7)}"))

    return train


def read_scores(spec: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (spec.output_dir / "scores.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_scores_are_sums_and_counts_of_each_row(
    evaluate_spec: Callable[..., Any], trained: Callable[..., Path], events: Events, method: str
) -> None:
    spec = evaluate_spec(trained(method=method))
    run_evaluation(spec, events, never)
    scores = read_scores(spec)
    (result,) = events.of("result")
    assert [score["row"] for score in scores] == list(range(1, 25))
    assert result["tokens"] == sum(score["tokens"] for score in scores)
    assert result["nll_sum"] == pytest.approx(sum(score["nll_sum"] for score in scores))
    assert set(scores[0]) == {"row", "nll_sum", "tokens", "truncated"}
    checks = result["checks"]
    assert checks.pop("update_norm") > 0
    assert checks == {"loads": True, "finite": True, "changed": True, "safetensors_only": True}
    assert events.of("progress")[-1]["step"] == events.of("progress")[-1]["total_steps"] == 24


@pytest.mark.parametrize("dora", [False, True])
def test_adapters_score_as_with_plain_peft(
    evaluate_spec: Callable[..., Any], trained: Callable[..., Path], events: Events, model_dir: Path, dora: bool
) -> None:
    """Merged here, apart there; and the update norm is that of the weights."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from gradients_engine.data import Encoder, read_rows

    settings = {"learning_rate": 0.02, "batch_size": 4, "lora": {"rank": 4, "use_dora": dora}}
    folder = trained(settings=settings)
    spec = evaluate_spec(folder)
    run_evaluation(spec, events, never)
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    base.requires_grad_(False)
    plain = {name: weight.clone() for name, weight in base.named_parameters()}
    tuned = PeftModel.from_pretrained(base, str(folder))
    encoder = Encoder(AutoTokenizer.from_pretrained(model_dir), spec.max_length)
    for row, score in zip(read_rows(spec.heldout_file, spec.format, spec.columns), read_scores(spec), strict=True):
        example = encoder.example(row)
        ids = torch.tensor([list(example.ids)])
        labels = torch.where(torch.tensor([list(example.targets)]) == 1, ids, -100)
        with torch.no_grad():
            loss = float(tuned(input_ids=ids, labels=labels).loss)
        assert score["nll_sum"] == pytest.approx(loss * score["tokens"], rel=1e-4)
    merged = dict(tuned.merge_and_unload().named_parameters())
    norm = sum(float((merged[name] - plain[name]).square().sum()) for name in plain) ** 0.5
    assert events.of("result")[0]["checks"]["update_norm"] == pytest.approx(norm, rel=1e-4)


def test_the_base_scores_as_unchanged(
    evaluate_spec: Callable[..., Any], trained: Callable[..., Path], events: Events
) -> None:
    spec = evaluate_spec(None)
    run_evaluation(spec, events, never)
    base = read_scores(spec)
    untrained = trained(settings={"learning_rate": 1e-9, "batch_size": 1, "lora": {}}, max_steps=1)
    weights = load_file(untrained / "adapter_model.safetensors")
    zeroed = {name: weight * (0 if "lora_B" in name else 1) for name, weight in weights.items()}
    save_file(zeroed, untrained / "adapter_model.safetensors")
    run_evaluation(evaluate_spec(untrained), events, never)
    assert [event["checks"]["changed"] for event in events.of("result")] == [False, False]
    assert read_scores(spec) == base


def test_unchanged_full_weights_are_seen(evaluate_spec: Callable[..., Any], model_dir: Path, events: Events) -> None:
    run_evaluation(evaluate_spec(model_dir), events, never)
    (result,) = events.of("result")
    assert (result["checks"]["changed"], result["checks"]["update_norm"]) == (False, 0.0)


def test_copies_have_one_digest(trained: Callable[..., Path], model_dir: Path, tmp_path: Path) -> None:
    folder = trained()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    weights = load_file(copy / "adapter_model.safetensors")
    save_file(weights, copy / "adapter_model.safetensors", metadata={"author": "somebody else"})
    other = trained(seed=8)
    digests = [load_artifact(model_dir, path).weights_sha256 for path in (folder, copy, other)]
    assert digests[0] == digests[1] != digests[2]


def test_long_rows_are_truncated_and_counted(evaluate_spec: Callable[..., Any], events: Events) -> None:
    spec = evaluate_spec(None, max_length=40)
    run_evaluation(spec, events, never)
    scores = read_scores(spec)
    assert {score["truncated"] for score in scores} == {True, False}
    assert all((score["tokens"] == 0) == (score["nll_sum"] == 0.0) for score in scores)


def test_answers_are_compared_for_the_first_rows(
    evaluate_spec: Callable[..., Any], trained: Callable[..., Path], events: Events
) -> None:
    settings = {"learning_rate": 0.02, "batch_size": 8, "full": {}}
    folder = trained(method="full", settings=settings, max_steps=100)
    spec = evaluate_spec(folder, generate_rows=10, max_new_tokens=16)
    run_evaluation(spec, events, never)
    scores = read_scores(spec)
    (result,) = events.of("result")
    assert result["generated_rows"] == 10
    assert "generated" in scores[9]
    assert "generated" not in scores[10]
    assert scores[0]["prompt"] == "Say what it is.\n\ncrane near the bread"
    assert scores[0]["reference"] == "The crane."
    assert result["exact_matches"] == sum(score.get("exact_match", False) for score in scores) >= 5


def test_json_answers_are_compared_by_value() -> None:
    assert is_match(' {"a": 1, "b": [2]}\n', '{"b":[2],"a":1.0}')
    assert not is_match('{"a": 1}', '{"a": 2}')
    assert not is_match("{broken", '{"a": 2}')
    assert is_match(" yes\n", "yes")
    assert not is_match("1.0", "1")


def test_batched_answers_equal_those_of_transformers(model_dir: Path, tokenizer: Any) -> None:
    model = load_model(model_dir)
    start = tokenizer.encode("The crane is near")
    prompts = [start + tokenizer.encode(" the" * count) for count in (0, 1, 7, 3)] + [[5]]
    for group in (prompts[:4], prompts):
        for prompt, answer in zip(group, generate(model, tokenizer, group, 12), strict=True):
            ids = torch.tensor([prompt])
            full = model.causal.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
            expected = full[0, len(prompt) :].tolist()
            assert answer == [token for token in expected if token != tokenizer.eos_token_id]


def test_prompts_that_do_not_fit_are_answered_with_nothing(model_dir: Path, tokenizer: Any) -> None:
    answers = list(generate(load_model(model_dir), tokenizer, [[5] * 250, [5, 6]], 8))
    assert answers[0] == []
    assert answers[1]


def test_prompt_files(model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "What?"}\n{"messages": [{"role": "user", "content": "Who?"}]}\n')
    answers = list(answer_prompts(model_dir, None, path, 4, 1))
    assert [(answer["index"], answer["prompt"]) for answer in answers] == [(0, "What?"), (1, "Who?")]
    path.write_text('{"question": "What?"}\n')
    with pytest.raises(EngineError, match="prompts line 1"):
        list(answer_prompts(model_dir, None, path, 4, 1))


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("code", "spoil", "complaint"),
    [
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "a.bin").write_bytes(b"x"), "a.bin: only"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "run.py").write_text("x"), "run.py: only"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "x.json").write_bytes(b"\x80\x04K\x01."), "x.json is not what"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "x.txt").write_bytes(b"PK\x03\x04"), "x.txt is not what"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "x.safetensors").write_bytes(b"PK\x03\x04" * 9), "no safetensors"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "x.json").symlink_to("/etc/hostname"), "x.json is no plain file"),
        ("ARTIFACT_UNSAFE", lambda folder: (folder / "sub").mkdir(), "sub is no plain file"),
        ("ARTIFACT_UNLOADABLE", lambda folder: (folder / "adapter_model.safetensors").unlink(), "exactly one of"),
        ("ARTIFACT_UNLOADABLE", lambda folder: (folder / "adapter_config.json").unlink(), "missing or incomplete"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, r=4096), "ranks must be"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, peft_type="IA3"), "only peft_type LORA"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, modules_to_save=["lm_head"]), "modules_to_save"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, target_modules=["nothing"]), "does not fit"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, r=8), "does not fit"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit_config(folder, target_modules=["q_proj"]), "does not fit"),
        ("NONFINITE", lambda folder: edit_weights(folder, "adapter_model.safetensors"), "NaN or infinity"),
    ],
)
def test_bad_adapters_are_refused(
    trained: Callable[..., Path], model_dir: Path, code: str, spoil: Spoil, complaint: str
) -> None:
    folder = trained(max_steps=1)
    spoil(folder)
    with pytest.raises(EngineError, match=complaint) as caught:
        load_artifact(model_dir, folder)
    assert caught.value.code == code
    assert caught.value.details["checks"]["safetensors_only"] == (
        code != "ARTIFACT_UNSAFE" and "exactly" not in complaint
    )
    assert caught.value.details["checks"]["loads"] is False


@pytest.mark.parametrize(
    ("code", "spoil", "complaint"),
    [
        ("ARTIFACT_UNLOADABLE", lambda folder: edit(folder / "config.json", rms_norm_eps=0.5), "rms_norm_eps is not"),
        ("ARTIFACT_UNLOADABLE", lambda folder: edit(folder / "config.json", auto_map={}), "auto_map"),
        ("ARTIFACT_UNLOADABLE", lambda folder: (folder / "chat_template.jinja").write_text("x"), "chat_template.jinja"),
        ("ARTIFACT_UNLOADABLE", lambda folder: drop_weight(folder), "does not match the base"),
        ("NONFINITE", lambda folder: edit_weights(folder, "model.safetensors"), "NaN or infinity"),
    ],
)
def test_bad_full_weights_are_refused(
    trained: Callable[..., Path], model_dir: Path, code: str, spoil: Spoil, complaint: str
) -> None:
    folder = trained(method="full", max_steps=1)
    spoil(folder)
    with pytest.raises(EngineError, match=complaint) as caught:
        load_artifact(model_dir, folder)
    assert caught.value.code == code


def test_links_to_other_folders_are_refused_before_anything_is_read(tmp_path: Path, model_dir: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(model_dir / "model.safetensors")
    with pytest.raises(EngineError, match="no plain file"):
        check_files(tmp_path)
    assert Checks().as_json()["loads"] is False


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def edit_config(folder: Path, **values: Any) -> None:
    edit(folder / "adapter_config.json", **values)


def edit_weights(folder: Path, name: str) -> None:
    weights = load_file(folder / name)
    next(iter(weights.values())).view(-1)[0] = float("nan")
    save_file(weights, folder / name, metadata={"format": "pt"})


def drop_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
