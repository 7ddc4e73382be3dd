"""A model repository entry: the static configuration of one model, the same wherever it is deployed."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from workers.batching.limits import BatchLimits
from workers.oip.datatypes import Array
from workers.oip.tensors import Tensor, TensorSpec

Placement = Literal["predictor", "front"]
Decode = Literal["auto", "cpu", "gpu"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model as its `model.yaml` has it, with the files found."""

    name: str
    version: str
    tag: str = ""  # the business scene
    kind: str
    backend: str
    folder: Path
    files: dict[str, Path] = {}
    inputs: tuple[TensorSpec, ...] = ()  # empty = open
    outputs: tuple[TensorSpec, ...] = ()
    options: Any = None  # the kind's own Options
    backend_options: dict[str, Any] = {}
    sample: dict[str, Any] = {}  # the request that proves readiness: input → list of values, or {file: KEY}
    concurrency: int | None = None  # batches at once; None = one per core, on a GPU two
    queued_max: int = 64  # requests waiting for this model; one more is refused
    batching: BatchLimits = BatchLimits()
    placement: Placement = "predictor"  # front: in the process that accepts, for what is trivial
    decode: Decode = (
        "auto"  # where pictures are decoded; auto: on the GPU if the backend can, else on the CPU
    )

    def give(self, *arrays: Array) -> tuple[Tensor, ...]:
        """The outputs: arrays in the order of the kind's GIVES, under this entry's names."""
        return tuple(
            Tensor.of(spec.name, spec.datatype, array)
            for spec, array in zip(self.outputs, arrays, strict=True)
        )
