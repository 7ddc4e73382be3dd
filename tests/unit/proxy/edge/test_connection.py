"""A caller's connection: framing, order, limits, and what happens when the caller leaves."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge.limits import EdgeLimits
from tests.unit.proxy.edge.callers import GET, OFFER, Caller, chunked, post


def test_a_request_is_served_once_it_is_whole() -> None:
    """A body that has not arrived must not be routed."""
    caller = Caller()
    caller.sends(post(b"hello")[:-1])
    assert caller.service.servings == []
    caller.sends(b"o")
    assert [each.message.body for each in caller.service.servings] == [b"hello"]


def test_pipelined_requests_are_served_one_after_the_other_in_order() -> None:
    """HTTP/1.1 answers have no other address than their place."""
    caller = Caller()
    caller.sends(post(b"one") + post(b"two") + post(b"three"))
    assert [each.message.body for each in caller.service.servings] == [b"one"]
    caller.service.servings[0].answer(b"1")
    caller.service.servings[1].answer(b"2")
    caller.service.servings[2].answer(b"3")
    assert [part[-1:] for part in caller.received().split(b"HTTP/1.1")[1:]] == [b"1", b"2", b"3"]


def test_many_pipelined_requests_answered_at_once_do_not_deepen_the_stack() -> None:
    """An answer given within `serve` must not enter the next request from inside the last."""
    caller = Caller()
    caller.service.at_once = True
    caller.sends(GET * 3000)
    assert caller.statuses() == [200] * 3000


def test_reading_pauses_when_too_much_is_pipelined_and_goes_on_afterwards() -> None:
    """A caller that sends without reading must not fill the memory."""
    caller = Caller(EdgeLimits(pipelined_bytes_max=1000))
    caller.sends(GET)
    caller.sends(GET * 100)
    assert not caller.transport.reading
    caller.service.at_once = True
    caller.service.servings[0].answer()
    assert caller.transport.reading
    assert caller.statuses() == [200] * 101


@given(
    cuts=st.lists(st.integers(0, 1000), max_size=12),
    bodies=st.lists(st.binary(max_size=60), max_size=4),
    framing=st.sampled_from([post, chunked]),
    offer=st.booleans(),
)
def test_however_the_bytes_are_cut_the_same_requests_are_served(
    cuts: list[int], bodies: list[bytes], framing: Callable[..., bytes], offer: bool
) -> None:
    """TCP has no message boundaries; nor do chunks, or an offer to upgrade, change what was sent."""
    stream = b"".join(framing(body, *([OFFER] if offer else [])) for body in bodies)
    caller = Caller()
    caller.service.at_once = True
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        caller.sends(stream[start:end])
    assert [each.message.body for each in caller.service.servings] == bodies


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 505),
    ],
)
def test_what_cannot_be_read_is_refused_once_and_the_connection_ends(data: bytes, status: int) -> None:
    """After a message that cannot be framed, nothing that follows can be trusted."""
    caller = Caller()
    caller.sends(data + GET)
    caller.sends(GET)
    assert caller.statuses() == [status]
    assert b"Connection: close" in caller.received()
    assert b'{"error":' in caller.received()
    assert caller.service.servings == []
    assert caller.service.faults == [status]
    assert caller.transport.ended


def test_requests_before_a_broken_one_are_still_answered() -> None:
    """The broken message takes its place in the order."""
    caller = Caller()
    caller.sends(GET + b"rubbish\r\n\r\n")
    caller.service.servings[0].answer()
    assert caller.statuses() == [200, 400]


def test_a_chunked_body_over_the_limit_is_refused_before_it_is_whole() -> None:
    """Without a Content-Length only counting protects the memory."""
    caller = Caller(EdgeLimits(body_bytes_max=10))
    caller.sends(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + b"a" * 20)
    assert caller.statuses() == [413]


def test_a_caller_that_waits_for_100_continue_is_told_to_go_on() -> None:
    """curl sends large bodies only then."""
    caller = Caller()
    caller.sends(b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert caller.received() == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.sends(b"ok")
    assert caller.service.servings[0].message.body == b"ok"


def test_a_caller_that_would_send_too_much_is_told_before_it_sends() -> None:
    """Refused instead of continued."""
    caller = Caller()
    caller.sends(
        b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n"
    )
    assert caller.statuses() == [413]


def test_a_caller_is_told_to_go_on_only_when_its_turn_has_come() -> None:
    """Before the answers that are still owed, the word would belong to another request."""
    caller = Caller()
    caller.sends(GET + b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert caller.received() == b""
    caller.service.servings[0].answer()
    assert caller.statuses() == [200, 100]
    caller.sends(b"ok")
    assert caller.statuses() == [200, 100]
    assert caller.service.servings[1].message.body == b"ok"


def test_a_caller_that_does_not_wait_is_not_told_to_go_on() -> None:
    """The body is on its way already; and HTTP/1.0 knows no interim answers (RFC 9110, 10.1.1)."""
    for version, body in ((b"1.1", b"o"), (b"1.0", b"")):
        caller = Caller()
        caller.sends(b"POST /a HTTP/%b\r\nHost: a\r\nExpect: 100-continue\r\n" % version)
        caller.sends(b"Content-Length: 2\r\n\r\n" + body)
        assert caller.received() == b""


def test_fields_that_connection_names_are_not_passed_on() -> None:
    """They are for us alone (RFC 9110, 7.6.1), in however many fields they are named."""
    caller = Caller()
    listed = (
        b"Connection: X-Mine, keep-alive",
        b"X-Mine: 1",
        b"x-other: 2",
        b"connection:X-OTHER",
        b"X-End: 3",
    )
    caller.sends(post(b"", *listed))
    assert caller.service.servings[0].message.block == b"X-End: 3\r\n"


def test_white_space_after_a_fields_value_is_no_part_of_it() -> None:
    """RFC 9110, 5.5: else a model server, or this proxy, compares with another word than was meant."""
    caller = Caller()
    caller.sends(b"POST /a HTTP/1.1\r\nHost: a\r\nX-Mine: \t1 2 \t\r\nExpect: 100-continue \r\n")
    caller.sends(b"Content-Length: 2 \r\n\r\n")
    assert caller.statuses() == [100]
    caller.sends(b"ok")
    assert caller.service.servings[0].message.block == b"X-Mine: 1 2\r\n"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://h:1/v2/models/m/infer?x=1", b"/v2/models/m/infer?x=1"),
        (b"HTTPS://h/v2", b"/v2"),
        (b"http://h", b"/"),
        (b"http://h?x=1", b"/?x=1"),
        (b"//v2", b"//v2"),
        (b"http:///v2", b"http:///v2"),  # without a host it is invalid (RFC 9110, 4.2.1): nothing is there
    ],
)
def test_a_target_in_absolute_form_is_read_as_its_path(target: bytes, path: bytes) -> None:
    """A client that takes us for a forward proxy writes so (RFC 9112, 3.2.2)."""
    caller = Caller()
    caller.sends(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % target)
    assert caller.service.servings[0].message.target == path


def test_a_caller_that_leaves_cancels_its_request() -> None:
    """Nobody waits for the answer; the model server should not either."""
    caller = Caller()
    caller.sends(GET)
    caller.connection.connection_lost(None)
    assert caller.service.servings[0].cancelled
    assert caller.connections == set()


def test_an_answer_after_the_caller_left_goes_nowhere() -> None:
    """A queue write that had begun still answers."""
    caller = Caller()
    caller.sends(GET)
    caller.connection.connection_lost(None)
    caller.service.servings[0].answer()
    assert caller.received() == b""


def test_connection_close_is_honoured_after_the_answer() -> None:
    """And so is HTTP/1.0 without keep-alive."""
    for data in (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
        caller = Caller()
        caller.sends(data)
        caller.service.servings[0].answer()
        assert caller.transport.ended


def test_http_1_0_is_answered_and_closed_even_if_it_would_stay() -> None:
    """Such a client believes in a kept connection only where a field says so; none of ours does."""
    caller = Caller()
    caller.sends(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    caller.service.servings[0].answer()
    assert b"Connection: close" in caller.received()
    assert caller.transport.ended


def test_an_offer_to_upgrade_is_not_taken_and_http_goes_on() -> None:
    """Java's HTTP client offers h2c with its first request; it must be answered as HTTP/1.1."""
    caller = Caller()
    caller.service.at_once = True
    caller.sends(post(b"body", OFFER) + GET + GET.replace(b"Host: a", b"Host: a\r\n" + OFFER) + GET)
    assert caller.statuses() == [200, 200, 200, 200]
    assert caller.service.servings[0].message.body == b"body"
    assert caller.service.servings[0].message.block == b""


def test_the_body_of_a_refused_offer_to_upgrade_is_not_read_as_a_request() -> None:
    """It would be smuggled past whoever stands before us and took it for a body."""
    caller = Caller(EdgeLimits(body_bytes_max=10))
    caller.sends(post(GET, OFFER))
    assert caller.statuses() == [413]
    assert caller.service.servings == []


def test_a_tunnel_is_not_opened() -> None:
    """What follows CONNECT is not HTTP: nothing of it may be served."""
    caller = Caller()
    caller.sends(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    caller.service.servings[0].answer()
    assert caller.transport.ended
    assert len(caller.service.servings) == 1


def test_connections_over_the_limit_are_closed_at_once() -> None:
    """Memory for connections is bounded."""
    caller = Caller(EdgeLimits(connections_max=0))
    assert caller.transport.aborted
    assert caller.connections == set()


class TestOverdue:
    """The sweep closes what keeps the proxy waiting."""

    def test_a_head_that_does_not_end_is_answered_408(self) -> None:
        """Slow loris."""
        caller = Caller(EdgeLimits(head_s_max=10))
        caller.sends(GET[:-2])
        caller.clock.time_s += 9
        assert not caller.connection.overdue(caller.clock.now())
        caller.clock.time_s += 2
        assert caller.connection.overdue(caller.clock.now())
        caller.connection.time_out()
        assert caller.statuses() == [408]

    def test_a_body_that_does_not_end_is_answered_408(self) -> None:
        """Slow bodies have a limit of their own."""
        caller = Caller(EdgeLimits(receive_s_max=60))
        caller.sends(post(b"hello")[:-1])
        caller.clock.time_s += 59
        assert not caller.connection.overdue(caller.clock.now())
        caller.clock.time_s += 2
        caller.connection.time_out()
        assert caller.statuses() == [408]

    def test_an_idle_connection_is_closed_without_a_word(self) -> None:
        """A 408 on an idle connection would answer the next request."""
        caller = Caller(EdgeLimits(idle_s_max=75))
        caller.clock.time_s += 76
        assert caller.connection.overdue(caller.clock.now())
        caller.connection.time_out()
        assert caller.received() == b""
        assert caller.transport.aborted

    def test_a_request_being_served_is_never_overdue(self) -> None:
        """Its deadline is the chain's business."""
        caller = Caller()
        caller.sends(GET)
        caller.clock.time_s += 10_000
        assert not caller.connection.overdue(caller.clock.now())

    def test_a_caller_that_does_not_read_is_cut_off(self) -> None:
        """Answers must not pile up in memory."""
        caller = Caller(EdgeLimits(write_s_max=60))
        caller.connection.pause_writing()
        caller.sends(GET)
        assert caller.service.servings == []
        caller.clock.time_s += 61
        assert caller.connection.overdue(caller.clock.now())
        caller.connection.time_out()
        assert caller.transport.aborted

    def test_an_answer_still_on_its_way_is_not_cut_short_by_closing(self) -> None:
        """Lingering is for the caller's last bytes; ours may take as long as any answer."""
        caller = Caller(EdgeLimits(linger_s_max=2, write_s_max=60))
        caller.sends(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        caller.service.servings[0].answer()
        caller.transport.unsent_bytes = 10
        caller.clock.time_s += 59
        assert not caller.connection.overdue(caller.clock.now())
        caller.transport.unsent_bytes = 0
        assert caller.connection.overdue(caller.clock.now())

    def test_a_refused_caller_is_given_time_to_read_the_refusal(self) -> None:
        """Closing at once would reset the connection and lose the answer."""
        caller = Caller(EdgeLimits(linger_s_max=2, linger_bytes_max=100))
        caller.sends(b"rubbish\r\n\r\n")
        assert not caller.transport.aborted
        caller.sends(b"a" * 99)
        assert not caller.transport.aborted
        caller.sends(b"a" * 99)
        assert caller.transport.aborted
        caller.clock.time_s += 3
        assert caller.connection.overdue(caller.clock.now())


def test_what_came_while_the_caller_did_not_read_is_served_when_it_reads_again() -> None:
    """Back-pressure pauses; it loses nothing."""
    caller = Caller()
    caller.connection.pause_writing()
    caller.sends(GET)
    caller.connection.resume_writing()
    assert len(caller.service.servings) == 1
