"""Checks a rival's artifact before anything of it is loaded: no code, no surprises, the same architecture."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from .errors import EngineError
from .full import COMPANIONS, MODEL_WEIGHTS
from .lora import ADAPTER_CONFIG, ADAPTER_WEIGHTS, load_adapters, merge_adapters
from .model import LoadedModel, load_model, read_config
from .tensors import TensorFiles, read_header

_MAX_RANK = 512
_FLOAT_TYPES = ("F32", "F16", "BF16")
_SUFFIXES = (".safetensors", ".json", ".txt", ".jinja")

# Fields of config.json that may differ from the base's: they do not change what the weights compute.
_FREE_CONFIG = {"transformers_version", "dtype", "torch_dtype", "_name_or_path", "_model_name_or_path", "use_cache"}

# Fields of adapter_config.json that are understood; any other one must be empty or off.
_ADAPTER_FIELDS = {
    "task_type", "peft_type", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "r",
    "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "bias", "use_rslora", "init_lora_weights",
    "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "use_dora", "megatron_core",
    "qalora_group_size",
}  # fmt: skip


@dataclass
class Checks:
    loads: bool = False
    finite: bool = False
    changed: bool = False
    update_norm: float = 0.0
    safetensors_only: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LoadedArtifact:
    model: LoadedModel
    checks: Checks
    weights_sha256: str


def load_artifact(model_dir: Path, artifact_dir: Path | None) -> LoadedArtifact:
    """The model to evaluate: the base itself, the base with an adapter, or full weights of its architecture.

    A failure carries the checks made so far in its `checks` detail.
    """
    if artifact_dir is None:
        with TensorFiles.of_model(model_dir) as tensors:
            digest = tensors.digest()
        return LoadedArtifact(load_model(model_dir), Checks(loads=True, finite=True, safetensors_only=True), digest)
    checks = Checks()
    try:
        return _load(model_dir, artifact_dir, checks)
    except EngineError as error:
        raise EngineError(error.code, error.message, checks=checks.as_json()) from error


def _load(model_dir: Path, folder: Path, checks: Checks) -> LoadedArtifact:
    kind = check_files(folder)
    checks.safetensors_only = True
    weights = folder / (ADAPTER_WEIGHTS if kind == "lora" else MODEL_WEIGHTS)
    if kind == "lora":
        _check_adapter_config(folder)
    else:
        _check_full(model_dir, folder)
    with TensorFiles([weights]) as tensors:
        _check_finite(tensors)
        checks.finite = True
        digest = tensors.digest()
    load = _load_lora if kind == "lora" else _load_full
    model, checks.update_norm = load(model_dir, folder)
    checks.loads = True
    checks.changed = checks.update_norm > 0
    return LoadedArtifact(model, checks, digest)


def check_files(folder: Path) -> Literal["lora", "full"]:
    """Refuses links, folders, unknown or dangerous files; says which kind of artifact it is."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise EngineError("ARTIFACT_UNSAFE", f"{path.name} is no plain file")
        if path.suffix not in _SUFFIXES:
            raise EngineError("ARTIFACT_UNSAFE", f"{path.name}: only {', '.join(_SUFFIXES)} files are allowed")
        _check_content(path)
    is_lora = (folder / ADAPTER_WEIGHTS).is_file()
    if is_lora == (folder / MODEL_WEIGHTS).is_file():
        raise EngineError("ARTIFACT_UNLOADABLE", f"expected exactly one of {ADAPTER_WEIGHTS} and {MODEL_WEIGHTS}")
    return "lora" if is_lora else "full"


def _check_content(path: Path) -> None:
    """A file must be what its name says, whatever a pickle or an archive is called."""
    if path.suffix == ".safetensors":
        for name, tensor in read_header(path).items():
            if tensor.get("dtype") not in _FLOAT_TYPES:
                raise EngineError("ARTIFACT_UNLOADABLE", f"tensor {name} has type {tensor.get('dtype')}")
        return
    text = path.read_bytes()
    try:
        if text[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise ValueError("it begins like a pickle or an archive")
        decoded = text.decode("utf-8")
        if path.suffix == ".json":
            json.loads(decoded)
    except ValueError as error:
        raise EngineError("ARTIFACT_UNSAFE", f"{path.name} is not what its name says: {error}") from error


def _check_adapter_config(folder: Path) -> None:
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
        known = config["peft_type"] == "LORA" and config.get("bias", "none") == "none"
        sound = all(isinstance(rank, int) and 1 <= rank <= _MAX_RANK for rank in ranks)
        extra = [name for name, value in config.items() if value and name not in _ADAPTER_FIELDS]
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise EngineError("ARTIFACT_UNLOADABLE", f"{ADAPTER_CONFIG} is missing or incomplete: {error}") from error
    if not known:
        raise EngineError("ARTIFACT_UNLOADABLE", f"{ADAPTER_CONFIG}: only peft_type LORA with bias none is scored")
    if not sound:
        raise EngineError("ARTIFACT_UNLOADABLE", f"{ADAPTER_CONFIG}: ranks must be whole numbers up to {_MAX_RANK}")
    if extra:
        raise EngineError("ARTIFACT_UNLOADABLE", f"{ADAPTER_CONFIG}: {extra[0]} is not supported")


def _check_full(model_dir: Path, folder: Path) -> None:
    base, given = read_config(model_dir), _artifact_config(folder)
    for name in sorted((base.keys() | given.keys()) - _FREE_CONFIG):
        if base.get(name) != given.get(name):
            raise EngineError("ARTIFACT_UNLOADABLE", f"config.json: {name} is not the base model's")
    for name in COMPANIONS:
        own = folder / name
        if name != "config.json" and own.is_file() and not _same_bytes(own, model_dir / name):
            raise EngineError("ARTIFACT_UNLOADABLE", f"{name} is not the base model's")
    with TensorFiles.of_model(model_dir) as ours, TensorFiles([folder / MODEL_WEIGHTS]) as theirs:
        odd = set(ours.names) ^ set(theirs.names)
        odd |= {name for name in set(ours.names) & set(theirs.names) if ours.shape(name) != theirs.shape(name)}
    if odd:
        raise EngineError("ARTIFACT_UNLOADABLE", f"tensor {min(odd)} does not match the base model's")


def _artifact_config(folder: Path) -> dict[str, Any]:
    try:
        return read_config(folder)
    except EngineError as error:
        raise EngineError("ARTIFACT_UNLOADABLE", error.message) from error


def _same_bytes(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _check_finite(tensors: TensorFiles) -> None:
    for name in tensors.names:
        if not bool(torch.isfinite(tensors.read(name)).all()):
            raise EngineError("NONFINITE", f"tensor {name} holds NaN or infinity")


def _load_lora(model_dir: Path, folder: Path) -> tuple[LoadedModel, float]:
    model = load_model(model_dir)
    return model, merge_adapters(model, load_adapters(model, folder))


def _load_full(model_dir: Path, folder: Path) -> tuple[LoadedModel, float]:
    with TensorFiles.of_model(model_dir) as ours, TensorFiles([folder / MODEL_WEIGHTS]) as theirs:
        square = sum(_distance(ours.read(name), theirs.read(name)) ** 2 for name in ours.names)
    try:
        return load_model(folder), math.sqrt(square)
    except EngineError as error:
        code: Literal["OUT_OF_MEMORY", "ARTIFACT_UNLOADABLE"] = (
            "OUT_OF_MEMORY" if error.code == "OUT_OF_MEMORY" else "ARTIFACT_UNLOADABLE"
        )
        raise EngineError(code, error.message) from error


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(other.float() - one.float()))
