"""The closed set of ways in which a run fails, and the exit code of each."""

from typing import Any, Final, Literal

ErrorCode = Literal[
    "SPEC_INVALID",
    "DATA_INVALID",
    "MODEL_UNLOADABLE",
    "ARTIFACT_UNSAFE",
    "ARTIFACT_UNLOADABLE",
    "NONFINITE",
    "OUT_OF_MEMORY",
    "INTERNAL",
]

EXIT_DONE: Final = 0
EXIT_STOPPED: Final = 75
EXIT_BAD_INPUT: Final = 65
EXIT_INTERNAL: Final = 70
EXIT_OUT_OF_MEMORY: Final = 137

_EXIT_CODES: Final[dict[ErrorCode, int]] = {
    "SPEC_INVALID": EXIT_BAD_INPUT,
    "DATA_INVALID": EXIT_BAD_INPUT,
    "MODEL_UNLOADABLE": EXIT_BAD_INPUT,
    "ARTIFACT_UNSAFE": EXIT_BAD_INPUT,
    "ARTIFACT_UNLOADABLE": EXIT_BAD_INPUT,
    "NONFINITE": EXIT_INTERNAL,
    "OUT_OF_MEMORY": EXIT_OUT_OF_MEMORY,
    "INTERNAL": EXIT_INTERNAL,
}


class EngineError(Exception):
    """An expected failure: a code from the closed set, and a sentence that a customer can act on.

    `details` are further fields of the error event (for example the artifact checks made so far).
    """

    def __init__(self, code: ErrorCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.details = details

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self.code]


class Stopped(Exception):
    """SIGTERM was honoured; whatever had to be saved has been saved."""


def from_exception(error: Exception) -> EngineError:
    """Names an unexpected exception: out of memory has several faces, the rest is internal."""
    if isinstance(error, EngineError):
        return error
    text = str(error)
    exhausted = type(error).__name__ in ("OutOfMemoryError", "MemoryError") or any(
        sign in text for sign in ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    )
    if exhausted:
        return EngineError("OUT_OF_MEMORY", "the machine ran out of memory; use smaller batches or shorter rows")
    return EngineError("INTERNAL", f"{type(error).__name__}: {text}"[:2000])
