"""A contestant's training program that means harm: the sandbox's proof runs it in real pods.

Each try is a line on standard output: what was tried, whether it got through, and what happened. The recipe's
`settings.attack` names the attack; without one it talks rubbish to the agent.
"""

import argparse
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exhaust
import forge
import look_around
from report import report

Attack = Callable[["Agent", dict[str, Any]], None]

PATIENCE_SECONDS = 120


class Agent:
    """The platform's side of the socket. Nothing is read but the first line: what the agent asks for is ignored."""

    def __init__(self, path: str) -> None:
        self.early = look_around.Early()
        self.path = path
        self.connection = connect(path)
        first = self.connection.makefile("rb").readline()
        os.chdir(json.loads(first)["workDir"])
        self.spec: dict[str, Any] = json.loads(Path("spec.json").read_text())

    def say(self, type_: str, **fields: Any) -> None:
        self.send(json.dumps({"type": type_, **fields}).encode() + b"\n")

    def send(self, raw: bytes) -> None:
        self.connection.sendall(raw)

    def give_up(self, why: str) -> None:
        """Ends the attempt for good, so that it is not tried again."""
        self.say("error", code="SPEC_INVALID", message=why)
        self.say("exit", code=1)


def connect(path: str) -> socket.socket:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(path)
            return connection
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                sys.exit(f"no agent listens on {path}")
            time.sleep(0.2)


def talk_rubbish(agent: Agent, _spec: dict[str, Any]) -> None:
    second = connect_again(agent.path)
    report("socket/second", got_through=second is None, happened=second or "a second connection was taken")
    rubbish = [os.urandom(100_000) + b"\n", b'{"type":\n', b"[]\n", b"null\n", b"{" * 50_000 + b"\n", b"\xff\xfe\n"]
    for raw in rubbish:
        agent.send(raw)
    agent.say("assignment", token="mine", url="http://169.254.169.254/")
    agent.say("stop", stop="term")
    agent.say("exit", code=-1)
    agent.say("exit", code="0")
    report("socket/rubbish", got_through=False, happened="the agent passed over it and goes on to listen")
    agent.give_up("I talk rubbish")


def connect_again(path: str) -> str | None:
    """The agent takes one connection: why it does not take another."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as second:
        second.settimeout(5)
        try:
            second.connect(path)
            second.sendall(b'{"type":"exit","code":0}\n')
            return "closed without an answer" if second.recv(1) == b"" else None
        except OSError as error:
            return type(error).__name__


def ignore_signals(agent: Agent, _spec: dict[str, Any]) -> None:
    """Neither SIGTERM, nor the agent's wish, nor its going away ends this."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    agent.say("phase", phase="training")
    report("end/ignore", got_through=False, happened="ignores every request to end")
    while True:
        time.sleep(1)


ATTACKS: dict[str, Attack] = {
    "talk-rubbish": talk_rubbish,
    "look-around": look_around.look_around,
    "fill-work": exhaust.fill_work,
    "fill-tmp": exhaust.fill_tmp,
    "eat-memory": exhaust.eat_memory,
    "fork-bomb": exhaust.fork_bomb,
    "ignore-signals": ignore_signals,
    "forge-progress": forge.forge_progress,
    "forge-digest": forge.forge_digest,
    "forge-link": forge.forge_link,
    "forge-size": forge.forge_size,
    "forge-pickle": forge.forge_pickle,
    "forge-weights": forge.forge_weights,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--socket", required=True)
    agent = Agent(parser.parse_args().socket)
    attack = agent.spec["settings"].get("attack", "talk-rubbish")
    ATTACKS[attack](agent, agent.spec)


if __name__ == "__main__":
    main()
