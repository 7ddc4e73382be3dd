"""Plain answers, read without the parser: HTTP/1.1, the head in one piece, a Content-Length.

Nearly every answer is one. All that is unusual (chunked, interim, closing, odd spaces and characters, limits
passed) is left to llhttp; tests compare the two, and this file with its twin in Cython.
"""

import re

from proxy.heads.lines import DROPPED, LENGTH, ODD, PASSED, Lines
from proxy.heads.request import FIELDS_MAX
from proxy.hop import HOP_BY_HOP

OURS = b"penstock-"
"""So begin the fields that the proxy itself answers with, and one is X-Request-Id: a server's are dropped so
that no field stands twice."""

_START = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [\x20-\x7e]{0,80}")
_BODILESS = (204, 304)
STARTS_HELD_MAX = 256

AnswerHead = tuple[int, bytes, int, int]
"""Status, block of end-to-end fields, the body's length, its place."""


def kind_of(key: bytes, value: bytes) -> int:
    """What a field of an answer is."""
    if key == b"content-length":
        return LENGTH
    if key == b"connection":
        return DROPPED if value.lower() == b"keep-alive" else ODD
    if key in (b"keep-alive", b"x-request-id") or key.startswith(OURS):
        return DROPPED
    return ODD if key in HOP_BY_HOP else PASSED


class AnswerReader:
    """Reads plain answers; remembers what it has read of heads, for all connections to an endpoint."""

    __slots__ = ("_head_bytes_max", "_lines", "_statuses")

    def __init__(self, head_bytes_max: int) -> None:
        self._head_bytes_max = head_bytes_max
        self._lines = Lines(kind_of)
        self._statuses: dict[bytes, int] = {}

    def read(self, data: bytes) -> AnswerHead | None:
        """The head of the answer that these bytes begin, if they hold nothing but one plain answer."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > self._head_bytes_max:
            return None
        raws = data[:end].split(b"\r\n")
        status = self._statuses.get(raws[0]) or self._learn_status(raws[0])
        if not status or len(raws) > FIELDS_MAX + 1:
            return None
        block: list[bytes] = []
        length = self._read_fields(raws, block)
        if length < len(data) - end - 4:
            return None
        block.append(b"")
        return status, b"\r\n".join(block), length, end + 4

    def _read_fields(self, raws: list[bytes], block: list[bytes]) -> int:
        """Sort the fields; the body's length, or -1 where the answer is not plain."""
        length = -1
        for place in range(1, len(raws)):
            line = self._lines.read(raws[place])
            if line is None:
                return -1
            if line.kind == PASSED:
                block.append(raws[place])
            elif line.kind == LENGTH:
                if length >= 0:
                    return -1
                length = line.number
        return length

    def _learn_status(self, raw: bytes) -> int:
        """0 where this is no plain status line."""
        match = _START.fullmatch(raw)
        if match is None:
            return 0
        status = int(match.group(1))
        if status in _BODILESS:
            return 0
        if len(self._statuses) >= STARTS_HELD_MAX:
            self._statuses = {}
        self._statuses[raw] = status
        return status
