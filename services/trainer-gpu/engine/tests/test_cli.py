import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradients_engine.cli import main
from gradients_engine.convert import convert_gguf
from gradients_engine.errors import EngineError, Stopped, from_exception
from gradients_engine.evaluate import run_evaluation
from gradients_engine.inspect_model import inspect_model

from .conftest import Events

REAL_MODEL = Path(os.environ.get("GRADIENTS_CACHE", Path.home() / ".cache/gradients")) / "models/smollm2-135m-instruct"


def test_help_explains_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in ("run", "convert-gguf", "inspect-model", "generate"))


def test_a_failure_is_an_event_a_line_for_people_and_an_exit_code(
    train_spec: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train_spec("bad", columns={"instruction": "nothing", "output": "answer"})
    assert main(["run", "--spec", str(tmp_path / "bad.json")]) == 65
    printed = capfd.readouterr()
    last = json.loads(printed.out.splitlines()[-1])
    assert last == {"type": "error", "code": "DATA_INVALID", "message": "row 1: column 'nothing' is missing"}
    assert "DATA_INVALID: row 1: column 'nothing' is missing" in printed.err


def test_a_whole_run_on_stdout(
    train_spec: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train_spec("good", max_steps=2)
    assert main(["run", "--spec", str(tmp_path / "good.json")]) == 0
    types = [json.loads(line)["type"] for line in capfd.readouterr().out.splitlines()]
    assert [kind for kind, _ in itertools.groupby(types)] == ["phase", "progress", "phase", "result"]


def test_running_out_of_memory_has_its_own_code() -> None:
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 GB")):
        named = from_exception(error)
        assert (named.code, named.exit_code) == ("OUT_OF_MEMORY", 137)
    assert from_exception(KeyError("x")).code == "INTERNAL"


def test_an_evaluation_can_be_stopped(evaluate_spec: Callable[..., Any], events: Events) -> None:
    spec = evaluate_spec(None)
    with pytest.raises(Stopped):
        run_evaluation(spec, events, lambda: True)
    assert not (spec.output_dir / "scores.jsonl").exists()


def test_inspect_counts_what_the_files_hold(model_dir: Path) -> None:
    found = inspect_model(model_dir)
    assert (found["family"], found["supported"], found["blocks"], found["context_length"]) == ("llama", True, 3, 256)
    assert found["chat_template"] is True
    assert found["parameters"] > found["vocabulary"] * found["hidden_size"]
    weights = next(file for file in found["files"] if file["name"] == "model.safetensors")
    assert weights["size"] == (model_dir / "model.safetensors").stat().st_size
    assert len(weights["sha256"]) == 64


def test_conversion_refuses_what_it_cannot_take_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file"):
        convert_gguf(tmp_path / "none.gguf", tmp_path / "model")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(Exception, match=r".+"):
        convert_gguf(tmp_path / "broken.gguf", tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.gguf"]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "kept").touch()
    with pytest.raises(EngineError, match="not empty"):
        convert_gguf(tmp_path / "broken.gguf", tmp_path / "model")


@pytest.mark.real_model
@pytest.mark.skipif(not REAL_MODEL.is_dir(), reason="the base model is not in the cache")
def test_the_real_model_answers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "What is the capital of France?"}) + "\n")
    arguments = ["generate", "--model-dir", str(REAL_MODEL), "--prompts", str(prompts), "--max-new-tokens", "12"]
    assert main(arguments) == 0
    assert "Paris" in json.loads(capfd.readouterr().out)["generated"]
