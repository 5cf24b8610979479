"""A run's whole state in safetensors and JSON, so that what goes on from it is bit for bit the same run."""

import hashlib
import json
import random
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from .errors import EngineError
from .optimizer import FlatAdamW
from .tensors import save_tensors

_KEPT = 2
_STATE = "state.json"
_OPTIMIZER = "optimizer.safetensors"
_WEIGHTS = "trainable.safetensors"
_RANDOM = "random.safetensors"


@dataclass
class Cursor:
    """How far the run has come. `epoch` and `batch` say which micro-batch comes next."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    examples: int = 0
    tokens: int = 0
    computed_tokens: int = 0
    train_seconds: float = 0.0
    last_loss: float | None = None


def save_checkpoint(folder: Path, optimizer: FlatAdamW, cursor: Cursor, fingerprint: str) -> Path:
    """Writes folder/<step> whole (temporary name, then rename) and keeps the last two."""
    target = folder / str(cursor.step)
    work = folder / f".{cursor.step}-{random.SystemRandom().getrandbits(32):08x}"
    work.mkdir(parents=True)
    state = {"fingerprint": fingerprint, "optimizer_steps": optimizer.steps, "cursor": asdict(cursor)}
    save_tensors({name: weight.detach().contiguous() for name, weight in optimizer.parameters}, work / _WEIGHTS)
    save_tensors({"mean": optimizer.mean, "square": optimizer.square}, work / _OPTIMIZER)
    save_tensors(_random_states(), work / _RANDOM)
    (work / _STATE).write_text(json.dumps(state, indent=2) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    work.replace(target)
    _prune(folder)
    return target


def load_checkpoint(folder: Path, optimizer: FlatAdamW, fingerprint: str) -> Cursor:
    try:
        state = json.loads((folder / _STATE).read_text())
        weights = load_file(folder / _WEIGHTS)
        moments = load_file(folder / _OPTIMIZER)
        randoms = load_file(folder / _RANDOM)
        cursor = Cursor(**state["cursor"])
        same_run = state["fingerprint"] == fingerprint
        optimizer.steps = int(state["optimizer_steps"])
    except Exception as error:
        raise EngineError("SPEC_INVALID", f"resume_from: no whole checkpoint: {str(error)[:300]}") from error
    if not same_run:
        raise EngineError("SPEC_INVALID", "resume_from: the checkpoint is of another run (other data or settings)")
    with torch.no_grad():
        for name, parameter in optimizer.parameters:
            parameter.copy_(weights[name])
        optimizer.mean.copy_(moments["mean"])
        optimizer.square.copy_(moments["square"])
    torch.set_rng_state(randoms["cpu"])
    if "cuda" in randoms and torch.cuda.is_available():
        torch.cuda.set_rng_state(randoms["cuda"])
    return cursor


def fingerprint_of(parts: Iterable[object]) -> str:
    """What must be equal for a checkpoint to be this run's."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()


def _random_states() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _prune(folder: Path) -> None:
    steps = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    for step in steps[:-_KEPT]:
        shutil.rmtree(folder / str(step), ignore_errors=True)
