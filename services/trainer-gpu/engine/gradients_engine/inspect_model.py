"""What a model folder holds, read from its files without loading the weights."""

import hashlib
import math
from pathlib import Path
from typing import Any

from .errors import EngineError
from .model import SUPPORTED_FAMILIES, load_tokenizer, read_config
from .tensors import read_header


def inspect_model(folder: Path) -> dict[str, Any]:
    """Architecture, sizes and files (size in bytes, sha256); nested folders and hidden files are left out."""
    if not folder.is_dir():
        raise EngineError("MODEL_UNLOADABLE", f"no such folder: {folder}")
    config = read_config(folder)
    tokenizer = load_tokenizer(folder)
    return {
        "architecture": (config.get("architectures") or [None])[0],
        "family": config.get("model_type"),
        "supported": config.get("model_type") in SUPPORTED_FAMILIES,
        "parameters": _parameters(folder),
        "blocks": config.get("num_hidden_layers"),
        "hidden_size": config.get("hidden_size"),
        "context_length": config.get("max_position_embeddings"),
        "vocabulary": config.get("vocab_size"),
        "dtype": config.get("dtype", config.get("torch_dtype")),
        "chat_template": tokenizer.chat_template is not None,
        "files": [_file(path) for path in sorted(folder.iterdir()) if _is_plain(path)],
    }


def _parameters(folder: Path) -> int:
    weights = [path for path in folder.glob("*.safetensors") if _is_plain(path)]
    if not weights:
        raise EngineError("MODEL_UNLOADABLE", "the folder holds no .safetensors file")
    shapes = [tensor["shape"] for path in weights for tensor in read_header(path).values()]
    return sum(math.prod(shape) for shape in shapes)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "size": path.stat().st_size, "sha256": digest}
