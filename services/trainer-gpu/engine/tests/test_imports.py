"""In a process of its own: what another test has imported would hide what is asked here."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LEFT_OUT = (
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.tensor",
    "triton",
    "scipy",
    "sklearn",
    "torchvision",
)


def _run(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_run_leaves_out_what_it_never_calls(
    train_spec: Callable[..., Any], evaluate_spec: Callable[..., Any], tmp_path: Path
) -> None:
    artifact = train_spec("run", max_steps=2).output_dir
    artifact.mkdir(parents=True)
    evaluate_spec(artifact, generate_rows=1)
    program = f"""
import sys
from gradients_engine.cli import main
for spec in ("run", "evaluate"):
    assert main(["run", "--spec", {str(tmp_path)!r} + f"/{{spec}}.json"]) == 0
print("imported:", [name for name in {_LEFT_OUT!r} if name in sys.modules])
"""
    assert _run(program).splitlines()[-1] == "imported: []"


def test_the_compiler_is_there_for_whoever_wants_it() -> None:
    program = """
import sys
from gradients_engine.imports import quick_imports
with quick_imports():
    import torch
    assert torch.compiler.disable(recursive=False)(len) is len
    assert "torch._dynamo.eval_frame" not in sys.modules
    torch._dynamo.config.cache_size_limit
    assert "torch._dynamo.eval_frame" in sys.modules
with quick_imports():
    pass
print(torch.compile(lambda x: x * 2 + 1, backend="eager")(torch.ones(2)).tolist())
"""
    assert _run(program).splitlines()[-1] == "[3.0, 3.0]"


def test_weights_that_a_file_lacks_are_still_filled() -> None:
    program = """
import torch
from gradients_engine.imports import quick_imports
with quick_imports():
    assert torch.nn.init.ones_(torch.zeros(2)).tolist() == [1.0, 1.0]
    assert torch.nn.Linear(2, 2, device="meta").weight.is_meta
print("ok")
"""
    assert _run(program) == "ok\n"


def test_everything_can_be_imported_for_its_compiled_files() -> None:
    program = """
import sys
from gradients_engine.imports import import_everything
import_everything()
print({"gradients_engine.train", "peft", "transformers.models.llama.modeling_llama"} <= set(sys.modules))
"""
    assert _run(program) == "True\n"
