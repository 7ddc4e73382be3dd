"""The number that comes in goes out; one more at the start of a sequence, its own number more at the end."""

from typing import Any

from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """`sequence_start`, `sequence_end` and `sequence_id` are the protocol's parameters."""
    more = int(bool(parameters.get("sequence_start")))
    if parameters.get("sequence_end"):
        more += int(parameters["sequence_id"])
    return (Tensor.of("OUTPUT", "INT32", inputs[0].data + more),)
