"""The answers that the edge wrote, read strictly: anything but whole answers of its own form is a fault."""

import re

import msgspec

from sim.fuzz.case import Fault

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\r\n\0]*)")
_ECHO = re.compile(rb"request (\d+)")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One final answer."""

    status: int
    echo: int | None  # which request of those passed on it answers; None: the pipeline never saw it
    refusal: bool  # of a message that could not be read: it names no request
    closes: bool
    body: bytes


def read_said(written: bytes) -> list[Said]:
    """All final answers in order. Raises Fault where something else was written."""
    found: list[Said] = []
    while written:
        if written.startswith(CONTINUE):
            written = written[len(CONTINUE) :]
            continue
        head, end, written = written.partition(b"\r\n\r\n")
        line = _STATUS.match(head + b"\r\n")
        if not end or line is None:
            raise Fault(f"no answer: {head[:80]!r}")
        said, written = _read_one(int(line[1]), head.split(b"\r\n")[1:], written)
        found.append(said)
    return found


def _read_one(status: int, lines: list[bytes], rest: bytes) -> tuple[Said, bytes]:
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or field[1].lower() in fields:
            raise Fault(f"a field that is none, or stands twice: {line!r}")
        fields[field[1].lower()] = field[2]
    length = int(fields[b"content-length"])
    # No body begins like an answer: what does, or nothing, follows an answer to HEAD.
    if not rest or rest.startswith(b"HTTP/1.1 "):
        length = 0
    body, rest = rest[:length], rest[length:]
    echo = _ECHO.fullmatch(body)
    if length == 0 and status == 200 and b"content-type" not in fields:
        number: int | None = -1  # to HEAD: whose it is its place tells
    else:
        number = int(echo[1]) if echo else None
    said = Said(
        status=status,
        echo=number,
        refusal=b"x-request-id" not in fields,
        closes=fields.get(b"connection") == b"close",
        body=body,
    )
    return said, rest
