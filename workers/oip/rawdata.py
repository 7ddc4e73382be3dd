"""Tensors as raw bytes: little-endian, row-major; BYTES elements behind a four-byte length each."""

import struct
from typing import Any

import numpy as np

from workers.oip.datatypes import NUMPY, Array, BadTensor
from workers.oip.shapes import element_count

_LENGTH = struct.Struct("<I")


def array_from_raw(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Array:
    """The array in `raw`, without a copy where the datatype allows. Raises BadTensor if the sizes differ."""
    count = element_count(name, shape)
    if datatype == "BYTES":
        return _elements(name, count, raw).reshape(shape)
    dtype = NUMPY[datatype]
    if len(raw) != count * dtype.itemsize:
        raise BadTensor(
            f"tensor '{name}' has {len(raw)} bytes of data, but {datatype} of shape {list(shape)} "
            f"takes {count * dtype.itemsize}"
        )
    return np.frombuffer(raw, dtype).reshape(shape)


def raw_from_array(datatype: str, array: Array) -> bytes:
    """The raw form of an array."""
    if datatype != "BYTES":
        return np.ascontiguousarray(array, NUMPY[datatype]).tobytes()
    pieces: list[bytes] = []
    for element in array.ravel().tolist():
        pieces += (_LENGTH.pack(len(element)), element)
    return b"".join(pieces)


def _elements(name: str, count: int, raw: memoryview) -> np.ndarray[Any, np.dtype[np.object_]]:
    """`count` elements of BYTES. `count` is the caller's word: memory follows the data, not the count."""
    found: list[bytes] = []
    offset = 0
    while offset < len(raw):
        start = offset + _LENGTH.size
        end = start + _LENGTH.unpack_from(raw, offset)[0] if start <= len(raw) else start
        if end > len(raw):
            raise BadTensor(f"tensor '{name}' ends in the middle of element {len(found)}")
        found.append(bytes(raw[start:end]))
        offset = end
    if len(found) != count:
        raise BadTensor(f"tensor '{name}' holds {len(found)} elements, but its shape calls for {count}")
    return bytes_array(found)


def bytes_array(elements: list[bytes]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """A flat object array; `np.array` alone would make fixed-width strings and cut off trailing NULs."""
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array
