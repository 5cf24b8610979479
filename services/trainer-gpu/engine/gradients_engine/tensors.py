"""Safetensors files: read one tensor at a time, so that no second model is in memory; written as the umask says."""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .errors import EngineError


def save_tensors(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """safetensors makes files for their owner alone, whatever the umask says; the agent has to read them."""
    save_file(tensors, path, metadata=metadata)
    umask = os.umask(0o077)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


class TensorFiles:
    """The tensors of one or more safetensors files by name. A context manager."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._open: dict[str, Any] = {}
        self._handles: list[Any] = []

    @staticmethod
    def of_model(folder: Path) -> "TensorFiles":
        """A model folder, in one file or in shards."""
        index = folder / "model.safetensors.index.json"
        if not index.is_file():
            return TensorFiles([folder / "model.safetensors"])
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return TensorFiles([folder / Path(shard).name for shard in shards])

    def __enter__(self) -> "TensorFiles":
        for file in self._files:
            handle: Any = safe_open(str(file), framework="pt")
            self._handles.append(handle.__enter__())
            self._open.update(dict.fromkeys(handle.keys(), handle))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.__exit__(*error)

    @property
    def names(self) -> list[str]:
        return sorted(self._open)

    def read(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self._open[name].get_tensor(name)
        return tensor

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._open[name].get_slice(name).get_shape())

    def digest(self) -> str:
        """sha256 over sorted names, types, shapes and bytes: equal weights under any file name agree."""
        total = hashlib.sha256()
        for name in self.names:
            tensor = self.read(name)
            total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            data: Any = tensor.contiguous().flatten().view(torch.uint8).numpy()
            total.update(data)
        return total.hexdigest()


def read_header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file, refused when it is none."""
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        text = handle.read(min(length, 100_000_000))
    try:
        if len(text) != length:
            raise ValueError("truncated header")
        header = json.loads(text)
        if not isinstance(header, dict):
            raise ValueError("header is no object")
    except (ValueError, struct.error) as error:
        raise EngineError("ARTIFACT_UNSAFE", f"{file.name} is no safetensors file: {error}") from error
    header.pop("__metadata__", None)
    return header
