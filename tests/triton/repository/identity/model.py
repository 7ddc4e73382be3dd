"""The tensors that come in go out. `delay_ms` sleeps first, `fail` raises."""

import time
from typing import Any

from workers.oip.tensors import Tensor


def infer(inputs: tuple[Tensor, ...], parameters: dict[str, Any]) -> tuple[Tensor, ...]:
    """INPUT0 comes back as OUTPUT0; a name without INPUT stays."""
    if parameters.get("fail"):
        raise RuntimeError("asked to fail")
    if parameters.get("delay_ms"):
        time.sleep(float(parameters["delay_ms"]) / 1000)
    return tuple(Tensor.of(t.name.replace("INPUT", "OUTPUT"), t.datatype, t.data) for t in inputs)
