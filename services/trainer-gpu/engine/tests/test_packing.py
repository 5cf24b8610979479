"""Packing must be invisible: the same losses and gradients as one example at a time."""

import random
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gradients_engine.data import Example
from gradients_engine.errors import EngineError
from gradients_engine.loss import backward_sum, example_nll
from gradients_engine.model import SUPPORTED_FAMILIES, LoadedModel, load_model
from gradients_engine.packing import pack, shared_prefix

CPU = torch.device("cpu")


def make_examples(seed: int, prefix: int, count: int = 7) -> list[Example]:
    """Examples of very different lengths, some with two completions, behind a common start."""
    rng = random.Random(seed)
    common = [rng.randrange(2, 300) for _ in range(prefix)]
    examples = []
    for row in range(count):
        rest = [rng.randrange(2, 300) for _ in range(rng.choice([3, 5, 9, 30, 60]))]
        targets = bytearray(rng.random() < 0.5 for _ in rest)
        targets[0], targets[-1] = 0, 1
        ids = array("i", common + rest)
        examples.append(Example(row, ids, bytearray(prefix) + targets, False))
    return examples


def one_by_one(model: LoadedModel, examples: list[Example]) -> list[float]:
    """Summed losses as transformers itself computes them on single rows."""
    sums = []
    for example in examples:
        ids = torch.tensor([list(example.ids)])
        labels = torch.where(torch.tensor([list(example.targets)]) == 1, ids, -100)
        labels[0, 0] = -100
        with torch.no_grad():
            loss = model.causal(input_ids=ids, labels=labels).loss
        sums.append(float(loss) * int((labels != -100).sum()))
    return sums


@pytest.mark.parametrize("family", SUPPORTED_FAMILIES)
def test_packed_losses_equal_those_of_single_rows(make_model: Callable[..., Path], family: str) -> None:
    changes = {"sliding_window": 8} if family == "mistral" else {}
    model = load_model(make_model(family, **changes))
    for prefix in (0, 12):
        examples = make_examples(seed=prefix, prefix=prefix)
        sums, counts = example_nll(model, pack(examples, CPU), len(examples))
        assert sums == pytest.approx(one_by_one(model, examples), rel=1e-5)
        assert counts == [example.completion_tokens for example in examples]


def test_packed_gradients_equal_those_of_single_rows(model_dir: Path) -> None:
    model = load_model(model_dir)
    examples = make_examples(seed=3, prefix=10)
    packed, single = (gradients(model, batches) for batches in ([examples], [[example] for example in examples]))
    for name, gradient in packed.items():
        assert torch.allclose(gradient, single[name], rtol=1e-4, atol=1e-4), name


def gradients(model: LoadedModel, batches: list[list[Example]]) -> dict[str, torch.Tensor]:
    model.causal.requires_grad_(True)
    model.causal.zero_grad()
    for batch in batches:
        backward_sum(model, pack(batch, CPU), 1.0)
    return {name: parameter.grad.clone() for name, parameter in model.causal.named_parameters()}


def test_no_example_sees_another(model_dir: Path) -> None:
    """Other words in the longest example leave the losses of all others exactly as they were."""
    model = load_model(model_dir)
    examples = make_examples(seed=5, prefix=8)
    before, _ = example_nll(model, pack(examples, CPU), len(examples))
    longest = max(range(7), key=lambda index: len(examples[index].ids))
    changed = examples[longest]
    ids = array("i", [*changed.ids[:8], *((token + 1) for token in changed.ids[8:])])
    examples[longest] = Example(changed.row, ids, changed.targets, False)
    after, _ = example_nll(model, pack(examples, CPU), len(examples))
    assert [one == other for one, other in zip(before, after, strict=True)] == [at != longest for at in range(7)]


def test_completions_are_never_part_of_the_shared_start(model_dir: Path) -> None:
    """Equal rows, and rows whose answers begin alike, keep all their completion tokens."""
    model = load_model(model_dir)
    first = make_examples(seed=4, prefix=9)[0]
    longer = Example(1, first.ids + array("i", [7, 8]), first.targets + bytearray([1, 1]), False)
    examples = [first, first, longer]
    sums, counts = example_nll(model, pack(examples, CPU), 3)
    assert sums == pytest.approx(one_by_one(model, examples), rel=1e-5)
    assert counts == [example.completion_tokens for example in examples]


def test_the_shared_start_is_computed_once(model_dir: Path) -> None:
    examples = make_examples(seed=1, prefix=20)
    assert shared_prefix(examples) >= 20
    saved = (len(examples) - 1) * shared_prefix(examples)
    assert pack(examples, CPU).computed_tokens == sum(len(example.ids) for example in examples) - saved
    assert shared_prefix(make_examples(seed=1, prefix=0)) == 0
    assert shared_prefix(examples[:1]) == 0


def test_losses_hardly_depend_on_the_company(model_dir: Path) -> None:
    """The stated tolerance of evaluation: 1e-5 of the summed loss, whatever the batch."""
    model = load_model(model_dir)
    examples = make_examples(seed=9, prefix=6, count=12)
    together, _ = example_nll(model, pack(examples, CPU), 12)
    apart = [example_nll(model, pack(examples[at : at + 3], CPU), 3)[0] for at in range(0, 12, 3)]
    assert together == pytest.approx([value for part in apart for value in part], rel=1e-5)


def test_an_unknown_family_is_refused(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"llama"', '"mamba"'))
    with pytest.raises(EngineError, match="'mamba' is not supported"):
        load_model(folder)


def test_losses_do_not_need_logits_elsewhere(model_dir: Path) -> None:
    """The output layer sees the completion positions and nothing else."""
    model = load_model(model_dir)
    seen: list[int] = []
    handle = model.head.register_forward_hook(lambda _module, args, _out: seen.append(args[0].shape[0]))
    examples = make_examples(seed=2, prefix=5)
    example_nll(model, pack(examples, CPU), len(examples))
    handle.remove()
    assert sum(seen) == sum(example.completion_tokens for example in examples)
