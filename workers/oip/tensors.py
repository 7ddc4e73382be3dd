"""The wire codec of inference: a request's body to tensors, tensors to an answer's body.

REST form with the binary tensor data extension both ways. It knows no model: whether the names,
datatypes and shapes are those that a model takes is decided in `metadata.py`.
"""

from typing import Any

import msgspec

from workers.oip.datatypes import NUMPY, Array, BadTensor
from workers.oip.jsondata import array_from_json, json_from_array
from workers.oip.places import KEYS, Place, place_of
from workers.oip.rawdata import array_from_raw, bytes_array, raw_from_array
from workers.oip.shapes import element_count

TENSORS_MAX = 256  # in one request
NOT_OFFERED = {"classification": "the classification extension is not offered here"}
"""Extensions that must be refused in words: ignoring them would answer something else than was asked."""


class Tensor(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A named tensor. `data` has the shape `shape`; see `datatypes.py` for BYTES and BF16."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any  # a numpy array; a Place in a request that is `placed`
    parameters: dict[str, Any] = {}

    @classmethod
    def of(cls, name: str, datatype: str, data: Array) -> "Tensor":
        """A tensor with the shape of its array."""
        return cls(name=name, datatype=datatype, shape=data.shape, data=data)


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of one input or output; -1 in a shape is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class RequestedOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output that the caller names; `binary` None follows the request's default."""

    name: str
    binary: bool | None = None
    place: Place | None = None  # where it goes in shared memory, in place of the answer


class InferRequest(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A decoded inference request. `outputs` empty = all of them. `placed`: some tensor has a Place."""

    inputs: tuple[Tensor, ...]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: tuple[RequestedOutput, ...] = ()
    binary_output_default: bool = False
    placed: bool = False


class _InputJson(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class _OutputJson(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _RequestJson(msgspec.Struct):
    inputs: list[_InputJson]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_OutputJson] | None = None


_decoder = msgspec.json.Decoder(_RequestJson)


def decode_request(
    body: bytes, json_length: int | None = None, *, raw_as: TensorSpec | None = None
) -> InferRequest:
    """The request in `body`. `json_length` is Inference-Header-Content-Length; None = all is JSON.

    0 means that the whole body is the model's only input, in raw form: `raw_as` says which that is.
    Raises BadTensor, with a message for the caller.
    """
    if json_length == 0:
        return _raw_request(body, raw_as)
    if json_length is not None and not 0 < json_length <= len(body):
        raise BadTensor(
            f"Inference-Header-Content-Length is {json_length}, but the body has {len(body)} bytes"
        )
    head = memoryview(body)[:json_length]
    try:
        request = _decoder.decode(head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadTensor(f"the request is not valid: {error}") from error
    if len(request.inputs) > TENSORS_MAX:
        raise BadTensor(f"the request has {len(request.inputs)} inputs; the limit is {TENSORS_MAX}")
    inputs = _inputs(request.inputs, memoryview(body)[len(head) :])
    outputs = tuple(_output(output) for output in request.outputs or ())
    parameters = request.parameters or {}
    return InferRequest(
        id=request.id or "",
        parameters=parameters,
        inputs=inputs,
        outputs=outputs,
        binary_output_default=_flag(parameters, "binary_data_output") or False,
        placed=any_placed(inputs, outputs),
    )


def encode_response(
    model: str,
    version: str,
    outputs: tuple[Tensor, ...],
    request: InferRequest,
) -> tuple[bytes, int | None]:
    """An answer's body, and the length of its JSON when binary data follow it.

    `outputs` are all that the model gave; those the request names go out, under its `id`. Raises BadTensor
    for an output that is unknown or cannot be put into JSON.
    """
    wanted = chosen(outputs, request)
    described: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    for tensor, binary in wanted:
        entry: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        if binary:
            raw = raw_from_array(tensor.datatype, tensor.data)
            entry["parameters"] = {"binary_data_size": len(raw)}
            pieces.append(raw)
        elif binary is not None:
            entry["data"] = json_from_array(tensor.name, tensor.datatype, tensor.data)
        described.append(entry)
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id:
        answer["id"] = request.id
    answer["outputs"] = described
    head = msgspec.json.encode(answer)
    if not any(binary for _, binary in wanted):
        return head, None
    return b"".join((head, *pieces)), len(head)


def chosen(outputs: tuple[Tensor, ...], request: InferRequest) -> list[tuple[Tensor, bool | None]]:
    """The outputs that a request wants, and whether as binary data; None: without data, it has its place.

    Raises BadTensor for an unknown one.
    """
    if not request.outputs:
        return [(tensor, request.binary_output_default) for tensor in outputs]
    by_name = {tensor.name: tensor for tensor in outputs}
    found: list[tuple[Tensor, bool | None]] = []
    for wanted in request.outputs:
        if wanted.name not in by_name:
            raise BadTensor(f"the model has no output '{wanted.name}'; it has {', '.join(by_name)}")
        binary = request.binary_output_default if wanted.binary is None else wanted.binary
        found.append((by_name[wanted.name], None if wanted.place is not None else binary))
    return found


def any_placed(inputs: tuple[Tensor, ...], outputs: tuple[RequestedOutput, ...]) -> bool:
    """Whether some tensor of a request lies in shared memory, or goes there."""
    for tensor in inputs:
        if type(tensor.data) is Place:
            return True
    return any(output.place is not None for output in outputs) if outputs else False


def placed_tensor(
    name: str, datatype: str, shape: tuple[int, ...], place: Place, parameters: dict[str, Any]
) -> Tensor:
    """An input whose data lies in shared memory. Raises BadTensor if it cannot have that size."""
    if datatype not in NUMPY:
        raise BadTensor(f"input '{name}' has the unknown datatype '{datatype}'")
    count = element_count(name, shape)
    if datatype != "BYTES" and place.size != count * NUMPY[datatype].itemsize:
        size = count * NUMPY[datatype].itemsize
        raise BadTensor(f"input byte size mismatch for input '{name}'. Expected {size}, got {place.size}")
    rest = {key: value for key, value in parameters.items() if key not in KEYS}
    return Tensor(name=name, datatype=datatype, shape=shape, data=place, parameters=rest)


def _inputs(described: list[_InputJson], rest: memoryview) -> tuple[Tensor, ...]:
    """The tensors; those with a `binary_data_size` take their bytes from `rest` in the order listed."""
    tensors: list[Tensor] = []
    seen: set[str] = set()
    offset = 0
    for entry in described:
        if entry.name in seen:
            raise BadTensor(f"input '{entry.name}' is given twice")
        seen.add(entry.name)
        parameters = entry.parameters
        raw = None
        if parameters:
            refuse_extensions(entry.name, parameters)
            place = place_of(entry.name, parameters)
            if place is not None:
                tensors.append(_placed(entry, place, parameters))
                continue
            size = _binary_size(entry, parameters, len(rest) - offset)
            raw = None if size is None else rest[offset : offset + size]
            offset += size or 0
        tensors.append(_tensor(entry, parameters, raw))
    if offset != len(rest):
        raise BadTensor(f"{len(rest) - offset} bytes follow the last input's binary data")
    return tuple(tensors)


def _tensor(entry: _InputJson, parameters: dict[str, Any] | None, raw: memoryview | None) -> Tensor:
    name, shape = entry.name, tuple(entry.shape)
    if entry.datatype not in NUMPY:
        raise BadTensor(f"input '{name}' has the unknown datatype '{entry.datatype}'")
    if raw is not None:
        data = array_from_raw(name, entry.datatype, shape, raw)
    elif isinstance(entry.data, list):
        data = array_from_json(name, entry.datatype, shape, entry.data)
    else:
        raise BadTensor(f"input '{name}' has neither data nor binary_data_size")
    if not parameters:
        return Tensor(name=name, datatype=entry.datatype, shape=shape, data=data)
    rest = {key: value for key, value in parameters.items() if key != "binary_data_size"}
    return Tensor(name=name, datatype=entry.datatype, shape=shape, data=data, parameters=rest)


def _placed(entry: _InputJson, place: Place, parameters: dict[str, Any]) -> Tensor:
    if entry.data is not msgspec.UNSET or "binary_data_size" in parameters:
        raise BadTensor(f"input '{entry.name}' has data and a shared_memory_region; it must have one of them")
    return placed_tensor(entry.name, entry.datatype, tuple(entry.shape), place, parameters)


def _binary_size(entry: _InputJson, parameters: dict[str, Any], left: int) -> int | None:
    if "binary_data_size" not in parameters:
        return None
    size = parameters["binary_data_size"]
    if type(size) is not int or size < 0:
        raise BadTensor(f"input '{entry.name}': binary_data_size must be a whole number, 0 or more")
    if entry.data is not msgspec.UNSET:
        raise BadTensor(f"input '{entry.name}' has both data and binary_data_size")
    if size > left:
        raise BadTensor(f"input '{entry.name}': binary_data_size is {size}, but {left} bytes are left")
    return size


def _output(entry: _OutputJson) -> RequestedOutput:
    parameters = entry.parameters or {}
    refuse_extensions(entry.name, parameters)
    binary, place = _flag(parameters, "binary_data"), place_of(entry.name, parameters)
    if binary and place is not None:
        # Triton's words.
        raise BadTensor("Output can't set both 'shared_memory_region' and 'binary_data'")
    return RequestedOutput(name=entry.name, binary=binary, place=place)


def _flag(parameters: dict[str, Any], key: str) -> bool | None:
    value = parameters.get(key)
    if value is not None and type(value) is not bool:
        raise BadTensor(f"{key} must be true or false")
    return value


def refuse_extensions(name: str, parameters: dict[str, Any]) -> None:
    """Raise BadTensor for what is not offered here."""
    for key, words in NOT_OFFERED.items():
        if parameters.get(key):
            raise BadTensor(f"'{name}': {words}")


def _raw_request(body: bytes, spec: TensorSpec | None) -> InferRequest:
    """The whole body as one input. For BYTES it is one element and carries no length of its own."""
    if spec is None:
        raise BadTensor("a body without JSON is for models with exactly one input")
    free = spec.shape.count(-1)
    if spec.datatype == "BYTES":
        if any(side not in (-1, 1) for side in spec.shape):
            raise BadTensor(f"a body without JSON is one element, and '{spec.name}' takes {list(spec.shape)}")
        shape = tuple(1 for _ in spec.shape)
        data: Array = bytes_array([body]).reshape(shape)
    else:
        shape = _filled(spec, len(body), free)
        data = array_from_raw(spec.name, spec.datatype, shape, memoryview(body))
    tensor = Tensor(name=spec.name, datatype=spec.datatype, shape=shape, data=data)
    return InferRequest(inputs=(tensor,), binary_output_default=True)


def _filled(spec: TensorSpec, size: int, free: int) -> tuple[int, ...]:
    """The shape, its one free dimension worked out from the size in bytes."""
    if free > 1:
        raise BadTensor(f"a body without JSON leaves the shape of '{spec.name}' open: {list(spec.shape)}")
    row = (
        element_count(spec.name, [side for side in spec.shape if side != -1]) * NUMPY[spec.datatype].itemsize
    )
    return tuple(side if side != -1 else size // row if row else 0 for side in spec.shape)
