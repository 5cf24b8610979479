"""A tiny Llama with a tokenizer and chat template of its own, made for the tests."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch

from gradients_engine.packing import register_attention

WORDS = ("crane", "bread", "river", "stone", "doctor", "elbow", "willow", "silver")
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
COLUMNS = {"instruction": "question", "input": "extra", "output": "answer", "system": "system"}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    register_attention()


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([f"The {word} is near the {other}." for word in WORDS for other in WORDS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=TEMPLATE
    )


@pytest.fixture(scope="session")
def make_model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Saves a random model of a family; its weights are large enough for each token to matter."""

    def make(family: str = "llama", seed: int = 0, **changes: Any) -> Path:
        from transformers import AutoConfig, AutoModelForCausalLM

        config = AutoConfig.for_model(
            family,
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=256,
            initializer_range=0.3,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **changes,
        )
        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp(family)
        AutoModelForCausalLM.from_config(config).to(torch.float32).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def model_dir(make_model: Callable[..., Path]) -> Path:
    return make_model()


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    """Twenty-four instruct rows with one instruction in common and answers of several lengths."""
    made = []
    for index in range(24):
        word, other = WORDS[index % 8], WORDS[(3 * index + 1) % 8]
        extra = f"{word} {'very ' * (index % 5)}near the {other}"
        made.append({"question": "Say what it is.", "extra": extra, "answer": f"The {word}.", "row": index + 1})
    return made


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[[list[Any]], Path]:
    def write(items: list[Any]) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
        return path

    return write


class Events:
    """Collects what the engine emits."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def __call__(self, type_: str, /, **fields: Any) -> None:
        self.all.append({"type": type_, **fields})

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in self.all if event["type"] == type_]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def train_spec(model_dir: Path, rows: list[Any], write_rows: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
    """A checked train spec; keyword arguments change fields of its JSON form."""
    from gradients_engine.spec import read_spec

    def make(name: str = "run", **changes: Any) -> Any:
        method = changes.get("method", "lora")
        own = {"lora": {"rank": 4, "dropout": 0.1}} if method == "lora" else {"full": {"trainable": "last-2"}}
        spec = {
            "kind": "train",
            "model_dir": str(model_dir),
            "train_file": str(write_rows(rows)),
            "format": "instruct",
            "columns": COLUMNS,
            "method": method,
            "settings": {"learning_rate": 0.01, "schedule": "cosine", "batch_size": 4, **own},
            "seed": 7,
            "budget_seconds": 60.0,
            "max_steps": 8,
            "threads": 1,
            "max_length": 128,
            "checkpoint_every_seconds": 60.0,
            "checkpoint_dir": str(tmp_path / name / "checkpoints"),
            "resume_from": None,
            "output_dir": str(tmp_path / name / "artifact"),
            **changes,
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(spec))
        return read_spec(path)

    return make


@pytest.fixture
def evaluate_spec(
    model_dir: Path, rows: list[Any], write_rows: Callable[..., Path], tmp_path: Path
) -> Callable[..., Any]:
    from gradients_engine.spec import read_spec

    def make(artifact_dir: Path | None = None, **changes: Any) -> Any:
        spec = {
            "kind": "evaluate",
            "model_dir": str(model_dir),
            "artifact_dir": None if artifact_dir is None else str(artifact_dir),
            "heldout_file": str(write_rows(rows)),
            "format": "instruct",
            "columns": COLUMNS,
            "max_length": 128,
            "threads": 1,
            "generate_rows": 0,
            "max_new_tokens": 8,
            "output_dir": str(tmp_path / "scores"),
            **changes,
        }
        path = tmp_path / "evaluate.json"
        path.write_text(json.dumps(spec))
        return read_spec(path)

    return make
