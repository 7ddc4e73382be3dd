"""What may be passed on: what no other server can take for something else."""

import re
from collections.abc import Collection

from sim.fuzz.case import Fault
from sim.fuzz.clusters import written
from sim.fuzz.edge import Passed
from sim.fuzz.reference import IDLE, Read, read_requests

OF_THE_CONNECTION = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length"),
        *(b"host", b"expect", b"http2-settings"),
    )
)
TO_THE_PROXY = frozenset((b"x-request-id", b"prefer", b"idempotency-key"))
OF_AN_ANSWER = OF_THE_CONNECTION - {b"host", b"expect", b"http2-settings"} | {b"x-request-id"}

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")
_TARGET = re.compile(rb"/[^\x00-\x20\x7f]*")


def judge_passed(passed: Passed) -> None:
    """Every request passed on can be read in one way only."""
    if passed.method not in (b"GET", b"POST") or not _TARGET.fullmatch(passed.target):
        raise Fault(f"passed on: {passed.method!r} {passed.target!r}")
    for name, value in passed.headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or value != value.strip(b" \t"):
            raise Fault(f"passed on: {name!r}: {value!r}")
        if name.lower() in OF_THE_CONNECTION:
            raise Fault(f"a field of the connection was passed on: {name!r}")


def judge_rendering(passed: Passed) -> None:
    """As it is written to a model server, h11 reads the same request, and nothing behind it."""
    reading = read_requests(written(passed))
    if len(reading.requests) != 1 or reading.state != IDLE:
        raise Fault(f"written on, h11 reads {len(reading.requests)} requests: {reading.why}")
    read = reading.requests[0]
    if (read.method, read.target, read.body) != (passed.method, passed.target, passed.body):
        raise Fault(f"written on, h11 reads {read.method!r} {read.target!r}")


def agrees(passed: Passed, read: Read) -> bool:
    """Whether the request passed on is the one that h11 read."""
    method = b"GET" if read.method == b"HEAD" else read.method
    if (passed.method, passed.target, passed.body) != (method, path(read.target), read.body):
        return False
    return [(name.lower(), value) for name, value in passed.headers] == fields_passed_on(
        read.headers, OF_THE_CONNECTION | TO_THE_PROXY
    )


def path(target: bytes) -> bytes:
    """Of a target in absolute form, what the proxy takes it for."""
    scheme, colon, rest = target.partition(b"://")
    if not colon or scheme.lower() not in (b"http", b"https"):
        return target
    place = next((place for place, byte in enumerate(rest) if byte in b"/?#"), len(rest))
    if not place:  # a host there must be (RFC 9110, 4.2.1)
        return target
    return rest[place:] if rest[place : place + 1] == b"/" else b"/" + rest[place:]


def fields_passed_on(
    fields: tuple[tuple[bytes, bytes], ...], kept_back: Collection[bytes]
) -> list[tuple[bytes, bytes]]:
    """Of fields with lower-case names those that go on: none of the connection, none of `kept_back`."""
    named = {
        word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")
    }
    return [
        (name, value)
        for name, value in fields
        if name not in kept_back and not name.startswith(b"penstock-") and name not in named
    ]
