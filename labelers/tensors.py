"""Tensors of an Open Inference Protocol request, as labelers see them: found at once, decoded when asked.

Little-endian, in listed order, `binary_data_size` bytes each; BYTES elements carry a length of 4 bytes in
the binary section and are UTF-8 strings in JSON. FP16 and BF16 travel in the binary section only. numpy is
optional and imported only by `numpy()`.
"""

import math
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from labelers.errors import PayloadError

if TYPE_CHECKING:
    import numpy as np

RANK_MAX = 32
ELEMENTS_MAX = 2**40

_DTYPE = {
    "BOOL": "|b1",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BF16": "<u2",  # numpy has none: its bits are the upper half of a float32's
}
"""numpy's name of each datatype of a fixed width; the digit is the width in bytes."""

DATATYPES = frozenset({*_DTYPE, "BYTES"})
_BINARY_ONLY = ("FP16", "BF16")


class Tensor:
    """One input. `raw` is its part of the binary section, None where the values stand in the JSON."""

    __slots__ = ("_data", "datatype", "name", "parameters", "raw", "shape")

    def __init__(
        self,
        *,
        name: str,
        datatype: str,
        shape: tuple[int, ...],
        parameters: Mapping[str, Any],
        data: list[Any] | None,
        raw: memoryview | None,
    ) -> None:
        self.name = name
        self.datatype = datatype
        self.shape = shape
        self.parameters = parameters
        self.raw = raw
        self._data = data

    @property
    def elements(self) -> int:
        """How many elements the shape asks for."""
        return math.prod(self.shape)

    def numpy(self) -> "np.ndarray[Any, Any]":
        """The values as an array of `shape`: BYTES as objects of type bytes, BF16 widened to float32.

        Raises `PayloadError` where the values do not fit datatype or shape, `ImportError` without numpy.
        """
        import numpy as np  # noqa: PLC0415 - optional, and heavy

        if self.datatype == "BYTES":
            array = np.empty(self.elements, dtype=object)
            array[:] = self.bytes_list()
            return array.reshape(self.shape)
        dtype = _DTYPE[self.datatype]
        try:
            if self.raw is not None:
                array = np.frombuffer(self._sized(), dtype=dtype)
            else:
                with np.errstate(over="raise"):
                    array = np.array(self._numbers(), dtype=dtype)
            if self.datatype == "BF16":
                array = (array.astype(np.uint32) << 16).view(np.float32)
            return array.reshape(self.shape)
        except (ValueError, OverflowError, FloatingPointError, MemoryError) as error:
            raise PayloadError(f"tensor '{self.name}': its values do not fit {self.datatype}") from error

    def bytes_list(self) -> list[bytes]:
        """The elements of a BYTES tensor, flat. Raises `PayloadError` on other datatypes and on bad data."""
        self._want_bytes()
        if self.raw is not None:
            return self._split(self.raw)
        try:
            return [text.encode() for text in self._texts()]
        except UnicodeEncodeError as error:
            raise PayloadError(f"tensor '{self.name}': a string cannot be written as UTF-8") from error

    def strings(self) -> list[str]:
        """The elements of a BYTES tensor as text, flat. Raises `PayloadError`, also on what is not UTF-8."""
        self._want_bytes()
        if self.raw is None:
            return self._texts()
        try:
            return [element.decode() for element in self._split(self.raw)]
        except UnicodeDecodeError as error:
            raise PayloadError(f"tensor '{self.name}': an element is not UTF-8") from error

    def _want_bytes(self) -> None:
        if self.datatype != "BYTES":
            raise PayloadError(f"tensor '{self.name}' is {self.datatype}, not BYTES")

    def _flat(self) -> list[Any]:
        if self._data is None:
            raise PayloadError(f"tensor '{self.name}' carries no data (shared memory is not read)")
        flat = self._data
        for _ in range(RANK_MAX):
            if not any(type(item) is list for item in flat):
                break
            flat = [value for item in flat for value in (item if type(item) is list else (item,))]
        if len(flat) != self.elements:
            raise PayloadError(
                f"tensor '{self.name}': {len(flat)} elements, its shape asks for {self.elements}"
            )
        return flat

    def _texts(self) -> list[str]:
        flat = self._flat()
        if set(map(type, flat)) - {str}:
            raise PayloadError(f"tensor '{self.name}': BYTES in JSON are strings")
        return flat

    def _numbers(self) -> list[Any]:
        if self.datatype in _BINARY_ONLY:
            raise PayloadError(f"tensor '{self.name}': {self.datatype} travels in the binary section only")
        if self.datatype == "BOOL":
            allowed: set[type] = {bool}
        else:
            allowed = {int, float} if self.datatype.startswith("FP") else {int}
        flat = self._flat()
        if set(map(type, flat)) - allowed:
            raise PayloadError(f"tensor '{self.name}': a value is not {self.datatype}")
        return flat

    def _sized(self) -> memoryview:
        assert self.raw is not None
        wanted = self.elements * int(_DTYPE[self.datatype][-1])
        if len(self.raw) != wanted:
            raise PayloadError(f"tensor '{self.name}': {len(self.raw)} bytes, its shape asks for {wanted}")
        return self.raw

    def _split(self, raw: memoryview) -> list[bytes]:
        elements, at, end = [], 0, len(raw)
        while at < end:
            if at + 4 > end:
                raise PayloadError(f"tensor '{self.name}': an element's length is cut short")
            (length,) = struct.unpack_from("<I", raw, at)
            at += 4 + length
            if at > end:
                raise PayloadError(f"tensor '{self.name}': an element is longer than the data")
            elements.append(bytes(raw[at - length : at]))
        if len(elements) != self.elements:
            raise PayloadError(
                f"tensor '{self.name}': {len(elements)} elements, its shape asks for {self.elements}"
            )
        return elements


def read_tensors(document: Mapping[str, Any], binary: memoryview) -> dict[str, Tensor]:
    """The inputs that `document` lists, each with its part of `binary`. Raises `PayloadError`."""
    inputs = document.get("inputs", [])
    if type(inputs) is not list:
        raise PayloadError("'inputs' is not a list")
    tensors: dict[str, Tensor] = {}
    at = 0
    for entry in inputs:
        tensor, at = _read_tensor(entry, binary, at)
        if tensor.name in tensors:
            raise PayloadError(f"two inputs are named '{tensor.name[:80]}'")
        tensors[tensor.name] = tensor
    if inputs and at != len(binary):
        raise PayloadError(f"the binary section has {len(binary)} bytes, the inputs ask for {at}")
    return tensors


def _read_tensor(entry: object, binary: memoryview, at: int) -> tuple[Tensor, int]:
    if not isinstance(entry, dict):
        raise PayloadError("an input is not an object")
    name, datatype = entry.get("name"), entry.get("datatype")
    if not isinstance(name, str):
        raise PayloadError("an input has no name")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise PayloadError(f"input '{name[:80]}': unknown datatype")
    parameters, data = entry.get("parameters", {}), entry.get("data")
    if not isinstance(parameters, dict) or not isinstance(data, list | None):
        raise PayloadError(f"input '{name[:80]}': 'parameters' is not an object or 'data' not a list")
    raw = None
    if "binary_data_size" in parameters:
        size = parameters["binary_data_size"]
        if data is not None or type(size) is not int or not 0 <= size <= len(binary) - at:
            raise PayloadError(f"input '{name[:80]}': its binary_data_size does not fit the body")
        raw = binary[at : at + size]
        at += size
    shape = _shape(name, entry.get("shape"))
    return Tensor(name=name, datatype=datatype, shape=shape, parameters=parameters, data=data, raw=raw), at


def _shape(name: str, shape: object) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > RANK_MAX or not _sizes(shape):
        raise PayloadError(f"input '{name[:80]}': its shape is not a list of sizes")
    return tuple(shape)


def _sizes(shape: Iterable[object]) -> bool:
    count = 1
    for size in shape:
        if type(size) is not int or not 0 <= size <= ELEMENTS_MAX:
            return False
        count *= max(size, 1)  # a size of 0 must not hide absurd others
    return count <= ELEMENTS_MAX
