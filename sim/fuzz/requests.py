"""Callers' messages: plain ones as common clients write them, rarer ones, and hostile ones by grammar.

Most are plain, or plain but for one thing: a server that reads the common form on a short way decides
between the two ways on just these.
"""

import random
from collections.abc import Callable

from sim.fuzz import framing, hostile

MODEL = b"/v2/models/m"
INFER = b"/v2/models/m/infer"

_READS = (MODEL, MODEL, b"/v2/models/m/ready", b"/v2/models/a.b/versions/2", b"/v2/models/m/config?a=b")
_INFERS = (INFER, INFER, INFER, b"/v2/models/text-1/versions/3/infer", b"/v2/models/m/infer?trace=1")
_ELSEWHERE = (
    b"/v2",
    b"/v2/health/live",
    b"/v1/tickets/abc",
    b"/",
    b"//",
    b"/nothing",
    b"*",
    b"/v2/models/..",
)

_CLIENTS: tuple[tuple[bytes, ...], ...] = (
    (b"Host: a:8000", b"User-Agent: curl/8.5.0", b"Accept: */*", b"Content-Type: application/json"),
    (
        *(b"Host: a:8000", b"Accept: */*", b"Accept-Encoding: gzip, deflate", b"Connection: keep-alive"),
        *(b"User-Agent: python-httpx/0.27.0", b"Content-Type: application/json"),
    ),
    (b"Host: a", b"User-Agent: Go-http-client/1.1", b"Accept-Encoding: gzip"),
    (b"host: a", b"inference-header-content-length: 20", b"content-type: application/octet-stream"),
    (b"Host: a",),
    (b"Host: a", b"X-Request-Id: id-1", b"Penstock-Deadline-Ms: 100", b"Authorization: Bearer ab.cd"),
    (b"Host: [::1]:80", b"Cookie: a=b; c=d", b"X-Labels: 1, 44", b"Accept: */*"),
)

_RARER = (
    *(
        b"X-Empty:",
        b"X-Wide: a \t b",
        b"X-Text: \xc3\xa9",
        b"x-lower:1",
        b"X-Tail: a  ",
        b"X-Many: 1\r\nX-Many: 2",
    ),
    *(
        b"Connection: X-Own\r\nX-Own: 1",
        b"TE: trailers",
        b"Trailer: X-Sum",
        b"Keep-Alive: 5",
        b"Prefer: wait=1",
    ),
    *(
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Expect: 100-continue",
        b"Penstock-Fallback: none",
        b"!#$%: a",
    ),
)


def plain(rng: random.Random) -> bytes:
    """A request as a common client writes it: well-formed, of HTTP/1.1, the connection stays."""
    fields = list(rng.choice(_CLIENTS))
    if rng.random() < 0.3:
        return _message(rng.choice((b"GET", b"GET", b"HEAD")), rng.choice(_READS), fields, b"")
    body = framing.body(rng)
    fields.insert(rng.randrange(1, len(fields) + 1), b"Content-Length: %d" % len(body))
    return _message(b"POST", rng.choice(_INFERS), fields, body)


def rarer(rng: random.Random) -> bytes:
    """A well-formed request of any kind that stays connected: chunked, announced, offering, absolute."""
    fields = [*rng.choice(_CLIENTS), *rng.sample(_RARER, rng.randrange(4))]
    target = rng.choice(_INFERS)
    if rng.random() < 0.15:
        target = rng.choice((b"http://a", b"https://u:p@a:1", b"HTTP://[::1]")) + target
    body = framing.body(rng)
    if rng.random() < 0.6:
        fields.insert(
            rng.randrange(len(fields) + 1),
            rng.choice((b"Transfer-Encoding", b"transfer-encoding")) + b": chunked",
        )
        return _message(b"POST", target, fields, framing.chunks(rng, body))
    method, target = (b"POST", target) if rng.random() < 0.7 else (b"GET", rng.choice(_READS))
    fields.insert(rng.randrange(len(fields) + 1), b"Content-Length: %d" % len(body))
    return _message(method, target, fields, body)


def last(rng: random.Random) -> bytes:
    """A well-formed request after which the connection ends."""
    body = framing.body(rng)
    fields = [b"Host: a", b"Content-Length: %d" % len(body)]
    if rng.random() < 0.5:
        return _message(
            b"POST", INFER, [*fields, rng.choice((b"Connection: close", b"connection: Close"))], body
        )
    stays = [b"Connection: keep-alive"] * rng.randrange(2)
    return _message(b"POST", INFER, [*fields[rng.randrange(2) :], *stays], body, b"HTTP/1.0")


def elsewhere(rng: random.Random) -> bytes:
    """A request that the service itself answers."""
    method = rng.choice((b"GET", b"HEAD", b"DELETE", b"PUT", b"OPTIONS", b"POST", b"PATCH"))
    return _message(method, rng.choice(_ELSEWHERE), [b"Host: a", b"Content-Length: 2"], b"ab")


def odd_length(rng: random.Random) -> bytes:
    """Framed by a length, or by several things at once."""
    fields = [b"Host: a", b"Content-Length: " + rng.choice(hostile.LENGTHS)]
    kind = rng.random()
    if kind < 0.35:
        fields.append(b"Content-Length: " + rng.choice((*hostile.LENGTHS, b"3", b"3")))
    elif kind < 0.6:
        fields.append(b"Transfer-Encoding: " + rng.choice((b"chunked", *hostile.CODINGS)))
    _shuffled(rng, fields)
    body = rng.choice((b"abc", b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"))
    return _message(_method(rng), INFER, fields, body, _version(rng))


def odd_coding(rng: random.Random) -> bytes:
    """Chunked, or nearly so."""
    fields = [b"Host: a", b"Transfer-Encoding: " + rng.choice(hostile.CODINGS)]
    if rng.random() < 0.3:
        fields.append(b"Transfer-Encoding: " + rng.choice((b"chunked", b"identity", *hostile.CODINGS)))
    _shuffled(rng, fields)
    return _message(_method(rng), INFER, fields, b"3\r\nabc\r\n0\r\n\r\n", _version(rng))


def odd_chunks(rng: random.Random) -> bytes:
    """A chunked body with something wrong in it."""
    fields = [b"Host: a", b"Transfer-Encoding: chunked"]
    return _message(b"POST", INFER, fields, framing.hostile_chunks(rng, framing.body(rng)))


def odd_field(rng: random.Random) -> bytes:
    """A plain request with a field that is odd, somewhere in its head."""
    head, end, body = plain(rng).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(hostile.FIELDS))
    return b"\r\n".join(lines) + end + body


def odd_first_line(rng: random.Random) -> bytes:
    """A plain request with another first line."""
    _, end, rest = plain(rng).partition(b"\r\n")
    return rng.choice(hostile.FIRST_LINES) + end + rest


def empty_lines(rng: random.Random) -> bytes:
    """A plain request after what some servers read over."""
    return rng.choice((b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" \r\n", b"\0")) + plain(rng)


def _message(
    method: bytes, target: bytes, fields: list[bytes], body: bytes, version: bytes = b"HTTP/1.1"
) -> bytes:
    return b"\r\n".join((b"%b %b %b" % (method, target, version), *fields, b"", body))


def _method(rng: random.Random) -> bytes:
    return rng.choice((b"POST", b"POST", b"POST", b"GET", b"HEAD"))


def _version(rng: random.Random) -> bytes:
    return b"HTTP/1.0" if rng.random() < 0.1 else b"HTTP/1.1"


def _shuffled(rng: random.Random, fields: list[bytes]) -> None:
    if rng.random() < 0.5:
        rng.shuffle(fields)


Maker = Callable[[random.Random], bytes]

VALID: dict[Maker, int] = {plain: 60, rarer: 35, elsewhere: 5}
ODD: dict[Maker, int] = {
    odd_length: 25,
    odd_coding: 20,
    odd_chunks: 20,
    odd_field: 25,
    odd_first_line: 15,
    empty_lines: 3,
}
"""How often each is made, among its kind."""
