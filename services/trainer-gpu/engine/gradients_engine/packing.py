"""Packs examples into one dense row of tokens in which none can see another.

The tokens of a micro-batch lie in one row without padding, so that every linear layer does only useful
work. Attention alone is done example by example. A prompt start that all examples share (a system prompt,
a fixed instruction) is computed once: in causal attention its states do not depend on what follows, so
each example sees exactly what it would see alone, and gradients add up as they would.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .data import Example
from .imports import quick_imports

if TYPE_CHECKING:
    from .model import LoadedModel

ATTENTION = "gradients_packed"

_SHORTEST_SHARED_PREFIX = 4
_BLOCK_FILL = 0.6


@dataclass(frozen=True)
class Block:
    """Examples of like length, padded together for attention only.

    `slots` [rows x width]: which packed token sits in each padded place (padding repeats token 0, and its
    output is dropped). `visible` [width, prefix + width]: True where a query may look.
    """

    rows: int
    slots: torch.Tensor
    visible: torch.Tensor


@dataclass(frozen=True)
class Layout:
    """Where each token of a packed row belongs. `places` finds a token in the concatenated blocks."""

    prefix: int
    blocks: tuple[Block, ...]
    places: torch.Tensor


@dataclass(frozen=True)
class Packed:
    """A micro-batch. `predictors` are the packed positions whose next token counts, `labels` that token
    and `owners` the index of its example in the batch."""

    ids: torch.Tensor
    positions: torch.Tensor
    layout: Layout
    predictors: torch.Tensor
    labels: torch.Tensor
    owners: torch.Tensor

    @property
    def computed_tokens(self) -> int:
        return int(self.ids.shape[1])


def pack(examples: Sequence[Example], device: torch.device) -> Packed:
    """Packs examples that each hold a completion token."""
    prefix = shared_prefix(examples)
    order = sorted(range(len(examples)), key=lambda index: -len(examples[index].ids))
    ids = list(examples[0].ids[:prefix])
    positions = list(range(prefix))
    predictors: list[int] = []
    labels: list[int] = []
    owners: list[int] = []
    starts: list[int] = []
    for index in order:
        example = examples[index]
        start = len(ids) - prefix
        starts.append(len(ids))
        for at in range(max(1, example.first_target), len(example.ids)):
            if example.targets[at]:
                predictors.append(start + at - 1)
                labels.append(example.ids[at])
                owners.append(index)
        ids.extend(example.ids[prefix:])
        positions.extend(range(prefix, len(example.ids)))
    lengths = [len(examples[index].ids) - prefix for index in order]
    layout = _layout(prefix, starts, lengths, device)
    row = torch.tensor([ids, positions], device=device)
    marks = torch.tensor([predictors, labels, owners], device=device)
    return Packed(row[0:1], row[1:2], layout, marks[0], marks[1], marks[2])


def shared_prefix(examples: Sequence[Example]) -> int:
    """How many first tokens are the same everywhere and come before the last prompt token of each."""
    if len(examples) < 2:
        return 0
    limit = min(example.first_target for example in examples) - 1
    first = examples[0].ids
    length = 0
    while length < limit and all(example.ids[length] == first[length] for example in examples):
        length += 1
    return length if length >= _SHORTEST_SHARED_PREFIX else 0


def packed_forward(model: "LoadedModel", packed: Packed) -> torch.Tensor:
    """Hidden states [completion tokens, hidden size] of the positions whose next token counts."""
    with attention(model, ATTENTION):
        states: torch.Tensor = model.decoder(
            input_ids=packed.ids, position_ids=packed.positions, use_cache=False, layout=packed.layout
        ).last_hidden_state
    return states[0].index_select(0, packed.predictors)


class attention:
    """Runs the model with another attention function for a while."""

    def __init__(self, model: "LoadedModel", name: str) -> None:
        self._config = model.causal.config
        self._name = name

    def __enter__(self) -> None:
        self._before = self._config._attn_implementation
        self._config._attn_implementation = self._name

    def __exit__(self, *_: object) -> None:
        self._config._attn_implementation = self._before


def register_attention() -> None:
    with quick_imports():
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, packed_attention)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    layout: Layout,
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one packed row; query [1, heads, tokens, size] -> [1, tokens, heads, size]."""
    heads, size = query.shape[1], query.shape[3]
    key, value = _all_heads(key, heads), _all_heads(value, heads)
    parts: list[torch.Tensor] = []
    prefix = layout.prefix
    if prefix:
        mask = _window(_causal(prefix, 0, query.device), 0, sliding_window)
        part = _sdpa(query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix], mask, scaling, dropout)
        parts.append(part)
    for block in layout.blocks:
        padded = (heads, block.rows, -1, size)
        q, k, v = (tensor.index_select(2, block.slots).view(padded) for tensor in (query, key, value))
        if prefix:
            k, v = (
                torch.cat([whole[0, :, None, :prefix].expand(-1, block.rows, -1, -1), own], dim=2)
                for whole, own in ((key, k), (value, v))
            )
        part = _sdpa(q, k, v, _window(block.visible, prefix, sliding_window), scaling, dropout)
        parts.append(part.reshape(1, heads, -1, size))
    joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return joined.index_select(2, layout.places).transpose(1, 2), None


def _layout(prefix: int, starts: list[int], lengths: list[int], device: torch.device) -> Layout:
    blocks: list[Block] = []
    places = list(range(prefix))
    offset = prefix
    first = 0
    while first < len(lengths):
        width = lengths[first]
        last = first
        while last < len(lengths) and lengths[last] >= _BLOCK_FILL * width:
            last += 1
        slots = torch.zeros(last - first, width, dtype=torch.long)
        for line, index in enumerate(range(first, last)):
            slots[line, : lengths[index]] = torch.arange(starts[index], starts[index] + lengths[index])
            places.extend(range(offset + line * width, offset + line * width + lengths[index]))
        offset += slots.numel()
        blocks.append(Block(last - first, slots.flatten().to(device), _causal(width, prefix, device)))
        first = last
    return Layout(prefix, tuple(blocks), torch.tensor(places, device=device))


def _causal(width: int, before: int, device: torch.device) -> torch.Tensor:
    """[width, before + width]: each query sees all `before` keys, and its own up to itself."""
    return torch.ones(width, before + width, dtype=torch.bool, device=device).tril(before)


def _window(mask: torch.Tensor, before: int, window: int | None) -> torch.Tensor:
    return mask if window is None else mask & ~mask.new_ones(mask.shape).tril(before - window)


def _all_heads(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    groups = heads // tensor.shape[1]
    return tensor if groups == 1 else tensor.repeat_interleave(groups, dim=1)


def _sdpa(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    scaling: float,
    dropout: float,
) -> torch.Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling)
