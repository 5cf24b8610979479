"""Takes more of the machine than was given: disk, memory, processes."""

import errno
import os
import time
from pathlib import Path
from typing import Any

from report import report

BLOCK = b"\1" * 1024 * 1024


def fill_work(agent: Any, _spec: dict[str, Any]) -> None:
    fill(agent, "disk/work", Path("output/filler"))


def fill_tmp(agent: Any, _spec: dict[str, Any]) -> None:
    fill(agent, "disk/tmp", Path("/tmp/filler"))


def fill(agent: Any, tried: str, file: Path) -> None:
    """Up to a gigabyte, ten times the limit and more; then waits for what comes."""
    agent.say("phase", phase="training")
    report(tried, got_through=False, happened=f"writes to {file.parent.resolve()}")
    with file.open("wb") as out:
        for _ in range(1024):
            try:
                out.write(BLOCK)
            except OSError as error:
                report(tried, got_through=False, happened=os.strerror(error.errno or 0))
                break
    report(tried, got_through=False, happened=f"wrote {file.stat().st_size >> 20} MiB and waits")
    time.sleep(120)
    report(tried, got_through=True, happened=f"kept {file.stat().st_size >> 20} MiB for two minutes")
    agent.give_up("nobody minds")


def eat_memory(agent: Any, _spec: dict[str, Any]) -> None:
    agent.say("phase", phase="training")
    report("memory/eat", got_through=False, happened="eats memory")
    eaten = []
    for megabytes in range(4096):
        eaten.append(bytearray(BLOCK))
        if megabytes % 64 == 0:
            report("memory/eat", got_through=False, happened=f"has {megabytes} MiB")
    report("memory/eat", got_through=True, happened="has 4 GiB")
    agent.give_up("nobody minds")


def fork_bomb(agent: Any, _spec: dict[str, Any]) -> None:
    """Children live on until the container ends: the pod's limit has to hold."""
    agent.say("phase", phase="training")
    report("processes/bomb", got_through=False, happened="forks")
    children = 0
    refused = ""
    while children < 20_000:
        try:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
            children += 1
        except OSError as error:
            refused = errno.errorcode.get(error.errno or 0, str(error))
            break
    time.sleep(5)
    report("processes/bomb", got_through=refused == "", happened=f"{children} processes, then {refused or 'no end'}")
    agent.give_up(f"fork() says {refused} after {children} processes")
