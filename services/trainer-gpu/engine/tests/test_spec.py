import json
from collections.abc import Callable
from typing import Any

import pytest

from gradients_engine.errors import EngineError
from gradients_engine.spec import LoraSettings, read_spec

SETTINGS = {"learning_rate": 0.01, "batch_size": 4}


def test_reads_settings_and_takes_whole_floats_for_integers(train_spec: Callable[..., Any]) -> None:
    lora = {"rank": 16.0, "target_modules": ["v_proj", "q_proj"], "layers": "last-2", "use_rslora": True}
    spec = train_spec(settings={**SETTINGS, "batch_size": 4.0, "epochs": 2, "lora": lora})
    assert spec.settings.batch_size == 4
    assert spec.settings.method == LoraSettings(16, 32.0, 0.0, ("q_proj", "v_proj"), 2, True, False)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"settings": {**SETTINGS, "lerning_rate": 1}}, "settings.lerning_rate: unknown field"),
        ({"settings": {**SETTINGS, "full": {}}}, "settings.full: unknown field"),
        ({"settings": {**SETTINGS, "lora": {"rank": 0}}}, "settings.lora.rank: expected a whole number"),
        ({"settings": {**SETTINGS, "lora": {"layers": "top-3"}}}, "settings.lora.layers: expected 'all' or 'last-N'"),
        ({"settings": {"learning_rate": 0.1}}, "settings.batch_size: give exactly one"),
        ({"settings": {**SETTINGS, "batch_tokens": 512}}, "settings.batch_size: give exactly one"),
        ({"settings": {**SETTINGS, "learning_rate": -1}}, "settings.learning_rate: expected a number"),
        ({"settings": {**SETTINGS, "schedule": "step"}}, "settings.schedule: expected one of constant"),
        ({"columns": {"instruction": "a"}}, "columns.output: is missing"),
        ({"columns": {"messages": "a"}}, "columns.instruction: is missing"),
        ({"model_dir": "/nowhere"}, "model_dir: no such folder"),
        ({"budget_seconds": "long"}, "budget_seconds: expected a number"),
        ({"extra": 1}, "extra: unknown field"),
    ],
)
def test_complaints_name_the_field(train_spec: Callable[..., Any], changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint.replace(".", r"\.").replace("(", r"\(")) as caught:
        train_spec(**changes)
    assert caught.value.code == "SPEC_INVALID"
    assert caught.value.exit_code == 65


def test_refuses_a_spec_of_an_unknown_kind(tmp_path: Any) -> None:
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "distil"}))
    with pytest.raises(EngineError, match="kind: expected one of train, evaluate"):
        read_spec(tmp_path / "spec.json")
