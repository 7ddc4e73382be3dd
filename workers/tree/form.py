"""What travels in a slot at each step: a request, what pre-processing made of it, outputs."""

import pickle
from typing import Any

import msgspec

from workers.joint import Made
from workers.oip.tensors import InferRequest
from workers.ports import Prepared, Tensors
from workers.tree.parcel import Parcel, read_parcel


def request_parcel(request: InferRequest) -> Parcel:
    """Inputs and parameters. Which outputs the caller wants is the front's business."""
    return Parcel(request.inputs, msgspec.msgpack.encode(request.parameters) if request.parameters else b"")


def read_request(memory: memoryview) -> InferRequest:
    """Its tensors are views of `memory`."""
    inputs, extra = read_parcel(memory)
    return InferRequest(inputs=inputs, parameters=msgspec.msgpack.decode(extra) if extra else {})


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    """What `Prepared` is beside its tensors."""

    counts: tuple[int, ...]  # tensors of each call
    context: bytes
    parameters: dict[str, Any]


def prepared_parcel(prepared: Prepared, parameters: dict[str, Any]) -> Parcel:
    """Calls for a backend, and what post-processing must remember: small, of any type, so pickled."""
    context = b"" if prepared.context is None else pickle.dumps(prepared.context)
    rest = _Rest(tuple(len(call) for call in prepared.calls), context, parameters)
    tensors = tuple(tensor for call in prepared.calls for tensor in call)
    return Parcel(tensors, msgspec.msgpack.encode(rest))


def read_prepared(memory: memoryview) -> Made:
    """Its tensors are views of `memory`."""
    tensors, extra = read_parcel(memory)
    rest = msgspec.msgpack.decode(extra, type=_Rest)
    calls: list[Tensors] = []
    at = 0
    for count in rest.counts:
        calls.append(tensors[at : at + count])
        at += count
    context = pickle.loads(rest.context) if rest.context else None  # noqa: S301 - a stage of this tree wrote it
    return Prepared(calls=tuple(calls), context=context), rest.parameters
