"""A model repository entry: one model, and how it is deployed here."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from workers.batching.limits import BatchLimits
from workers.device import Device
from workers.oip.datatypes import Array
from workers.oip.tensors import Tensor, TensorSpec

Placement = Literal["predictor", "front"]
Decode = Literal["auto", "cpu", "gpu"]
Precision = Literal["fp32", "bf16", "fp16"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model as its `model.yaml` and `deployment.yaml` have it, with the files found."""

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
    batch_seconds_max: float = 60.0  # a batch that takes longer hangs: the process is ended and started again
    placement: Placement = "predictor"  # front: in the process that accepts, for what is trivial
    decode: Decode = (
        "auto"  # where pictures are decoded; auto: on the GPU if the backend can, else on the CPU
    )

    device: Device | None = None  # None = the server's
    precision: Precision = "fp32"  # of weights and arithmetic, where the backend has a choice
    compile: bool = False  # by the backend: minutes at the start, faster then
    cuda_graphs: bool = False  # replay fixed batch sizes as graphs: less time between small kernels

    @property
    def takes_pixels(self) -> bool:
        """Whether the backend normalises pictures itself: pixels or JPEGs go to it, not floats."""
        return bool(self.backend_options.get("normalise"))

    def give(self, *arrays: Array) -> tuple[Tensor, ...]:
        """The outputs: arrays in the order of the kind's GIVES, under this entry's names."""
        return tuple(
            Tensor.of(spec.name, spec.datatype, array)
            for spec, array in zip(self.outputs, arrays, strict=True)
        )
