"""Supervised fine-tuning within a time budget: load, step until the budget ends, save."""

import hashlib
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from . import ENGINE_VERSION
from .batches import BatchPlan, Step
from .checkpoint import Cursor, fingerprint_of, load_checkpoint, save_checkpoint
from .data import Encoder, Example, read_rows
from .errors import EngineError, Stopped
from .events import Emit, Throttle
from .full import save_full, unfreeze
from .lora import add_adapters, save_adapters
from .loss import backward_sum
from .model import load_model, load_tokenizer, peak_memory_bytes, set_threads
from .optimizer import FlatAdamW
from .packing import pack, register_attention
from .schedule import progress_at, rate_factor
from .spec import LoraSettings, TrainSpec

_PROGRESS_SECONDS = 0.25


def run_training(spec: TrainSpec, emit: Emit, stop_requested: Callable[[], bool]) -> None:
    emit("phase", phase="loading")
    set_threads(spec.threads)
    examples, dropped = _examples(spec)
    run = _Run(spec, examples, emit)
    emit("phase", phase="training")
    run.train(stop_requested)
    emit("phase", phase="saving")
    run.save_artifact()
    emit("result", **run.result(), rows=len(examples), rows_without_completion=dropped)


def _examples(spec: TrainSpec) -> tuple[list[Example], int]:
    """The rows that teach something whole: a cut answer would teach to stop anywhere, a refused row has none."""
    encoder = Encoder(load_tokenizer(spec.model_dir), spec.max_length)
    examples = [encoder.example(row) for row in read_rows(spec.train_file, spec.format, spec.columns)]
    useful = [example for example in examples if example.completion_tokens and not example.truncated]
    if not useful:
        raise EngineError("DATA_INVALID", f"no row fits whole, with its completion, within {spec.max_length} tokens")
    return useful, len(examples) - len(useful)


class _Run:
    def __init__(self, spec: TrainSpec, examples: list[Example], emit: Emit) -> None:
        self._spec = spec
        self._emit = emit
        self._throttle = Throttle(_PROGRESS_SECONDS)
        self._prepare_torch()
        self._model = load_model(spec.model_dir)
        self._check_length()
        self._peft = self._make_trainable()
        self._model.causal.train()
        trained = [(name, p) for name, p in self._model.causal.named_parameters() if p.requires_grad]
        self._optimizer = FlatAdamW(trained, spec.settings.weight_decay)
        self._plan = BatchPlan(examples, spec.settings, spec.seed)
        limits = (spec.max_steps, self._plan.total_steps())
        self._total_steps = min((limit for limit in limits if limit is not None), default=None)
        self._fingerprint = _fingerprint(spec)
        self._cursor = Cursor()
        if spec.resume_from is not None:
            self._cursor = load_checkpoint(spec.resume_from, self._optimizer, self._fingerprint)
        self._saved_step = self._cursor.step

    def train(self, stop_requested: Callable[[], bool]) -> None:
        last_save = time.monotonic()
        limit = self._spec.max_steps
        for epoch, batch, step in self._plan.steps_from(self._cursor):
            if stop_requested():
                self._save_checkpoint()
                raise Stopped
            if self._over_budget() or (limit is not None and self._cursor.step >= limit):
                return
            self._do_step(step, epoch, batch)
            if time.monotonic() - last_save >= self._spec.checkpoint_every_seconds:
                self._save_checkpoint()
                last_save = time.monotonic()

    def save_artifact(self) -> None:
        folder = self._spec.output_dir
        folder.mkdir(parents=True, exist_ok=True)
        if self._peft is not None:
            save_adapters(self._peft, self._spec.model_dir.name, folder)
        else:
            save_full(self._model, self._spec.model_dir, folder)

    def result(self) -> dict[str, Any]:
        cursor = self._cursor
        return {
            "kind": "train",
            "steps": cursor.step,
            "examples": cursor.examples,
            "tokens": cursor.tokens,
            "computed_tokens": cursor.computed_tokens,
            "train_seconds": cursor.train_seconds,
            "final_loss": cursor.last_loss,
            "trainable_parameters": sum(p.numel() for _, p in self._optimizer.parameters),
            "peak_memory_bytes": peak_memory_bytes(self._model.device),
            "engine_version": ENGINE_VERSION,
            "torch_version": torch.__version__,
            "device": self._model.device.type,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "data_cursor": cursor.examples,
        }

    def _prepare_torch(self) -> None:
        torch.manual_seed(self._spec.seed)
        register_attention()
        if torch.cuda.is_available():
            torch.use_deterministic_algorithms(True, warn_only=True)

    def _check_length(self) -> None:
        if self._spec.max_length > self._model.context_length:
            raise EngineError(
                "SPEC_INVALID", f"max_length: the model reads at most {self._model.context_length} tokens"
            )

    def _make_trainable(self) -> Any:
        method = self._spec.settings.method
        if isinstance(method, LoraSettings):
            return add_adapters(self._model, method)
        unfreeze(self._model, method)
        return None

    def _over_budget(self) -> bool:
        """Whether one more step of mean length would end after the budget; the first is always done."""
        cursor = self._cursor
        mean_step = cursor.train_seconds / cursor.step if cursor.step else 0.0
        return cursor.step > 0 and cursor.train_seconds + mean_step > self._spec.budget_seconds

    def _do_step(self, step: Step, epoch: int, batch: int) -> None:
        start = time.monotonic()
        cursor, settings = self._cursor, self._spec.settings
        progress = progress_at(cursor.step, self._spec.max_steps, cursor.train_seconds, self._spec.budget_seconds)
        rate = settings.learning_rate * rate_factor(settings.schedule, settings.warmup_fraction, progress)
        loss = self._gradients(step)
        norm = self._optimizer.step(rate, settings.max_grad_norm)
        if not math.isfinite(norm):
            raise EngineError("NONFINITE", f"the gradient is no longer finite at step {cursor.step + 1}")
        cursor.step, cursor.epoch, cursor.batch, cursor.last_loss = cursor.step + 1, epoch, batch, loss
        cursor.train_seconds += time.monotonic() - start
        if cursor.step == 1 or self._throttle.ready():
            self._report(loss, rate, norm)

    def _gradients(self, step: Step) -> float:
        """Mean loss over all completion tokens of the step, its gradients added up over micro-batches."""
        cursor = self._cursor
        completions = sum(example.completion_tokens for batch in step for example in batch)
        total = 0.0
        for batch in step:
            packed = pack(batch, self._model.device)
            total += backward_sum(self._model, packed, 1 / completions)
            cursor.examples += len(batch)
            cursor.tokens += sum(len(example.ids) for example in batch)
            cursor.computed_tokens += packed.computed_tokens
        if not math.isfinite(total):
            raise EngineError("NONFINITE", f"the loss is no longer finite at step {cursor.step + 1}")
        return total / completions

    def _report(self, loss: float, rate: float, norm: float) -> None:
        cursor, total = self._cursor, self._total_steps
        budget_left = max(0.0, self._spec.budget_seconds - cursor.train_seconds)
        steps_left = math.inf if total is None else (total - cursor.step) * cursor.train_seconds / cursor.step
        self._emit(
            "progress",
            step=cursor.step,
            total_steps=total,
            examples=cursor.examples,
            tokens=cursor.tokens,
            loss=loss,
            learning_rate=rate,
            grad_norm=norm,
            tokens_per_second=cursor.tokens / max(cursor.train_seconds, 1e-9),
            train_seconds=cursor.train_seconds,
            eta_seconds=min(budget_left, steps_left),
        )

    def _save_checkpoint(self) -> None:
        if self._cursor.step == self._saved_step:
            return
        folder = save_checkpoint(self._spec.checkpoint_dir, self._optimizer, self._cursor, self._fingerprint)
        self._saved_step = self._cursor.step
        self._emit("checkpoint", dir=str(folder), step=self._cursor.step, train_seconds=self._cursor.train_seconds)


def _fingerprint(spec: TrainSpec) -> str:
    data = hashlib.sha256(spec.train_file.read_bytes()).hexdigest()
    config = hashlib.sha256((spec.model_dir / "config.json").read_bytes()).hexdigest()
    return fingerprint_of(
        [ENGINE_VERSION, config, data, spec.format, spec.columns, spec.settings, spec.seed, spec.max_length]
    )
