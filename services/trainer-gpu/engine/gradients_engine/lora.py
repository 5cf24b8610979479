"""LoRA adapters through peft: injection, saving in peft's layout, loading, and the size of the change."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from .errors import EngineError
from .imports import import_peft
from .model import LoadedModel
from .spec import LoraSettings
from .tensors import save_tensors

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_ADAPTER = "default"


def add_adapters(model: LoadedModel, settings: LoraSettings) -> Any:
    """Injects fresh adapters and returns peft's wrapper; only the adapters are trainable."""
    peft = import_peft()
    known = linear_names(model)
    wanted = settings.target_modules or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise EngineError(
            "SPEC_INVALID",
            f"settings.lora.target_modules: no such linear layer: {', '.join(unknown)} (known: {', '.join(known)})",
        )
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(wanted),
        layers_to_transform=_top_layers(model, settings.layers),
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(model.causal, config)


def save_adapters(peft_model: Any, base_name: str, folder: Path) -> None:
    """Writes peft's own layout. The base is named, not located: paths of this machine are nobody's business."""
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(peft_model)
    save_tensors({name: tensor.contiguous().cpu() for name, tensor in state.items()}, folder / ADAPTER_WEIGHTS)
    config = peft_model.peft_config[_ADAPTER].to_dict()
    config.update(base_model_name_or_path=base_name, inference_mode=True)
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True, default=_listed) + "\n")


def load_adapters(model: LoadedModel, folder: Path) -> Any:
    """Puts a checked adapter on the model; every tensor must find its place."""
    peft = import_peft()
    try:
        values = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        values.update(inference_mode=True, base_model_name_or_path=None)
        config = peft.LoraConfig(**{name: value for name, value in values.items() if name != "peft_type"})
        peft_model = peft.get_peft_model(model.causal, config)
        state = load_file(folder / ADAPTER_WEIGHTS)
        outcome = peft.set_peft_model_state_dict(peft_model, state)
    except Exception as error:
        raise EngineError("ARTIFACT_UNLOADABLE", f"the adapter does not fit the model: {str(error)[:500]}") from error
    missing = [name for name in outcome.missing_keys if "lora_" in name]
    if missing or outcome.unexpected_keys:
        odd = (missing or outcome.unexpected_keys)[0]
        raise EngineError("ARTIFACT_UNLOADABLE", f"the adapter does not fit the model: tensor {odd}")
    peft_model.eval()
    return peft_model


def merge_adapters(model: LoadedModel, peft_model: Any) -> float:
    """Adds the adapters to the weights and returns the Frobenius norm of what that changed.

    On a GPU the adapters stay apart, since bf16 weights would round a small change away.
    """
    square = 0.0
    with torch.inference_mode():
        for layer in _lora_layers(peft_model):
            before = layer.get_base_layer().weight
            square += float(torch.linalg.vector_norm(_merged(layer) - before.float()).double()) ** 2
    if model.device.type == "cpu":
        peft_model.merge_and_unload()
    return math.sqrt(square)


def linear_names(model: LoadedModel) -> list[str]:
    """Names of the linear layers inside the blocks, for example q_proj."""
    names = {
        name.rsplit(".", 1)[-1]
        for name, module in model.decoder.layers.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    return sorted(names)


def _top_layers(model: LoadedModel, count: int | None) -> list[int] | None:
    """Of a model with fewer blocks than asked for, all: a recipe is written for many models."""
    if count is None:
        return None
    return list(range(max(0, model.blocks - count), model.blocks))


def _lora_layers(peft_model: Any) -> list[Any]:
    from peft.tuners.lora import LoraLayer

    return [module for module in peft_model.modules() if isinstance(module, LoraLayer)]


def _merged(layer: Any) -> torch.Tensor:
    weight: torch.Tensor = layer.get_base_layer().weight.float()
    delta: torch.Tensor = layer.get_delta_weight(_ADAPTER).float()
    changed = weight + delta
    if not layer.use_dora.get(_ADAPTER, False):
        return changed
    magnitude: torch.Tensor = layer.lora_magnitude_vector[_ADAPTER].weight.float()
    norm: torch.Tensor = torch.linalg.vector_norm(changed, dim=1)
    return changed * (magnitude / norm).unsqueeze(1)


def _listed(value: object) -> Any:
    if isinstance(value, set):
        return sorted(value)
    return str(getattr(value, "value", value))
