"""Heads of plain messages. Where the hot path is compiled, each test runs on the twin in Cython too."""

import itertools
import os
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labelers.fields import block_of
from proxy.heads import answer, request, writing
from proxy.messages import Outcome

PLAIN = SimpleNamespace(
    RequestReader=request.RequestReader,
    AnswerReader=answer.AnswerReader,
    write_request_head=writing.write_request_head,
    write_attempt=writing.write_attempt,
    write_answer_head=writing.write_answer_head,
)


def twins() -> list[Any]:
    """The plain one, and the compiled one where there is one: then there must be one."""
    if os.environ.get("PENSTOCK_COMPILED") != "1":
        return [PLAIN]
    from proxy.heads import _swift

    assert isinstance(_swift, ModuleType)
    return [PLAIN, _swift]


TWINS = twins()
POST = (
    b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Penstock-Fallback: none\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
)
OK = (
    b"HTTP/1.1 200 OK\r\nServer: s\r\nPenstock-Tier: 9\r\nX-Request-Id: 7\r\nKeep-Alive: timeout=5\r\n"
    b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
)


def read_request(heads: Any, data: bytes, head: int = 4096, target: int = 64, fields: int = 8) -> Any:
    return heads.RequestReader(head, target, fields).read(data)


def read_answer(heads: Any, data: bytes) -> Any:
    return heads.AnswerReader(4096).read(data)


@pytest.mark.parametrize("heads", TWINS)
def test_a_plain_request_is_sorted_into_what_is_passed_on_and_what_is_ours(heads: Any) -> None:
    """The hop's own fields are gone; the rest is not decoded."""
    assert read_request(heads, POST) == (
        b"POST",
        b"/v2/models/m/infer",
        b"Content-Type: application/json\r\n",
        {b"penstock-fallback": b"none"},
        2,
        len(POST) - 2,
        False,
    )


@pytest.mark.parametrize("heads", TWINS)
def test_a_plain_answer_loses_the_hops_fields_and_those_that_the_proxy_sets(heads: Any) -> None:
    """No field may stand twice in what the caller gets."""
    assert read_answer(heads, OK) == (200, b"Server: s\r\n", 2, len(OK) - 2)


@pytest.mark.parametrize("heads", TWINS)
@pytest.mark.parametrize("name", [b"Content-Encoding", b"INFERENCE-Header-Content-Length"])
def test_fields_that_say_how_to_read_the_body_are_noticed(heads: Any, name: bytes) -> None:
    """Labelers must not take it for plain JSON."""
    head = read_request(heads, POST.replace(b"Content-Type", name))
    assert head[6] is True


ODD = [
    (b"HTTP/1.1\r\n", b"HTTP/1.0\r\n"),
    (b"POST", b"PUT"),
    (b"POST", b"post"),
    (b"/v2", b"http://a/v2"),
    (b"/v2", b"v2"),
    (b"/m/", b"/\xc3/"),
    (b"Host: a\r\n", b""),
    (b"Host: a\r\n", b"Host: a\r\nHost: a\r\n"),
    (b"Content-Type:", b"Content-Type :"),
    (b"Content-Type: ", b"Content-Type:"),
    (b"Content-Type: ", b"Content-Type:  "),
    (b"json\r", b"json \r"),
    (b"json\r", b"json\t\r"),
    (b"json\r", b"js\0n\r"),
    (b"json\r", b"js\nn\r"),
    (b"json\r", b"js\rn\r"),
    (b"json\r\n", b"json\r\n folded\r\n"),
    (b"json\r\n", b"json\n"),
    (b"application/json", b""),
    (b"Content-Type", b"Content Type"),
    (b"Content-Length: 2", b"Content-Length: 02"),
    (b"Content-Length: 2", b"Content-Length: +2"),
    (b"Content-Length: 2", b"Content-Length: 2, 2"),
    (b"Content-Length: 2", b"Content-Length: 1"),
    (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
    (b"Content-Length: 2", b"Content-Length: 99999999999999999999"),
    (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
    (b"keep-alive", b"close"),
    (b"Connection", b"Upgrade"),
    (b"Connection: keep-alive", b"Expect: 100-continue"),
    (b"Connection: keep-alive", b"Penstock-Fallback: queue"),
    (b"POST", b"\r\nPOST"),
]


@pytest.mark.parametrize("heads", TWINS)
@pytest.mark.parametrize(("old", "new"), ODD)
def test_what_is_odd_is_left_to_the_parser(heads: Any, old: bytes, new: bytes) -> None:
    """Two readers must never disagree about a message that both would read."""
    assert old in POST
    assert read_request(heads, POST.replace(old, new, 1)) is None


@pytest.mark.parametrize("heads", TWINS)
def test_limits_leave_a_message_to_the_parser_which_refuses_it(heads: Any) -> None:
    """Of the head, the target, and the number of fields."""
    assert read_request(heads, POST, head=50) is None
    assert read_request(heads, POST, target=17) is None
    assert read_request(heads, POST, target=18) is not None
    assert read_request(heads, POST, fields=4) is None
    assert read_request(heads, POST, fields=5) is not None
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(101))
    assert read_request(heads, POST.replace(b"Host", many + b"Host"), fields=1000) is None


@pytest.mark.parametrize("heads", TWINS)
@pytest.mark.parametrize("first", ["1.1 204 x", "1.1 304 x", "1.1 100 x", "1.0 200 x", "1.1 200"])
def test_answers_that_a_length_does_not_frame_are_left_to_the_parser(heads: Any, first: str) -> None:
    """Interim ones, those without a body, and other versions."""
    assert read_answer(heads, OK.replace(b"1.1 200 OK", first.encode())) is None
    assert read_answer(heads, OK.replace(b"Content-Length: 2\r\n", b"")) is None


PIECES = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"0", b"-", b"A: b\r\n"),
    *(b"Host: b\r\n", b"Content-Length: 1\r\n", b"Connection: Keep-Alive\r\n", b"X-Request-Id: z\r\n"),
)
pieces = st.sampled_from(PIECES)
edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), pieces), max_size=4)


def edited(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for wanted, cut, piece in changes:
        place = wanted % (len(data) + 1)
        data = data[:place] + piece + data[place + cut :]
    return data


@given(edits)
@example([])
def test_both_twins_read_the_same(changes: list[tuple[int, int, bytes]]) -> None:
    """Whatever is done to a message; where nothing is compiled there is one, and it must not raise."""
    for read, data in ((read_request, POST), (read_answer, OK)):
        found = [read(heads, edited(data, changes)) for heads in TWINS]
        assert all(one == other for one, other in itertools.pairwise(found))


texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=70)
seconds = st.floats(0, 1e6)


@given(
    texts,
    st.integers(0, 2**40),
    st.lists(texts, max_size=3),
    st.integers(-1, 99),
    seconds,
    seconds,
    st.booleans(),
)
def test_both_twins_write_the_same(
    text: str, number: int, labels: list[str], tier: int, rest_s: float, called_s: float, yes: bool
) -> None:
    """Heads of calls and of answers, and attempts."""
    block = block_of(((b"A", b"1"), (b"B", text.encode())))
    calls, attempts, answers = set(), set(), set()
    for heads in TWINS:
        calls.add(heads.write_request_head(b"POST", text.encode(), b"h", text, number, tier, block, tier))
        attempt = heads.write_attempt(text, max(0, tier), Outcome.TIMEOUT, called_s)
        attempts.add(attempt)
        answers.add(
            heads.write_answer_head(
                *(b"HTTP/1.1 200 OK\r\n", block, text, number, tuple(labels), text, tier),
                *(attempt if yes else b"", b"C: 1\r\n", rest_s, called_s, tier, yes),
            )
        )
    assert len(calls) == len(attempts) == len(answers) == 1
    (written,) = answers
    assert written.startswith(b"HTTP/1.1 200 OK\r\nA: 1\r\n")
    assert written.endswith(b"\r\n\r\n")
