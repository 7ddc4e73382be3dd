"""Plain requests, read without the parser: HTTP/1.1, the head in one piece, a Content-Length or no body.

Nearly every request is one. All that is unusual (chunked, pipelined, upgrades, expectations, odd spaces, odd
characters, limits passed) is left to llhttp; tests compare the two, and this file with its twin in Cython.
"""

import re

from proxy.heads.lines import CODED, DROPPED, HOST, LENGTH, ODD, PASSED, Lines
from proxy.heads.lines import OURS as SPEAKS_TO_US
from proxy.hop import HOP_BY_HOP

NOT_PASSED_ON = HOP_BY_HOP | {b"host", b"expect", b"http2-settings"}
"""Fields of this hop alone."""

OURS = frozenset((b"x-request-id", b"prefer", b"idempotency-key"))
"""Fields that speak to the proxy; so do all that begin with `penstock-`."""

FIELDS_MAX = 100
"""The parser reads what has more, up to the limits of its caller."""

STARTS_HELD_MAX = 1_024
"""Request lines remembered: 8 MiB of the longest, with their targets."""

_START = re.compile(rb"(GET|POST|HEAD|DELETE) (/[A-Za-z0-9/_.~%:@!$&'()*+,;=?-]*) HTTP/1\.1")

RequestHead = tuple[bytes, bytes, bytes, dict[bytes, bytes], int, int, bool]
"""Method, target, block of end-to-end fields, fields that speak to us, the body's length, its place, and
whether a field may say that the body is other than plain JSON."""


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
    if key in (b"content-encoding", b"inference-header-content-length"):
        return CODED
    return SPEAKS_TO_US if key in OURS or key.startswith(b"penstock-") else PASSED


class RequestReader:
    """Reads plain requests; remembers what it has read of heads, for all connections of a server."""

    __slots__ = ("_fields_max", "_head_bytes_max", "_lines", "_starts", "_target_bytes_max")

    def __init__(self, head_bytes_max: int, target_bytes_max: int, fields_max: int) -> None:
        self._fields_max = min(fields_max, FIELDS_MAX)
        self._head_bytes_max = head_bytes_max
        self._target_bytes_max = target_bytes_max
        self._lines = Lines(kind_of)
        self._starts: dict[bytes, tuple[bytes, bytes]] = {}

    def read(self, data: bytes) -> RequestHead | None:
        """The head of the message that these bytes begin, if it is plain, whole, and alone in them."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > self._head_bytes_max:
            return None
        raws = data[:end].split(b"\r\n")
        start = self._starts.get(raws[0]) or self._learn_start(raws[0])
        if start is None or len(raws) > self._fields_max + 1:
            return None
        block: list[bytes] = []
        ours: dict[bytes, bytes] = {}
        length, coded = self._read_fields(raws, block, ours)
        if length < len(data) - end - 4:
            return None
        block.append(b"")
        return start[0], start[1], b"\r\n".join(block), ours, length, end + 4, coded

    def _read_fields(
        self, raws: list[bytes], block: list[bytes], ours: dict[bytes, bytes]
    ) -> tuple[int, bool]:
        """Sort the fields; the body's length, -1 where the message is not plain; and whether it is coded."""
        lines = self._lines
        hosts = 0
        length = -1
        coded = False
        for place in range(1, len(raws)):
            line = lines.read(raws[place])
            if line is None:
                return -1, False
            kind = line.kind
            if kind in (PASSED, CODED):
                block.append(raws[place])
                coded = coded or kind == CODED
            elif kind == SPEAKS_TO_US:
                if line.key in ours:
                    return -1, False
                ours[line.key] = line.value
            elif kind == HOST:
                hosts += 1
            elif kind == LENGTH:
                if length >= 0:
                    return -1, False
                length = line.number
        if hosts != 1:
            return -1, False
        return max(0, length), coded

    def _learn_start(self, raw: bytes) -> tuple[bytes, bytes] | None:
        match = _START.fullmatch(raw)
        if match is None or len(match.group(2)) > self._target_bytes_max:
            return None
        start = (match.group(1), match.group(2))
        if len(self._starts) >= STARTS_HELD_MAX:
            self._starts = {}
        self._starts[raw] = start
        return start
