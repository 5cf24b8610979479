"""What an attack tells: JSON lines on standard output, which the test reads from the container's log."""

import json


def report(tried: str, got_through: bool, happened: str) -> None:
    print(json.dumps({"tried": tried, "gotThrough": got_through, "happened": happened}), flush=True)
