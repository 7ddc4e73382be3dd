"""Plain requests, read without the parser: HTTP/1.1, the head in one piece, a Content-Length or no body.

Nearly every request is one. All that is unusual (chunked, pipelined, upgrades, expectations, odd spaces, odd
characters, limits passed) is left to llhttp; a test compares the two on whatever both can read.
"""

import re

from proxy.edge.limits import EdgeLimits
from proxy.edge.message import NOT_PASSED_ON, OURS, Message
from proxy.lines import DROPPED, HOST, LENGTH, ODD, PASSED, Lines
from proxy.lines import OURS as SPEAKS_TO_US

STARTS_HELD_MAX = 1_024
"""Request lines remembered: 8 MiB of the longest, with their targets."""

_START = re.compile(rb"(GET|POST|HEAD|DELETE) (/[A-Za-z0-9/_.~%:@!$&'()*+,;=?-]*) HTTP/1\.1")


def kind_of(key: bytes, value: bytes) -> int:
    """What a field of a request is."""
    if key == b"host":
        return HOST
    if key == b"content-length":
        return LENGTH
    if key == b"connection":
        return DROPPED if value.lower() == b"keep-alive" else ODD
    if key in NOT_PASSED_ON:
        return ODD
    return SPEAKS_TO_US if key in OURS or key.startswith(b"penstock-") else PASSED


class PlainReader:
    """Reads plain requests; remembers what it has read of heads, for all connections of a server."""

    __slots__ = (
        "_body_bytes_max",
        "_head_bytes_max",
        "_headers_max",
        "_limits",
        "_lines",
        "_starts",
        "_target_bytes_max",
    )

    def __init__(self, limits: EdgeLimits) -> None:
        self._limits = limits
        self._head_bytes_max = limits.head_bytes_max
        self._headers_max = limits.headers_max
        self._body_bytes_max = limits.body_bytes_max
        self._target_bytes_max = limits.target_bytes_max
        self._lines = Lines(kind_of)
        self._starts: dict[bytes, tuple[bytes, bytes]] = {}

    def read(self, data: bytes, now: float) -> Message | None:
        """The message that begins these bytes, and whose body ends them or goes on (`missing`); else None."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > self._head_bytes_max:
            return None
        raws = data[:end].split(b"\r\n")
        count = len(raws)
        start = self._starts.get(raws[0]) or self._learn_start(raws[0])
        if start is None or count > self._headers_max:
            return None
        message = Message(self._limits, now)
        length = self._read_fields(raws, message)
        rest = len(data) - end - 4
        if length < rest or length > self._body_bytes_max:
            return None
        message.begin_plain(start[0], start[1], length)
        if rest:
            message.add_body(data[end + 4 :])
        return message

    def _read_fields(self, raws: list[bytes], message: Message) -> int:
        """Hand the fields to the message; the body's length, or -1 where the message is not plain."""
        headers, ours, lines = message.headers, message.ours, self._lines
        hosts = 0
        length = -1
        for place in range(1, len(raws)):
            line = lines.read(raws[place])
            if line is None:
                return -1
            kind = line.kind
            if kind == PASSED:
                headers.append(line.field)
            elif kind == SPEAKS_TO_US:
                if line.key in ours:
                    return -1
                ours[line.key] = line.field[1]
            elif kind == HOST:
                hosts += 1
            elif kind == LENGTH:
                if length >= 0:
                    return -1
                length = line.number
        if hosts != 1:
            return -1
        return max(0, length)

    def _learn_start(self, raw: bytes) -> tuple[bytes, bytes] | None:
        match = _START.fullmatch(raw)
        if match is None or len(match.group(2)) > self._target_bytes_max:
            return None
        start = (match.group(1), match.group(2))
        if len(self._starts) >= STARTS_HELD_MAX:
            self._starts = {}
        self._starts[raw] = start
        return start
