import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gradients_engine.batches import BatchPlan
from gradients_engine.checkpoint import Cursor
from gradients_engine.errors import EngineError, Stopped
from gradients_engine.optimizer import FlatAdamW
from gradients_engine.schedule import progress_at, rate_factor
from gradients_engine.train import run_training

from .conftest import Events

ENGINE = Path(__file__).parents[1]


def never() -> bool:
    return False


def after(steps: int, events: Events) -> Callable[[], bool]:
    """Asks for a stop once the run has come so far."""
    asked = iter(range(10**6))
    return lambda: next(asked) >= steps


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_stop_and_resume_equal_a_straight_run_bit_for_bit(
    train_spec: Callable[..., Any], events: Events, method: str, stop: int
) -> None:
    """With dropout, two micro-batches a step and a second epoch in between."""
    own = {"lora": {"rank": 4, "dropout": 0.1}} if method == "lora" else {"full": {"trainable": "all"}}
    settings = {"learning_rate": 0.01, "batch_size": 3, "gradient_accumulation": 2, "weight_decay": 0.1, **own}
    straight = train_spec("straight", method=method, settings=settings)
    run_training(straight, events, never)

    first = train_spec("stopped", method=method, settings=settings)
    with pytest.raises(Stopped):
        run_training(first, events, after(stop, events))
    (saved,) = events.of("checkpoint")
    assert saved["step"] == stop
    torch.manual_seed(12345)
    resumed = train_spec("resumed", method=method, settings=settings, resume_from=saved["dir"])
    run_training(resumed, events, never)
    assert digest(resumed.output_dir) == digest(straight.output_dir)
    ends = [(event["steps"], event["examples"], event["final_loss"]) for event in events.of("result")]
    assert ends[0] == ends[1]


def test_checkpoints_hold_tensors_and_json_only_and_two_are_kept(
    train_spec: Callable[..., Any], events: Events
) -> None:
    spec = train_spec(checkpoint_every_seconds=0.001)
    run_training(spec, events, never)
    assert [event["step"] for event in events.of("checkpoint")] == list(range(1, 9))
    assert sorted(path.name for path in spec.checkpoint_dir.iterdir()) == ["7", "8"]
    files = sorted(path.name for path in (spec.checkpoint_dir / "8").iterdir())
    assert files == ["optimizer.safetensors", "random.safetensors", "state.json", "trainable.safetensors"]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_an_agent_of_another_user_can_read_what_is_left(
    train_spec: Callable[..., Any], events: Events, method: str
) -> None:
    before = os.umask(0o007)
    try:
        spec = train_spec(method=method, max_steps=2, checkpoint_every_seconds=0.001)
        run_training(spec, events, lambda: False)
    finally:
        os.umask(before)
    for folder in (spec.output_dir, spec.checkpoint_dir):
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o040, path


def test_a_checkpoint_of_another_run_or_half_a_checkpoint_is_refused(
    train_spec: Callable[..., Any], events: Events
) -> None:
    with pytest.raises(Stopped):
        run_training(train_spec("one"), events, after(2, events))
    saved = events.of("checkpoint")[0]["dir"]
    with pytest.raises(EngineError, match="resume_from: the checkpoint is of another run"):
        run_training(train_spec("two", seed=8, resume_from=saved), events, never)
    (Path(saved) / "optimizer.safetensors").unlink()
    with pytest.raises(EngineError, match="resume_from: no whole checkpoint"):
        run_training(train_spec("three", resume_from=saved), events, never)


def test_micro_batches_add_up_to_the_step_of_one_batch(
    train_spec: Callable[..., Any], rows: list[dict[str, Any]], events: Events, tmp_path: Path
) -> None:
    """Answers of very different lengths: a mean of micro-batches' means would be another step."""
    uneven = [{**row, "answer": row["answer"] * (1 + 5 * (index % 4))} for index, row in enumerate(rows)]
    file = tmp_path / "uneven.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in uneven))
    losses = []
    for name, batch, parts in (("whole", 6, 1), ("parts", 2, 3)):
        settings = {"learning_rate": 0.01, "lora": {"rank": 4}, "batch_size": batch, "gradient_accumulation": parts}
        run_training(train_spec(name, train_file=str(file), max_steps=4, settings=settings), events, never)
        losses.append(events.of("result")[-1]["final_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_training_learns_and_reports(train_spec: Callable[..., Any], events: Events) -> None:
    settings = {"learning_rate": 0.02, "batch_size": 8, "lora": {"rank": 8, "use_dora": True, "use_rslora": True}}
    run_training(train_spec(max_steps=40, settings=settings), events, never)
    assert [event["phase"] for event in events.of("phase")] == ["loading", "training", "saving"]
    (result,) = events.of("result")
    assert result["final_loss"] < events.of("progress")[0]["loss"] / 2
    assert result["steps"] == 40
    assert result["examples"] == result["data_cursor"] == 320
    assert result["computed_tokens"] < result["tokens"]


@pytest.mark.parametrize("layers", ["all", "last-1"])
def test_adapters_load_with_plain_peft(
    train_spec: Callable[..., Any], model_dir: Path, events: Events, layers: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    settings = {"learning_rate": 0.01, "batch_size": 4, "lora": {"rank": 4, "layers": layers}}
    spec = train_spec(settings=settings)
    run_training(spec, events, never)
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    tuned = PeftModel.from_pretrained(base, str(spec.output_dir))
    moved = {name for name, weight in tuned.named_parameters() if "lora_B" in name and bool(weight.any())}
    assert len(moved) == 7 * (3 if layers == "all" else 1)
    assert layers == "all" or all(".layers.2." in name for name in moved)
    config = json.loads((spec.output_dir / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == model_dir.name
    assert str(model_dir.parent) not in json.dumps(config)


def test_full_training_changes_the_chosen_blocks_and_loads_plainly(
    train_spec: Callable[..., Any], model_dir: Path, events: Events
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = train_spec(method="full")
    run_training(spec, events, never)
    before, after_ = (load_file(folder / "model.safetensors") for folder in (model_dir, spec.output_dir))
    assert before.keys() == after_.keys()
    changed = {name for name in before if not torch.equal(before[name], after_[name])}
    assert changed == {name for name in before if ".layers.1." in name or ".layers.2." in name or ".norm." in name}
    AutoModelForCausalLM.from_pretrained(spec.output_dir)
    assert AutoTokenizer.from_pretrained(spec.output_dir).chat_template


def test_the_budget_ends_the_run_without_overshooting(train_spec: Callable[..., Any], events: Events) -> None:
    run_training(train_spec(max_steps=None, budget_seconds=0.5), events, never)
    (result,) = events.of("result")
    assert result["steps"] > 1
    assert result["train_seconds"] < 0.75
    assert events.of("progress")[0]["eta_seconds"] < 0.5


def test_epochs_end_the_run(train_spec: Callable[..., Any], events: Events) -> None:
    settings = {"learning_rate": 0.01, "batch_tokens": 200, "epochs": 2, "lora": {}}
    run_training(train_spec(max_steps=None, settings=settings), events, never)
    (result,) = events.of("result")
    assert result["examples"] == 48
    assert events.of("progress")[0]["total_steps"] == result["steps"]


def test_a_loss_that_is_no_number_ends_the_run(
    train_spec: Callable[..., Any], model_dir: Path, events: Events, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model_dir, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match="no longer finite") as caught:
        run_training(train_spec(model_dir=str(broken)), events, never)
    assert (caught.value.code, caught.value.exit_code) == ("NONFINITE", 70)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"max_length": 512}, "max_length: the model reads at most 256 tokens"),
        ({"max_length": 12}, "no row fits whole, with its completion, within 12 tokens"),
        (
            {"settings": {"learning_rate": 0.1, "batch_size": 1, "lora": {"target_modules": ["query"]}}},
            "target_modules: no such linear layer: query",
        ),
    ],
)
def test_what_does_not_fit_the_model_is_refused(
    train_spec: Callable[..., Any], events: Events, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(EngineError, match=complaint):
        run_training(train_spec(**changes), events, never)


@pytest.mark.parametrize(("method", "own"), [("lora", {"layers": "last-9"}), ("full", {"trainable": "last-9"})])
def test_a_model_with_fewer_blocks_than_asked_for_trains_all_of_them(
    train_spec: Callable[..., Any], events: Events, method: str, own: dict[str, Any]
) -> None:
    settings = {"learning_rate": 0.01, "batch_size": 2, method: own}
    run_training(train_spec(method=method, settings=settings, max_steps=1), events, never)
    assert events.of("result")[0]["steps"] == 1


def test_sigterm_saves_a_checkpoint_and_exits_75(train_spec: Callable[..., Any], tmp_path: Path) -> None:
    train_spec("long", max_steps=None, budget_seconds=600)
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "gradients_engine", "run", "--spec", str(tmp_path / "long.json")]
    child = subprocess.Popen([*command, "--events-fd", str(writer)], pass_fds=[writer], cwd=ENGINE)
    os.close(writer)
    seen = []
    with os.fdopen(reader, encoding="utf-8") as lines:
        for line in lines:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "progress" and seen[-1]["step"] > 1:
                child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=30) == 75
    assert seen[-1]["type"] == "checkpoint"
    assert (Path(seen[-1]["dir"]) / "state.json").is_file()


def test_order_depends_on_the_seed_alone_and_every_epoch_is_whole(train_spec: Callable[..., Any]) -> None:
    from gradients_engine.train import _examples

    spec = train_spec(settings={"learning_rate": 1, "batch_size": 5, "gradient_accumulation": 2, "epochs": 3})
    examples, _ = _examples(spec)

    def order(seed: int, cursor: Cursor) -> list[list[list[int]]]:
        steps = BatchPlan(examples, spec.settings, seed).steps_from(cursor)
        return [[[example.row for example in batch] for batch in step] for _, _, step in steps]

    whole = order(1, Cursor())
    assert whole == order(1, Cursor()) != order(2, Cursor())
    assert order(1, Cursor(epoch=1, batch=2)) == whole[4:]
    per_epoch = [[row for step in whole[at : at + 3] for batch in step for row in batch] for at in (0, 3, 6)]
    assert all(sorted(rows) == list(range(1, 25)) for rows in per_epoch)
    assert per_epoch[0] != per_epoch[1]


def test_the_optimizer_is_adamw() -> None:
    """Same weights as torch's own AdamW with clipping, over several steps."""
    shapes = [(5, 3), (7,), (2, 2)]
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    flat = FlatAdamW([(str(index), parameter) for index, parameter in enumerate(ours)], weight_decay=0.1)
    groups = [{"params": [theirs[0], theirs[2]], "weight_decay": 0.1}, {"params": [theirs[1]], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.05)
    for step in range(5):
        for one, other in zip(ours, theirs, strict=True):
            gradient = torch.randn(one.shape, generator=torch.Generator().manual_seed(step)) * 3
            assert one.grad is not None
            one.grad.add_(gradient)
            other.grad = gradient
        expected = float(torch.nn.utils.clip_grad_norm_(theirs, 1.0))
        assert flat.step(0.05, 1.0) == pytest.approx(expected)
        reference.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_schedule_follows_time_or_steps() -> None:
    assert rate_factor("linear", 0.0, 0.25) == 0.75
    assert rate_factor("cosine", 0.5, 0.75) == pytest.approx(0.5)
    assert rate_factor("constant", 0.2, 0.1) == pytest.approx(0.55)
    assert progress_at(3, 10, train_seconds=99.0, budget_seconds=1.0) == 0.35
    assert progress_at(2, None, train_seconds=20.0, budget_seconds=100.0) == 0.25
