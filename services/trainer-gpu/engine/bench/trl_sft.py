"""Trains as a spec of ours says, with TRL's SFTTrainer.

Same rows in the same order, same fresh adapters, same optimizer. `npm run bench -- engine` runs it in an
environment that has TRL; it prints what it took as one JSON line.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from gradients_engine.batches import BatchPlan
from gradients_engine.checkpoint import Cursor
from gradients_engine.data import Encoder, Example, read_rows
from gradients_engine.lora import linear_names
from gradients_engine.model import LoadedModel, load_model, load_tokenizer, set_threads
from gradients_engine.spec import LoraSettings, TrainSpec, read_spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True)
    spec = read_spec(parser.parse_args().spec)
    if not isinstance(spec, TrainSpec) or not isinstance(spec.settings.method, LoraSettings) or spec.max_steps is None:
        sys.exit("the spec must be of a LoRA training of some steps")
    set_threads(spec.threads)
    tokenizer = load_tokenizer(spec.model_dir)
    batches = _batches(spec, Encoder(tokenizer, spec.max_length))
    watch = _Watch(batches)
    torch.manual_seed(spec.seed)
    loaded = load_model(spec.model_dir)
    trainer = SFTTrainer(
        model=loaded.causal,
        args=_arguments(spec, loaded),
        train_dataset=Dataset.from_list([_columns(example) for batch in batches for example in batch]),
        processing_class=tokenizer,
        peft_config=_adapters(loaded, spec.settings.method),
        callbacks=[watch],
    )
    trainer.train()
    print(json.dumps({**watch.result(), "peak_memory_bytes": _peak(loaded), "trl": trl.__version__}))


def _batches(spec: TrainSpec, encoder: Encoder) -> list[list[Example]]:
    rows = [encoder.example(row) for row in read_rows(spec.train_file, spec.format, spec.columns)]
    useful = [example for example in rows if example.completion_tokens and not example.truncated]
    steps = BatchPlan(useful, spec.settings, spec.seed).steps_from(Cursor())
    return [batch for _, (_, _, (batch,)) in zip(range(spec.max_steps or 0), steps, strict=False)]


def _columns(example: Example) -> dict[str, list[int]]:
    labels = [token if counts else -100 for token, counts in zip(example.ids, example.targets, strict=True)]
    return {"input_ids": list(example.ids), "labels": labels}


def _adapters(loaded: LoadedModel, settings: LoraSettings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.target_modules or linear_names(loaded)),
        task_type="CAUSAL_LM",
    )


def _arguments(spec: TrainSpec, loaded: LoadedModel) -> SFTConfig:
    """What the engine does where it has no setting for it, and TRL's defaults for the rest."""
    return SFTConfig(
        output_dir=str(spec.output_dir),
        seed=spec.seed,
        max_steps=spec.max_steps,
        max_length=spec.max_length,
        per_device_train_batch_size=spec.settings.batch_size,
        gradient_accumulation_steps=spec.settings.gradient_accumulation,
        learning_rate=spec.settings.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=spec.settings.weight_decay,
        max_grad_norm=spec.settings.max_grad_norm,
        optim="adamw_torch_fused" if loaded.device.type == "cuda" else "adamw_torch",
        bf16=loaded.device.type == "cuda",
        use_cpu=loaded.device.type == "cpu",
        gradient_checkpointing=False,
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Seconds, CPU seconds of all threads, and loss of each step."""

    def __init__(self, batches: list[list[Example]]) -> None:
        self._tokens = [sum(len(example.ids) for example in batch) for batch in batches]
        self._ended: list[float] = []
        self._cpu: list[float] = []
        self._began = 0.0
        self.losses: list[float] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._ended.append(time.monotonic() - self._began)
        self._cpu.append(time.process_time())

    def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
        if logs and "loss" in logs:
            self.losses.append(logs["loss"])

    def result(self) -> dict[str, Any]:
        """Seconds and tokens are sums up to the end of each step."""
        sums = [sum(self._tokens[: step + 1]) for step in range(len(self._ended))]
        return {"seconds": self._ended, "cpu_seconds": self._cpu, "tokens": sums, "losses": self.losses}


def _peak(loaded: LoadedModel) -> int:
    if loaded.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
