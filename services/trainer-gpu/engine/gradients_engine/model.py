"""Loads a Hugging Face folder, offline, for this machine's device, and knows its parts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EngineError, from_exception
from .imports import quick_imports

if TYPE_CHECKING:
    import torch

# Families whose blocks pass `layout` down to attention, whose logits are the plain output layer, and
# which tests/test_packing.py proves free of leaks. Anything else would train wrongly in silence.
SUPPORTED_FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo2", "gemma")


@dataclass(frozen=True)
class LoadedModel:
    """`causal` is the transformers model (adapters are injected in place); `decoder` all but its output layer."""

    causal: Any
    decoder: Any
    head: Any
    device: "torch.device"
    dtype: "torch.dtype"

    @property
    def blocks(self) -> int:
        return int(self.causal.config.num_hidden_layers)

    @property
    def context_length(self) -> int:
        return int(self.causal.config.max_position_embeddings)


def load_model(folder: Path) -> LoadedModel:
    import torch

    family = read_config(folder).get("model_type")
    if family not in SUPPORTED_FAMILIES:
        known = ", ".join(SUPPORTED_FAMILIES)
        raise EngineError("MODEL_UNLOADABLE", f"model family {family!r} is not supported (supported: {known})")
    device, dtype = pick_device()
    try:
        causal = _from_pretrained(folder, dtype)
    except Exception as error:
        raise _unloadable(folder, error) from error
    causal.to(device).eval()
    causal.requires_grad_(False)
    return LoadedModel(causal, causal.get_decoder(), causal.get_output_embeddings(), torch.device(device), dtype)


def _from_pretrained(folder: Path, dtype: "torch.dtype") -> Any:
    with quick_imports():
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, attn_implementation="sdpa", local_files_only=True, use_safetensors=True
        )


def load_tokenizer(folder: Path) -> Any:
    try:
        with quick_imports():
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        raise _unloadable(folder, error) from error


def read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError("MODEL_UNLOADABLE", f"config.json cannot be read: {error}") from error
    if not isinstance(config, dict) or "auto_map" in config:
        raise EngineError("MODEL_UNLOADABLE", "config.json is no object, or names code of its own (auto_map)")
    return config


def pick_device() -> tuple[str, "torch.dtype"]:
    import torch

    return ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)


def set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def peak_memory_bytes(device: "torch.device") -> int:
    import resource
    import sys

    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _unloadable(folder: Path, error: Exception) -> EngineError:
    named = from_exception(error)
    if named.code == "OUT_OF_MEMORY":
        return named
    return EngineError("MODEL_UNLOADABLE", f"{folder.name} cannot be loaded: {str(error)[:500]}")
