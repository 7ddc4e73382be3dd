"""Random byte streams: valid HTTP pieces, mutated ones, cut at random places."""

import itertools
import random
from collections.abc import Callable, Iterator

ODD = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\x80",
    b"\x7f",
    b"0",
    b"9",
    b"A",
    b"/",
    b"#",
)
ODD_FIELDS = (
    *(
        b"Content-Length: 3",
        b"Content-Length: 03",
        b"Content-Length: +3",
        b"Content-Length:",
        b"X : a",
        b" fold",
    ),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding: identity, chunked"),
    *(b"Host: b", b"Connection: close", b"Connection: X-Own", b"X-Own: 1", b"Upgrade: h2c", b"X: a\tb"),
    *(
        b"Expect: 100-continue",
        b"Expect: more",
        b"Trailer: X",
        b"X-Request-Id: \x80",
        b"Prefer: respond-async",
    ),
)
TARGETS = (
    *(b"/v2", b"/v2/models/m/infer", b"/v2/models/m/infer?a=b", b"*", b"http://h:1/v2/models/m", b"/%2e%2e/"),
    *(b"/v2/models/..%2f/infer", b"//", b"/v1/tickets/x"),
)


def request(rng: random.Random) -> bytes:
    """One well-formed request."""
    old = rng.random() < 0.1
    body = bytes(rng.choices(b"abc\r\n\0", k=rng.choice((0, 0, 1, 3, 40))))
    lines = [b"%b %b HTTP/1.%d" % (rng.choice((b"GET", b"POST", b"DELETE")), rng.choice(TARGETS), not old)]
    fields = [b"Host: a", *rng.sample((b"Connection: keep-alive", b"X: y", b"Accept: */*"), rng.randrange(3))]
    if rng.random() < 0.1:
        fields.append(b"Connection: Upgrade\r\nUpgrade: h2c")
    return b"\r\n".join(lines + _framed(rng, fields, body, chunked=not old and rng.random() < 0.4))


def answer(rng: random.Random) -> bytes:
    """One well-formed answer."""
    status = rng.choice((200, 200, 200, 204, 304, 404, 500, 503))
    body = bytes(rng.choices(b"abc\r\n\0", k=rng.choice((0, 1, 3, 40))))
    lines = [b"HTTP/1.1 100 Continue\r\n"] * (rng.random() < 0.1) + [b"HTTP/1.1 %d Some" % status]
    if status in (204, 304):
        return b"\r\n".join((*lines, b"X: y", b"", b""))
    fields = rng.sample((b"Connection: keep-alive", b"X: y", b"Connection: close"), rng.randrange(3))
    if rng.random() < 0.1:
        return b"\r\n".join((*lines, *fields, b"", body))  # it ends with the connection
    return b"\r\n".join(lines + _framed(rng, fields, body, chunked=rng.random() < 0.4))


def _framed(rng: random.Random, fields: list[bytes], body: bytes, *, chunked: bool) -> list[bytes]:
    if not chunked:
        framing = [b"Content-Length: %d" % len(body)]
        rng.shuffle(both := fields + framing)
        return [*both, b"", body]
    pieces = []
    for start, end in cuts(rng, len(body)):
        extension = rng.choice((b"", b"", b";a=b", b";a"))
        pieces.append(b"%x%b\r\n%b\r\n" % (end - start, extension, body[start:end]))
    trailers = rng.choice((b"", b"", b"X-Sum: 1\r\n"))
    return [*fields, b"Transfer-Encoding: chunked", b"", b"".join(pieces) + b"0\r\n" + trailers + b"\r\n"]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The piece with something wrong in one to three places."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice((_bytes_changed, _field_added, _part_repeated, _cut_off))(rng, data)
    return data


def _bytes_changed(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice((*ODD, b"")) + data[place + rng.randrange(3) :]


def _field_added(rng: random.Random, data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n")
    return head + end + rng.choice(ODD_FIELDS) + b"\r\n" + rest


def _part_repeated(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:end] + data[start:end] + data[end:]


def _cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def stream(
    rng: random.Random, piece: Callable[[random.Random], bytes], pieces_max: int
) -> tuple[bytes, bool]:
    """Some pieces in a row, and whether all of them are well-formed."""
    whole = rng.random() < 0.4
    made = [piece(rng) for _ in range(rng.randint(1, pieces_max))]
    if not whole:
        place = rng.randrange(len(made))
        made[place] = mutated(rng, made[place])
    return b"".join(made), whole


def cuts(rng: random.Random, length: int) -> Iterator[tuple[int, int]]:
    """`length` bytes in pieces of at least one byte."""
    places = sorted({0, length, *(rng.randrange(length + 1) for _ in range(rng.randrange(6)))})
    return itertools.pairwise(places)
