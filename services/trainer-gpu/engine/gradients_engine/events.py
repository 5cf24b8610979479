"""The engine's only protocol with its agent: one JSON object a line, on a file descriptor or a socket."""

import json
import math
import os
import time
from typing import Any, Literal, Protocol

Phase = Literal["loading", "training", "saving", "evaluating", "generating"]


class Emit(Protocol):
    def __call__(self, type_: str, /, **fields: Any) -> None: ...


class EventWriter:
    """Writes events whole and at once, so that a reader never sees half a line."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __call__(self, type_: str, /, **fields: Any) -> None:
        line = json.dumps({"type": type_, **_finite(fields)}, separators=(",", ":"), allow_nan=False) + "\n"
        data = line.encode()
        while data:
            data = data[os.write(self._fd, data) :]


class Throttle:
    """Lets an event through at most once per interval; short steps would flood the reader."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def ready(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
