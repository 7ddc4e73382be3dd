"""Tensors as JSON: numbers, true and false, and for BYTES strings in UTF-8; flat, or nested as the shape."""

import math
from typing import Any

import numpy as np

from workers.oip.datatypes import FLOATING, NUMPY, WHOLE, Array, BadTensor
from workers.oip.rawdata import bytes_array
from workers.oip.shapes import element_count


def array_from_json(name: str, datatype: str, shape: tuple[int, ...], data: list[Any]) -> Array:
    """The array that a JSON list gives. Raises BadTensor where types, ranges or the shape do not agree."""
    count = element_count(name, shape)
    types = set(map(type, data))
    flat = data
    if list in types:
        flat = _flattened(name, shape, data)
        types = set(map(type, flat))
    if len(flat) != count:
        raise BadTensor(
            f"tensor '{name}' holds {len(flat)} values, but its shape {list(shape)} takes {count}"
        )
    if datatype == "BYTES":
        return _strings(name, flat, types).reshape(shape)
    if datatype == "BF16":
        raise BadTensor(f"tensor '{name}': BF16 travels as binary data only")
    return _numbers(name, datatype, flat, types).reshape(shape)


def json_from_array(name: str, datatype: str, array: Array) -> list[Any]:
    """The flat list for `data`. Raises BadTensor for what JSON cannot carry (ask for binary data then)."""
    if datatype == "BF16":
        raise BadTensor(f"output '{name}': BF16 travels as binary data only")
    if datatype == "BYTES":
        try:
            return [element.decode() for element in array.ravel().tolist()]
        except UnicodeDecodeError as error:
            raise BadTensor(f"output '{name}' is not UTF-8: ask for it as binary data") from error
    values: list[Any] = array.ravel().tolist()
    # A sum is finite only if all are: the quick answer. It may overflow where none is infinite.
    if datatype in FLOATING and not math.isfinite(sum(values)) and not np.isfinite(array).all():
        raise BadTensor(f"output '{name}' holds NaN or infinity: ask for it as binary data")
    return values


def _flattened(name: str, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    """The values of a list that is nested exactly as the shape says."""
    level = data
    for depth, side in enumerate(shape):
        if depth:
            if not all(type(row) is list for row in level):
                raise BadTensor(f"tensor '{name}': data is nested unevenly at depth {depth}")
            if any(len(row) != side for row in level):
                raise BadTensor(f"tensor '{name}': nested data does not have the shape {list(shape)}")
            level = [value for row in level for value in row]
        elif len(level) != side:
            raise BadTensor(f"tensor '{name}': nested data does not have the shape {list(shape)}")
    if any(type(value) is list for value in level):
        raise BadTensor(f"tensor '{name}': data is nested deeper than its shape {list(shape)}")
    return level


def _strings(name: str, flat: list[Any], types: set[type]) -> Array:
    if types - {str}:
        raise BadTensor(f"tensor '{name}': BYTES in JSON are strings, and {_odd(types - {str})} is not")
    return bytes_array([value.encode() for value in flat])


def _numbers(name: str, datatype: str, flat: list[Any], types: set[type]) -> Array:
    if not types <= _TYPES[datatype]:
        raise BadTensor(f"tensor '{name}': {_odd(types - _TYPES[datatype])} is no value of {datatype}")
    try:
        if datatype not in FLOATING:
            return np.array(flat, NUMPY[datatype])
        most = _MOST[datatype]
        if flat and -most <= min(flat) and max(flat) <= most:
            return np.array(flat, NUMPY[datatype])
        with np.errstate(over="raise"):
            return np.array(flat, np.float64).astype(NUMPY[datatype])
    except (OverflowError, FloatingPointError) as error:
        raise BadTensor(f"tensor '{name}' holds a value out of the range of {datatype}") from error


def _odd(types: set[type]) -> str:
    return ", ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in types))


_TYPES: dict[str, frozenset[type]] = {
    "BOOL": frozenset((bool,)),
    **dict.fromkeys(WHOLE, frozenset((int,))),
    **dict.fromkeys(FLOATING, frozenset((int, float))),
}
_MOST = {datatype: float(np.finfo(NUMPY[datatype]).max) for datatype in FLOATING}
"""What certainly fits; just beyond, rounding decides."""
