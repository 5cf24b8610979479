"""Customer rows -> token ids and the positions that count: every assistant turn is a completion."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError
from .spec import Columns, Format

Message = dict[str, str]

_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


@dataclass(frozen=True)
class Example:
    """One row. `targets[i]` is 1 where ids[i] is a completion token, so is predicted from ids[:i]."""

    row: int
    ids: array[int]
    targets: bytearray
    truncated: bool

    @property
    def completion_tokens(self) -> int:
        return sum(self.targets)

    @property
    def first_target(self) -> int:
        """Index of the first completion token; the length where there is none."""
        found = self.targets.find(1)
        return len(self.ids) if found < 0 else found


@dataclass(frozen=True)
class Row:
    row: int
    messages: tuple[Message, ...]


def read_rows(path: Path, format_: Format, columns: Columns) -> list[Row]:
    """All rows of a JSONL file as conversations. A row that cannot be one ends the run, by its number."""
    rows = [_row(line, number, format_, columns) for number, line in _lines(path)]
    if not rows:
        raise EngineError("DATA_INVALID", "the file holds no rows")
    return rows


class TemplateRefusal(EngineError):
    """The model's chat template has no form for a conversation, such as one with a system turn."""

    def __init__(self, message: str) -> None:
        super().__init__("DATA_INVALID", message)


class Encoder:
    """Turns conversations into token ids by the model's own chat template."""

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        if tokenizer.chat_template is None:
            raise EngineError("MODEL_UNLOADABLE", "the model has no chat template")
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._eos: str = tokenizer.eos_token or ""

    def example(self, row: Row) -> Example:
        """The row as ids; without any where the chat template refuses it: such a row teaches and scores nothing."""
        ids: array[int] = array("i")
        targets = bytearray()
        try:
            segments = list(self._segments(row))
        except TemplateRefusal:
            segments = []
        for text, is_completion in segments:
            piece = self._tokenize(text)
            ids.extend(piece)
            targets.extend((b"\1" if is_completion else b"\0") * len(piece))
        truncated = len(ids) > self._max_length
        return Example(row.row, ids[: self._max_length], targets[: self._max_length], truncated)

    def prompt(self, messages: list[Message]) -> list[int]:
        """What a user's next question looks like to the model: ids up to where its answer starts."""
        return self._tokenize(self._render(messages, answering=True))

    def _segments(self, row: Row) -> Iterator[tuple[str, bool]]:
        """Pieces of the rendered conversation, tokenized apart so that prompts are as in real use."""
        done = ""
        messages = list(row.messages)
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            asked = self._render(messages[:index], answering=True)
            answered = self._render(messages[: index + 1], answering=False)
            if not asked.startswith(done) or not answered.startswith(asked):
                raise TemplateRefusal(f"row {row.row}: the chat template cannot show this conversation")
            # Loss ends with the end-of-turn token: what the template adds after it is never generated.
            end = answered.rfind(self._eos, len(asked)) + len(self._eos) if self._eos else 0
            end = end if end > len(asked) + len(self._eos) else len(answered)
            yield asked[len(done) :], False
            yield answered[len(asked) : end], True
            done = answered[:end]

    def _render(self, messages: list[Message], answering: bool) -> str:
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answering))
        except Exception as error:
            raise TemplateRefusal(f"the chat template refuses a conversation: {error}") from error

    def _tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except UnicodeDecodeError as error:
        raise EngineError("DATA_INVALID", f"the file is not UTF-8: {error}") from error


def _row(line: str, number: int, format_: Format, columns: Columns) -> Row:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise EngineError("DATA_INVALID", f"line {number}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise EngineError("DATA_INVALID", f"line {number}: expected an object")
    row = values.get("row", number)
    if isinstance(row, bool) or not isinstance(row, int):
        raise EngineError("DATA_INVALID", f"line {number}: 'row' is not a whole number")
    read = _chat if format_ == "chat" else _instruct
    return Row(row, tuple(read(values, columns, row)))


def _instruct(values: dict[str, Any], columns: Columns, row: int) -> list[Message]:
    instruction = _text(values, columns.instruction, row, required=True)
    extra = _text(values, columns.input, row, required=False) if columns.input else ""
    system = _text(values, columns.system, row, required=False) if columns.system else ""
    messages = [{"role": "system", "content": system}] if system.strip() else []
    question = f"{instruction}\n\n{extra}" if extra.strip() else instruction
    messages.append({"role": "user", "content": question})
    messages.append({"role": "assistant", "content": _text(values, columns.output, row, required=True)})
    return messages


def _chat(values: dict[str, Any], columns: Columns, row: int) -> list[Message]:
    name = columns.messages
    items = values.get(name)
    if not isinstance(items, list) or not items:
        raise EngineError("DATA_INVALID", f"row {row}: column {name!r} holds no list of messages")
    messages = [_message(item, f"row {row}: {name}[{index}]") for index, item in enumerate(items)]
    if not any(message["role"] == "assistant" for message in messages):
        raise EngineError("DATA_INVALID", f"row {row}: column {name!r} has no assistant message")
    return messages


def _message(item: object, place: str) -> Message:
    if not isinstance(item, dict):
        raise EngineError("DATA_INVALID", f"{place} is not an object")
    role = item.get("role", item.get("from"))
    content = item.get("content", item.get("value"))
    if not isinstance(role, str) or role not in _ROLES:
        raise EngineError("DATA_INVALID", f"{place}: unknown role {role!r}")
    if not isinstance(content, str) or not content.strip():
        raise EngineError("DATA_INVALID", f"{place}: empty or missing content")
    return {"role": _ROLES[role], "content": content}


def _text(values: dict[str, Any], name: str, row: int, required: bool) -> str:
    value = values.get(name)
    if value is None and not required:
        return ""
    if value is None and name not in values:
        raise EngineError("DATA_INVALID", f"row {row}: column {name!r} is missing")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if not isinstance(value, str):
        raise EngineError("DATA_INVALID", f"row {row}: column {name!r} is not text")
    if required and not value.strip():
        raise EngineError("DATA_INVALID", f"row {row}: column {name!r} is empty")
    return value
