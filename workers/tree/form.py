"""What travels in a slot at each step: a request, what pre-processing made of it, outputs."""

import itertools
import pickle
from typing import Any

import msgspec

from workers.joint import Made
from workers.oip.tensors import InferRequest, RequestedOutput
from workers.ports import Prepared, Tensors
from workers.tree.parcel import Parcel, read_parcel


class _Wish(msgspec.Struct, frozen=True, array_like=True):
    """What a request is beside its tensors."""

    parameters: dict[str, Any] = {}
    wanted: tuple[str, ...] = ()  # outputs; empty = all


_wish = msgspec.msgpack.Decoder(_Wish).decode


def request_parcel(request: InferRequest) -> Parcel:
    """Inputs, parameters, and the outputs that are wanted."""
    if not request.parameters and not request.outputs:
        return Parcel(request.inputs)
    wish = _Wish(request.parameters, tuple(output.name for output in request.outputs))
    return Parcel(request.inputs, msgspec.msgpack.encode(wish))


def read_request(memory: memoryview) -> InferRequest:
    """Its tensors are views of `memory`."""
    inputs, extra = read_parcel(memory)
    if not extra:
        return InferRequest(inputs=inputs)
    wish = _wish(extra)
    outputs = tuple(RequestedOutput(name=name) for name in wish.wanted)
    return InferRequest(inputs=inputs, parameters=wish.parameters, outputs=outputs)


def wanted_of(request: InferRequest) -> tuple[str, ...]:
    """The outputs that a request names; empty = all."""
    return tuple(output.name for output in request.outputs) if request.outputs else ()


def chosen(outputs: Tensors, wanted: tuple[str, ...]) -> Tensors:
    """What need be sent. If one is wanted that is not there, all: the front then says what there is."""
    if not wanted:
        return outputs
    found = tuple(tensor for tensor in outputs if tensor.name in wanted)
    return found if len(found) == len(set(wanted)) else outputs


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    """What `Prepared` is beside its tensors."""

    counts: tuple[int, ...]  # tensors of each call
    context: bytes
    parameters: dict[str, Any]
    wanted: tuple[str, ...]


_rest = msgspec.msgpack.Decoder(_Rest).decode


def prepared_parcel(prepared: Prepared, request: InferRequest) -> Parcel:
    """Calls for a backend, and what post-processing must remember: small, of any type, so pickled."""
    context = b"" if prepared.context is None else pickle.dumps(prepared.context)
    counts = tuple(len(call) for call in prepared.calls)
    rest = _Rest(counts, context, request.parameters, wanted_of(request))
    tensors = tuple(tensor for call in prepared.calls for tensor in call)
    return Parcel(tensors, msgspec.msgpack.encode(rest))


def read_prepared(memory: memoryview, *, views: bool = False) -> tuple[Made, tuple[str, ...]]:
    """What was prepared, its tensors views of `memory`; and the outputs that are wanted.

    With `views` elements of BYTES are views too: for a backend that takes them, copying a picture costs more
    than all else here.
    """
    tensors, extra = read_parcel(memory, views=views)
    rest = _rest(extra)
    if len(rest.counts) == 1:
        calls: tuple[Tensors, ...] = (tensors,)
    else:
        ends = list(itertools.accumulate(rest.counts))
        calls = tuple(tensors[end - count : end] for count, end in zip(rest.counts, ends, strict=True))
    context = pickle.loads(rest.context) if rest.context else None  # noqa: S301 - a stage of this tree wrote it
    return (Prepared(calls=calls, context=context), rest.parameters), rest.wanted
