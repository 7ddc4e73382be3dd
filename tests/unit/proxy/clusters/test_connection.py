"""A connection to a model server: whole answers, or a failure that says what happened."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clusters.connection import Connection
from proxy.clusters.limits import ClientLimits
from proxy.messages import Answer, Failure, Outcome
from tests.stand_ins.transport import RecordingTransport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nyes"


class Server:
    """What a model server sends over one connection, and what came of it."""

    def __init__(self, limits: ClientLimits | None = None) -> None:
        self.released: list[bool] = []
        self.results: list[Answer | Failure] = []
        self.transport = RecordingTransport()
        self.connection = Connection(
            limits or ClientLimits(), lambda _, reusable: self.released.append(reusable)
        )
        self.connection.connection_made(self.transport)

    def asked(self) -> "Server":
        self.connection.send(b"ques", b"tion", self.results.append)
        return self

    def sends(self, data: bytes) -> "Server":
        self.connection.data_received(data)
        return self

    def closes(self, error: Exception | None = None) -> "Server":
        self.connection.connection_lost(error)
        return self

    @property
    def failure(self) -> Failure:
        (result,) = self.results
        assert isinstance(result, Failure)
        return result

    @property
    def answer(self) -> Answer:
        (result,) = self.results
        assert isinstance(result, Answer)
        return result


@given(st.lists(st.integers(0, len(ANSWER)), max_size=8))
def test_an_answer_is_the_same_however_its_bytes_are_cut(cuts: list[int]) -> None:
    """TCP has no message boundaries."""
    server = Server().asked()
    places = sorted({0, len(ANSWER), *cuts})
    for start, end in itertools.pairwise(places):
        server.sends(ANSWER[start:end])
    assert server.answer == Answer(status=200, block=b"Content-Type: text/plain\r\n", body=b"yes")
    assert server.released == [True]


def test_a_connection_carries_one_call_after_the_other() -> None:
    """Keep-alive."""
    server = Server().asked().sends(ANSWER).asked().sends(ANSWER)
    assert len(server.results) == 2
    assert server.released == [True, True]


def test_hop_by_hop_fields_and_those_that_the_proxy_sets_itself_are_dropped() -> None:
    """No field may stand twice, and a connection's fields are its own."""
    fields = b"Connection: keep-alive\r\nX-Request-Id: x\r\nPenstock-Tier: 9\r\nX-Own: 2\r\n"
    server = Server().asked().sends(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")
    assert server.answer.fields == ((b"X-Own", b"2"),)


def test_a_field_whose_name_only_begins_like_one_of_ours_is_passed_on() -> None:
    """It is another field, and the caller may wait for it."""
    server = Server().asked().sends(b"HTTP/1.1 204 No\r\nX-Request-Ids: 1\r\nX-Request-Id: 2\r\n\r\n")
    assert server.answer.fields == ((b"X-Request-Ids", b"1"),)


def test_fields_that_connection_names_are_dropped_too() -> None:
    """They are of that connection alone (RFC 9110, 7.6.1)."""
    fields = b"connection: x-mine\r\nX-Mine: 1\r\nX-Own: 2\r\nConnection: Keep-Alive, X-More\r\nx-more: 3\r\n"
    server = Server().asked().sends(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")
    assert server.answer.fields == ((b"X-Own", b"2"),)


def test_white_space_after_a_fields_value_is_no_part_of_it() -> None:
    """RFC 9110, 5.5: the caller would get another value than the server meant."""
    server = Server().asked()
    server.sends(b"HTTP/1.1 200 OK\r\nX-Own: 1 2 \t\r\nContent-Length: 0 \r\n\r\n")
    assert server.answer.fields == ((b"X-Own", b"1 2"),)


def test_trailers_do_not_become_fields_of_the_head() -> None:
    """What was checked in the head must not be replaced after the body (RFC 9110, 6.5.1)."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = Server().asked().sends(head + b"0\r\nContent-Type: c/d\r\nConnection: x\r\n\r\n")
    assert server.answer.fields == ((b"Content-Type", b"a/b"),)
    assert server.released == [True]


def test_a_chunked_answer_is_whole_after_its_last_chunk() -> None:
    """Servers that stream do not know the length."""
    server = Server().asked()
    server.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n")
    assert server.results == []
    server.sends(b"0\r\n\r\n")
    assert server.answer.body == b"yes"
    assert server.released == [True]


def test_an_interim_answer_is_not_the_answer() -> None:
    """100 Continue announces; the verdict follows."""
    server = Server().asked().sends(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER)
    assert server.answer.body == b"yes"


def test_an_answer_that_ends_with_its_connection_is_whole_after_a_clean_end() -> None:
    """HTTP/1.0 style; the connection cannot be used again."""
    server = Server().asked().sends(b"HTTP/1.0 200 OK\r\n\r\nyes").closes()
    assert server.answer.body == b"yes"
    assert server.released == [False]


def test_such_an_answer_cut_by_a_reset_is_not_whole() -> None:
    """Half a verdict is no verdict."""
    server = Server().asked().sends(b"HTTP/1.0 200 OK\r\n\r\nyes").closes(ConnectionResetError())
    assert server.failure.outcome is Outcome.RESET


@pytest.mark.parametrize(
    "sent", [b"", ANSWER[:10], ANSWER[:-1], b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"]
)
def test_a_connection_lost_before_the_whole_answer_is_a_reset(sent: bytes) -> None:
    """Whatever part had come, nobody has seen it."""
    server = Server().asked()
    if sent:
        server.sends(sent)
    server.closes()
    assert server.failure.outcome is Outcome.RESET
    assert server.released == [False]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nyesx",
        ANSWER + ANSWER,
        ANSWER + b"HTTP/1.1 503 Busy\r\nX: mixed in\r\nContent-Length: 3\r\n\r\nn",
        b"HTTP/1.1 304 Not Modified\r\n\r\nH",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nyes" + ANSWER,
        b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: gzip\r\n\r\n" + ANSWER,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nyes",
    ],
)
def test_what_is_not_one_http_answer_is_garbage_and_ends_the_connection(data: bytes) -> None:
    """After bytes that cannot be framed the next answer could be anybody's."""
    server = Server().asked().sends(data)
    assert server.failure.outcome is Outcome.GARBAGE
    assert server.transport.aborted
    assert server.released[0] is False


def test_an_answer_over_the_limit_is_garbage() -> None:
    """Memory is bounded on this side too."""
    limits = ClientLimits(body_bytes_max=2)
    assert "body" in Server(limits).asked().sends(ANSWER).failure.cause
    limits = ClientLimits(head_bytes_max=10)
    assert "head" in Server(limits).asked().sends(ANSWER).failure.cause


@pytest.mark.parametrize("begun", [b"", b"Transfer-Encoding: chunked\r\n\r\n0\r\n"])
def test_a_field_that_does_not_end_is_garbage_while_it_is_read(begun: bytes) -> None:
    """The parser gathers a field until it is whole; only counting what goes in bounds that."""
    server = Server(ClientLimits(head_bytes_max=1000)).asked().sends(b"HTTP/1.1 200 OK\r\n" + begun + b"X: ")
    for _ in range(10):
        if not server.results:
            server.sends(b"a" * 110)
    assert server.failure.outcome is Outcome.GARBAGE


def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    """They would answer the next request."""
    server = Server().sends(ANSWER)
    assert server.transport.aborted
    assert server.results == []


def test_an_answer_that_says_close_is_the_last_one() -> None:
    """The connection is not given back as reusable."""
    server = Server().asked().sends(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert server.answer.status == 200
    assert server.released == [False]


def test_a_call_that_was_given_up_ends_its_connection_and_reports_nothing() -> None:
    """An answer may still be on its way: the connection cannot carry another call."""
    server = Server().asked()
    server.connection.drop()
    assert server.transport.aborted
    server.closes()
    assert server.results == []
    assert server.released == [False]


def test_a_connection_that_is_closing_is_not_usable() -> None:
    """It would fail the next call for nothing."""
    server = Server()
    assert server.connection.usable
    server.connection.close()
    assert not server.connection.usable


def test_an_answer_before_the_request_was_read_is_the_connections_last() -> None:
    """The rest of the request would stand before the next one, at a server that may not read it."""
    server = Server().asked()
    server.transport.unsent_bytes = 1
    server.sends(ANSWER)
    assert server.answer.status == 200
    assert server.released == [False]
    assert server.transport.aborted


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_cannot_have_a_body_is_whole_with_its_head(status: int) -> None:
    """No length is needed, and none that is stated counts; the connection goes on."""
    for field in (b"", b"Content-Length: 3\r\n"):
        server = Server().asked().sends(b"HTTP/1.1 %d x\r\n%b\r\n" % (status, field))
        assert (server.answer.status, server.answer.body) == (status, b"")
        server.asked().sends(ANSWER)
        assert len(server.results) == 2


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_that_does_not_exist_is_not_waited_upon(status: int) -> None:
    """Only 100 to 199 announce another answer."""
    server = Server().asked().sends(b"HTTP/1.1 %03d Odd\r\nContent-Length: 0\r\n\r\n" % status)
    assert server.failure.outcome is Outcome.GARBAGE


def test_half_an_answer_is_let_go_with_its_connection() -> None:
    """The parser and the connection hold each other: until the collector comes, 64 MB might wait."""
    server = Server().asked().sends(ANSWER[:-1])
    server.closes()
    assert server.connection._body == b""
