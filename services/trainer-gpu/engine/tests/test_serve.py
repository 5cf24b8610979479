"""The engine behind a socket, with the test as its agent."""

import json
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradients_engine.cli import main
from gradients_engine.events import EventWriter
from gradients_engine.serve import serve

fork = multiprocessing.get_context("fork")


class Agent:
    """Listens, takes one engine and gives it work."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(20)

    def take(self, work_dir: Path) -> None:
        self.connection, _ = self.listener.accept()
        self.lines = self.connection.makefile("r")
        self.say(workDir=str(work_dir), threads=3)

    def say(self, **message: Any) -> None:
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def leave(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "engine.sock")
    yield agent
    agent.listener.close()


def start(what: Callable[[], int]) -> Any:
    process = fork.Process(target=lambda: os._exit(what()))
    process.start()
    return process


def patient(emit: EventWriter) -> int:
    """Works until it is asked to stop."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    emit("phase", phase=f"threads {os.environ['OMP_NUM_THREADS']} in {Path.cwd().name}")
    while not asked:
        time.sleep(0.01)
    return 75


def ended(process: Any) -> int | None:
    process.join(20)
    code: int | None = process.exitcode
    process.kill()
    return code


def test_the_verb_reads_the_spec_of_the_agents_folder_and_says_how_it_ended(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/spec.json").write_text('{"kind": "magic"}')
    process = start(lambda: main(["serve", "--socket", str(tmp_path / "engine.sock")]))
    agent.take(tmp_path / "work")
    error, end = agent.heard()
    assert (error["type"], error["code"]) == ("error", "SPEC_INVALID")
    assert end == {"type": "exit", "code": 65}
    assert ended(process) == 65


def test_a_request_to_stop_is_a_signal(agent: Agent, tmp_path: Path) -> None:
    process = start(lambda: serve(tmp_path / "engine.sock", 5, patient))
    agent.take(tmp_path)
    assert json.loads(agent.lines.readline()) == {"type": "phase", "phase": f"threads 3 in {tmp_path.name}"}
    agent.connection.sendall(b"nonsense\n")
    agent.say(stop="term")
    assert agent.heard() == [{"type": "exit", "code": 75}]
    assert ended(process) == 75


def test_without_its_agent_it_ends(agent: Agent, tmp_path: Path) -> None:
    process = start(lambda: serve(tmp_path / "engine.sock", 5, patient))
    agent.take(tmp_path)
    agent.lines.readline()
    agent.leave()
    assert ended(process) == 70


def test_it_waits_for_an_agent_only_so_long(tmp_path: Path) -> None:
    assert serve(tmp_path / "none.sock", 0.3, patient) == 65
