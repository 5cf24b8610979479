"""The learning rate as a function of progress, and progress as a function of time or of steps."""

import math

from .spec import Schedule

_WARMUP_START = 0.1


def rate_factor(schedule: Schedule, warmup_fraction: float, progress: float) -> float:
    """Multiplier of the peak learning rate at `progress` in [0, 1].

    Warm-up rises from a tenth, since a first step with rate zero would be wasted.
    """
    if progress < warmup_fraction:
        return _WARMUP_START + (1 - _WARMUP_START) * progress / warmup_fraction
    rest = (progress - warmup_fraction) / (1 - warmup_fraction)
    if schedule == "linear":
        return 1 - rest
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * rest))
    return 1.0


def progress_at(step: int, max_steps: int | None, train_seconds: float, budget_seconds: float) -> float:
    """Progress in the middle of the step about to run. With `max_steps` it is free of the clock."""
    if max_steps is not None:
        return min(1.0, (step + 0.5) / max_steps)
    mean_step = train_seconds / step if step else 0.0
    return min(1.0, (train_seconds + mean_step / 2) / budget_seconds)
