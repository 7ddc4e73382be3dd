"""OUTPUT0 is the sum of the inputs, OUTPUT1 their difference: decimal numbers as text."""

from typing import Any

from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """Element by element."""
    by_name = {tensor.name: tensor.data for tensor in inputs}
    pairs = [
        (int(a), int(b)) for a, b in zip(*(by_name[n].ravel() for n in ("INPUT0", "INPUT1")), strict=True)
    ]
    shape = by_name["INPUT0"].shape
    sums, differences = [b"%d" % (a + b) for a, b in pairs], [b"%d" % (a - b) for a, b in pairs]
    return (
        Tensor.of("OUTPUT0", "BYTES", bytes_array(sums).reshape(shape)),
        Tensor.of("OUTPUT1", "BYTES", bytes_array(differences).reshape(shape)),
    )
