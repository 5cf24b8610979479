"""The order in which examples are seen: a function of the seed alone."""

import random
from collections.abc import Iterator, Sequence

from .checkpoint import Cursor
from .data import Example
from .spec import TrainSettings

Step = list[list[Example]]


class BatchPlan:
    """Cuts shuffled epochs into steps of one or more micro-batches; a step never spans two epochs."""

    def __init__(self, examples: Sequence[Example], settings: TrainSettings, seed: int) -> None:
        self._examples = examples
        self._settings = settings
        self._seed = seed

    def steps_from(self, cursor: Cursor) -> Iterator[tuple[int, int, Step]]:
        """(epoch, next batch, step) for every step that is still to do, endless without `epochs`."""
        epoch, first = cursor.epoch, cursor.batch
        while self._settings.epochs is None or epoch < self._settings.epochs:
            batches = self._batches(epoch)
            for start in range(first, len(batches), self._settings.gradient_accumulation):
                end = min(len(batches), start + self._settings.gradient_accumulation)
                done = end == len(batches)
                yield (epoch + 1, 0, batches[start:end]) if done else (epoch, end, batches[start:end])
            epoch, first = epoch + 1, 0

    def total_steps(self) -> int | None:
        """Steps of all epochs, where their number is given."""
        if self._settings.epochs is None:
            return None
        size = self._settings.gradient_accumulation
        return sum(-(-len(self._batches(epoch)) // size) for epoch in range(self._settings.epochs))

    def _batches(self, epoch: int) -> Step:
        order = list(self._examples)
        random.Random(f"{self._seed}/{epoch}").shuffle(order)
        batches: Step = []
        tokens = 0
        for example in order:
            if not batches or self._full(batches[-1], tokens + len(example.ids)):
                batches.append([])
                tokens = 0
            batches[-1].append(example)
            tokens += len(example.ids)
        return batches

    def _full(self, batch: list[Example], tokens: int) -> bool:
        if self._settings.batch_size is not None:
            return len(batch) >= self._settings.batch_size
        return self._settings.batch_tokens is not None and tokens > self._settings.batch_tokens
