"""Next-token loss on completion tokens; the output layer is the largest matrix, so it sees nothing else."""

import contextlib
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from .packing import Packed, packed_forward

if TYPE_CHECKING:
    from .model import LoadedModel

# Logits of this many positions exist at once (about 100 MB for a vocabulary of 49 k).
_CHUNK = 512


def backward_sum(model: "LoadedModel", packed: Packed, scale: float) -> float:
    """Adds the gradients of scale x (summed loss) and returns the summed loss."""
    with autocast(model):
        states = packed_forward(model, packed)
        leaf = states.detach().requires_grad_()
        total = 0.0
        for chunk, labels in zip(torch.split(leaf, _CHUNK), torch.split(packed.labels, _CHUNK), strict=True):
            loss = F.cross_entropy(model.head(chunk).float(), labels, reduction="sum")
            (loss * scale).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
    states.backward(leaf.grad)  # type: ignore[no-untyped-call]
    return total


@torch.inference_mode()
def example_nll(model: "LoadedModel", packed: Packed, examples: int) -> tuple[list[float], list[int]]:
    """Summed negative log-likelihood and completion tokens of each example: fp32 terms, fp64 sums."""
    sums = torch.zeros(examples, dtype=torch.float64)
    states = packed_forward(model, packed)
    terms = [
        F.cross_entropy(model.head(chunk).float(), labels, reduction="none")
        for chunk, labels in zip(torch.split(states, _CHUNK), torch.split(packed.labels, _CHUNK), strict=True)
    ]
    owners = packed.owners.cpu()
    sums.index_add_(0, owners, torch.cat(terms).double().cpu())
    return sums.tolist(), torch.bincount(owners, minlength=examples).tolist()


def autocast(model: "LoadedModel") -> contextlib.AbstractContextManager[None]:
    """Trained weights stay fp32; on a GPU the arithmetic around them is bf16."""
    if model.device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()
