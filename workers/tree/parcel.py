"""Tensors in shared memory: a head in msgpack that names them, then their bytes, each on a round address.

Written straight into the memory, with one copy of each tensor; read as views of it. What callers must never
see of another request is left out by lengths: a parcel is read to its own end, whatever lay there before.
"""

import struct
from typing import Any, Final

import msgspec
import numpy as np

from workers.oip.datatypes import NUMPY, Array
from workers.oip.tensors import Tensor
from workers.ports import Tensors

ROUND_BYTES: Final = 16
_LENGTH: Final = struct.Struct("<I")


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What stands in front. `extra` is msgpack that the tensors know nothing of: parameters, a context."""

    tensors: tuple[
        tuple[str, str, tuple[int, ...], int, bytes], ...
    ]  # name, datatype, shape, bytes, parameters
    extra: bytes = b""


_decode: Final = msgspec.msgpack.Decoder(Head).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Parcel:
    """Tensors to be written. `size` is what they take."""

    def __init__(self, tensors: Tensors, extra: bytes = b"") -> None:
        pieces: list[tuple[Any, int]] = []
        described = []
        space = 0
        for tensor in tensors:
            piece = _piece(tensor)
            pieces.append(piece)
            space += (piece[1] + ROUND_BYTES - 1) & -ROUND_BYTES  # `_up`, without the call
            parameters = tensor.parameters
            packed = msgspec.msgpack.encode(parameters) if parameters else b""
            described.append((tensor.name, tensor.datatype, tensor.shape, piece[1], packed))
        self._head = _encode((described, extra))
        self._pieces = pieces
        self.size = _up(_LENGTH.size + len(self._head)) + space

    def write(self, memory: memoryview) -> None:
        """Write all; `memory` has room for it."""
        head = self._head
        at = _LENGTH.size + len(head)
        _LENGTH.pack_into(memory, 0, len(head))
        memory[_LENGTH.size : at] = head
        at = _up(at)
        for piece, size in self._pieces:
            if isinstance(piece, list):
                _write_elements(memory, at, piece)
            else:
                memory[at : at + size] = _flat(piece)
            at += _up(size)


def read_head(memory: memoryview) -> Head:
    """What is in a parcel."""
    return _decode(memory[_LENGTH.size : _LENGTH.size + _LENGTH.unpack_from(memory, 0)[0]])


def read_parcel(memory: memoryview, *, views: bool = False) -> tuple[Tensors, bytes]:
    """The tensors, as views of `memory`, and the extra. With `views` elements of BYTES are views too."""
    length = _LENGTH.unpack_from(memory, 0)[0]
    at = _LENGTH.size + length
    head = _decode(memory[_LENGTH.size : at])
    at = _up(at)
    tensors = []
    for name, datatype, shape, size, parameters in head.tensors:
        piece = memory[at : at + size]
        if datatype == "BYTES":
            data: Array = _read_elements(piece, views=views).reshape(shape)
        else:
            data = np.frombuffer(piece, NUMPY[datatype]).reshape(shape)
        known = msgspec.msgpack.decode(parameters) if parameters else {}
        tensors.append(Tensor(name=name, datatype=datatype, shape=shape, data=data, parameters=known))
        at += _up(size)
    return tuple(tensors), head.extra


def _flat(array: Array) -> Any:
    """Its bytes, row by row; without a copy if they lie so."""
    if array.size and array.flags.c_contiguous:
        return array.data.cast("B")
    return array.reshape(-1).view(np.uint8).data


def _piece(tensor: Tensor) -> tuple[Any, int]:
    """What is written of a tensor, elements or an array of the wire's form, and its bytes."""
    if tensor.datatype == "BYTES":
        elements = tensor.data.ravel().tolist()
        return elements, sum(map(len, elements)) + _LENGTH.size * len(elements)
    array = np.asarray(tensor.data, NUMPY[tensor.datatype])
    return array, array.nbytes


def _write_elements(memory: memoryview, at: int, elements: list[Any]) -> None:
    for element in elements:
        start = at + _LENGTH.size
        _LENGTH.pack_into(memory, at, len(element))
        at = start + len(element)
        memory[start:at] = element


def _read_elements(piece: memoryview, *, views: bool) -> Array:
    found: list[Any] = []
    at = 0
    while at < len(piece):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(piece, at)[0]
        found.append(piece[start:at] if views else bytes(piece[start:at]))
    array = np.empty(len(found), np.object_)
    for number, element in enumerate(found):  # a slice assignment would unpack a single view
        array[number] = element
    return array


def _up(size: int) -> int:
    return (size + ROUND_BYTES - 1) & -ROUND_BYTES
