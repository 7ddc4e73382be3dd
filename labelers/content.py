"""From a body as it came to its JSON part and its binary section; compressed bodies are inflated, bounded.

Open Inference Protocol: `Inference-Header-Content-Length` is the number of bytes of JSON (after inflating);
absent, all is JSON; 0, all is one raw input and there is no JSON. Never looks inside the JSON.
"""

import zlib

from labelers.errors import PayloadError
from labelers.fields import headers_of

INFLATED_BYTES_MAX = 64 * 1024 * 1024
"""A compressed body that grows beyond this is not read by labelers (it is forwarded all the same)."""

CHUNK_BYTES = 256 * 1024
"""Inflated at a time: between chunks the watchdog of a time budget may step in."""

_JSON_BYTES = b"inference-header-content-length"
_ENCODING = b"content-encoding"
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class Content:
    """The body without its coding. `json_bytes` None = all of it is JSON."""

    __slots__ = ("body", "json_bytes")

    def __init__(self, block: bytes, body: bytes) -> None:
        self.body = body
        self.json_bytes: int | None = None
        lowered = block.lower()
        if lowered.find(_JSON_BYTES) >= 0 or lowered.find(_ENCODING) >= 0:  # `in` costs ten times as much
            self._read(block)

    def _read(self, block: bytes) -> None:
        coding = length = None
        for name, value in headers_of(block):
            lowered = name.lower()
            if lowered == _ENCODING:
                coding = value if coding is None else coding + b"," + value
            elif lowered == _JSON_BYTES:
                if length is not None and length != value:
                    raise PayloadError("Inference-Header-Content-Length is given twice, differently")
                length = value
        if coding is not None:
            self.body = inflate(self.body, coding)
        if length is not None:
            self.json_bytes = _parse_length(length, len(self.body))

    def json_part(self) -> bytes:
        """The bytes of JSON; empty where the body is one raw input."""
        return self.body if self.json_bytes is None else self.body[: self.json_bytes]

    def binary_part(self) -> memoryview:
        """What follows the JSON."""
        return memoryview(self.body)[len(self.body) if self.json_bytes is None else self.json_bytes :]


def inflate(body: bytes, coding: bytes) -> bytes:
    """Undo `Content-Encoding`. Raises `PayloadError` on unknown codings, bad data, and beyond the limit."""
    codings = [
        name for part in coding.lower().split(b",") if (name := part.strip()) not in (b"", b"identity")
    ]
    if not codings:
        return body
    if len(codings) > 1 or codings[0] not in _WINDOW_BITS:
        raise PayloadError("Content-Encoding is neither gzip nor deflate")
    try:
        return _inflate(body, _WINDOW_BITS[codings[0]])
    except zlib.error as error:
        raise PayloadError("the compressed body is damaged") from error


def _inflate(body: bytes, window_bits: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    rest = body
    while True:  # once per gzip member: a body may have several
        stream = zlib.decompressobj(window_bits)
        while not stream.eof:
            chunk = stream.decompress(rest, CHUNK_BYTES)
            rest = stream.unconsumed_tail
            size += len(chunk)
            if size > INFLATED_BYTES_MAX:
                raise PayloadError(f"the body inflates to more than {INFLATED_BYTES_MAX} bytes")
            if not chunk and not rest and not stream.eof:
                raise PayloadError("the compressed body is cut short")
            chunks.append(chunk)
        rest = stream.unused_data
        if not rest or window_bits != _WINDOW_BITS[b"gzip"]:
            return b"".join(chunks)


def _parse_length(value: bytes, body_bytes: int) -> int:
    if not value.isdigit() or len(value) > 18:
        raise PayloadError("Inference-Header-Content-Length is not a number")
    length = int(value)
    if length > body_bytes:
        raise PayloadError("Inference-Header-Content-Length is larger than the body")
    return length
