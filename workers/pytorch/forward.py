"""What one pass computes: pixels normalised, the network, and if asked probabilities of its scores."""

from typing import Any

import torch

from workers.pytorch.network import Network


class Forward(torch.nn.Module):
    """Pixels (uint8, n x 3 x side x side, red first) or any tensors to a tuple of tensors."""

    def __init__(
        self, network: Network, spread: tuple[Any, Any] | None, dtype: torch.dtype, *, softmax: bool
    ) -> None:
        super().__init__()
        self._network = network
        self._dtype = dtype
        self._softmax = softmax
        self._spread = spread is not None
        if spread is not None:
            mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) * 255 for each in spread)
            self._mean: torch.Tensor
            self._deviation: torch.Tensor
            self.register_buffer("_mean", mean, persistent=False)
            self.register_buffer("_deviation", deviation, persistent=False)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All outputs; floating ones as float32."""
        if self._spread:
            inputs = tuple(((x.float() - self._mean) / self._deviation) for x in inputs)
        ready = [x.to(self._dtype) if x.is_floating_point() else x for x in inputs]
        found = self._network(*ready)
        outputs = tuple(found) if isinstance(found, tuple | list) else (found,)
        if self._softmax:
            outputs = (outputs[0].float().softmax(1), *outputs[1:])
        return tuple(x.float() if x.is_floating_point() else x for x in outputs)
