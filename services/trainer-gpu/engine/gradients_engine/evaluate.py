"""Scores a model on held-out rows, example by example: sums and counts, never means of batches."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import torch

from . import ENGINE_VERSION
from .artifact import LoadedArtifact, load_artifact
from .data import Encoder, Example, Row, read_rows
from .errors import EngineError, Stopped
from .events import Emit, Throttle
from .generate import generate
from .loss import example_nll
from .model import load_tokenizer, peak_memory_bytes, set_threads
from .packing import pack, register_attention
from .spec import EvaluateSpec

SCORES_FILE = "scores.jsonl"

_BATCH_TOKENS = 2048
_PROGRESS_SECONDS = 0.25

Score = dict[str, Any]


def run_evaluation(spec: EvaluateSpec, emit: Emit, stop_requested: Callable[[], bool]) -> None:
    emit("phase", phase="loading")
    set_threads(spec.threads)
    register_attention()
    torch.manual_seed(0)
    tokenizer = load_tokenizer(spec.model_dir)
    encoder = Encoder(tokenizer, spec.max_length)
    rows = read_rows(spec.heldout_file, spec.format, spec.columns)
    examples = [encoder.example(row) for row in rows]
    artifact = load_artifact(spec.model_dir, spec.artifact_dir)
    emit("phase", phase="evaluating")
    scores = _score(artifact, examples, emit, stop_requested)
    if spec.generate_rows:
        emit("phase", phase="generating")
        shown = [pair for pair, example in zip(zip(rows, scores, strict=True), examples, strict=True) if example.ids]
        _add_answers(spec, artifact, tokenizer, encoder, shown[: spec.generate_rows], stop_requested)
    _write(spec, scores)
    emit("result", **_result(artifact, scores))


def _score(
    artifact: LoadedArtifact, examples: list[Example], emit: Emit, stop_requested: Callable[[], bool]
) -> list[Score]:
    throttle = Throttle(_PROGRESS_SECONDS)
    scores: list[Score] = []
    for batch in _batches(examples):
        if stop_requested():
            raise Stopped
        scores.extend(_score_batch(artifact, batch))
        if throttle.ready() or len(scores) == len(examples):
            emit("progress", **_progress(scores, len(examples)))
    return scores


def _batches(examples: list[Example]) -> Iterator[list[Example]]:
    """Rows in file order, so that every artifact of a job meets the same batches."""
    batch: list[Example] = []
    tokens = 0
    for example in examples:
        if batch and tokens + len(example.ids) > _BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(example)
        tokens += len(example.ids)
    if batch:
        yield batch


def _score_batch(artifact: LoadedArtifact, batch: list[Example]) -> list[Score]:
    """Rows that were cut before their completion count zero tokens."""
    scores: list[Score] = [
        {"row": example.row, "nll_sum": 0.0, "tokens": 0, "truncated": example.truncated} for example in batch
    ]
    scored = [(score, example) for score, example in zip(scores, batch, strict=True) if example.completion_tokens]
    if not scored:
        return scores
    packed = pack([example for _, example in scored], artifact.model.device)
    sums, counts = example_nll(artifact.model, packed, len(scored))
    for (score, _), nll_sum, tokens in zip(scored, sums, counts, strict=True):
        score.update(nll_sum=nll_sum, tokens=tokens)
        if nll_sum != nll_sum or nll_sum == float("inf"):
            raise EngineError("NONFINITE", f"row {score['row']}: the loss is not finite", checks=_failed(artifact))
    return scores


def _failed(artifact: LoadedArtifact) -> dict[str, Any]:
    artifact.checks.finite = False
    return artifact.checks.as_json()


def _progress(scores: list[Score], total: int) -> dict[str, Any]:
    tokens = sum(score["tokens"] for score in scores)
    loss = sum(score["nll_sum"] for score in scores) / max(tokens, 1)
    return {"step": len(scores), "total_steps": total, "examples": len(scores), "tokens": tokens, "loss": loss}


def _add_answers(
    spec: EvaluateSpec,
    artifact: LoadedArtifact,
    tokenizer: Any,
    encoder: Encoder,
    asked: list[tuple[Row, Score]],
    stop_requested: Callable[[], bool],
) -> None:
    """Generates the last assistant turn of some rows and compares it with the reference."""
    turns = [_last_answer(row) for row, _ in asked]
    prompts = [encoder.prompt(list(row.messages[:turn])) for (row, _), turn in zip(asked, turns, strict=True)]
    answers = generate(artifact.model, tokenizer, prompts, spec.max_new_tokens)
    for (row, score), turn, answer in zip(asked, turns, answers, strict=True):
        if stop_requested():
            raise Stopped
        text = tokenizer.decode(answer, skip_special_tokens=True)
        reference = row.messages[turn]["content"]
        score.update(
            prompt=row.messages[turn - 1]["content"] if turn else "",
            reference=reference,
            generated=text,
            exact_match=is_match(text, reference),
        )


def is_match(generated: str, reference: str) -> bool:
    """Equal text but for the blanks around it; a JSON object or list is compared by value."""
    if generated.strip() == reference.strip():
        return True
    try:
        expected = json.loads(reference)
        return isinstance(expected, dict | list) and bool(json.loads(generated) == expected)
    except ValueError:
        return False


def _last_answer(row: Row) -> int:
    return max(index for index, message in enumerate(row.messages) if message["role"] == "assistant")


def _write(spec: EvaluateSpec, scores: list[Score]) -> None:
    spec.output_dir.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(score, ensure_ascii=False, allow_nan=False) + "\n" for score in scores]
    (spec.output_dir / SCORES_FILE).write_text("".join(lines), encoding="utf-8")


def _result(artifact: LoadedArtifact, scores: list[Score]) -> dict[str, Any]:
    return {
        "kind": "evaluate",
        "rows": len(scores),
        "tokens": sum(score["tokens"] for score in scores),
        "nll_sum": sum(score["nll_sum"] for score in scores),
        "exact_matches": sum(1 for score in scores if score.get("exact_match")),
        "generated_rows": sum(1 for score in scores if "generated" in score),
        "checks": artifact.checks.as_json(),
        "weights_sha256": artifact.weights_sha256,
        "engine_version": ENGINE_VERSION,
        "torch_version": torch.__version__,
        "device": artifact.model.device.type,
        "dtype": str(artifact.model.dtype).removeprefix("torch."),
        "peak_memory_bytes": peak_memory_bytes(artifact.model.device),
    }
