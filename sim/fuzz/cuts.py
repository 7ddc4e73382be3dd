"""Where a stream is cut: TCP has no message boundaries, so every cut must mean the same."""

import itertools
import random
from collections.abc import Callable, Iterator

BYTE_BY_BYTE_MAX = 700
"""Longer streams are not sent byte by byte: one case would cost as much as fifty."""


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """`data` in pieces, none of them empty."""
    style = rng.choices(_STYLES, _WEIGHTS)[0]
    places = sorted({0, len(data), *style(rng, data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def _anywhere(rng: random.Random, data: bytes) -> Iterator[int]:
    return (rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))


def _byte_by_byte(rng: random.Random, data: bytes) -> Iterator[int]:
    if len(data) > BYTE_BY_BYTE_MAX:
        return _anywhere(rng, data)
    return iter(range(len(data)))


def _about_lines(rng: random.Random, data: bytes) -> Iterator[int]:
    """Before, within and after the ends of lines: where parsers change their state."""
    ends = [place for place, byte in enumerate(data) if byte in b"\r\n"]
    return (min(place + rng.randrange(2), len(data)) for place in ends if rng.random() < 0.3)


def _evenly(rng: random.Random, data: bytes) -> Iterator[int]:
    return iter(range(0, len(data), rng.choice((2, 3, 7, 16, 64, 100))))


def _late(rng: random.Random, data: bytes) -> Iterator[int]:
    """All but the last few bytes at once."""
    return iter((max(0, len(data) - rng.randrange(1, 5)),))


_STYLES: tuple[Callable[[random.Random, bytes], Iterator[int]], ...] = (
    *(_anywhere, _byte_by_byte, _about_lines, _evenly, _late),
)
_WEIGHTS = (50, 10, 20, 10, 10)
