"""AdamW over one flat buffer: every trained weight is a view of it, so a step is a handful of operations."""

from collections.abc import Sequence

import torch

Named = Sequence[tuple[str, torch.nn.Parameter]]

_ALIGN = 16
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class FlatAdamW:
    """Decoupled weight decay applies to matrices only. State is two buffers and a step count."""

    def __init__(self, parameters: Named, weight_decay: float) -> None:
        self._weight_decay = weight_decay
        matrices = [item for item in parameters if item[1].dim() > 1]
        self.parameters = [*matrices, *(item for item in parameters if item[1].dim() <= 1)]
        total = sum(_padded(parameter) for _, parameter in self.parameters)
        self._decayed = sum(_padded(parameter) for _, parameter in matrices)
        device = self.parameters[0][1].device
        self._weights, self._gradients, self.mean, self.square = (
            torch.zeros(total, dtype=torch.float32, device=device) for _ in range(4)
        )
        self.steps = 0
        self._adopt()

    @torch.no_grad()
    def step(self, learning_rate: float, max_grad_norm: float) -> float:
        """One update; returns the gradient norm before clipping and leaves the gradients zero.

        A norm that is not finite changes nothing.
        """
        norm = float(torch.linalg.vector_norm(self._gradients))
        if norm != norm or norm == float("inf"):
            return norm
        if norm > max_grad_norm:
            self._gradients.mul_(max_grad_norm / norm)
        self.steps += 1
        self.mean.lerp_(self._gradients, 1 - _BETA1)
        self.square.mul_(_BETA2).addcmul_(self._gradients, self._gradients, value=1 - _BETA2)
        if self._weight_decay:
            self._weights[: self._decayed].mul_(1 - learning_rate * self._weight_decay)
        correction = (1 - _BETA2**self.steps) ** 0.5
        denominator = self._gradients.copy_(self.square).sqrt_().div_(correction).add_(_EPSILON)
        self._weights.addcdiv_(self.mean, denominator, value=-learning_rate / (1 - _BETA1**self.steps))
        self._gradients.zero_()
        return norm

    def _adopt(self) -> None:
        """Moves each parameter and its gradient into the buffers, on 64-byte borders."""
        offset = 0
        for _, parameter in self.parameters:
            place = slice(offset, offset + parameter.numel())
            weight = self._weights[place].view(parameter.shape)
            weight.copy_(parameter.detach())
            parameter.data = weight
            parameter.grad = self._gradients[place].view(parameter.shape)
            offset += _padded(parameter)


def _padded(parameter: torch.nn.Parameter) -> int:
    return -(-parameter.numel() // _ALIGN) * _ALIGN
