"""A connection's times and bounds, on a clock that the test moves and a transport that only takes bytes."""

import asyncio
from typing import Any

import pytest

from workers.front.connection import Connection
from workers.front.limits import FrontLimits
from workers.front.message import Message
from workers.front.reply import Reply

HEAD = b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
WHOLE = HEAD + b"body"
LIMITS = FrontLimits(connections_max=2, held_bytes_max=100, body_bytes_max=90)


class Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.reading = True
        self.ended = self.aborted = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Job:
    """A request being served, which may be cancelled."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Hall:
    """`connection.House`: serves nothing by itself."""

    def __init__(self, limits: FrontLimits = LIMITS) -> None:
        self.limits = limits
        self.connections: set[Connection] = set()
        self.held_bytes = 0
        self.date = b"Date: D\r\n"
        self.draining = False
        self.now_s = 100.0
        self.served: list[Message] = []
        self.jobs: list[Job] = []

    def now(self) -> float:
        return self.now_s

    def serve(self, message: Message, connection: Connection) -> Job:
        self.served.append(message)
        self.jobs.append(Job())
        return self.jobs[-1]

    def open(self) -> tuple[Connection, Transport]:
        connection, transport = Connection(self), Transport()
        connection.connection_made(transport)
        return connection, transport


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_what_comes_while_one_is_served_waits_in_the_socket(hall: Hall) -> None:
    """Else a caller that sends ahead would fill our memory."""
    connection, transport = hall.open()
    connection.data_received(WHOLE)
    connection.data_received(WHOLE)
    assert (len(hall.served), transport.reading) == (1, False)
    connection.answer(Reply())
    assert (len(hall.served), transport.reading) == (2, True)


def test_a_caller_that_leaves_has_its_inference_cancelled_and_its_bytes_given_back(hall: Hall) -> None:
    """Places and memory that leak on a disconnect end in a server that refuses everything."""
    connection, _ = hall.open()
    connection.data_received(WHOLE + HEAD + b"bo")
    assert hall.held_bytes == 6
    connection.connection_lost(None)
    assert hall.jobs[0].cancelled
    assert hall.held_bytes == 0
    assert not hall.connections


def test_an_answer_after_the_caller_left_goes_nowhere(hall: Hall) -> None:
    """It was on its way."""
    connection, transport = hall.open()
    connection.data_received(WHOLE)
    connection.connection_lost(None)
    connection.answer(Reply())
    assert transport.written == b""


def test_an_answer_gives_the_bodys_bytes_back(hall: Hall) -> None:
    """The bound is for what is held now."""
    connection, _ = hall.open()
    for _ in range(30):
        connection.data_received(WHOLE)
        connection.answer(Reply())
    assert hall.held_bytes == 0


def test_bodies_are_bounded_all_together(hall: Hall) -> None:
    """503 with Retry-After, and not a process that the kernel kills."""
    first, _ = hall.open()
    second, transport = hall.open()
    first.data_received(b"POST /x HTTP/1.1\r\nContent-Length: 80\r\n\r\n" + b"a" * 60)
    second.data_received(b"POST /x HTTP/1.1\r\nContent-Length: 80\r\n\r\n" + b"a" * 60)
    assert transport.written.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 1" in transport.written
    assert hall.held_bytes == 60


def test_a_connection_too_many_is_told_so(hall: Hall) -> None:
    """In JSON, and closed once it had the time to read it."""
    kept = [hall.open() for _ in range(2)]
    connection, transport = hall.open()
    assert transport.written.startswith(b"HTTP/1.1 503")
    assert b'{"error":"this server has 2 connections' in transport.written
    assert transport.ended
    connection.data_received(WHOLE)
    assert not hall.served
    assert not any(each.overdue(hall.now_s) for each, _ in kept)


@pytest.mark.parametrize(
    ("received", "limit_s", "answer"),
    [
        (b"", "idle_s_max", b""),
        (b"POST /x HT", "head_s_max", b"HTTP/1.1 408"),
        (HEAD + b"bo", "receive_s_max", b"HTTP/1.1 408"),
    ],
)
def test_a_caller_is_waited_for_so_long_and_then_told(
    hall: Hall, received: bytes, limit_s: str, answer: bytes
) -> None:
    """Each state has its own limit; a connection without a request is closed without words."""
    connection, transport = hall.open()
    if received:
        connection.data_received(received)
    hall.now_s += getattr(LIMITS, limit_s)
    assert not connection.overdue(hall.now_s)
    hall.now_s += 0.001
    assert connection.overdue(hall.now_s)
    connection.time_out()
    assert transport.written[:12] == answer
    assert transport.aborted == (answer == b"")


def test_a_request_being_served_is_not_overdue(hall: Hall) -> None:
    """How long that may take is the deadline's business."""
    connection, _ = hall.open()
    connection.data_received(WHOLE)
    assert not connection.overdue(hall.now_s + 10_000)


def test_a_caller_that_does_not_read_is_closed(hall: Hall) -> None:
    """Its answer would be held for ever; and it is served nothing more meanwhile."""
    connection, transport = hall.open()
    connection.pause_writing()
    connection.data_received(WHOLE)
    assert not hall.served
    hall.now_s += LIMITS.write_s_max + 1
    assert connection.overdue(hall.now_s)
    connection.time_out()
    assert transport.aborted


def test_a_caller_that_reads_again_is_served_again(hall: Hall) -> None:
    """What it sent meanwhile has waited."""
    connection, transport = hall.open()
    connection.pause_writing()
    connection.data_received(WHOLE)
    connection.resume_writing()
    assert len(hall.served) == 1
    assert transport.reading


def test_after_a_refusal_bytes_are_read_and_thrown_away_for_a_while(hall: Hall) -> None:
    """A connection closed on unread bytes is reset, and the refusal lost with it."""
    connection, transport = hall.open()
    connection.data_received(b"POST /x HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 413")
    connection.data_received(b"a" * 1000)
    assert (transport.ended, transport.aborted) == (True, False)
    hall.now_s += LIMITS.linger_s_max + 0.001
    assert connection.overdue(hall.now_s)
    connection.time_out()
    assert transport.aborted


def test_nor_is_everything_thrown_away() -> None:
    """A caller that sends without end is closed."""
    hall = Hall(FrontLimits(body_bytes_max=10, linger_bytes_max=100))
    connection, transport = hall.open()
    connection.data_received(b"POST /x HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    connection.data_received(b"a" * 101)
    assert transport.aborted


def test_at_the_end_an_answer_closes_its_connection(hall: Hall) -> None:
    """The caller learns from it that the next request needs another."""
    connection, transport = hall.open()
    connection.data_received(WHOLE)
    hall.draining = True
    assert connection.owing
    connection.answer(Reply())
    assert b"Connection: close" in transport.written
    assert not connection.owing


@pytest.mark.parametrize("received", [b"POST", HEAD, WHOLE])
def test_who_has_begun_a_request_is_owed_an_answer(hall: Hall, received: bytes) -> None:
    """A drain must not cut it off."""
    connection, _ = hall.open()
    assert not connection.owing
    connection.data_received(received)
    assert connection.owing


def test_an_answer_not_yet_sent_is_owed(hall: Hall) -> None:
    """A large one takes its time."""
    connection, transport = hall.open()
    connection.data_received(WHOLE.replace(b"Content", b"Connection: close\r\nContent"))
    connection.answer(Reply(body=b"x" * 100_000))
    transport.unsent = 5
    assert connection.owing
    hall.now_s += LIMITS.linger_s_max + 1
    assert not connection.overdue(hall.now_s)
    assert transport.written.endswith(b"\r\n\r\n" + b"x" * 100_000)


def test_nothing_is_asked_of_a_transport_that_is_closing(hall: Hall) -> None:
    """The answer comes between the close and its end: nothing is written, and nobody else is served."""
    connection, transport = hall.open()
    connection.data_received(WHOLE)
    connection.data_received(WHOLE)
    transport.abort()
    connection.answer(Reply())
    assert transport.written == b""
    assert len(hall.served) == 1
    connection.connection_lost(None)
    assert hall.held_bytes == 0


def test_a_connection_that_was_closed_gives_its_bytes_back_once(hall: Hall) -> None:
    """By its end, and not by the answer that comes later."""
    connection, transport = hall.open()
    connection.data_received(WHOLE)
    connection.close()
    assert transport.aborted
    connection.connection_lost(None)
    connection.answer(Reply())
    assert hall.held_bytes == 0
    assert hall.jobs[0].cancelled
