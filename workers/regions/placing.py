"""Inferences whose tensors lie in shared memory: inputs are read from their regions, outputs written there.

A request without any goes straight through. All places are checked before anything is read or asked; an
output that does not fit is told when it is there, and then none is written.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from workers.entry import Entry
from workers.errors import TooBig
from workers.oip.datatypes import NUMPY, BadTensor
from workers.oip.places import Place
from workers.oip.rawdata import array_from_raw, raw_from_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pool import Infers
from workers.ports import Tensors
from workers.regions.errors import BadRegion
from workers.regions.memory import Memory
from workers.regions.regions import Regions

DELIVERED = np.empty(0, np.uint8)
"""In place of the data of an output that has been written."""

Target = tuple[Memory, Place]


class Placing:
    """`Infers` over another."""

    def __init__(self, inner: Infers, regions: Regions) -> None:
        self._inner = inner
        self._regions = regions

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        """See `Infers`. Raises NoRegion, BadRegion too, as the future may."""
        if not request.placed:
            return self._inner.infer(entry, request, deadline_s, rank)
        targets = self._targets(request)
        brought = msgspec.structs.replace(request, inputs=self._brought(request.inputs), placed=False)
        inner = self._inner.infer(entry, brought, deadline_s, rank)
        if not targets:
            return inner
        task = asyncio.ensure_future(_delivered(inner, targets))
        task.add_done_callback(lambda _: inner.cancel())  # its caller may leave before it has begun
        return task

    def _targets(self, request: InferRequest) -> dict[str, Target]:
        """Where outputs go. The memory stays open until they are there."""
        names = [output.name for output in request.outputs]
        if len(set(names)) != len(names):
            raise BadTensor(f"an output is asked for twice: {', '.join(names)}")
        return {
            output.name: (self._regions.find(output.place), output.place)
            for output in request.outputs
            if output.place is not None
        }

    def _brought(self, inputs: Tensors) -> Tensors:
        memories = {
            tensor.name: self._regions.find(tensor.data) for tensor in inputs if type(tensor.data) is Place
        }
        size = sum(tensor.data.size for tensor in inputs if tensor.name in memories)
        limit = self._regions.limits.request_bytes_max
        if size > limit:
            raise TooBig(f"the inputs in shared memory have {size} bytes; the limit is {limit}")
        return tuple(
            _read(tensor, memories[tensor.name]) if tensor.name in memories else tensor for tensor in inputs
        )


def _read(tensor: Tensor, memory: Memory) -> Tensor:
    raw = memoryview(memory.read(tensor.data))
    data = array_from_raw(tensor.name, tensor.datatype, tensor.shape, raw)
    return msgspec.structs.replace(tensor, data=data)


async def _delivered(inner: "asyncio.Future[Tensors]", targets: dict[str, Target]) -> Tensors:
    return deliver(await inner, targets)


def deliver(outputs: Tensors, targets: dict[str, Target]) -> Tensors:
    """Write outputs to their places; what is written has no data any more. Raises BadRegion."""
    placed: Sequence[tuple[Tensor, Any]] = [
        (tensor, _flat(tensor)) for tensor in outputs if tensor.name in targets
    ]
    for tensor, raw in placed:
        room = targets[tensor.name][1].size
        if len(raw) > room:
            raise BadRegion(
                f"shared memory size specified with the request for output '{tensor.name}' ({room} bytes) "
                f"should be at least {len(raw)} bytes to hold the results"
            )
    for tensor, raw in placed:
        memory, place = targets[tensor.name]
        memory.write(place, raw)
    return tuple(
        msgspec.structs.replace(tensor, data=DELIVERED) if tensor.name in targets else tensor
        for tensor in outputs
    )


def _flat(tensor: Tensor) -> Any:
    """The raw form, without a copy where the array has it already."""
    if tensor.datatype == "BYTES":
        return raw_from_array("BYTES", tensor.data)
    return np.ascontiguousarray(tensor.data, NUMPY[tensor.datatype]).reshape(-1).view(np.uint8).data
