"""The tensors that come in go out."""

from typing import Any

from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """INPUT0 comes back as OUTPUT0."""
    del parameters
    return (Tensor.of("OUTPUT0", "FP32", inputs[0].data),)
