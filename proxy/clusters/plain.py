"""Plain answers, read without the parser: HTTP/1.1, the head in one piece, a Content-Length.

Nearly every answer is one. All that is unusual (chunked, interim, closing, odd spaces and characters, limits
passed) is left to llhttp; a test compares the two on whatever both can read.
"""

import re

from proxy.clusters.limits import ClientLimits
from proxy.hop import HOP_BY_HOP
from proxy.lines import DROPPED, LENGTH, ODD, PASSED, Lines

OURS = (b"penstock-", b"x-request-id")
"""Fields that the proxy itself answers with; a server's are dropped so that no field stands twice."""

_START = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [\x20-\x7e]{0,80})")
_BODILESS = (204, 304)
STARTS_HELD_MAX = 256


def kind_of(key: bytes, value: bytes) -> int:
    """What a field of an answer is."""
    if key == b"content-length":
        return LENGTH
    if key == b"connection":
        return DROPPED if value.lower() == b"keep-alive" else ODD
    if key == b"keep-alive" or key.startswith(OURS):
        return DROPPED
    return ODD if key in HOP_BY_HOP else PASSED


class Head:
    """The head of a plain answer; its body has `length` bytes and begins at `body_at` of the piece read."""

    __slots__ = ("body_at", "headers", "length", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], length: int, body_at: int) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.body_at = body_at


class PlainReader:
    """Reads plain answers; remembers what it has read of heads, for all connections to a cluster."""

    __slots__ = ("_body_bytes_max", "_head_bytes_max", "_lines", "_statuses")

    def __init__(self, limits: ClientLimits) -> None:
        self._head_bytes_max = limits.head_bytes_max
        self._body_bytes_max = limits.body_bytes_max
        self._lines = Lines(kind_of)
        self._statuses: dict[bytes, int] = {}

    def read(self, data: bytes) -> Head | None:
        """The head of the answer that these bytes begin, if they hold nothing but one plain answer."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > self._head_bytes_max:
            return None
        raws = data[:end].split(b"\r\n")
        status = self._statuses.get(raws[0]) or self._learn_status(raws[0])
        if not status:
            return None
        headers: list[tuple[bytes, bytes]] = []
        length = -1
        for place in range(1, len(raws)):
            line = self._lines.read(raws[place])
            if line is None:
                return None
            if line.kind == PASSED:
                headers.append(line.field)
            elif line.kind == LENGTH:
                if length >= 0:
                    return None
                length = line.number
        if length < 0 or length > self._body_bytes_max or len(data) - end - 4 > length:
            return None
        return Head(status, headers, length, end + 4)

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
