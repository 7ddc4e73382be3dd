"""The texts of a request: what its author wrote, wherever the protocol lets it stand. Bounded.

The strings of `parameters` (the request's and each input's), the elements of BYTES inputs, in JSON or in
the binary section, and a raw input. What is not UTF-8 is no text. Never reads member names.
"""

from collections.abc import Iterator
from typing import Any

from labelers.api import Payload
from labelers.errors import PayloadError

TEXT_CHARS_MAX = 256 * 1024
"""Of one request; what comes after is not read."""

DEPTH_MAX = 16


def texts_of(payload: Payload) -> Iterator[str]:
    """Each text, until the limit. Raises `PayloadError` where the request makes no sense."""
    left = TEXT_CHARS_MAX
    for text in _all_texts(payload):
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return


def _all_texts(payload: Payload) -> Iterator[str]:
    yield from _strings(payload.json.get("parameters"), DEPTH_MAX)
    tensors = payload.tensors
    if not tensors and len(payload.binary):
        yield from _decoded(bytes(payload.binary))
    for tensor in tensors.values():
        yield from _strings(tensor.parameters, DEPTH_MAX)
        if tensor.datatype != "BYTES":
            continue
        if tensor.raw is None:
            yield from tensor.strings()
        else:
            for element in tensor.bytes_list():
                yield from _decoded(element)


def _strings(value: Any, depth: int) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) in (dict, list):
        if not depth:
            raise PayloadError(f"'parameters' is nested deeper than {DEPTH_MAX}")
        for item in value.values() if type(value) is dict else value:
            yield from _strings(item, depth - 1)


def _decoded(element: bytes) -> Iterator[str]:
    try:
        yield element.decode()
    except UnicodeDecodeError:
        return  # an image, say
