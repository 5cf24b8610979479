"""What the agent asks for: the spec file, checked field by field."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from .errors import EngineError
from .fields import Fields

Format = Literal["instruct", "chat"]
Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Columns:
    """Names of the customer's columns; instruct uses the first four, chat only `messages`."""

    instruction: str = ""
    output: str = ""
    input: str | None = None
    system: str | None = None
    messages: str = ""


@dataclass(frozen=True)
class LoraSettings:
    """`layers` counts from the top: None = all blocks carry adapters, N = only the last N do."""

    rank: int
    alpha: float
    dropout: float
    target_modules: tuple[str, ...] | None
    layers: int | None
    use_rslora: bool
    use_dora: bool


@dataclass(frozen=True)
class FullSettings:
    """`layers`: None = every weight is trained, N = the last N blocks and the final norm."""

    layers: int | None


@dataclass(frozen=True)
class TrainSettings:
    """Exactly one of `batch_size` (rows) and `batch_tokens` (row tokens) bounds a micro-batch."""

    learning_rate: float
    schedule: Schedule
    warmup_fraction: float
    batch_size: int | None
    batch_tokens: int | None
    gradient_accumulation: int
    epochs: int | None
    weight_decay: float
    max_grad_norm: float
    method: LoraSettings | FullSettings


@dataclass(frozen=True)
class TrainSpec:
    model_dir: Path
    train_file: Path
    format: Format
    columns: Columns
    settings: TrainSettings
    seed: int
    budget_seconds: float
    max_steps: int | None
    threads: int
    max_length: int
    checkpoint_every_seconds: float
    checkpoint_dir: Path
    resume_from: Path | None
    output_dir: Path


@dataclass(frozen=True)
class EvaluateSpec:
    model_dir: Path
    artifact_dir: Path | None
    heldout_file: Path
    format: Format
    columns: Columns
    max_length: int
    threads: int
    generate_rows: int
    max_new_tokens: int
    output_dir: Path


def read_spec(path: Path) -> TrainSpec | EvaluateSpec:
    try:
        fields = Fields(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise EngineError("SPEC_INVALID", f"spec: cannot be read: {error}") from error
    kind = fields.choice("kind", ("train", "evaluate"))
    spec = _train_spec(fields) if kind == "train" else _evaluate_spec(fields)
    fields.finish()
    return spec


def _train_spec(fields: Fields) -> TrainSpec:
    format_ = _format(fields)
    method = fields.choice("method", ("lora", "full"))
    return TrainSpec(
        model_dir=fields.folder("model_dir"),
        train_file=fields.file("train_file"),
        format=format_,
        columns=_columns(fields, format_),
        settings=_settings(fields.child("settings"), method),
        seed=fields.integer("seed", 0, 2**63 - 1),
        budget_seconds=fields.number("budget_seconds", 0.001, 30 * 86400),
        max_steps=fields.integer("max_steps", 1, 10**9) if fields.has("max_steps") else None,
        threads=fields.integer("threads", 1, 1024),
        max_length=fields.integer("max_length", 8, 10**7),
        checkpoint_every_seconds=fields.number("checkpoint_every_seconds", 0.001, 30 * 86400),
        checkpoint_dir=Path(fields.text("checkpoint_dir")),
        resume_from=fields.folder("resume_from") if fields.has("resume_from") else None,
        output_dir=Path(fields.text("output_dir")),
    )


def _evaluate_spec(fields: Fields) -> EvaluateSpec:
    format_ = _format(fields)
    return EvaluateSpec(
        model_dir=fields.folder("model_dir"),
        artifact_dir=fields.folder("artifact_dir") if fields.has("artifact_dir") else None,
        heldout_file=fields.file("heldout_file"),
        format=format_,
        columns=_columns(fields, format_),
        max_length=fields.integer("max_length", 8, 10**7),
        threads=fields.integer("threads", 1, 1024),
        generate_rows=fields.integer("generate_rows", 0, 10**6),
        max_new_tokens=fields.integer("max_new_tokens", 1, 10**5),
        output_dir=Path(fields.text("output_dir")),
    )


def _format(fields: Fields) -> Format:
    return cast(Format, fields.choice("format", ("instruct", "chat")))


def _columns(fields: Fields, format_: Format) -> Columns:
    names = fields.child("columns")
    if format_ == "chat":
        columns = Columns(messages=names.text("messages"))
    else:
        columns = Columns(
            instruction=names.text("instruction"),
            output=names.text("output"),
            input=names.text("input") if names.has("input") else None,
            system=names.text("system") if names.has("system") else None,
        )
    names.finish()
    return columns


def _settings(fields: Fields, method: str) -> TrainSettings:
    if fields.has("batch_size") == fields.has("batch_tokens"):
        raise fields.problem("batch_size", "give exactly one of batch_size and batch_tokens")
    settings = TrainSettings(
        learning_rate=fields.number("learning_rate", 1e-9, 10),
        schedule=cast(Schedule, fields.choice("schedule", ("constant", "linear", "cosine"), "linear")),
        warmup_fraction=fields.number("warmup_fraction", 0, 0.9, 0.0),
        batch_size=fields.integer("batch_size", 1, 65536) if fields.has("batch_size") else None,
        batch_tokens=fields.integer("batch_tokens", 8, 10**8) if fields.has("batch_tokens") else None,
        gradient_accumulation=fields.integer("gradient_accumulation", 1, 4096, 1),
        epochs=fields.integer("epochs", 1, 10**6) if fields.has("epochs") else None,
        weight_decay=fields.number("weight_decay", 0, 10, 0.0),
        max_grad_norm=fields.number("max_grad_norm", 1e-6, 1e9, 1.0),
        method=_lora(fields.child("lora")) if method == "lora" else _full(fields.child("full")),
    )
    fields.finish()
    return settings


def _lora(fields: Fields) -> LoraSettings:
    rank = fields.integer("rank", 1, 1024, 8)
    settings = LoraSettings(
        rank=rank,
        alpha=fields.number("alpha", 1e-3, 1e5, 2.0 * rank),
        dropout=fields.number("dropout", 0, 0.95, 0.0),
        target_modules=_target_modules(fields),
        layers=_layers(fields, "layers"),
        use_rslora=fields.boolean("use_rslora", False),
        use_dora=fields.boolean("use_dora", False),
    )
    fields.finish()
    return settings


def _full(fields: Fields) -> FullSettings:
    settings = FullSettings(layers=_layers(fields, "trainable"))
    fields.finish()
    return settings


def _target_modules(fields: Fields) -> tuple[str, ...] | None:
    """None stands for every linear layer of the blocks."""
    value = fields.raw("target_modules", "all-linear")
    if value == "all-linear":
        return None
    if isinstance(value, list) and value and all(isinstance(name, str) and name for name in value):
        return tuple(sorted(set(value)))
    raise fields.problem("target_modules", f"expected 'all-linear' or a list of module names, found {value!r}")


def _layers(fields: Fields, name: str) -> int | None:
    value = fields.text(name, "all")
    if value == "all":
        return None
    match = re.fullmatch(r"last-([1-9][0-9]{0,3})", value)
    if match is None:
        raise fields.problem(name, f"expected 'all' or 'last-N' (for example 'last-8'), found {value!r}")
    return int(match.group(1))
