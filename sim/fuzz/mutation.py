"""What is done to well-formed messages: to bytes, to lines, to fields, to the order of things."""

import random
from collections.abc import Callable

from sim.fuzz import hostile

Mutation = Callable[[random.Random, bytes], bytes]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """`data` with something changed in one place, seldom in two or three."""
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        data = rng.choices(_ALL, _WEIGHTS)[0](rng, data)
    return data


def _byte_changed(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(hostile.BYTES) + data[place + rng.randrange(2) :]


def _byte_of_the_head_changed(rng: random.Random, data: bytes) -> bytes:
    """Where nearly everything matters."""
    place = rng.randrange(data.find(b"\r\n\r\n") + 5)
    return data[:place] + rng.choice(hostile.BYTES) + data[place + rng.randrange(2) :]


def _byte_dropped(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[place + 1 :]


def _bit_flipped(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes((data[place] ^ 1 << rng.randrange(8),)) + data[place + 1 :]


def _line_changed(rng: random.Random, data: bytes) -> bytes:
    """A line dropped, said twice, or moved."""
    lines = data.split(b"\r\n")
    place = rng.randrange(len(lines))
    line = lines[place]
    kind = rng.randrange(3)
    if kind != 1:
        del lines[place]
    if kind:
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"\r\n".join(lines)


def _end_of_line_changed(rng: random.Random, data: bytes) -> bytes:
    ends = data.count(b"\r\n")
    if not ends:
        return data
    parts = data.split(b"\r\n")
    place = rng.randrange(ends)
    other = rng.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\r\n\r\n", b" \r\n", b"\0\r\n", b""))
    return b"\r\n".join(parts[: place + 1]) + other + b"\r\n".join(parts[place + 1 :])


def _field_added(rng: random.Random, data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n")
    field = rng.choice(
        (
            rng.choice(hostile.FIELDS),
            b"Content-Length: " + rng.choice(hostile.LENGTHS),
            b"Transfer-Encoding: " + rng.choice(hostile.CODINGS),
        )
    )
    return head + end + field + b"\r\n" + rest


def _number_changed(rng: random.Random, data: bytes) -> bytes:
    """A length, a chunk's size or a version is another."""
    places = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    if not places:
        return data
    place = rng.choice(places)
    return data[:place] + b"%d" % rng.randrange(12) + data[place + 1 :]


def _case_changed(rng: random.Random, data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n")
    return rng.choice((head, head.lower(), head.swapcase())) + end + rest.swapcase()


def _part_repeated(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:end] + data[start:end] + data[end:]


def swollen(rng: random.Random, data: bytes) -> bytes:
    """Something in it is long."""
    place = rng.randrange(len(data) + 1)
    return (
        data[:place]
        + rng.choice((b"a", b"X: y\r\n", b"0", b"\r\n", b"1;a")) * rng.choice((30, 100, 700))
        + data[place:]
    )


def _cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


_CHOSEN: dict[Mutation, int] = {
    _byte_changed: 15,
    _byte_of_the_head_changed: 25,
    _byte_dropped: 10,
    _bit_flipped: 10,
    _line_changed: 12,
    _end_of_line_changed: 12,
    _field_added: 12,
    _number_changed: 10,
    _case_changed: 3,
    _part_repeated: 4,
    swollen: 3,
    _cut_off: 3,
}
_ALL = tuple(_CHOSEN)
_WEIGHTS = tuple(_CHOSEN.values())
