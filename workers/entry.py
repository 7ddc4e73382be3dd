"""A model repository entry: the static configuration of one model, the same wherever it is deployed."""

from pathlib import Path
from typing import Any

import msgspec

from workers.oip.datatypes import Array
from workers.oip.tensors import Tensor, TensorSpec


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
    concurrency: int | None = None  # calls at once in one process; None = one per core
    queued_max: int = 64  # requests waiting for this model; one more is refused

    def give(self, *arrays: Array) -> tuple[Tensor, ...]:
        """The outputs: arrays in the order of the kind's GIVES, under this entry's names."""
        return tuple(
            Tensor.of(spec.name, spec.datatype, array)
            for spec, array in zip(self.outputs, arrays, strict=True)
        )
