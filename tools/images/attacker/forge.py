"""Claims what is not so: figures, and results."""

import json
import os
import pickle
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

from report import report

OUTPUT = Path("output")
WEIGHTS = OUTPUT / "adapter_model.safetensors"
CLAIM = {
    "kind": "train",
    "steps": 10**9,
    "examples": 10**9,
    "tokens": 10**12,
    "train_seconds": 1.0,
    "final_loss": 0.0,
    "trainable_parameters": 1,
    "peak_memory_bytes": 1,
    "rows_without_completion": 0,
    "engine_version": "forged",
    "device": "H200",
    "sha256": "0" * 64,
    "winner": True,
}


def forge_progress(agent: Any, _spec: dict[str, Any]) -> None:
    """The best loss of all, beyond the end, faster than anybody reads; then a result of which there is no file."""
    agent.say("phase", phase="training")
    agent.say("phase", phase="x" * 10_000)
    for step, loss in [("-1", "0.0"), ("1e400", "0.0"), ("1", "NaN"), ("2", "-Infinity"), ("3", '"0"')]:
        agent.send(b'{"type":"progress","step":%s,"total_steps":1,"loss":%s}\n' % (step.encode(), loss.encode()))
    agent.say("progress", step=10**15, total_steps=10, loss=-1e308)
    for _ in range(4):
        agent.send(b'{"type":"progress","step":5,"loss":0.0,"x":"' + b"x" * 1_000_000 + b'"}\n')
    report("figures/long", got_through=False, happened="sent 4 lines of a megabyte")
    sent = flood(agent.connection, seconds=3)
    report("figures/flood", got_through=sent > 100_000, happened=f"100,000 lines a second for 3 s: {sent} were taken")
    agent.say("checkpoint", dir="/etc", step=1, train_seconds=1.0)
    agent.say("checkpoint", dir="../../private", step=2, train_seconds=1.0)
    report("artifact/none", got_through=False, happened="is not there")
    claim(agent)


def flood(connection: socket.socket, seconds: float) -> int:
    """How many lines the agent has taken; whole ones, so that what comes next is understood."""
    line = b'{"type":"progress","step":%012d,"loss":0.0}\n' % 7
    connection.settimeout(0.1)
    sent, rest = 0, b""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rest = rest or line * 100
        try:
            count = connection.send(rest)
            rest = rest[count:]
            sent += count
        except TimeoutError:
            continue
    connection.settimeout(None)
    connection.sendall(rest)
    return sent // len(line)


def forge_digest(agent: Any, _spec: dict[str, Any]) -> None:
    """Other weights are sent than were hashed."""
    write_weights(32 << 20)

    def exchange() -> None:
        with WEIGHTS.open("r+b") as file:
            while True:
                for at in range(1 << 20, 32 << 20, 1 << 20):
                    file.seek(at)
                    file.write(os.urandom(64))
                    file.flush()

    threading.Thread(target=exchange, daemon=True).start()
    report("artifact/digest", got_through=False, happened="changes its weights while they are sent")
    claim(agent)
    time.sleep(60)


def forge_link(agent: Any, _spec: dict[str, Any]) -> None:
    write_config()
    WEIGHTS.symlink_to("/var/run/gradients/token")
    report("artifact/link", got_through=False, happened="leads to the agent's token")
    claim(agent)


def forge_size(agent: Any, _spec: dict[str, Any]) -> None:
    """A terabyte of nothing, which takes no room on the disk."""
    write_config()
    with WEIGHTS.open("wb") as file:
        file.truncate(1 << 40)
    report("artifact/size", got_through=False, happened="is a terabyte")
    claim(agent)


def forge_pickle(agent: Any, _spec: dict[str, Any]) -> None:
    write_config()
    (OUTPUT / "adapter_model.bin").write_bytes(pickle.dumps(Bomb()))
    report("artifact/pickle", got_through=False, happened="is a pickle that runs a command")
    claim(agent)


def forge_weights(agent: Any, _spec: dict[str, Any]) -> None:
    """The same pickle under the name of safetensors: it is delivered, and judged."""
    write_config()
    WEIGHTS.write_bytes(pickle.dumps(Bomb()) * 100)
    report("artifact/weights", got_through=False, happened="is a pickle that is called safetensors")
    claim(agent)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.system, ("echo escaped > /tmp/escaped",))


def claim(agent: Any) -> None:
    share()
    agent.say("result", **CLAIM)
    agent.say("exit", code=0)


def write_weights(size: int) -> None:
    write_config()
    shape = [size // 4]
    tensor = {"base_model.model.x.lora_A.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}
    header = json.dumps(tensor).encode()
    WEIGHTS.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))


def write_config() -> None:
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (OUTPUT / "adapter_config.json").write_text(json.dumps(config))


def share() -> None:
    for path in OUTPUT.iterdir():
        if not path.is_symlink():
            path.chmod(0o660)
