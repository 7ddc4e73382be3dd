"""Field lines of HTTP heads, each read once: kept-alive peers send the same lines again and again. Pure.

Strict: what is not exactly `Name: value` in plain characters is unknown here, and its message is left to the
parser, which knows all of HTTP. So two readers never disagree about what they both read.
"""

import re
from collections.abc import Callable
from typing import Final

PASSED: Final = 0  # end-to-end
DROPPED: Final = 1  # of this connection alone, and without consequence
HOST: Final = 2
OURS: Final = 3  # speaks to the proxy
LENGTH: Final = 4  # the body's, in bytes: `number`
ODD: Final = 5  # for the parser
CODED: Final = 6  # end-to-end, and may say that the body is other than plain JSON
"""What a line is, for those who read heads."""

LINE_BYTES_MAX = 512
LINES_HELD_MAX = 4_096
"""What is remembered at most: 4 MiB, with all that belongs to it."""

_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}): "
    rb"([\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)"
)
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,11}")

KindOf = Callable[[bytes, bytes], int]
"""The kind of a field, by its name in lower case and its value."""


class Line:
    """One field line. `key` is the name in lower case, `number` the value of a LENGTH."""

    __slots__ = ("key", "kind", "number", "value")

    def __init__(self, key: bytes, value: bytes, kind: int) -> None:
        self.key = key
        self.value = value
        self.kind = kind
        self.number = int(value) if kind == LENGTH else 0


class Lines:
    """The memory of lines, and of which kind one side of the proxy takes each to be."""

    __slots__ = ("_kind_of", "_known")

    def __init__(self, kind_of: KindOf) -> None:
        self._kind_of = kind_of
        self._known: dict[bytes, Line] = {}

    def read(self, raw: bytes) -> Line | None:
        """The line without its end; None where it is none, or an odd one."""
        line = self._known.get(raw)
        return self._learn(raw) if line is None else line

    def _learn(self, raw: bytes) -> Line | None:
        match = _LINE.fullmatch(raw)
        if match is None:
            return None
        key, value = match.group(1).lower(), match.group(2)
        kind = self._kind_of(key, value)
        if kind == ODD or (kind == LENGTH and _LENGTH.fullmatch(value) is None):
            return None
        line = Line(key, value, kind)
        if len(raw) <= LINE_BYTES_MAX:
            if len(self._known) >= LINES_HELD_MAX:
                self._known = {}  # the lines in use come back at once, and no request pays for bookkeeping
            self._known[raw] = line
        return line
