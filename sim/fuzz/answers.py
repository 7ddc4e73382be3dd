"""Model servers' messages: plain ones as common servers write them, rarer ones, and hostile ones."""

import random

from sim.fuzz import framing, hostile
from sim.fuzz.requests import Maker

_SERVERS: tuple[tuple[bytes, ...], ...] = (
    (b"Content-Type: application/json",),
    (b"Content-Type: application/json", b"Server: uvicorn", b"date: Thu, 26 Nov 2026 08:00:00 GMT"),
    (b"Server: nginx/1.25.3", b"Content-Type: text/plain", b"Connection: keep-alive"),
    (b"inference-header-content-length: 20", b"content-type: application/octet-stream"),
    (b"X-Request-Id: 9", b"Penstock-Tier: 3", b"Retry-After: 1"),
    (),
)
_STATUSES = (
    *(b"200 OK",) * 6,
    b"404 Not Found",
    b"429 Too Many Requests",
    b"503 Service Unavailable",
    b"500 ",
)


def plain(rng: random.Random) -> bytes:
    """An answer with its length."""
    body = framing.body(rng)
    fields = list(rng.choice(_SERVERS))
    fields.insert(rng.randrange(len(fields) + 1), b"Content-Length: %d" % len(body))
    return _message(rng.choice(_STATUSES), fields, body)


def rarer(rng: random.Random) -> bytes:
    """Chunked, announced, without a body, the connection's last, or as long as the connection."""
    body = framing.body(rng)
    fields = [
        *rng.choice(_SERVERS),
        *rng.choice(((), (), (b"Connection: close",), (b"Connection: X-Own", b"X-Own: 1"))),
    ]
    kind = rng.random()
    if kind < 0.5:
        return _message(b"200 OK", [*fields, b"Transfer-Encoding: chunked"], framing.chunks(rng, body))
    if kind < 0.65:
        interim = rng.choice((b"100 Continue", b"102 Processing", b"103 Early Hints"))
        return _message(interim, [b"Link: a"] * rng.randrange(2), b"") + plain(rng)
    if kind < 0.8:
        return _message(rng.choice((b"204 No Content", b"304 Not Modified")), fields, b"")
    if kind < 0.9:
        return _message(b"200 OK", fields, body)
    return _message(b"200 OK", [*fields, b"Content-Length: %d" % len(body)], body, b"HTTP/1.0")


def odd_length(rng: random.Random) -> bytes:
    """Framed by a length, or by several things at once."""
    fields = [b"Content-Length: " + rng.choice(hostile.LENGTHS)]
    kind = rng.random()
    if kind < 0.35:
        fields.append(b"Content-Length: " + rng.choice(hostile.LENGTHS))
    elif kind < 0.6:
        fields.append(b"Transfer-Encoding: " + rng.choice((b"chunked", *hostile.CODINGS)))
    rng.shuffle(fields)
    return _message(b"200 OK", fields, rng.choice((b"abc", b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n")))


def odd_coding(rng: random.Random) -> bytes:
    """Chunked, or nearly so."""
    fields = [b"Transfer-Encoding: " + rng.choice(hostile.CODINGS)]
    if rng.random() < 0.3:
        fields.append(b"Transfer-Encoding: " + rng.choice(hostile.CODINGS))
    return _message(
        b"200 OK", fields, b"3\r\nabc\r\n0\r\n\r\n", rng.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"))
    )


def odd_chunks(rng: random.Random) -> bytes:
    """A chunked body with something wrong in it."""
    return _message(
        b"200 OK", [b"Transfer-Encoding: chunked"], framing.hostile_chunks(rng, framing.body(rng))
    )


def odd_field(rng: random.Random) -> bytes:
    """A plain answer with a field that is odd, somewhere in its head."""
    head, end, body = plain(rng).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(hostile.FIELDS))
    return b"\r\n".join(lines) + end + body


def odd_first_line(rng: random.Random) -> bytes:
    """A plain answer with another first line."""
    _, end, rest = plain(rng).partition(b"\r\n")
    return rng.choice(hostile.STATUS_LINES) + end + rest


def bodies_where_none_belongs(rng: random.Random) -> bytes:
    """After an interim answer, or one without content."""
    status = rng.choice((b"100 Continue", b"101 Switching Protocols", b"204 No Content", b"304 Not Modified"))
    field = rng.choice((b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Content-Length: 0", b"X: y"))
    return _message(status, [field], rng.choice((b"abc", b"3\r\nabc\r\n0\r\n\r\n", b""))) + plain(rng)


def _message(status: bytes, fields: list[bytes], body: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join((b"%b %b" % (version, status), *fields, b"", body))


VALID: dict[Maker, int] = {plain: 60, rarer: 40}
ODD: dict[Maker, int] = {
    odd_length: 25,
    odd_coding: 20,
    odd_chunks: 20,
    odd_field: 25,
    odd_first_line: 15,
    bodies_where_none_belongs: 10,
}
"""How often each is made, among its kind."""
