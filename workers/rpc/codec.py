"""gRPC messages to tensors and back. Pure: no model, no I/O.

Inputs are raw, all of them or none, or typed contents, beside those that lie in shared memory; outputs are
always raw, one per output, in order. FP16 and BF16 have no typed form; INT8 and INT16 travel in
`int_contents`, their unsigned twins in `uint_contents`.
"""

from typing import Any

import numpy as np

from oip import grpc_service_pb2 as pb
from workers.oip.datatypes import NUMPY, Array, BadTensor
from workers.oip.places import REGION, Place, place_of
from workers.oip.rawdata import array_from_raw, bytes_array, raw_from_array
from workers.oip.shapes import element_count
from workers.oip.tensors import (
    TENSORS_MAX,
    InferRequest,
    RequestedOutput,
    Tensor,
    any_placed,
    chosen,
    placed_tensor,
    refuse_extensions,
)
from workers.ports import Tensors

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of each datatype's typed form."""


def decode_request(message: pb.ModelInferRequest) -> InferRequest:
    """The request in a message. Raises BadTensor, with words for the caller."""
    if len(message.inputs) > TENSORS_MAX:
        raise BadTensor(f"the request has {len(message.inputs)} inputs; the limit is {TENSORS_MAX}")
    names = [given.name for given in message.inputs]
    if len(set(names)) != len(names):
        raise BadTensor(f"an input is given twice: {', '.join(names)}")
    inputs = _inputs(message)
    outputs = tuple(_output(wanted) for wanted in message.outputs)
    return InferRequest(
        id=message.id,
        parameters=_parameters(message.parameters),
        inputs=inputs,
        outputs=outputs,
        placed=any_placed(inputs, outputs),
    )


def encode_response(
    model: str, version: str, outputs: Tensors, request: InferRequest
) -> pb.ModelInferResponse:
    """The outputs that the request names, under its id. Raises BadTensor for one that is unknown."""
    wanted = chosen(outputs, request)
    tensors = [tensor for tensor, _ in wanted]
    return pb.ModelInferResponse(
        model_name=model,
        model_version=version,
        id=request.id,
        outputs=[
            pb.ModelInferResponse.InferOutputTensor(name=each.name, datatype=each.datatype, shape=each.shape)
            for each in tensors
        ],
        # One for each output, in order: empty for one that has its place in shared memory.
        raw_output_contents=[
            b"" if binary is None else raw_from_array(each.datatype, each.data) for each, binary in wanted
        ],
    )


def _inputs(message: pb.ModelInferRequest) -> tuple[Tensor, ...]:
    """Each with its raw contents, which come for those alone that do not lie in shared memory."""
    raws = message.raw_input_contents
    places = [
        place_of(given.name, _parameters(given.parameters)) if given.parameters else None
        for given in message.inputs
    ]
    count = places.count(None)
    if raws and len(raws) != count:
        raise BadTensor(f"{len(raws)} raw_input_contents come with {count} inputs")
    rest = iter(raws)
    return tuple(
        _input(given, place, next(rest) if raws and place is None else None)
        for given, place in zip(message.inputs, places, strict=True)
    )


def _input(given: Any, place: Place | None, raw: bytes | None) -> Tensor:
    name, datatype, shape = given.name, given.datatype, tuple(given.shape)
    if datatype not in NUMPY:
        raise BadTensor(f"input '{name}' has the unknown datatype '{datatype}'")
    parameters = _parameters(given.parameters)
    refuse_extensions(name, parameters)
    if place is not None:
        if given.contents.ListFields():
            raise BadTensor(f"input '{name}' has contents and a {REGION}; it must have one of them")
        return placed_tensor(name, datatype, shape, place, parameters)
    if raw is None:
        data = _typed(name, datatype, shape, given.contents)
    elif given.contents.ListFields():
        raise BadTensor(f"input '{name}' has contents beside raw_input_contents")
    else:
        data = array_from_raw(name, datatype, shape, memoryview(raw))
    return Tensor(name=name, datatype=datatype, shape=shape, data=data, parameters=parameters)


def _typed(name: str, datatype: str, shape: tuple[int, ...], contents: Any) -> Array:
    field = CONTENTS.get(datatype)
    if field is None:
        raise BadTensor(f"input '{name}': {datatype} travels in raw_input_contents only")
    strange = [each.name for each, _ in contents.ListFields() if each.name != field]
    if strange:
        raise BadTensor(f"input '{name}': {datatype} travels in {field}, not in {', '.join(strange)}")
    values = getattr(contents, field)
    count = element_count(name, shape)
    if len(values) != count:
        raise BadTensor(
            f"tensor '{name}' holds {len(values)} values, but its shape {list(shape)} takes {count}"
        )
    if datatype == "BYTES":
        return bytes_array(list(values)).reshape(shape)
    try:
        return np.array(list(values), NUMPY[datatype]).reshape(shape)
    except OverflowError as error:
        raise BadTensor(f"tensor '{name}' holds a value out of the range of {datatype}") from error


def _output(wanted: Any) -> RequestedOutput:
    parameters = _parameters(wanted.parameters)
    refuse_extensions(wanted.name, parameters)
    return RequestedOutput(name=wanted.name, binary=True, place=place_of(wanted.name, parameters))


def _parameters(given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, parameter in given.items():
        which = parameter.WhichOneof("parameter_choice")
        if which is not None:
            found[key] = getattr(parameter, which)
    return found
