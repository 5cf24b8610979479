"""Greedy answers, batched, with a key-value cache; a prompt start that all share is computed once."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .errors import EngineError
from .packing import attention

if TYPE_CHECKING:
    from .model import LoadedModel

_BATCH = 32


def answer_prompts(
    model_dir: Path, artifact_dir: Path | None, prompts: Path, max_new_tokens: int, threads: int
) -> Iterator[dict[str, Any]]:
    """One {"index", "prompt", "generated", "tokens"} for each line of the prompts file."""
    from .artifact import load_artifact
    from .data import Encoder
    from .model import load_tokenizer, set_threads

    set_threads(threads)
    conversations = _read_prompts(prompts)
    tokenizer = load_tokenizer(model_dir)
    model = load_artifact(model_dir, artifact_dir).model
    encoder = Encoder(tokenizer, model.context_length)
    ids = [encoder.prompt(messages) for messages in conversations]
    answers = generate(model, tokenizer, ids, max_new_tokens)
    for index, (messages, answer) in enumerate(zip(conversations, answers, strict=True)):
        text = tokenizer.decode(answer, skip_special_tokens=True)
        yield {"index": index, "prompt": messages[-1]["content"], "generated": text, "tokens": len(answer)}


def generate(
    model: "LoadedModel", tokenizer: Any, prompts: Sequence[list[int]], max_new_tokens: int
) -> Iterator[list[int]]:
    """New token ids of each prompt, up to and without the end-of-turn token.

    A prompt that leaves no room in the context is answered with nothing.
    """
    ends = _end_tokens(model, tokenizer)
    for start in range(0, len(prompts), _BATCH):
        chunk = prompts[start : start + _BATCH]
        fitting = [prompt for prompt in chunk if len(prompt) + max_new_tokens <= model.context_length]
        answers = iter(_greedy(model, fitting, max_new_tokens, ends) if fitting else [])
        for prompt in chunk:
            yield next(answers) if len(prompt) + max_new_tokens <= model.context_length else []


@torch.inference_mode()
def _greedy(model: "LoadedModel", prompts: Sequence[list[int]], max_new_tokens: int, ends: set[int]) -> list[list[int]]:
    with attention(model, "sdpa"):
        state = _Decoding(model, prompts)
        answers: list[list[int]] = [[] for _ in prompts]
        running = list(range(len(prompts)))
        for _ in range(max_new_tokens):
            tokens = state.next_tokens.tolist()
            kept = [line for line, token in enumerate(tokens) if token not in ends]
            for line in kept:
                answers[running[line]].append(tokens[line])
            if not kept or len(answers[running[kept[0]]]) == max_new_tokens:
                break
            running = [running[line] for line in kept]
            state.advance(kept)
    return answers


class _Decoding:
    """The cache of the prompts that still run. Padding stands between shared prefix and own rest, masked."""

    def __init__(self, model: "LoadedModel", prompts: Sequence[list[int]]) -> None:
        from transformers import DynamicCache

        self._model = model
        self._mask: torch.Tensor
        self._positions: torch.Tensor
        self._cache = DynamicCache(config=model.causal.config)
        prefix = _common_prefix(prompts)
        if prefix:
            positions = torch.arange(prefix, device=model.device)[None]
            self._states(torch.tensor([prompts[0][:prefix]], device=model.device), positions, None)
            self._cache.batch_repeat_interleave(len(prompts))
        self._prefill([prompt[prefix:] for prompt in prompts], prefix)

    def advance(self, kept: list[int]) -> None:
        """Feeds the newest tokens of the lines that go on, and drops the others."""
        lines = torch.tensor(kept, device=self._model.device)
        if len(kept) < len(self.next_tokens):
            self._cache.batch_select_indices(lines)
        tokens = self.next_tokens[lines]
        mask = self._mask[lines]
        self._mask = torch.cat([mask, mask.new_ones(len(kept), 1)], dim=1)
        self._positions = self._positions[lines] + 1
        self._choose(self._states(tokens[:, None], self._positions[:, None], self._mask))

    def _prefill(self, rests: list[list[int]], prefix: int) -> None:
        width = max(len(rest) for rest in rests)
        device = self._model.device
        pads = [width - len(rest) for rest in rests]
        ids = torch.tensor([[0] * pad + rest for pad, rest in zip(pads, rests, strict=True)], device=device)
        mask = [[1] * prefix + [0] * pad + [1] * (width - pad) for pad in pads]
        positions = [[0] * pad + list(range(prefix, prefix + width - pad)) for pad in pads]
        self._mask = torch.tensor(mask, device=device)
        places = torch.tensor(positions, device=device)
        self._positions = places[:, -1]
        self._choose(self._states(ids, places, self._mask))

    def _states(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states: torch.Tensor = self._model.decoder(
            input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=self._cache, use_cache=True
        ).last_hidden_state
        return states[:, -1]

    def _choose(self, states: torch.Tensor) -> None:
        self.next_tokens = self._model.head(states).argmax(dim=-1)


def _common_prefix(prompts: Sequence[list[int]]) -> int:
    """Tokens that all prompts begin with; each keeps at least one of its own."""
    limit = min(len(prompt) for prompt in prompts) - 1
    length = 0
    while length < limit and all(prompt[length] == prompts[0][length] for prompt in prompts):
        length += 1
    return length


def _end_tokens(model: "LoadedModel", tokenizer: Any) -> set[int]:
    configured = model.causal.generation_config.eos_token_id
    ends = set(configured if isinstance(configured, list) else [configured]) | {tokenizer.eos_token_id}
    return {token for token in ends if token is not None}


def _read_prompts(path: Path) -> list[list[dict[str, str]]]:
    conversations: list[list[dict[str, str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            conversations.append(_conversation(line, number))
    if not conversations:
        raise EngineError("DATA_INVALID", "the prompts file holds no lines")
    return conversations


def _conversation(line: str, number: int) -> list[dict[str, str]]:
    try:
        value = json.loads(line)
        if isinstance(value.get("prompt"), str):
            return [{"role": "user", "content": value["prompt"]}]
        return [{"role": str(item["role"]), "content": str(item["content"])} for item in value["messages"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError("DATA_INVALID", f"prompts line {number}: expected prompt or messages: {error}") from error
