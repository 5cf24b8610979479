"""Training of the weights themselves: all of them, or those of the last blocks; saved as a whole model."""

import shutil
from pathlib import Path

import torch

from .errors import EngineError
from .model import LoadedModel
from .spec import FullSettings
from .tensors import TensorFiles, save_tensors

MODEL_WEIGHTS = "model.safetensors"

# What a customer needs beside the weights to load the result with from_pretrained.
COMPANIONS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


def unfreeze(model: LoadedModel, settings: FullSettings) -> None:
    """Marks the trained weights and gives them fp32, whatever the rest is in. More blocks than there are means all."""
    count = settings.layers
    modules = [model.causal] if count is None else [*model.decoder.layers[-count:], model.decoder.norm]
    for module in modules:
        module.float().requires_grad_(True)


def save_full(model: LoadedModel, base: Path, folder: Path) -> None:
    """The base's tensors in the base's own dtype, with the trained ones replaced: a plain model folder."""
    trained = {
        name: weight for name, weight in model.causal.named_parameters(remove_duplicate=False) if weight.requires_grad
    }
    merged: dict[str, torch.Tensor] = {}
    with TensorFiles.of_model(base) as tensors:
        for name in tensors.names:
            original = tensors.read(name)
            weight = trained.get(name)
            merged[name] = original if weight is None else weight.detach().to("cpu", original.dtype).contiguous()
    written = {id(trained[name]) for name in merged if name in trained}
    lost = [name for name, weight in trained.items() if id(weight) not in written]
    if lost:
        raise EngineError("INTERNAL", f"trained weight {lost[0]} has no place in the model file")
    save_tensors(merged, folder / MODEL_WEIGHTS, metadata={"format": "pt"})
    for name in COMPANIONS:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
