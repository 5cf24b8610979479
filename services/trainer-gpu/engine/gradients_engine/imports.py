"""Imports the libraries, without what a run never calls, and without the garbage collector's rounds.

Importing transformers, making a model and adding adapters to it import torch's compiler, its distributed tensors and
triton: as much CPU time as torch itself, for decorators, annotations and checks. A run here is one process on one
device and calls none of it.
"""

import gc
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
# What transformers asks of torch, and takes no for an answer.
_NOT_NEEDED = ("is_torch_distributed_available", "is_torch_flex_attn_available")


def import_everything() -> None:
    """What a run imports: where this has run once, the libraries' compiled files lie."""
    with quick_imports():
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
        from transformers.models.llama import modeling_llama  # noqa: F401
    import_peft()
    for module in ("train", "evaluate"):
        importlib.import_module(f".{module}", __package__)


def import_peft() -> Any:
    with quick_imports():
        import peft
        from peft.tuners import tuners_utils
    tuners_utils._torch_supports_distributed = False
    return peft


@contextmanager
def quick_imports() -> Iterator[None]:
    """To be put around the import of torch and transformers, and around the loading of a model or tokenizer."""
    with ExitStack() as stack:
        stack.enter_context(_no_collector())
        import torch

        stack.enter_context(_stand_in(torch))
        stack.enter_context(_no_weights_without_memory(torch.nn.init))
        _tell_transformers()
        yield


@contextmanager
def _no_collector() -> Iterator[None]:
    """It looks through all modules again and again while they are being made, and finds nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # modules stay as long as the process does
        gc.enable()


@contextmanager
def _stand_in(torch: Any) -> Iterator[None]:
    """Puts a package in the compiler's place that knows its decorators; whoever wants more gets the compiler."""
    if _COMPILER in sys.modules:
        yield
        return
    stand_in = _compiler_stand_in()
    sys.modules[_COMPILER] = torch._dynamo = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_COMPILER) is stand_in:
            _remove(torch)


def _compiler_stand_in() -> ModuleType:
    spec = importlib.util.find_spec(_COMPILER)
    assert spec is not None
    stand_in = ModuleType(_COMPILER)
    stand_in.__spec__ = spec
    stand_in.__path__ = list(spec.submodule_search_locations or [])
    stand_in.__dict__.update(disable=_mark, allow_in_graph=_mark, assume_constant_result=_mark)
    stand_in.__dict__["__getattr__"] = _from_the_compiler
    return stand_in


def _mark(function: Any = None, *_: object, **__: object) -> Any:
    """Stands for a decorator that tells the compiler about a function, with or without arguments."""
    if function is not None:
        return function
    decorate: Callable[[Any], Any] = lambda decorated: decorated  # noqa: E731
    return decorate


def _from_the_compiler(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    _remove(sys.modules["torch"])
    return getattr(importlib.import_module(_COMPILER), name)


def _remove(torch: Any) -> None:
    sys.modules.pop(_COMPILER, None)
    torch.__dict__.pop("_dynamo", None)


@contextmanager
def _no_weights_without_memory(init: Any) -> Iterator[None]:
    """A model is made without memory before its weights are read: nothing to fill with random numbers then."""
    originals = {name: value for name, value in vars(init).items() if name.endswith("_") and callable(value)}
    for name, function in originals.items():
        setattr(init, name, _unless_meta(function))
    try:
        yield
    finally:
        vars(init).update(originals)


def _unless_meta(function: Callable[..., Any]) -> Callable[..., Any]:
    def fill(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return tensor if tensor.is_meta else function(tensor, *args, **kwargs)

    return fill


def _tell_transformers() -> None:
    import transformers.utils

    for module in (transformers.utils, transformers.utils.import_utils):
        for name in _NOT_NEEDED:
            setattr(module, name, lambda: False)
