"""Plain answers, read without the parser."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.load.answers import read_plain


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200, 0)),
        (b"HTTP/1.1 202 Accepted\r\ncontent-length:5\r\nA: b\r\n\r\n{}", (202, 3)),
        (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\nmore", (503, -4)),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (b"\x16\x03\x01 this is no answer\r\n\r\n", None),
    ],
)
def test_the_status_and_what_is_still_to_come_are_read_of_a_plain_answer(
    data: bytes, expected: tuple[int, int] | None
) -> None:
    """Whatever is unusual is left to the parser."""
    assert read_plain(data) == expected


NAMES = st.sampled_from(["Server", "Date", "X-Request-Id", "Content-Type", "Penstock-Tier"])


@given(
    status=st.sampled_from([200, 202, 400, 404, 429, 450, 500, 503]),
    fields=st.lists(st.tuples(NAMES, st.text("abcXYZ019 ;=-", max_size=20)), max_size=6),
    body=st.binary(max_size=200),
)
def test_it_agrees_with_the_parser(status: int, fields: list[tuple[str, str]], body: bytes) -> None:
    """A reader of one's own is only right where llhttp reads the same."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    data = f"HTTP/1.1 {status} Words\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
    completed = []

    class Reader:
        def on_message_complete(self) -> None:
            completed.append(parser.get_status_code())

    parser = httptools.HttpResponseParser(Reader())
    parser.feed_data(data)
    assert completed == [status]
    assert read_plain(data) == (status, 0)
