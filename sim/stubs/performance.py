"""Turns a behaviour into steps: bytes to send, pauses, and how the connection ends.

Decides only; `connection.py` carries the steps out, and pulls the next one when the last has been
written, so that a huge answer takes no memory.
"""

from collections.abc import Iterator
from typing import assert_never

import msgspec

from sim.stubs.answers import Answer, echo, refusal, serve
from sim.stubs.behaviours import (
    Chunked,
    Close,
    Continue100,
    Drip,
    Echo,
    Garbage,
    Half,
    Huge,
    Never,
    Ok,
    Redirect,
    Reset,
    SilentClose,
    Simple,
    Status,
    Truncated,
    Unframed,
    WrongLength,
)
from sim.stubs.received import Received

FLOOD_BYTES = 256 * 1024
"""The size of one piece of a huge body."""


class Send(msgspec.Struct, frozen=True):
    """Write these bytes."""

    data: bytes


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for so long."""

    delay_s: float


class End(msgspec.Struct, frozen=True):
    """Close in good order, once all is written."""


class Abort(msgspec.Struct, frozen=True):
    """Reset the connection."""


class Hang(msgspec.Struct, frozen=True):
    """Nothing more, ever; the connection stays."""


Step = Send | Wait | End | Abort | Hang


def perform(name: str, behaviour: Simple, request: Received) -> Iterator[Step]:
    """The steps with which the stub `name` meets `request`."""
    match behaviour:
        case Ok():
            yield Send(serve(name, request).encode())
        case Echo():
            yield Send(echo(request).encode())
        case Status() | Redirect():
            yield Send(_refused(behaviour, request).encode())
        case Reset():
            yield Abort()
        case Never():
            yield Hang()
        case Garbage():
            yield Send(behaviour.text.encode("latin-1"))
            yield End()
        case Huge():
            yield from _flood(behaviour.body_bytes)
        case Half() | Truncated() | WrongLength():
            yield from _cut(behaviour, serve(name, request))
        case _:
            yield from _whole(behaviour, serve(name, request))


def _refused(behaviour: Status | Redirect, request: Received) -> Answer:
    if isinstance(behaviour, Redirect):
        return refusal(request, 302, "gone elsewhere", ("Location", behaviour.location))
    retry_after = behaviour.retry_after_s
    headers = [] if retry_after is None else [("Retry-After", f"{retry_after:g}")]
    return refusal(request, behaviour.code, f"the stub answers {behaviour.code}", *headers)


def _cut(behaviour: Half | Truncated | WrongLength, answer: Answer) -> Iterator[Step]:
    """A good answer whose length is not what it said."""
    match behaviour:
        case Half():
            yield Send(answer.head() + answer.body[: len(answer.body) // 2])
            yield End()
        case Truncated():
            whole = answer.encode()
            yield Send(whole[: len(whole) - behaviour.missing_bytes])
            yield End()
        case WrongLength():
            length = max(0, len(answer.body) + behaviour.off_bytes)
            yield Send(answer.head(length=length) + answer.body)
            if behaviour.off_bytes > 0:
                yield Hang()
        case _:
            assert_never(behaviour)


def _whole(
    behaviour: Continue100 | Chunked | Unframed | Close | SilentClose | Drip, answer: Answer
) -> Iterator[Step]:
    """A good answer in an unusual form, or with the end of the connection behind it."""
    match behaviour:
        case Continue100():
            yield Send(b"HTTP/1.1 100 Continue\r\n\r\n" + answer.encode())
        case Chunked():
            yield from _chunks(answer, behaviour.chunk_bytes)
        case Drip():
            for byte in answer.encode():
                yield Send(bytes((byte,)))
                yield Wait(behaviour.interval_s)
        case Unframed() | Close():
            length = "" if isinstance(behaviour, Unframed) else f"Content-Length: {len(answer.body)}\r\n"
            yield Send(answer.head(framing=f"Connection: close\r\n{length}") + answer.body)
            yield End()
        case SilentClose():
            yield Send(answer.encode())
            yield End()
        case _:
            assert_never(behaviour)


def _chunks(answer: Answer, chunk_bytes: int) -> Iterator[Step]:
    yield Send(answer.head(framing="Transfer-Encoding: chunked\r\n"))
    for start in range(0, len(answer.body), chunk_bytes):
        piece = answer.body[start : start + chunk_bytes]
        yield Send(b"%x\r\n%b\r\n" % (len(piece), piece))
    yield Send(b"0\r\n\r\n")


def _flood(body_bytes: int) -> Iterator[Step]:
    yield Send(Answer(status=200, body=b"").head(length=body_bytes))
    piece = bytes(FLOOD_BYTES)
    for start in range(0, body_bytes, FLOOD_BYTES):
        yield Send(piece[: min(FLOOD_BYTES, body_bytes - start)])
