"""Reads typed fields from a JSON object; every complaint names the field, and nothing is ignored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import EngineError


class Fields:
    """One JSON object being read. Call `finish` at the end: what nobody read is refused."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise EngineError("SPEC_INVALID", f"{path or 'spec'}: expected an object, found {_kind(value)}")
        self._values: dict[str, Any] = dict(value)
        self._path = path

    def text(self, name: str, default: str | None = None) -> str:
        value = self._take(name, default)
        if not isinstance(value, str) or not value:
            raise self.problem(name, f"expected a non-empty string, found {_kind(value)}")
        return value

    def choice(self, name: str, options: tuple[str, ...], default: str | None = None) -> str:
        value = self._take(name, default)
        if value not in options:
            raise self.problem(name, f"expected one of {', '.join(options)}, found {value!r}")
        return str(value)

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.problem(name, f"expected a number from {low:g} to {high:g}, found {value!r}")
        return float(value)

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self._take(name, default)
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        if not whole or not low <= value <= high:
            raise self.problem(name, f"expected a whole number from {low} to {high}, found {value!r}")
        return int(value)

    def boolean(self, name: str, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.problem(name, f"expected true or false, found {value!r}")
        return value

    def folder(self, name: str) -> Path:
        path = Path(self.text(name))
        if not path.is_dir():
            raise self.problem(name, f"no such folder: {path}")
        return path

    def file(self, name: str) -> Path:
        path = Path(self.text(name))
        if not path.is_file():
            raise self.problem(name, f"no such file: {path}")
        return path

    def child(self, name: str) -> "Fields":
        return Fields(self._take(name, {}), self._name(name))

    def raw(self, name: str, default: object) -> object:
        return self._take(name, default)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null; a null field counts as read."""
        if self._values.get(name) is None:
            self._values.pop(name, None)
            return False
        return True

    def problem(self, name: str, message: str) -> EngineError:
        return EngineError("SPEC_INVALID", f"{self._name(name)}: {message}")

    def finish(self) -> None:
        for name in self._values:
            raise self.problem(name, "unknown field")

    def _take(self, name: str, default: object) -> Any:
        value = self._values.pop(name, None)
        if value is None and default is None:
            raise self.problem(name, "is missing")
        return default if value is None else value

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _kind(value: object) -> str:
    names = {"NoneType": "nothing", "dict": "an object", "list": "a list", "str": "a string", "bool": "a boolean"}
    return names.get(type(value).__name__, "a number")
