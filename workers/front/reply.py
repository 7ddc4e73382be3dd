"""Answers of the front as values, and as the bytes of HTTP/1.1. Pure.

Every error is `{"error": "..."}`. Overload is 503 with `Retry-After`, never 500: some clients retry a 500
at once and without pause.
"""

import zlib
from http import HTTPStatus
from typing import Any, Final

import msgspec

from workers.body import TooLarge, UnknownEncoding
from workers.errors import BadInput, Expired, ModelFailed, NotReady, Overloaded, TooBig, Unusable
from workers.fetch.errors import Unfetched
from workers.oip.datatypes import BadTensor
from workers.regions.errors import NoRegion

JSON: Final = b"application/json"
BINARY: Final = b"application/octet-stream"
RETRY_AFTER_S: Final = 1
LEVEL: Final = 1
"""Of compression: tensors gain little from more, and a core sends 100 MB/s at this one."""

STATUS: dict[type[Exception], int] = {
    BadTensor: 400,
    BadInput: 400,
    Unusable: 400,
    NoRegion: 404,
    Unfetched: 502,
    TooLarge: 413,
    TooBig: 413,
    UnknownEncoding: 415,
    ModelFailed: 500,
    Overloaded: 503,
    NotReady: 503,
    Expired: 503,
}
RETRIED: Final = (Overloaded, NotReady)

_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_WINDOW = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `fields` are whole lines of the head."""

    status: int = 200
    body: bytes = b""
    kind: bytes = JSON
    fields: bytes = b""


def answer(value: Any, status: int = 200, fields: bytes = b"") -> Reply:
    """A JSON answer."""
    return Reply(status=status, body=msgspec.json.encode(value), fields=fields)


def refusal(status: int, words: str, fields: bytes = b"") -> Reply:
    """An error in the protocol's form."""
    return answer({"error": words}, status, fields)


def refusal_of(error: Exception) -> Reply:
    """The answer to one of the errors in STATUS, or to one of their kinds; 500 to any other."""
    status = STATUS.get(type(error)) or next(
        (code for kind, code in STATUS.items() if isinstance(error, kind)), 500
    )
    retried = isinstance(error, RETRIED)
    return refusal(status, str(error), b"Retry-After: %d\r\n" % RETRY_AFTER_S if retried else b"")


def encode_head(reply: Reply, request_id: bytes, date: bytes, *, keep_alive: bool) -> bytes:
    """The head of an answer; its body follows as it is. `date` is a whole line."""
    return b"%b%bContent-Type: %b\r\nContent-Length: %d\r\n%b%b%b\r\n" % (
        _LINES[reply.status],
        date,
        reply.kind,
        len(reply.body),
        b"X-Request-Id: %b\r\n" % request_id if request_id else b"",
        reply.fields,
        b"" if keep_alive else b"Connection: close\r\n",
    )


def coding_for(accepted: bytes, reply: Reply, bytes_min: int) -> bytes:
    """`gzip`, `deflate` or nothing.

    Libraries accept codings that nobody asked them for: tensors, which shrink little, are compressed only
    for a caller that accepts one coding and so must mean it.
    """
    if not accepted or len(reply.body) < bytes_min or reply.status != 200:
        return b""
    wanted = [part.partition(b";") for part in accepted.lower().replace(b" ", b"").split(b",")]
    if reply.kind != JSON and len(wanted) > 1:
        return b""
    return next((name for name, _, weight in wanted if name in _WINDOW and weight not in _NEVER), b"")


_NEVER = frozenset((b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"))


def compress(reply: Reply, coding: bytes) -> Reply:
    """The same answer, its body in `coding`."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, _WINDOW[coding])
    body = stream.compress(reply.body) + stream.flush()
    fields = b"Content-Encoding: %b\r\nVary: Accept-Encoding\r\n" % coding + reply.fields
    return Reply(status=reply.status, body=body, kind=reply.kind, fields=fields)
