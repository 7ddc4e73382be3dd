"""The number that comes in goes out; one more at the start of a sequence."""

from typing import Any

from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """`sequence_start` is the protocol's parameter."""
    return (Tensor.of("OUTPUT", "INT32", inputs[0].data + int(bool(parameters.get("sequence_start")))),)
