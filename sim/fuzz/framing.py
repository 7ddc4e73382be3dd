"""Bodies as they go over the wire: a length, chunks of any sizes with extensions and trailers, or neither."""

import itertools
import random

from sim.fuzz import hostile

_EXTENSIONS = (b"", b"", b"", b"", b";a", b";a=b", b';a="b c"')


def body(rng: random.Random) -> bytes:
    """Mostly JSON, sometimes what looks like the next message."""
    kind = rng.random()
    if kind < 0.25:
        return b""
    if kind < 0.65:
        return b'{"inputs": [%b]}' % b",".join([b"1"] * rng.randrange(20))
    if kind < 0.75:
        return b"GET /v2/models/inner HTTP/1.1\r\nHost: a\r\n\r\n" * rng.choice((1, 1, 1, 2, 8, 60))
    if kind < 0.8:
        return b"0\r\n\r\nGET /v2/models/inner HTTP/1.1\r\nHost: a\r\n\r\n"
    return bytes(rng.choices(b"abc\r\n\0:; \x80", k=rng.choice((1, 2, 3, 5, 40, 90))))


def chunks(rng: random.Random, data: bytes) -> bytes:
    """A valid chunked body."""
    places = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))})
    parts = []
    for start, end in itertools.pairwise(places):
        size = b"%x" % (end - start)
        if rng.random() < 0.2:
            size = rng.choice((size.upper(), b"0" + size, b"000" + size))
        parts.append(size + rng.choice(_EXTENSIONS) + b"\r\n" + data[start:end] + b"\r\n")
    trailers = rng.choice((b"", b"", b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-More: 2\r\n"))
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


def hostile_chunks(rng: random.Random, data: bytes) -> bytes:
    """A chunked body with one thing in it that is odd."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(hostile.CHUNK_HEADS) + b"\r\nabc\r\n0\r\n\r\n"
    if kind == 1:  # the end of a chunk's data
        return (
            b"3\r\nabc"
            + rng.choice((b"", b"\n", b"\r", b"X\r\n", b"\r\n\r\n", b"  ", b"\n\r"))
            + b"0\r\n\r\n"
        )
    if kind == 2:
        return b"3\r\nabc\r\n0\r\n" + rng.choice(hostile.TRAILERS) + b"\r\n\r\n"
    if kind == 3:  # the last chunk
        return b"3\r\nabc\r\n" + rng.choice(
            (b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"0\r\r\n\r\n", b"00\r\n\r\n", b"0\r\nX")
        )
    return chunks(rng, data).replace(b"\r\n", rng.choice((b"\n", b"\r", b"\r\n\r\n")), rng.randrange(1, 3))
