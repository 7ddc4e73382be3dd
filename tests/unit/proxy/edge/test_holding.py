"""What a caller can make its connection hold, and when the connection may be let go."""

import sys
import tracemalloc

import pytest

from proxy.edge.limits import EdgeLimits
from tests.unit.proxy.edge.callers import GET, Caller, chunked, post


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=",
    ],
)
def test_a_field_that_does_not_end_is_refused_while_it_is_read(begun: bytes) -> None:
    """The parser gathers a field until it is whole; only counting what goes in bounds that."""
    caller = Caller(EdgeLimits(head_bytes_max=1000))
    caller.sends(begun)
    for _ in range(10):
        caller.sends(b"a" * 110)
    assert caller.statuses() == [431]


def test_many_small_chunks_are_no_endless_field() -> None:
    """Their heads outweigh them, but each brings something."""
    caller = Caller(EdgeLimits(head_bytes_max=1000))
    caller.service.at_once = True
    data = chunked(b"a" * 1000)
    for place in range(len(data)):
        caller.sends(data[place : place + 1])
    assert [each.message.body for each in caller.service.servings] == [b"a" * 1000]


def test_of_what_is_pipelined_little_is_held_as_messages() -> None:
    """One read of the event loop holds ten thousand small requests; as messages they would take 10 MB."""
    caller = Caller()
    caller.sends(GET * 8000)
    assert len(caller.connection._waiting) < 1000
    assert not caller.transport.reading
    caller.service.at_once = True
    caller.service.servings[0].answer()
    assert caller.statuses() == [200] * 8000
    assert caller.transport.reading


def test_a_body_in_small_pieces_takes_little_more_than_its_size() -> None:
    """As a list, pieces of two bytes take thirty times their size: 2 GB for the largest body."""
    caller = Caller()
    caller.sends(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    tracemalloc.start()
    caller.sends(b"2\r\nab\r\n" * 50_000)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 3 * 100_000


def test_what_a_lost_connection_had_read_is_let_go_at_once() -> None:
    """The parser and the connection hold each other: until the collector comes, 64 MB might wait."""
    caller = Caller()
    caller.sends(post(b"a" * 100)[:-1])
    message = caller.connection._message
    caller.connection.connection_lost(None)
    assert sys.getrefcount(message) == 2, "somebody else holds it"


class TestOwing:
    """What a drain waits for, and what it may close."""

    def test_a_connection_between_requests_is_idle(self) -> None:
        """Nobody would miss it."""
        caller = Caller()
        caller.sends(GET)
        assert (caller.connection.idle, caller.connection.owing) == (False, True)
        caller.service.servings[0].answer()
        assert (caller.connection.idle, caller.connection.owing) == (True, False)

    def test_a_connection_whose_answer_is_not_sent_yet_is_not_idle(self) -> None:
        """Closing it would cut the answer."""
        caller = Caller()
        caller.transport.unsent_bytes = 1
        assert (caller.connection.idle, caller.connection.owing) == (False, True)

    def test_a_connection_that_lingers_closes_itself_and_owes_nothing_but_its_rest(self) -> None:
        """Its caller may still be reading."""
        caller = Caller()
        caller.sends(b"rubbish\r\n\r\n")
        assert (caller.connection.idle, caller.connection.owing) == (False, False)
        caller.transport.unsent_bytes = 1
        assert (caller.connection.idle, caller.connection.owing) == (False, True)
