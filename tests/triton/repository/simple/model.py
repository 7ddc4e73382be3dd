"""OUTPUT0 is the sum of the inputs, OUTPUT1 their difference."""

from typing import Any

from workers.errors import BadInput
from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """Overflow wraps, as INT32 does."""
    by_name = {tensor.name: tensor.data for tensor in inputs}
    a, b = by_name["INPUT0"], by_name["INPUT1"]
    if a.shape != b.shape:
        raise BadInput("INPUT0 and INPUT1 must have one shape")
    return (Tensor.of("OUTPUT0", "INT32", a + b), Tensor.of("OUTPUT1", "INT32", a - b))
