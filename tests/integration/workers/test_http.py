"""HTTP/1.1 by hand: what is written byte by byte, and what comes back."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.workers.wire import BODY, ROUND_S_MAX, Wire, get, request


def test_a_connection_is_kept_for_the_next_request(wire: Wire) -> None:
    """A new one for each would cost more than the request."""
    for number in range(3):
        wire.send(request(BODY % b"%d" % number))
        assert wire.value() == number


def test_requests_sent_ahead_are_answered_in_their_order(wire: Wire) -> None:
    """Slow before fast: the second waits for the first."""
    slow = b'{"parameters":{"delay_ms":50},' + (BODY % b"0")[1:]
    wire.send(request(slow) + b"".join(request(BODY % b"%d" % number) for number in range(1, 50)))
    assert [wire.value() for _ in range(50)] == list(range(50))


def test_a_request_may_come_byte_by_byte(wire: Wire) -> None:
    """Networks cut where they like."""
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(*(bytes([byte]) for byte in request(BODY % b"7")))
    assert wire.value() == 7


def test_a_chunked_body_is_taken(wire: Wire) -> None:
    """Clients that stream do not know the length."""
    body = BODY % b"5"
    head = b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
    )
    wire.send(head, chunks, b"0\r\n\r\n", request(BODY % b"6"))
    assert [wire.value(), wire.value()] == [5, 6]


def test_who_expects_to_continue_is_told_to(wire: Wire) -> None:
    """curl waits a second for it with each large picture."""
    whole = request(BODY % b"3", b"Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.answer()[0] == 100
    wire.send(body)
    assert wire.value() == 3


def test_who_expects_to_continue_with_too_much_is_refused_instead(wire: Wire) -> None:
    """So that the body never travels."""
    wire.send(b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n")
    wire.send(b"Content-Length: 99999999999\r\n\r\n")
    status, fields, _ = wire.answer()
    assert (status, fields["connection"]) == (413, "close")
    assert wire.closed()


def test_to_continue_is_not_said_before_the_answer_that_comes_first(wire: Wire) -> None:
    """It would be taken for the answer to the request before."""
    second = request(BODY % b"2", b"Expect: 100-continue")
    head, _, body = second.partition(b"\r\n\r\n")
    wire.send(request(b'{"parameters":{"delay_ms":30},' + (BODY % b"1")[1:]) + head + b"\r\n\r\n")
    assert wire.value() == 1
    assert wire.answer()[0] == 100
    wire.send(body)
    assert wire.value() == 2


@pytest.mark.parametrize(
    "field",
    [b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings", b"Upgrade: websocket\r\nConnection: Upgrade"],
)
def test_an_offer_to_upgrade_is_not_taken_and_hurts_nothing(wire: Wire, field: bytes) -> None:
    """Java's client offers HTTP/2 with its first request, body and all."""
    wire.send(request(BODY % b"8", field) + request(BODY % b"9"))
    assert [wire.value(), wire.value()] == [8, 9]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "not an HTTP request"),
        (b"GET /v2 HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", 400, "not an HTTP request"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "not an HTTP",
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "not an HTTP"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "not an HTTP"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "not an HTTP"),
        (b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 9000), 414, "target"),
        (b"GET /v2 HTTP/1.1\r\nA: %b\r\n\r\n" % (b"a" * 40_000), 431, "head"),
        (b"GET /v2 HTTP/1.1\r\n%b\r\n" % (b"A: b\r\n" * 101), 431, "fields"),
        (b"GET /v2 HTTP/1.1\r\nA: " + b"a" * 50_000, 431, "head"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_and_the_connection_closed(
    wire: Wire, given: bytes, status: int, words: str
) -> None:
    """Where the next message begins is unclear then."""
    wire.send(given)
    found, fields, body = wire.answer()
    assert (found, fields["connection"]) == (status, "close")
    assert words in json.loads(body)["error"]
    assert wire.closed()


def test_a_good_request_is_answered_before_a_bad_one_behind_it(wire: Wire) -> None:
    """In order, and then closed."""
    wire.send(request(BODY % b"1") + b"nonsense\r\n\r\n")
    assert wire.value() == 1
    assert wire.answer()[0] == 400
    assert wire.closed()


def test_a_chunked_body_over_the_limit_is_cut_off(wire: Wire) -> None:
    """No length is told: what arrives counts."""
    wire.send(b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
    wire.send(*[piece] * 66)
    status, _, body = wire.answer()
    assert status == 413
    assert "exceeded" in json.loads(body)["error"]


def test_close_is_honoured_and_the_old_protocol_too(light: Any, connect: Callable[[str], Wire]) -> None:
    """Both wait for the end of the connection."""
    for given in (
        request(BODY % b"1", b"Connection: close"),
        request(BODY % b"1").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        wire = connect(light.address)
        wire.send(given)
        _, fields, _ = wire.answer()
        assert fields["connection"] == "close"
        assert wire.closed()


def test_head_is_answered_without_a_body(wire: Wire) -> None:
    """The length is that of the body that GET would have."""
    wire.send(get(b"/v2", b"HEAD"))
    head = wire.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: 0" not in head
    wire.send(get(b"/v2/health/live"))
    assert wire.answer()[0] == 200


def test_a_caller_that_leaves_frees_its_place(
    start: Callable[..., Any], connect: Callable[[str], Wire], gate: Any
) -> None:
    """One runs, one waits, and none has a place; when the one that waits leaves, another has."""
    started = start(str(gate.folder))

    def begin(name: str) -> Wire:
        wire = connect(started.address)
        body = b'{"parameters":{"as":"%b"},' % name.encode() + (BODY % b"1")[1:]
        wire.send(request(body, path=b"/v2/models/gate/infer"))
        return wire

    first = begin("first")
    gate.wait_entered("first")
    second = begin("second")
    began = time.monotonic()
    while (full := begin("full")).socket and not _answered(full):  # until `second` has its place
        assert time.monotonic() - began < ROUND_S_MAX
        full.socket.close()
    second.socket.close()
    while _answered(third := begin("third")):
        assert time.monotonic() - began < ROUND_S_MAX
    gate.open()
    assert first.value() == third.value() == 1
    assert gate.entered() == ["first", "third"]


def _answered(wire: Wire) -> bool:
    """Whether it is refused while nothing is let through."""
    wire.socket.settimeout(0.5)
    try:
        return wire.answer()[0] == 503
    except TimeoutError:
        return False
    finally:
        wire.socket.settimeout(ROUND_S_MAX)
