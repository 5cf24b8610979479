"""The engine in a container of its own: it comes to the agent's socket, is told what to do, and says how it ended."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import EXIT_BAD_INPUT, EXIT_INTERNAL, EXIT_STOPPED
from .events import EventWriter

_RETRY_SECONDS = 0.2
_MAX_LINE_BYTES = 64 * 1024
# The agent is another user of our group: it has to read, link and remove what is made here.
_UMASK = 0o007


def serve(path: Path, connect_seconds: float, work: Callable[[EventWriter], int]) -> int:
    """Returns the exit code of `work`, which the agent has been told."""
    # The first process of a container does not end by a signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_STOPPED))
    agent = _connect(path, connect_seconds)
    if agent is None:
        print(f"no agent listens on {path}", file=sys.stderr)
        return EXIT_BAD_INPUT
    lines = agent.makefile("rb")
    task = lines.readline(_MAX_LINE_BYTES)
    if not task:
        print("the agent went away before it gave out work", file=sys.stderr)
        return EXIT_STOPPED
    _enter(json.loads(task))
    emit = EventWriter(agent.fileno())
    done = threading.Event()
    threading.Thread(target=_obey, args=(lines, done), daemon=True).start()
    code = work(emit)
    done.set()
    emit("exit", code=code)
    return code


def _connect(path: Path, seconds: float) -> socket.socket | None:
    deadline = time.monotonic() + seconds
    while True:
        agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            agent.connect(str(path))
            return agent
        except OSError:
            agent.close()
            if time.monotonic() >= deadline:
                return None
            time.sleep(_RETRY_SECONDS)


def _enter(task: dict[str, object]) -> None:
    """Before anything heavy is imported: libraries read their number of threads then."""
    os.umask(_UMASK)
    os.chdir(str(task["workDir"]))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(task["threads"])


def _obey(lines: Iterable[bytes], done: threading.Event) -> None:
    """A request to stop is SIGTERM's; without the agent nobody wants the work, and nothing of it may go on."""
    for line in lines:
        try:
            asked = json.loads(line)
        except ValueError:
            continue
        if asked == {"stop": "term"}:
            os.kill(os.getpid(), signal.SIGTERM)
    if not done.is_set():
        print("the agent is gone", file=sys.stderr, flush=True)
        os._exit(EXIT_INTERNAL)
